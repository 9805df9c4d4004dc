//! `[daemon]`: when and how long to run.

use std::time::Duration;

use super::keys::Keys;
use super::problem::{Problem, Severity};
use super::schedule::{Schedule, ScheduleZone};
#[cfg(test)]
use super::template_key::TemplateKey;

pub(super) const SECTION: &str = "daemon";

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional("schedule", "30 2 * * *", "when to run, as a cron expression; a sixth field is the second"),
    TemplateKey::optional("timezone", "Europe/Brussels", "time zone of all schedules; without it, that of the system"),
    TemplateKey::optional("run_at_start", "1", "1: the first run begins when the daemon starts"),
    TemplateKey::optional(
        "run_deadline",
        "6h",
        "time for reading and judging; then the run delivers what it has judged",
    ),
    TemplateKey::optional(
        "retry_after",
        "1m",
        "time after which use cases that failed are run again; 0: they wait for the schedule",
    ),
];

/// Default of `retry_after`.
const DEFAULT_RETRY: Duration = Duration::from_secs(60);

/// Upper limit on durations: what is longer was not meant.
const MOST_SECONDS: u64 = 366 * 24 * 3600;

/// Settings of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSettings {
    /// Times of the runs of all use cases without a schedule of their own.
    pub schedule: Option<Schedule>,
    /// Zone of the times of all schedules.
    pub zone: ScheduleZone,
    /// True if the first run begins when the daemon starts.
    pub run_at_start: bool,
    /// Time that a run has for reading and judging; `None` for no limit.
    pub run_deadline: Option<Duration>,
    /// Time after which use cases that failed are run again, for the first time; `None` if they
    /// wait for the schedule.
    pub retry_after: Option<Duration>,
    /// Mistakes in the section. They do not matter to single runs, which warn of them.
    pub mistakes: Vec<Problem>,
}

impl DaemonSettings {
    /// Reads the section.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let n_problems = keys.problems.len();
        let settings = keys.lenient(|keys| {
            let zone = ScheduleZone::read(keys);
            Self {
                schedule: Schedule::read(keys, zone),
                zone,
                run_at_start: keys.bool("run_at_start").unwrap_or(true),
                run_deadline: duration(keys, "run_deadline").filter(|limit| !limit.is_zero()),
                retry_after: Some(duration(keys, "retry_after").unwrap_or(DEFAULT_RETRY))
                    .filter(|wait| !wait.is_zero()),
                mistakes: Vec::new(),
            }
        });
        let as_error = |problem: &Problem| Problem { severity: Severity::Error, ..problem.clone() };
        Self { mistakes: keys.problems[n_problems..].iter().map(as_error).collect(), ..settings }
    }
}

/// Reads a duration with a unit.
fn duration(keys: &mut Keys<'_>, key: &'static str) -> Option<Duration> {
    keys.filled(key)?;
    keys.parsed(key, "not a duration", "write a number and a unit: 90s, 30m, 6h or 2d; 0 for none", parse)
}

fn parse(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().ok()?;
    let seconds = match unit {
        "" if number == 0 => 1,
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let total = number.checked_mul(seconds).filter(|total| *total <= MOST_SECONDS)?;
    Some(Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("30m", Some(1800)),
            ("6h", Some(21_600)),
            ("2d", Some(172_800)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("5", None),
            ("h", None),
            ("-1h", None),
            ("1 h", None),
            ("400d", None),
            ("99999999999999999999s", None),
            ("9999999999999999999d", None),
        ] {
            assert_eq!(parse(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
