//! Reasons: clauses that say why an outlier is one, made of what it stores and nothing else.

use chrono::TimeDelta;
use serde_json::{Map, Value};

use crate::terminal::thousands;

/// Number that an outlier stores under `key`.
pub(super) fn number(stored: &Map<String, Value>, key: &str) -> Option<f64> {
    stored.get(key).and_then(Value::as_f64)
}

/// Text that an outlier stores under `key`, if it is not empty.
pub(super) fn text<'s>(stored: &'s Map<String, Value>, key: &str) -> Option<&'s str> {
    stored.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Number as people read it: with separators, and three digits of a fraction that matter.
pub(super) fn shown(number: f64) -> String {
    let magnitude = number.abs();
    if !magnitude.is_finite() || magnitude >= 1e15 || (magnitude > 0.0 && magnitude < 1e-3) {
        return format!("{number:.2e}");
    }
    let digits = match magnitude {
        _ if magnitude >= 100.0 || number == number.trunc() => 0,
        _ if magnitude >= 10.0 => 1,
        _ if magnitude >= 1.0 => 2,
        _ => 3,
    };
    let fixed = format!("{magnitude:.digits$}");
    let (whole, fraction) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), thousands);
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// Number of times: `once`, or `1,234 times`.
pub(super) fn times(n: f64) -> String {
    if n == 1.0 { "once".to_owned() } else { format!("{} times", shown(n)) }
}

/// Length of time: `7 days`, `36 hours`, `90 minutes`.
pub(super) fn length(duration: TimeDelta) -> String {
    let (minutes, hours, days) = (duration.num_minutes(), duration.num_hours(), duration.num_days());
    let (n, unit) = match duration {
        _ if duration == TimeDelta::days(days) && days > 0 => (days, "day"),
        _ if duration == TimeDelta::hours(hours) && hours > 0 => (hours, "hour"),
        _ => (minutes, "minute"),
    };
    format!("{} {unit}{}", thousands(n.unsigned_abs()), if n == 1 { "" } else { "s" })
}

/// Clause about the peers with which an outlier was compared; empty if there are none.
pub(super) fn among_peers(stored: &Map<String, Value>) -> String {
    let (Some(peers), Some(share)) = (number(stored, "peers"), number(stored, "peer_share")) else {
        return String::new();
    };
    format!("; of {} peers, {} % show the same", shown(peers), shown(100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        for (number, text) in [
            (0.0, "0"),
            (3.0, "3"),
            (18_204.0, "18,204"),
            (2.5, "2.5"),
            (-12.34, "-12.3"),
            (1_234.56, "1,235"),
            (0.1234, "0.123"),
            (0.000_012, "1.20e-5"),
            (1e300, "1.00e300"),
        ] {
            assert_eq!(shown(number), text);
        }
        assert_eq!((times(1.0), times(1234.0)), ("once".to_owned(), "1,234 times".to_owned()));
    }

    #[test]
    fn lengths_have_the_largest_unit_that_fits() {
        for (minutes, text) in [(7 * 1440, "7 days"), (1440, "1 day"), (36 * 60, "36 hours"), (90, "90 minutes")] {
            assert_eq!(length(TimeDelta::minutes(minutes)), text);
        }
    }
}
