//! Times in events and queries: `strict_date_optional_time||epoch_millis` of Elasticsearch.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// Times that a use case looks at, in microseconds since the epoch, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindow {
    /// First.
    pub from: i64,
    /// Last.
    pub to: i64,
}

impl TimeWindow {
    /// The window of a length that ends at a time.
    pub fn until(end: DateTime<Utc>, length: TimeDelta) -> Self {
        let to = end.timestamp_micros();
        TimeWindow { from: to.saturating_sub(length.num_microseconds().unwrap_or(i64::MAX)), to }
    }
}

/// What a text leaves out at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

/// Microseconds since the epoch; without a zone, UTC. Digits beyond microseconds are cut off.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    parse_time(text, 0).map(|(time, _)| time)
}

/// The same, with the zone of texts without one in seconds, and how precise the text is.
pub(super) fn parse_time(text: &str, zone: i32) -> Option<(i64, Precision)> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    let year = reader.digits(4)?;
    let mut precision = Precision::Year;
    let (mut month, mut day) = (1, 1);
    if reader.take(b'-') {
        month = reader.digits(2)?;
        precision = Precision::Month;
        if reader.take(b'-') {
            day = reader.digits(2)?;
            precision = Precision::Day;
        }
    }
    let (mut seconds, mut microseconds) = (0, 0);
    let mut offset = zone;
    if precision == Precision::Day && (reader.take(b'T') || reader.take(b' ')) {
        (seconds, microseconds, precision) = reader.clock()?;
        offset = reader.zone(zone)?;
    }
    if reader.at != reader.bytes.len() {
        return None;
    }
    let days = days_from_civil(year, month, day)?;
    let total = days * 86_400 + seconds - i64::from(offset);
    Some((total.checked_mul(1_000_000)? + microseconds, precision))
}

/// Seconds of an offset such as `+02:00`, `+0200`, `+02` or `Z`.
pub(super) fn parse_offset(text: &str) -> Option<i32> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    if text == "UTC" {
        return Some(0);
    }
    let offset = reader.zone(i32::MAX)?;
    (reader.at == text.len() && offset != i32::MAX).then_some(offset)
}

/// Days since the epoch of a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self, n: usize) -> Option<i64> {
        let digits = self.bytes.get(self.at..self.at + n)?;
        self.at += n;
        digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
    }

    /// Seconds, microseconds and precision of `HH[:mm[:ss[.fraction]]]`.
    fn clock(&mut self) -> Option<(i64, i64, Precision)> {
        let hour = self.digits(2)?;
        let (mut minute, mut second, mut microseconds) = (0, 0, 0);
        let mut precision = Precision::Hour;
        if self.take(b':') {
            minute = self.digits(2)?;
            precision = Precision::Minute;
            if self.take(b':') {
                second = self.digits(2)?;
                precision = Precision::Second;
                if self.take(b'.') || self.take(b',') {
                    microseconds = self.fraction()?;
                    precision = Precision::Fraction;
                }
            }
        }
        // a leap second counts as the last one of its minute
        (hour < 24 && minute < 60 && second <= 60)
            .then(|| (hour * 3600 + minute * 60 + second.min(59), microseconds, precision))
    }

    fn fraction(&mut self) -> Option<i64> {
        let start = self.at;
        let mut microseconds = 0;
        while let Some(byte) = self.peek().filter(u8::is_ascii_digit) {
            if self.at - start < 6 {
                microseconds = microseconds * 10 + i64::from(byte - b'0');
            }
            self.at += 1;
        }
        let n = self.at - start;
        (1..=9).contains(&n).then(|| microseconds * 10i64.pow(6 - n.min(6) as u32))
    }

    fn zone(&mut self, default: i32) -> Option<i32> {
        if self.take(b'Z') {
            return Some(0);
        }
        let sign = match self.peek() {
            None => return Some(default),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.at += 1;
        let hours = self.digits(2)?;
        let minutes =
            if self.take(b':') || self.peek().is_some_and(|byte| byte.is_ascii_digit()) { self.digits(2)? } else { 0 };
        (hours <= 18 && minutes < 60).then(|| sign * (hours * 3600 + minutes * 60) as i32)
    }
}

/// The last microsecond that a text of this precision means, from its first one on.
pub(super) fn last_of(time: i64, precision: Precision) -> i64 {
    let seconds = match precision {
        Precision::Fraction => return time,
        Precision::Second => 1,
        Precision::Minute => 60,
        Precision::Hour => 3600,
        Precision::Day => 86_400,
        Precision::Month | Precision::Year => {
            let Some(date) = DateTime::from_timestamp_micros(time).map(|time| time.date_naive()) else { return time };
            return first_after(date, precision).map_or(time, |next| next - 1);
        }
    };
    time.saturating_add(seconds * 1_000_000 - 1)
}

fn first_after(date: NaiveDate, precision: Precision) -> Option<i64> {
    let months = if precision == Precision::Year { 12 } else { 1 };
    let next = date.checked_add_months(chrono::Months::new(months))?;
    Some(next.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_in_all_forms() {
        let check = |text: &str, expected: Option<&str>| {
            let expected = expected.map(|text| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros());
            assert_eq!(parse_timestamp(text), expected, "{text}");
        };
        check("2024-05-01T00:00:01.623Z", Some("2024-05-01T00:00:01.623Z"));
        check("2024-05-01T02:00:01.623+02:00", Some("2024-05-01T00:00:01.623Z"));
        check("2024-05-01T02:00:01+0200", Some("2024-05-01T00:00:01Z"));
        check("2024-05-01T02:00-02", Some("2024-05-01T04:00:00Z"));
        check("2024-05-01 02:00:00", Some("2024-05-01T02:00:00Z"));
        check("2024-05-01T02", Some("2024-05-01T02:00:00Z"));
        check("2024-05-01", Some("2024-05-01T00:00:00Z"));
        check("2024-05", Some("2024-05-01T00:00:00Z"));
        check("2024", Some("2024-01-01T00:00:00Z"));
        check("2024-02-29T00:00:00.123456789Z", Some("2024-02-29T00:00:00.123456Z"));
        check("1900-03-01", Some("1900-03-01T00:00:00Z"));
        for wrong in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-5-1",
            "x",
            "2024-05-01T25",
            "2024-05-01T00:00:00.",
            "2024-05-01T00:00Zx",
            "20240501",
        ] {
            check(wrong, None);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(seconds in -60_000_000_000i64..200_000_000_000, microseconds in 0i64..1_000_000) {
            let time = DateTime::from_timestamp_micros(seconds * 1_000_000 + microseconds).unwrap();
            let text = time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
            prop_assume!(text.len() == 27);
            prop_assert_eq!(parse_timestamp(&text), Some(time.timestamp_micros()));
        }

        #[test]
        fn never_panics(text in "[0-9T:.Z+\\- ]{0,40}") {
            parse_timestamp(&text);
        }
    }
}
