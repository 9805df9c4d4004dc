//! Forms with the name of a month: RFC 2822, RFC 3164 (syslog), the Common Log Format, `ctime` and
//! `date`, and dates as people write them (`May 1, 2024 10:00 AM`).

use chrono::NaiveDate;

use super::calendar::micros;
use super::clock::{clock, zone};
use super::iso::{Parsed, Precision};
use super::scanner::Scanner;
use super::yearless;

/// Parts of a date read so far.
#[derive(Clone, Copy)]
struct Date {
    year: Option<i32>,
    month: u32,
    day: u32,
}

/// Reads a date with the name of its month, and perhaps a time and a zone. A missing zone is
/// `missing_zone` microseconds east of UTC. A time without a year is [`yearless`].
pub(super) fn read(text: &str, missing_zone: i64) -> Option<Parsed> {
    let mut scanner = Scanner::new(text);
    if scanner.weekday() {
        scanner.eat(b',');
        scanner.blanks();
    }
    let mut date = match scanner.peek()? {
        b'0'..=b'9' => number_first(&mut scanner)?,
        _ => month_first(&mut scanner)?,
    };
    let (mut time, mut precision, mut offset) = (0, Precision::Day, None);
    if to_clock(&mut scanner) {
        (time, precision) = clock(&mut scanner)?;
        (date.year, offset) = rest(&mut scanner, date.year)?;
    }
    // loggers set a colon between the time and the message
    scanner.eat(b':');
    if !scanner.is_at_end() {
        return None;
    }
    let zone = offset.unwrap_or(missing_zone);
    let micros = match date.year {
        Some(year) => micros(NaiveDate::from_ymd_opt(year, date.month, date.day)?, time, zone),
        None if precision == Precision::Day => return None,
        None => yearless::encode(date.month, date.day, time - zone)?,
    };
    Some(Parsed { micros, precision })
}

/// Reads `01 May 2024`, `10/Oct/2000`, `06-Nov-94` or `2024-May-01`.
fn number_first(scanner: &mut Scanner<'_>) -> Option<Date> {
    let first = scanner.digits();
    let first = (first.len(), std::str::from_utf8(first).ok()?.parse::<u32>().ok()?);
    between(scanner)?;
    let month = scanner.month()?;
    between(scanner)?;
    if first.0 == 4 {
        let day = scanner.number_between(1, 2)?;
        return Some(Date { year: i32::try_from(first.1).ok(), month, day });
    }
    let year = scanner.digits();
    let number = std::str::from_utf8(year).ok()?.parse::<i32>().ok()?;
    let year = match year.len() {
        4 => number,
        // as in RFC 2822
        2 => number + if number < 50 { 2000 } else { 1900 },
        _ => return None,
    };
    (first.0 <= 2).then_some(Date { year: Some(year), month, day: first.1 })
}

/// Reads `May 1, 2024`, `Nov 20 2026` or, without a year, `Nov  2`.
fn month_first(scanner: &mut Scanner<'_>) -> Option<Date> {
    let month = scanner.month()?;
    scanner.eat(b'.');
    scanner.blanks();
    let day = scanner.number_between(1, 2)?;
    let mut ahead = *scanner;
    ahead.eat(b',');
    ahead.blanks();
    // two digits are the hour
    let year = match ahead.number_between(4, 4) {
        Some(year) => {
            *scanner = ahead;
            Some(year as i32)
        }
        None => None,
    };
    Some(Date { year, month, day })
}

/// Skips what stands between the parts of a date.
fn between(scanner: &mut Scanner<'_>) -> Option<()> {
    (scanner.eat(b'/') || scanner.eat(b'-') || scanner.blanks()).then_some(())
}

/// Skips what stands between date and time; false if no time follows.
fn to_clock(scanner: &mut Scanner<'_>) -> bool {
    let mut ahead = *scanner;
    let _ = ahead.eat(b',') || ahead.eat(b':');
    ahead.blanks();
    // Kibana writes `May 1, 2024 @ 10:00:00.000`
    if ahead.eat(b'@') {
        ahead.blanks();
    }
    let found = matches!(ahead.peek(), Some(b'0'..=b'9')) && ahead.rest.len() < scanner.rest.len();
    if found {
        *scanner = ahead;
    }
    found
}

/// Reads what follows the time: a zone, and a year unless there was one, in either order.
fn rest(scanner: &mut Scanner<'_>, known: Option<i32>) -> Option<(Option<i32>, Option<i64>)> {
    let mut offset = zone(scanner)?;
    scanner.blanks();
    let mut year = known;
    if known.is_none() && matches!(scanner.peek(), Some(b'0'..=b'9')) {
        year = Some(scanner.number_between(4, 4)? as i32);
        if offset.is_none() {
            offset = zone(scanner)?;
        }
    }
    Some((year, offset))
}
