//! Conversion of raw JSON values to the texts of cells.

use super::cursor::{Cursor, Kind, string_content, unescape_into, unescaped};
use super::members::members;
use crate::event::Case;
use crate::event::sentences::SEPARATOR;
use crate::event::text::lower_case;
use crate::event::time::{TimeFormats, iso, micros_of_millis};
use crate::python::json_number_text;

/// Calls `push` with the text of each usable element of `raw`. See [`super::ColumnKind::Elements`].
#[inline]
pub(super) fn elements(raw: &str, case: Case, scratch: &mut String, mut push: impl FnMut(&str)) {
    if Kind::of(raw) != Kind::Array {
        if let Some(text) = flattened(raw, case, scratch) {
            push(text);
        }
        return;
    }
    let mut list = Cursor::new(raw);
    list.enter();
    while list.next() {
        if let Some(text) = flattened(list.value(), case, scratch) {
            push(text);
        }
    }
}

/// Renders the whole value as one text; `None` for null, objects, and lists that hold lists or
/// objects.
pub(super) fn flattened<'a>(raw: &'a str, case: Case, scratch: &'a mut String) -> Option<&'a str> {
    match Kind::of(raw) {
        Kind::Null | Kind::Object => None,
        Kind::String => string(raw, case, scratch),
        Kind::True => Some("True"),
        Kind::False => Some("False"),
        Kind::Number => Some(number_into(raw, scratch)),
        Kind::Array => joined_list(raw, case, scratch).then_some(scratch.as_str()),
    }
}

/// Text of a string; `None` for all other values.
#[inline]
pub(super) fn string<'a>(raw: &'a str, case: Case, scratch: &'a mut String) -> Option<&'a str> {
    if Kind::of(raw) != Kind::String {
        return None;
    }
    if case == Case::Kept {
        return Some(unescaped(string_content(raw), scratch));
    }
    *scratch = lower_case(unescaped(string_content(raw), scratch));
    Some(scratch)
}

fn joined_list(raw: &str, case: Case, out: &mut String) -> bool {
    out.clear();
    let mut list = Cursor::new(raw);
    list.enter();
    let mut first = true;
    while list.next() {
        if !std::mem::take(&mut first) {
            out.push_str(SEPARATOR);
        }
        let raw = list.value();
        match Kind::of(raw) {
            Kind::Object | Kind::Array => return false,
            Kind::Null => out.push_str("None"),
            Kind::True => out.push_str("True"),
            Kind::False => out.push_str("False"),
            Kind::String if case == Case::Lower => {
                out.push_str(&lower_case(unescaped(string_content(raw), &mut String::new())));
            }
            Kind::String => unescape_into(string_content(raw), out),
            Kind::Number => out.push_str(&json_number_text(raw)),
        }
    }
    true
}

fn number_into<'a>(raw: &'a str, scratch: &'a mut String) -> &'a str {
    let plain = raw.bytes().all(|byte| byte.is_ascii_digit());
    if plain {
        return raw;
    }
    scratch.clear();
    scratch.push_str(&json_number_text(raw));
    scratch
}

/// Reads a timestamp as microseconds since the epoch, UTC (see [`super::ColumnKind::Time`]).
pub fn timestamp(raw: &str, formats: &TimeFormats, scratch: &mut String) -> Option<i64> {
    match Kind::of(raw) {
        Kind::String => text_timestamp(unescaped(string_content(raw), scratch), formats),
        Kind::Number => formats.micros_of_number(raw),
        Kind::Array => {
            let mut list = Cursor::new(raw);
            list.enter();
            let first = list.next().then(|| list.value())?;
            if Kind::of(first) == Kind::Array { None } else { timestamp(first, formats, scratch) }
        }
        Kind::Object => wrapped(raw, formats, scratch),
        _ => None,
    }
}

/// Same for a text.
pub(super) fn text_timestamp(text: &str, formats: &TimeFormats) -> Option<i64> {
    // most times have this form, which no format reads in another way
    let known = formats.is_empty().then(|| iso(text.as_bytes(), 0)).flatten();
    known.map(|parsed| parsed.micros).or_else(|| formats.micros_of_text(text))
}

/// Reads a time as MongoDB exports it: `{"$date": ...}` holds a text, or milliseconds as a number
/// or as `{"$numberLong": "..."}`.
fn wrapped(raw: &str, formats: &TimeFormats, scratch: &mut String) -> Option<i64> {
    let [date] = members(raw, ["$date"])?;
    let date = date?;
    match Kind::of(date) {
        Kind::String => timestamp(date, formats, scratch),
        Kind::Number => micros_of_millis(date),
        Kind::Object => {
            let [millis] = members(date, ["$numberLong"])?;
            let millis = millis.filter(|millis| Kind::of(millis) == Kind::String)?;
            micros_of_millis(unescaped(string_content(millis), scratch))
        }
        _ => None,
    }
}
