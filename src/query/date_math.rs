//! Date math in bounds of ranges: `now-1d/d`, `2024-05-01||+1M/d`.

use chrono::{DateTime, Datelike, Months, NaiveTime, TimeDelta, Timelike, Utc};

use super::time::{last_of, parse_time};

/// Whether an inexact time means its first or its last microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    Down,
    Up,
}

/// The time, in microseconds since the epoch; `None` for what is no time.
pub(super) fn evaluate(text: &str, now: DateTime<Utc>, rounding: Rounding, zone: i32) -> Option<i64> {
    if let Some(math) = text.strip_prefix("now") {
        return apply(now, math, rounding);
    }
    if let Some((anchor, math)) = text.split_once("||") {
        let (time, _) = parse_time(anchor, zone)?;
        return apply(DateTime::from_timestamp_micros(time)?, math, rounding);
    }
    if let Some((time, precision)) = parse_time(text, zone) {
        return Some(if rounding == Rounding::Up { last_of(time, precision) } else { time });
    }
    None
}

/// Steps such as `+1d`, `-2h` and `/d`, from left to right.
fn apply(start: DateTime<Utc>, math: &str, rounding: Rounding) -> Option<i64> {
    let mut time = start;
    let mut rest = math;
    let mut is_rounded_up = false;
    while let Some(sign) = rest.chars().next() {
        rest = &rest[1..];
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = if n_digits > 0 { rest[..n_digits].parse().ok()? } else { 1 };
        rest = &rest[n_digits..];
        let unit = rest.chars().next()?;
        rest = &rest[unit.len_utf8()..];
        match sign {
            '+' => time = add(time, number, unit)?,
            '-' => time = add(time, -number, unit)?,
            '/' if n_digits == 0 => {
                time = floor(time, unit)?;
                if rounding == Rounding::Up {
                    time = add(time, 1, unit)?;
                    is_rounded_up = true;
                }
            }
            _ => return None,
        }
    }
    Some(time.timestamp_micros() - i64::from(is_rounded_up))
}

fn add(time: DateTime<Utc>, number: i64, unit: char) -> Option<DateTime<Utc>> {
    let months = |per_unit: i64| {
        let months = number.checked_mul(per_unit)?;
        let magnitude = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        if months >= 0 { time.checked_add_months(magnitude) } else { time.checked_sub_months(magnitude) }
    };
    let delta = match unit {
        'y' => return months(12),
        'M' => return months(1),
        'w' => TimeDelta::try_weeks(number)?,
        'd' => TimeDelta::try_days(number)?,
        'h' | 'H' => TimeDelta::try_hours(number)?,
        'm' => TimeDelta::try_minutes(number)?,
        's' => TimeDelta::try_seconds(number)?,
        _ => return None,
    };
    time.checked_add_signed(delta)
}

fn floor(time: DateTime<Utc>, unit: char) -> Option<DateTime<Utc>> {
    let date = time.date_naive();
    let date = match unit {
        'y' => date.with_ordinal(1)?,
        'M' => date.with_day(1)?,
        'w' => date - TimeDelta::days(i64::from(date.weekday().num_days_from_monday())),
        _ => date,
    };
    let clock = match unit {
        'y' | 'M' | 'w' | 'd' => NaiveTime::MIN,
        'h' | 'H' => NaiveTime::from_hms_opt(time.hour(), 0, 0)?,
        'm' => NaiveTime::from_hms_opt(time.hour(), time.minute(), 0)?,
        's' => NaiveTime::from_hms_opt(time.hour(), time.minute(), time.second())?,
        _ => return None,
    };
    Some(date.and_time(clock).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn math_is_done_from_left_to_right() {
        let now = DateTime::parse_from_rfc3339("2024-05-08T10:20:30.5Z").unwrap().with_timezone(&Utc);
        let check = |text: &str, rounding: Rounding, expected: Option<&str>| {
            let expected = expected.map(|text| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros());
            assert_eq!(evaluate(text, now, rounding, 0), expected, "{text}");
        };
        check("now", Rounding::Down, Some("2024-05-08T10:20:30.5Z"));
        check("now-1d/d", Rounding::Down, Some("2024-05-07T00:00:00Z"));
        check("now-1d/d", Rounding::Up, Some("2024-05-07T23:59:59.999999Z"));
        check("now/w", Rounding::Down, Some("2024-05-06T00:00:00Z"));
        check("now/M", Rounding::Up, Some("2024-05-31T23:59:59.999999Z"));
        check("2024-05-01||+1M/d", Rounding::Down, Some("2024-06-01T00:00:00Z"));
        check("2024-01-31||+1M", Rounding::Down, Some("2024-02-29T00:00:00Z"));
        check("2024-05-01", Rounding::Up, Some("2024-05-01T23:59:59.999999Z"));
        check("2024-05", Rounding::Up, Some("2024-05-31T23:59:59.999999Z"));
        check("now-1x", Rounding::Down, None);
        check("now/", Rounding::Down, None);
        check("yesterday", Rounding::Down, None);
    }
}
