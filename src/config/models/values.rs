//! Values of keys that several models have: periods with a unit, such as `10m`, and percentages.

use chrono::TimeDelta;

use crate::config::keys::Keys;
use crate::python::parse_float;

impl Keys<'_> {
    /// A period of at least a second.
    pub(super) fn period(&mut self, key: &'static str) -> Option<TimeDelta> {
        let from_a_second = |text: &str| parse_period(text).filter(|period| *period >= TimeDelta::seconds(1));
        let help = "write a number with s, m, h or d, such as 10s or 12h";
        self.parsed(key, "not a period of a second or more", help, from_a_second)
    }

    /// A percentage.
    pub(super) fn percentage(&mut self, key: &'static str) -> Option<f64> {
        let is_percentage = |text: &str| parse_float(text).filter(|number| (0.0..=100.0).contains(number));
        self.parsed(key, "not a percentage", "write a number from 0 to 100", is_percentage)
    }
}

/// A number of seconds, or with a unit: `s`, `m`, `h` or `d`.
fn parse_period(text: &str) -> Option<TimeDelta> {
    let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
    let seconds = match &text[number.len()..] {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let microseconds = parse_float(number)? * seconds * 1e6;
    // up to centuries, exact
    (0.0..1e16).contains(&microseconds).then(|| TimeDelta::microseconds(microseconds.round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_units() {
        for (text, seconds) in [
            ("10", Some(10.0)),
            ("0.5s", Some(0.5)),
            ("5 m", Some(300.0)),
            ("1.5h", Some(5_400.0)),
            ("2d", Some(172_800.0)),
            ("", None),
            ("s", None),
            ("10hs", None),
            ("10 weeks", None),
            ("-1", None),
            ("inf", None),
            ("nan", None),
        ] {
            let expected = seconds.map(|seconds| TimeDelta::microseconds((seconds * 1e6) as i64));
            assert_eq!(parse_period(text), expected, "{text:?}");
        }
    }
}
