//! Parts of a time that a pattern has read so far.

use chrono::{NaiveDate, Weekday};

use super::calendar::micros;
use super::clock::{HalfOfDay, zone};
use super::iso::{Parsed, Precision, leading_digits};
use super::letter::Letter;
use super::scanner::Scanner;
use super::{CALENDAR, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, yearless};

#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// Last part read.
    pub(super) precision: Precision,
    year: Option<u32>,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    week_year: Option<u32>,
    week: u32,
    weekday: u32,
    hour: i64,
    hour_of_12: Option<i64>,
    half: HalfOfDay,
    minute: i64,
    second: i64,
    micros: i64,
    zone: Option<i64>,
}

impl Default for Parts {
    fn default() -> Self {
        Parts {
            precision: Precision::Year,
            year: None,
            month: 1,
            day: 1,
            day_of_year: None,
            week_year: None,
            week: 1,
            weekday: 1,
            hour: 0,
            hour_of_12: None,
            half: HalfOfDay::Morning,
            minute: 0,
            second: 0,
            micros: 0,
            zone: None,
        }
    }
}

impl Parts {
    /// Keeps a number; `None` if the part cannot have it.
    pub(super) fn set(&mut self, letter: Letter, number: u32) -> Option<()> {
        let hour = i64::from(number);
        match letter {
            Letter::Year => self.year = Some(number),
            Letter::Month => self.month = number,
            Letter::Day => self.day = number,
            Letter::DayOfYear => self.day_of_year = Some(number),
            Letter::WeekYear => self.week_year = Some(number),
            Letter::Week => self.week = number,
            Letter::Weekday => self.weekday = number,
            Letter::Hour if hour <= 24 => self.hour = hour,
            Letter::ClockHour if (1..=24).contains(&hour) => self.hour = hour % 24,
            Letter::Hour12 if (1..=12).contains(&hour) => self.hour_of_12 = Some(hour),
            Letter::Hour11 if hour <= 11 => self.hour_of_12 = Some(if hour == 0 { 12 } else { hour }),
            Letter::Minute if number <= 59 => self.minute = hour,
            Letter::Second if number <= 60 => self.second = hour,
            _ => return None,
        }
        Some(())
    }

    /// Reads a part that is a name, or a zone.
    pub(super) fn read_text(&mut self, letter: Letter, scanner: &mut Scanner<'_>) -> Option<()> {
        match letter {
            Letter::Month => self.month = scanner.month()?,
            Letter::Weekday => return scanner.weekday().then_some(()),
            Letter::Zone => self.zone = Some(zone(scanner)??),
            _ => self.half = HalfOfDay::named(scanner.letters())?,
        }
        Some(())
    }

    /// Reads a fraction of a second of at least `count` digits. Further ones are read as well
    /// unless they are not its own.
    pub(super) fn read_fraction(
        &mut self,
        count: usize,
        exactly: Option<usize>,
        scanner: &mut Scanner<'_>,
    ) -> Option<()> {
        let mut ahead = *scanner;
        let digits = ahead.digits();
        let n = exactly.unwrap_or(digits.len());
        if digits.len() < n.max(count) {
            return None;
        }
        self.micros = leading_digits(&digits[..n], 6);
        scanner.rest = &scanner.rest[n..];
        Some(())
    }

    /// Returns the instant. Without a year it is [`yearless`].
    pub(super) fn resolve(&self, missing_zone: i64) -> Option<Parsed> {
        let hour = match self.hour_of_12 {
            Some(hour) => self.half.hour(hour)?,
            None => self.hour,
        };
        let time =
            hour * MICROS_PER_HOUR + self.minute * MICROS_PER_MINUTE + self.second * MICROS_PER_SECOND + self.micros;
        if hour == 24 && time != 24 * MICROS_PER_HOUR {
            return None;
        }
        let zone = self.zone.unwrap_or(missing_zone);
        let micros = match self.date()? {
            Some(date) => Some(micros(date, time, zone)).filter(|micros| CALENDAR.contains(micros))?,
            None => yearless::encode(self.month, self.day, time - zone)?,
        };
        Some(Parsed { micros, precision: self.precision })
    }

    /// Returns the date; `Some(None)` without a year.
    fn date(&self) -> Option<Option<NaiveDate>> {
        let date = match (self.year, self.day_of_year, self.week_year) {
            (Some(year), None, _) => NaiveDate::from_ymd_opt(year as i32, self.month, self.day)?,
            (Some(year), Some(day), _) => NaiveDate::from_yo_opt(year as i32, day)?,
            (None, _, Some(year)) => {
                let weekday = Weekday::try_from(u8::try_from(self.weekday).ok()?.checked_sub(1)?).ok()?;
                NaiveDate::from_isoywd_opt(year as i32, self.week, weekday)?
            }
            (None, _, None) => return Some(None),
        };
        Some(Some(date))
    }
}
