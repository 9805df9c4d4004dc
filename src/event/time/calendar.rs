//! All forms of ISO 8601, and others that begin with the year.

use chrono::{NaiveDate, Weekday};

use super::clock::{clock, zone};
use super::iso::{Parsed, Precision};
use super::scanner::Scanner;
use super::{MICROS_PER_DAY, MICROS_PER_MINUTE};

/// Year from which on numbers of eight or fourteen digits may be counts since 1970.
const END_OF_BASIC_YEARS: i32 = 3000;

/// Reads a date that begins with a year of four digits, and perhaps a time and a zone. A missing
/// zone is `missing_zone` microseconds east of UTC.
///
/// Dates are extended (`2024-05-01`, `2024-W19-3`, `2024-123`), basic (`20240501`, `2024W193`,
/// `2024123`) or have slashes or dots in place of hyphens; these may have months and days of one
/// digit. A time follows `T`, `t` or blanks; after a basic date of eight digits, its six digits may
/// follow at once.
pub(super) fn read(text: &str, missing_zone: i64) -> Option<Parsed> {
    let mut scanner = Scanner::new(text);
    let (date, mut precision) = date(&mut scanner)?;
    let mut time = 0;
    let is_compact = matches!(scanner.peek(), Some(b'0'..=b'9'));
    let has_separator = precision == Precision::Day && !scanner.is_at_end() && separator(&mut scanner);
    if has_separator || is_compact {
        if is_compact && scanner.rest.iter().take_while(|byte| byte.is_ascii_digit()).count() != 6 {
            return None;
        }
        (time, precision) = clock(&mut scanner)?;
    }
    let zone = zone(&mut scanner)?.unwrap_or(missing_zone);
    scanner.is_at_end().then(|| Parsed { micros: micros(date, time, zone), precision })
}

/// Instant of a time of day in a zone, both in microseconds.
pub(super) fn micros(date: NaiveDate, time: i64, zone: i64) -> i64 {
    debug_assert!(zone.abs() < 24 * 60 * MICROS_PER_MINUTE, "an offset is less than a day");
    i64::from(date.to_epoch_days()) * MICROS_PER_DAY + time - zone
}

/// Reads the date, up to what follows it.
fn date(scanner: &mut Scanner<'_>) -> Option<(NaiveDate, Precision)> {
    let year = scanner.number(4)? as i32;
    match scanner.peek() {
        Some(b'W' | b'w') => week(scanner, year, |scanner| scanner.rest.first().is_some_and(u8::is_ascii_digit)),
        Some(b'0'..=b'9') => basic(scanner, year),
        Some(separator @ (b'-' | b'/' | b'.')) => {
            scanner.eat(separator);
            if separator == b'-' && matches!(scanner.peek(), Some(b'W' | b'w')) {
                return week(scanner, year, |scanner| scanner.eat(b'-'));
            }
            let digits = scanner.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if separator == b'-' && digits == 3 {
                return of_day(NaiveDate::from_yo_opt(year, scanner.number(3)?));
            }
            let month = scanner.number_between(1, 2)?;
            if !scanner.eat(separator) {
                return None;
            }
            of_day(NaiveDate::from_ymd_opt(year, month, scanner.number_between(1, 2)?))
        }
        _ => None,
    }
}

/// Reads `0501` or `123`.
fn basic(scanner: &mut Scanner<'_>, year: i32) -> Option<(NaiveDate, Precision)> {
    match scanner.rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
        3 => of_day(NaiveDate::from_yo_opt(year, scanner.number(3)?)),
        // digits of the time of day may follow
        4 | 10 if year < END_OF_BASIC_YEARS => {
            of_day(NaiveDate::from_ymd_opt(year, scanner.number(2)?, scanner.number(2)?))
        }
        _ => None,
    }
}

/// Reads `W19` and, if `has_day`, a digit for the day; without it, the week's Monday is meant.
fn week(
    scanner: &mut Scanner<'_>,
    year: i32,
    has_day: impl FnOnce(&mut Scanner<'_>) -> bool,
) -> Option<(NaiveDate, Precision)> {
    scanner.rest = &scanner.rest[1..];
    let week = scanner.number(2)?;
    let day = if has_day(scanner) { scanner.number(1)? } else { 1 };
    let weekday = Weekday::try_from(u8::try_from(day).ok()?.checked_sub(1)?).ok()?;
    of_day(NaiveDate::from_isoywd_opt(year, week, weekday))
}

fn of_day(date: Option<NaiveDate>) -> Option<(NaiveDate, Precision)> {
    Some((date?, Precision::Day))
}

/// Skips what stands between date and time; false if a zone follows the date, or nothing.
fn separator(scanner: &mut Scanner<'_>) -> bool {
    if scanner.eat(b'T') || scanner.eat(b't') {
        return true;
    }
    let mut ahead = *scanner;
    let found = ahead.blanks() && matches!(ahead.peek(), Some(b'0'..=b'9'));
    if found {
        *scanner = ahead;
    }
    found
}
