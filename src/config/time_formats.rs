//! `timestamp_format`: formats in which times of events are written.

use super::keys::Keys;
use super::problem::Problem;
use crate::event::time::TimeFormats;

const KEY: &str = "timestamp_format";

/// Reads the formats of a section; `None` if it names none, or some that cannot be used.
pub(super) fn read(keys: &mut Keys<'_>) -> Option<TimeFormats> {
    let text = keys.filled(KEY)?;
    match TimeFormats::parse(text) {
        Ok(formats) => Some(formats),
        Err(error) => {
            let help = "write patterns such as dd/MMM/yyyy:HH:mm:ss Z, or names such as epoch_second, separated by ||";
            if let Some(entry) = keys.entry(KEY) {
                let problem = Problem::error(error.to_string()).at(entry.value.location_at(error.at));
                keys.problems.push(problem.in_section(keys.section).of_key(KEY).help(help));
            }
            None
        }
    }
}
