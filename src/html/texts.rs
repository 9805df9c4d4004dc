//! Times and durations as text for people.

use chrono::{DateTime, SecondsFormat, Utc};

/// Text of a time, in seconds.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true).replace('T', " ").replace('Z', " UTC")
}

/// Text of a duration.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 100.0 {
        return format!("{seconds:.1} s");
    }
    let minutes = (seconds / 60.0).round();
    if minutes < 100.0 { format!("{minutes} min") } else { format!("{:.1} h", seconds / 3600.0) }
}

/// The first characters of a text from an event.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}
