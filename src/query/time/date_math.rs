//! Date math of queries: `now-1d/d`, `2024-05-01||+1M/d`, and times whose last parts are missing.

use chrono::{DateTime, Datelike, Months, TimeDelta, TimeZone, Timelike, Utc};

use crate::event::time::{MICROS_PER_MILLI, Parsed, Precision, offset_minutes};

/// Instant that a rounded or incomplete time stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Its first instant; for `gte` and `lt`.
    Down,
    /// Its last millisecond; for `gt` and `lte`.
    Up,
}

/// Reads a plain time, with a missing zone that many minutes east of UTC.
pub type ParseTime<'a> = dyn Fn(&str, i32) -> Option<Parsed> + 'a;

/// Evaluates `text` to microseconds since 1970-01-01 UTC, in whole milliseconds; `parse` reads
/// plain times. Times without a zone, and rounding to days and more, are in the zone
/// `offset_minutes` east of UTC.
///
/// # Errors
/// Returns a description of the first part that is wrong.
pub fn evaluate(
    parse: &ParseTime<'_>,
    text: &str,
    now: DateTime<Utc>,
    rounding: Rounding,
    offset_minutes: i32,
) -> Result<i64, String> {
    let instant = |text, rounding| instant(parse(text, offset_minutes), text, rounding);
    let (start, math) = match (text.strip_prefix("now"), text.split_once("||")) {
        (Some(math), _) => (now, math),
        (None, Some((date, math))) => (instant(date, Rounding::Down)?, math),
        (None, None) => return Ok(whole_millis(instant(text, rounding)?)),
    };
    let shift = TimeDelta::minutes(i64::from(offset_minutes));
    let local = apply(start + shift, math, rounding)?;
    Ok(whole_millis(local - shift))
}

/// Returns true if `text` is an expression, false if it is a plain time.
pub fn is_expression(text: &str) -> bool {
    text.strip_prefix("now").is_some_and(|math| math.is_empty() || math.starts_with(['+', '-', '/']))
        || text.contains("||")
}

/// Reads the `time_zone` of a range: an offset, `Z`, `UTC` or `GMT`.
pub fn parse_zone(zone: &str) -> Option<i32> {
    match zone {
        "UTC" | "GMT" => Some(0),
        _ => offset_minutes(zone),
    }
}

fn whole_millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis() * MICROS_PER_MILLI
}

fn instant(parsed: Option<Parsed>, text: &str, rounding: Rounding) -> Result<DateTime<Utc>, String> {
    let parsed = parsed.and_then(|parsed| Some((DateTime::from_timestamp_micros(parsed.micros)?, parsed.precision)));
    let (time, precision) = parsed.ok_or_else(|| format!("`{}` is not a time", text.escape_debug()))?;
    if rounding == Rounding::Down {
        return Ok(time);
    }
    // as in Elasticsearch, missing parts before the time of day stay at their first value, so
    // `2024-05` ends with its first day
    let length = match precision {
        Precision::Year | Precision::Month | Precision::Day => TimeDelta::days(1),
        Precision::Hour => TimeDelta::hours(1),
        Precision::Minute => TimeDelta::minutes(1),
        Precision::Second => TimeDelta::seconds(1),
        Precision::Fraction => return Ok(time),
    };
    time.checked_add_signed(length - TimeDelta::milliseconds(1)).ok_or_else(too_far)
}

fn apply(mut time: DateTime<Utc>, math: &str, rounding: Rounding) -> Result<DateTime<Utc>, String> {
    let mut rest = math;
    while let Some(operator) = rest.chars().next() {
        if !matches!(operator, '+' | '-' | '/') {
            return Err(wrong_math(math));
        }
        rest = &rest[1..];
        let digits = if operator == '/' { 0 } else { rest.bytes().take_while(u8::is_ascii_digit).count() };
        let amount: i64 = match &rest[..digits] {
            "" => 1,
            digits => digits.parse().map_err(|_| too_far())?,
        };
        let unit = rest[digits..].chars().next().ok_or_else(|| wrong_math(math))?;
        rest = rest.get(digits + 1..).ok_or_else(|| wrong_math(math))?;
        time = match operator {
            '+' => add(time, amount, unit),
            '-' => add(time, -amount, unit),
            _ => round(time, unit, rounding),
        }
        .ok_or_else(|| if "yMwdhHms".contains(unit) { too_far() } else { wrong_math(math) })?;
    }
    Ok(time)
}

fn add(time: DateTime<Utc>, amount: i64, unit: char) -> Option<DateTime<Utc>> {
    let months = match unit {
        'y' => amount.checked_mul(12)?,
        'M' => amount,
        _ => return time.checked_add_signed(duration(unit)?.checked_mul(i32::try_from(amount).ok()?)?),
    };
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { time.checked_sub_months(count) } else { time.checked_add_months(count) }
}

fn duration(unit: char) -> Option<TimeDelta> {
    match unit {
        'w' => Some(TimeDelta::weeks(1)),
        'd' => Some(TimeDelta::days(1)),
        'h' | 'H' => Some(TimeDelta::hours(1)),
        'm' => Some(TimeDelta::minutes(1)),
        's' => Some(TimeDelta::seconds(1)),
        _ => None,
    }
}

/// Returns the first instant of the year, month, week (from Monday) ... around `time`, or its last
/// millisecond.
fn round(time: DateTime<Utc>, unit: char, rounding: Rounding) -> Option<DateTime<Utc>> {
    let day = |year, month, day| Utc.with_ymd_and_hms(year, month, day, 0, 0, 0).single();
    let midnight = day(time.year(), time.month(), time.day())?;
    let first = match unit {
        'y' => day(time.year(), 1, 1)?,
        'M' => day(time.year(), time.month(), 1)?,
        'w' => midnight.checked_sub_signed(TimeDelta::days(i64::from(time.weekday().num_days_from_monday())))?,
        'd' => midnight,
        'h' | 'H' => midnight + TimeDelta::hours(i64::from(time.hour())),
        'm' => midnight + TimeDelta::minutes(i64::from(time.hour() * 60 + time.minute())),
        's' => midnight + TimeDelta::seconds(i64::from(time.num_seconds_from_midnight())),
        _ => return None,
    };
    match rounding {
        Rounding::Down => Some(first),
        Rounding::Up => add(first, 1, unit)?.checked_sub_signed(TimeDelta::milliseconds(1)),
    }
}

fn wrong_math(math: &str) -> String {
    format!("`{}` is not date math", math.escape_debug())
}

fn too_far() -> String {
    "a time too far away".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse_with_offset;
    use super::*;
    use Rounding::{Down, Up};

    fn time(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn expressions() {
        let now = time("2024-05-15T10:20:30.456789Z");
        for (text, rounding, offset, expected) in [
            ("now", Up, 0, "2024-05-15T10:20:30.456Z"),
            ("now-1d", Down, 0, "2024-05-14T10:20:30.456Z"),
            ("now/d", Down, 0, "2024-05-15T00:00:00Z"),
            ("now/d", Up, 0, "2024-05-15T23:59:59.999Z"),
            ("now/w", Down, 0, "2024-05-13T00:00:00Z"),
            ("now/w", Up, 0, "2024-05-19T23:59:59.999Z"),
            ("now-1M/M", Up, 0, "2024-04-30T23:59:59.999Z"),
            ("now+1y-2h+3m/s", Down, 0, "2025-05-15T08:23:30Z"),
            ("now-d", Down, 0, "2024-05-14T10:20:30.456Z"),
            ("now/d", Down, 120, "2024-05-14T22:00:00Z"),
            ("2024-01-31||+1M/d", Down, 0, "2024-02-29T00:00:00Z"),
            ("2024-05-01||/M", Up, 0, "2024-05-31T23:59:59.999Z"),
            ("2024-05-01||", Up, 0, "2024-05-01T00:00:00Z"),
            ("2024-05-01", Down, 0, "2024-05-01T00:00:00Z"),
            ("2024-05-01", Up, 0, "2024-05-01T23:59:59.999Z"),
            ("2024-05-01", Up, 60, "2024-05-01T22:59:59.999Z"),
            ("2024-02", Up, 0, "2024-02-01T23:59:59.999Z"),
            ("2024", Up, 0, "2024-01-01T23:59:59.999Z"),
            ("2024-05-01T10", Up, 0, "2024-05-01T10:59:59.999Z"),
            ("2024-05-01T10:20", Up, 0, "2024-05-01T10:20:59.999Z"),
            ("2024-05-01T10:20:30", Up, 0, "2024-05-01T10:20:30.999Z"),
            ("2024-05-01T10:20:30.5Z", Up, 60, "2024-05-01T10:20:30.5Z"),
            ("1714521601623", Up, 0, "2024-05-01T00:00:01.623Z"),
        ] {
            assert_eq!(
                evaluate(&parse_with_offset, text, now, rounding, offset),
                Ok(time(expected).timestamp_micros()),
                "{text} {rounding:?}"
            );
        }
    }

    #[test]
    fn errors() {
        let now = time("2024-05-15T10:20:30Z");
        for text in [
            "now-1x",
            "now1d",
            "now/",
            "now-",
            "now/é",
            "yesterday",
            "2024-05-01||+1",
            "now+99999999999y",
            "now+9999999999999999999d",
            "x||/d",
        ] {
            assert!(evaluate(&parse_with_offset, text, now, Down, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn zones() {
        for (zone, expected) in
            [("+02:00", Some(120)), ("-0530", Some(-330)), ("Z", Some(0)), ("UTC", Some(0)), ("Europe/Paris", None)]
        {
            assert_eq!(parse_zone(zone), expected, "{zone}");
        }
    }
}
