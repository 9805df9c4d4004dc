//! Formats that the user names for times, in the language of Elasticsearch's mappings.

use std::fmt;
use std::sync::Arc;

use super::epoch::{self, Unit};
use super::iso::{Parsed, iso};
use super::pattern::Pattern;
use super::{MICROS_PER_MINUTE, any_text, calendar, yearless};
use crate::spelling::nearest;

/// Separator of several formats.
const SEPARATOR: &str = "||";

/// Names of counts since 1970; the last two are our own.
const COUNTS: [(&str, Unit); 4] = [
    ("epoch_second", Unit::Seconds),
    ("epoch_millis", Unit::Millis),
    ("epoch_micros", Unit::Micros),
    ("epoch_nanos", Unit::Nanos),
];

/// Names of formats that add nothing to the forms known without one, without `strict_`.
const DEFAULTS: [&str; 6] =
    ["date_optional_time", "date_optional_time_nanos", "date_time", "date_time_no_millis", "date", "epoch_millis"];

/// Elasticsearch's names of ISO 8601 with a date, without `strict_`.
const ISO_NAMES: [&str; 39] = [
    "basic_date",
    "basic_date_time",
    "basic_date_time_no_millis",
    "basic_ordinal_date",
    "basic_ordinal_date_time",
    "basic_ordinal_date_time_no_millis",
    "basic_week_date",
    "basic_week_date_time",
    "basic_week_date_time_no_millis",
    "date",
    "date_hour",
    "date_hour_minute",
    "date_hour_minute_second",
    "date_hour_minute_second_fraction",
    "date_hour_minute_second_millis",
    "date_optional_time",
    "date_optional_time_nanos",
    "date_time",
    "date_time_no_millis",
    "iso8601",
    "ordinal_date",
    "ordinal_date_time",
    "ordinal_date_time_no_millis",
    "rfc3339_lenient",
    "week_date",
    "week_date_time",
    "week_date_time_no_millis",
    "weekyear",
    "weekyear_week",
    "weekyear_week_day",
    "year",
    "year_month",
    "year_month_day",
    "dateOptionalTime",
    "dateTime",
    "dateTimeNoMillis",
    "dateHourMinuteSecond",
    "yearMonth",
    "yearMonthDay",
];

/// Formats in which the values of a time field are read, tried in this order; what none of them
/// reads is tried in the forms that are known without them. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeFormats(Option<Arc<Formats>>);

#[derive(Debug, PartialEq, Eq)]
struct Formats {
    written: String,
    formats: Vec<Format>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Format {
    Iso,
    Count(Unit),
    Pattern(Pattern),
}

/// A format that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{format}` is not a time format: {reason}")]
pub struct FormatError {
    /// The format, without others that were written with it.
    pub format: String,
    /// Reason it is not a format.
    pub reason: String,
    /// Byte at which it begins in the text.
    pub at: usize,
}

impl TimeFormats {
    /// Reads formats, separated by `||`: names of Elasticsearch, or patterns of letters.
    ///
    /// # Errors
    /// The first format that cannot be used.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut at = 0;
        let mut formats = Vec::new();
        for format in text.split(SEPARATOR) {
            let error = |reason| FormatError { format: format.trim().to_owned(), reason, at };
            formats.push(read(format.trim()).map_err(error)?);
            at += format.len() + SEPARATOR.len();
        }
        Ok(TimeFormats(Some(Arc::new(Formats { written: text.to_owned(), formats }))))
    }

    /// Reads the `format` of a field in a mapping. The default one, and others whose texts are
    /// known without a format, give no formats.
    ///
    /// # Errors
    /// The first format that cannot be used.
    pub fn of_mapping(text: &str) -> Result<Self, FormatError> {
        let is_known = |format: &str| DEFAULTS.contains(&format.strip_prefix("strict_").unwrap_or(format));
        if text.split(SEPARATOR).map(str::trim).all(is_known) { Ok(Self::default()) } else { Self::parse(text) }
    }

    /// True if no format is named, so that only the known forms are read.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Reads a text in microseconds since 1970. A time without a year is [`yearless`].
    pub fn micros_of_text(&self, text: &str) -> Option<i64> {
        self.read(text, 0).map(|parsed| parsed.micros)
    }

    /// Reads the text of a JSON number like [`Self::micros_of_text`]. Digits alone are
    /// not a date unless a format says so.
    pub fn micros_of_number(&self, number: &str) -> Option<i64> {
        let known = || epoch::by_size(number);
        self.in_formats(number, 0).or_else(known).map(|parsed| parsed.micros)
    }

    /// Reads a time that has a year, such as the bound of a range. A missing zone is
    /// `offset_minutes` east of UTC.
    pub fn dated(&self, text: &str, offset_minutes: i32) -> Option<Parsed> {
        self.read(text, offset_minutes).filter(|parsed| !yearless::is(parsed.micros))
    }

    fn read(&self, text: &str, offset_minutes: i32) -> Option<Parsed> {
        self.in_formats(text, offset_minutes).or_else(|| any_text(text, offset_minutes))
    }

    pub(super) fn in_formats(&self, text: &str, offset_minutes: i32) -> Option<Parsed> {
        let Formats { formats, .. } = &**self.0.as_ref()?;
        let zone = i64::from(offset_minutes) * MICROS_PER_MINUTE;
        formats.iter().find_map(|format| match format {
            Format::Iso => {
                let text = text.trim();
                iso(text.as_bytes(), offset_minutes).or_else(|| calendar::read(text, zone))
            }
            Format::Count(unit) => epoch::in_unit(text, *unit),
            Format::Pattern(pattern) => pattern.read(text, zone),
        })
    }
}

impl fmt::Display for TimeFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("", |formats| &formats.written))
    }
}

fn read(format: &str) -> Result<Format, String> {
    let plain = format.strip_prefix("strict_").unwrap_or(format);
    if let Some((_, unit)) = COUNTS.iter().find(|(name, _)| *name == format) {
        return Ok(Format::Count(*unit));
    }
    if ISO_NAMES.contains(&plain) {
        return Ok(Format::Iso);
    }
    if format.is_empty() {
        return Err("it is empty".to_owned());
    }
    let is_name = plain.contains('_') || plain.len() > 8 && plain.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_name && let Some(near) = nearest(plain, COUNTS.map(|(name, _)| name).into_iter().chain(ISO_NAMES)) {
        return Err(format!("did you mean `{near}`?"));
    }
    // Elasticsearch 7 marks patterns of Java's newer classes with an 8
    let pattern = format.strip_prefix('8').filter(|rest| rest.starts_with(['y', 'u', 'M', 'd'])).unwrap_or(format);
    Pattern::new(pattern).map(Format::Pattern)
}
