//! Times of events: microseconds since 1970-01-01 UTC, from the texts and numbers that logs hold.
//!
//! `iso` reads the common forms of ISO 8601 and runs for every event, so it does not allocate.
//! What it cannot read is tried in the other forms that are unambiguous: all of ISO 8601
//! (`calendar`), numbers whose unit follows from their size (`epoch`), and forms with the name of
//! a month (`named`). Where a form is ambiguous (`06/07/2024`), nothing is guessed:
//! [`TimeFormats`] holds the formats that the user names for it (`pattern`).
//!
//! A time without a year, as in syslog, is a [`yearless`] value until the newest time around it is
//! known.

mod calendar;
mod clock;
mod epoch;
mod formats;
mod iso;
mod letter;
mod named;
mod parts;
mod pattern;
mod scanner;
#[cfg(test)]
mod tests;
pub mod yearless;

pub use epoch::micros_of_millis;
pub use formats::{FormatError, TimeFormats};
pub use iso::{Parsed, Precision, iso, offset_minutes};

/// Microseconds in a millisecond.
pub const MICROS_PER_MILLI: i64 = 1_000;
const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds in a day.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

/// First microsecond of the year 1, and the last one of the year 9999.
const CALENDAR: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Reads a time in any form that is known without configuration. A missing zone is
/// `offset_minutes` east of UTC.
fn any_text(text: &str, offset_minutes: i32) -> Option<Parsed> {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let zone = i64::from(offset_minutes) * MICROS_PER_MINUTE;
    let parsed = match text.as_bytes().first()? {
        b'0'..=b'9' => iso(text.as_bytes(), offset_minutes)
            .or_else(|| calendar::read(text, zone))
            .or_else(|| epoch::by_size(text))
            .or_else(|| named::read(text, zone)),
        b'/' => epoch::dotnet(text),
        b'+' => epoch::by_size(text),
        _ => named::read(text, zone),
    }?;
    let is_known = CALENDAR.contains(&parsed.micros) || yearless::is(parsed.micros);
    is_known.then_some(parsed)
}
