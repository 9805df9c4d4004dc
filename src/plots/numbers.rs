//! Numbers, durations and times as people write them.

use chrono::DateTime;

use crate::terminal::thousands;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
pub(super) const DAY: f64 = 86_400.0;

/// Numbers from here on are written as powers of ten.
pub(super) const LARGE: f64 = 1e7;

/// Numbers below are written as powers of ten.
pub(super) const SMALL: f64 = 1e-3;

/// Exponent of the first decimal digit of a finite number; 0 for 0.
pub(super) fn exponent(value: f64) -> i32 {
    // unlike a logarithm, the decimal form is the same on every machine
    let text = format!("{value:e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// Power of ten, correctly rounded.
pub(super) fn power_of_ten(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::INFINITY)
}

/// Formats a number with three significant digits; integers below ten million keep all of theirs.
pub(super) fn number(value: f64) -> String {
    let step = power_of_ten(exponent(value) - 2);
    let is_integer = value.abs() < LARGE && value.fract() == 0.0;
    without_zeros(number_in_steps(value, if is_integer { 1.0 } else { step }))
}

/// Formats a number with the digits by which numbers `step` apart differ.
pub(super) fn number_in_steps(value: f64, step: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    if size == 0.0 || !size.is_finite() {
        return "0".to_owned();
    }
    if !(SMALL..LARGE).contains(&size) {
        let exponent = exponent(size);
        let decimals = (exponent - self::exponent(step)).clamp(0, 6) as usize;
        let mantissa = without_zeros(format!("{:.decimals$}", size / power_of_ten(exponent)));
        let mantissa = if mantissa == "1" { String::new() } else { format!("{mantissa}×") };
        return format!("{sign}{mantissa}{}", power(exponent));
    }
    let decimals = (-exponent(step)).clamp(0, 9) as usize;
    let fixed = format!("{size:.decimals$}");
    let (whole, rest) =
        fixed.split_once('.').map_or((&*fixed, String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    format!("{sign}{}{rest}", thousands(whole.parse().unwrap_or(0)))
}

/// Formats `10⁶`; exponents of 0 to 2 are written out.
pub(super) fn power(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    if (0..=2).contains(&exponent) {
        return number_in_steps(power_of_ten(exponent), 1.0);
    }
    let raised = exponent.to_string();
    let raised = raised.chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]));
    format!("10{}", raised.collect::<String>())
}

fn without_zeros(text: String) -> String {
    let is_fraction = text.contains('.') && !text.contains('×');
    if is_fraction { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Formats seconds in the largest unit that is not longer: `250 ms`, `1.5 min`, `6 h`.
pub(super) fn duration(seconds: f64) -> String {
    let size = seconds.abs();
    let (unit, name) = match size {
        0.0 => return "0".to_owned(),
        _ if size < 1.0 => (1e-3, "ms"),
        _ if size < MINUTE => (1.0, "s"),
        _ if size < HOUR => (MINUTE, "min"),
        _ if size < DAY => (HOUR, "h"),
        _ => (DAY, "d"),
    };
    format!("{} {name}", number(seconds / unit))
}

/// Formats a time in seconds since 1970, in UTC: the date at midnight, else the time of day.
pub(super) fn time(seconds: f64) -> String {
    let Some(time) = DateTime::from_timestamp(seconds.floor() as i64, 0) else { return number(seconds) };
    let is_midnight = seconds.rem_euclid(DAY) == 0.0;
    let has_seconds = seconds.rem_euclid(MINUTE) != 0.0;
    let format = match (is_midnight, has_seconds) {
        (true, _) => "%Y-%m-%d",
        (_, false) => "%H:%M",
        (_, true) => "%H:%M:%S",
    };
    time.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (7.0, "7"),
            (1000.0, "1,000"),
            (-1_234_567.0, "−1,234,567"),
            (0.25, "0.25"),
            (12.345, "12.3"),
            (1234.5, "1,234"),
            (1e7, "10⁷"),
            (2.5e9, "2.5×10⁹"),
            (0.001, "0.001"),
            (1e-4, "10⁻⁴"),
            (3e-12, "3×10⁻¹²"),
            (f64::MAX, "1.8×10³⁰⁸"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ] {
            assert_eq!(number(value), expected, "{value}");
        }
        assert_eq!(number_in_steps(1000.2, 0.2), "1,000.2");
        assert_eq!(number_in_steps(2e7, 5e6), "2×10⁷");
        assert_eq!(number_in_steps(2.5e7, 5e6), "2.5×10⁷");
    }

    #[test]
    fn durations_have_units() {
        for (seconds, expected) in [
            (0.0, "0"),
            (0.25, "250 ms"),
            (5.0, "5 s"),
            (90.0, "1.5 min"),
            (300.0, "5 min"),
            (6.0 * HOUR, "6 h"),
            (14.0 * DAY, "14 d"),
            (-60.0, "−1 min"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn times_are_dates_at_midnight() {
        let day = 19_850.0 * DAY;
        let times = [day, day + 6.5 * HOUR, day + 7.0, 1e300];
        assert_eq!(times.map(time), ["2024-05-07", "06:30", "00:00:07", "10³⁰⁰"]);
    }
}
