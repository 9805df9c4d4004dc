//! Times without a year (`Nov 20 10:00:00`), as RFC 3164 has them.
//!
//! They are values that no calendar reaches, until [`resolve`] gives them the year in which they
//! lie at most a day after a known time: what is logged has happened.

use chrono::{DateTime, Datelike, NaiveDate};

use super::MICROS_PER_DAY;

/// A leap year, in which every month and day exists.
const LEAP_YEAR: i32 = 2000;

/// Value of the first day of the year in UTC; zones move times by less than a day around it.
const START: i64 = i64::MIN + 2 * MICROS_PER_DAY;

/// Value after those of times without a year.
const END: i64 = START + 368 * MICROS_PER_DAY;

/// Years to look back for a date: February 29 is missing for up to eight.
const MAX_YEARS_BACK: i32 = 9;

/// Encodes a month, a day and the microseconds since its midnight in UTC, which may be those of a
/// day before or after.
pub(super) fn encode(month: u32, day: u32, micros: i64) -> Option<i64> {
    let date = NaiveDate::from_ymd_opt(LEAP_YEAR, month, day)?;
    Some(START + i64::from(date.ordinal0()) * MICROS_PER_DAY + micros)
}

/// True for a time without a year.
pub fn is(micros: i64) -> bool {
    micros < END
}

/// Returns `micros`, in the latest year in which it lies at most a day after `reference` if it has
/// none of its own. All are microseconds since 1970.
pub fn resolve(micros: i64, reference: i64) -> i64 {
    if !is(micros) {
        return micros;
    }
    let limit = reference.saturating_add(MICROS_PER_DAY);
    dated(micros, limit).unwrap_or(micros)
}

fn dated(micros: i64, limit: i64) -> Option<i64> {
    let since_start = micros - START;
    let first = NaiveDate::from_ymd_opt(LEAP_YEAR, 1, 1)?;
    let date = first.checked_add_signed(chrono::TimeDelta::days(since_start.div_euclid(MICROS_PER_DAY)))?;
    let last_year = DateTime::from_timestamp_micros(limit)?.year();
    let in_year = |year: i32| {
        let date = NaiveDate::from_ymd_opt(year, date.month(), date.day())?;
        Some(i64::from(date.to_epoch_days()) * MICROS_PER_DAY + since_start.rem_euclid(MICROS_PER_DAY))
    };
    (last_year - MAX_YEARS_BACK..=last_year).rev().filter_map(in_year).find(|micros| *micros <= limit)
}
