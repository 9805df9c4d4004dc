//! Reasons of `sudden_appearance`.

use serde_json::{Map, Value};

use super::super::reason::{among_peers, length, number, text, times};
use crate::config::SuddenAppearance;

/// Clause that says why an outlier of `sudden_appearance` is one.
pub(super) fn reason(sudden: &SuddenAppearance, stored: &Map<String, Value>) -> Option<String> {
    let (start, end) = (text(stored, "start_time_window")?, text(stored, "end_time_window")?);
    let n = times(number(stored, "num_target_value_in_window")?);
    let peers = among_peers(stored);
    Some(format!("not seen before; {n} in the {} from {start} to {end}{peers}", length(sudden.window)))
}
