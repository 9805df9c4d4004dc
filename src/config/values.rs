//! The syntax of values: truth values, durations, lists.

use chrono::TimeDelta;

use crate::python::{parse_int, strip};

/// A truth value: `1 yes true on` or `0 no false off`, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// A duration `DAYS:HOURS:MINUTES`: three integers of any size, with whitespace around them.
pub fn parse_duration(text: &str) -> Option<TimeDelta> {
    let parts: Vec<&str> = text.split(':').collect();
    let [days, hours, minutes] = parts.as_slice() else {
        return None;
    };
    TimeDelta::try_days(parse_int(days)?)?
        .checked_add(&TimeDelta::try_hours(parse_int(hours)?)?)?
        .checked_add(&TimeDelta::try_minutes(parse_int(minutes)?)?)
}

/// A comma list. Every space is removed, also inside names. Names may be empty.
pub(crate) fn comma_list(text: &str) -> Vec<String> {
    let without_spaces = text.replace(' ', "");
    without_spaces.split(',').map(|name| strip(name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_are_eight_words() {
        for (text, value) in [
            ("1", Some(true)),
            ("YES", Some(true)),
            ("True", Some(true)),
            ("on", Some(true)),
            ("0", Some(false)),
            ("nO", Some(false)),
            ("false", Some(false)),
            ("OFF", Some(false)),
            ("2", None),
            ("", None),
            (" 1", None),
            ("y", None),
        ] {
            assert_eq!(parse_bool(text), value, "{text:?}");
        }
    }

    #[test]
    fn durations_are_days_hours_minutes() {
        for (text, minutes) in [
            ("07:00:00", Some(7 * 24 * 60)),
            ("0: 20 :13", Some(20 * 60 + 13)),
            ("0:100:100", Some(6100)),
            ("-1:48:00", Some(24 * 60)),
            ("1:2", None),
            ("1:2:3:4", None),
            ("1:2:x", None),
            ("", None),
            ("9223372036854775807:0:0", None),
        ] {
            assert_eq!(parse_duration(text), minutes.map(TimeDelta::minutes), "{text:?}");
        }
    }

    #[test]
    fn spaces_are_removed_from_lists() {
        assert_eq!(comma_list("a b, c"), ["ab", "c"]);
        assert_eq!(comma_list("a,\n\tb"), ["a", "b"]);
        assert_eq!(comma_list("a,"), ["a", ""]);
        assert_eq!(comma_list(""), [""]);
    }
}
