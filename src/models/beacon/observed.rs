//! Observations about a beacon.

use serde_json::{Map, Value};

use super::super::reason::{number, shown, text};
use super::super::sudden_appearance::time_text;
use super::super::{Candidate, text_of};
use super::trigger::Flagged;
use crate::config::Beacon;
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::table::View;

pub(in crate::models) const STORED: &[StoredKey] = &[
    StoredKey::new("aggregator", StoredKind::Text, PerOutlier::One),
    StoredKey::new("target", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("period", StoredKind::Text, PerOutlier::One),
    StoredKey::new("period_seconds", StoredKind::Number, PerOutlier::One),
    StoredKey::new("jitter", StoredKind::Number, PerOutlier::One),
    StoredKey::new("events", StoredKind::Number, PerOutlier::One),
    StoredKey::new("beats", StoredKind::Number, PerOutlier::One),
    StoredKey::new("missed_beats", StoredKind::Number, PerOutlier::One),
    StoredKey::new("duty_hours", StoredKind::Text, PerOutlier::One),
    StoredKey::new("first_seen", StoredKind::Text, PerOutlier::One),
    StoredKey::new("last_seen", StoredKind::Text, PerOutlier::One),
    StoredKey::new("size", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("size_spread", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("prevalence", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("sources", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("p_value", StoredKind::Number, PerOutlier::One),
    StoredKey::new("q_value", StoredKind::Number, PerOutlier::One),
];

/// Observations of the group of a candidate.
pub(super) fn observations(
    beacon: &Beacon,
    view: &View,
    candidate: &Candidate,
    flagged: &Flagged,
) -> Map<String, Value> {
    let Flagged { group, q } = flagged;
    let rhythm = &group.rhythm;
    let columns = view.columns();
    let mut seen = Map::new();
    let mut add = |key: &str, value: Value| drop(seen.insert(key.to_owned(), value));
    add("aggregator", text_of(view, columns.aggregator, candidate.aggregator));
    if !beacon.target.is_empty() {
        add("target", text_of(view, columns.target, candidate.target));
    }
    let seconds = rhythm.period as f64 / 1e6;
    add("period", period_text(seconds).into());
    add("period_seconds", rounded(seconds, 3).into());
    add("jitter", rounded(100.0 * rhythm.jitter, 1).into());
    add("events", rhythm.n_events.into());
    add("beats", rhythm.n_beats.into());
    add("missed_beats", rhythm.n_missed.into());
    add("duty_hours", hours_text(rhythm.hours).into());
    add("first_seen", time_text(rhythm.first).into());
    add("last_seen", time_text(rhythm.last).into());
    if let Some(sizes) = group.sizes {
        add("size", sizes.median.into());
        add("size_spread", rounded(100.0 * sizes.spread, 1).into());
    }
    if let Some(sources) = group.sources {
        add("prevalence", rounded(sources.percentage(), 2).into());
        add("sources", sources.n.into());
    }
    add("p_value", rhythm.ln_p.exp().into());
    add("q_value", (*q).into());
    seen
}

/// Clause that says why an outlier of `beacon` is one.
pub(super) fn reason(stored: &Map<String, Value>) -> Option<String> {
    let number = |key: &str| number(stored, key).map(shown);
    let (period, hours) = (text(stored, "period")?, text(stored, "duty_hours").unwrap_or("0-24"));
    let (beats, missed, jitter) = (number("beats")?, number("missed_beats")?, number("jitter")?);
    let sources = number("sources").map_or_else(String::new, |n| format!("; from {n} sources"));
    let hours = if hours == "0-24" { "around the clock".to_owned() } else { format!("in the hours {hours}") };
    Some(format!("every {period}, {beats} times {hours}; {missed} missing, jitter {jitter} %{sources}"))
}

fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    let scaled = (number * scale).round();
    if scaled.is_finite() { scaled / scale } else { number.clamp(-f64::MAX, f64::MAX) }
}

/// A period as people say it: `1.5 s`, `60 s`, `10 min`, `1 h 30 min`, `6 h`.
pub(super) fn period_text(seconds: f64) -> String {
    if seconds < 90.0 {
        return format!("{} s", rounded(seconds, if seconds < 10.0 { 1 } else { 0 }));
    }
    let whole = seconds.round() as i64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes, rest) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Hours of the day as ranges of clock times in UTC: `8-18`, `0-3, 22-24`, `0-24`.
fn hours_text(hours: u32) -> String {
    let is_set = |hour: u32| hour < 24 && hours >> hour & 1 == 1;
    let starts = (0..24).filter(|&hour| is_set(hour) && (hour == 0 || !is_set(hour - 1)));
    let range = |start: u32| {
        let end = (start..).find(|&hour| !is_set(hour)).unwrap_or(24);
        format!("{start}-{end}")
    };
    starts.map(range).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_written_for_people() {
        for (seconds, text) in [
            (1.54, "1.5 s"),
            (59.98, "60 s"),
            (600.0, "10 min"),
            (605.4, "10 min 5 s"),
            (5_400.0, "1 h 30 min"),
            (21_610.0, "6 h"),
            (90_000.0, "25 h"),
        ] {
            assert_eq!(period_text(seconds), text);
        }
    }

    #[test]
    fn hours_are_ranges() {
        for (hours, text) in [(0, ""), (0xff_ffff, "0-24"), (0x03_ff00, "8-18"), (0xc0_0007, "0-3, 22-24")] {
            assert_eq!(hours_text(hours), text);
        }
    }
}
