//! Conversion of raw JSON values to the texts of cells.

use super::cursor::{Cursor, Kind, string_content, unescape_into, unescaped};
use crate::event::sentences::SEPARATOR;
use crate::python::json_number_text;

/// Calls `push` with the text of each usable element of `raw`. See [`super::ColumnKind::Elements`].
pub(super) fn elements(raw: &str, scratch: &mut String, mut push: impl FnMut(&str)) {
    if Kind::of(raw) != Kind::Array {
        if let Some(text) = flattened(raw, scratch) {
            push(text);
        }
        return;
    }
    let mut list = Cursor::new(raw);
    list.enter();
    while list.next() {
        if let Some(text) = flattened(list.value(), scratch) {
            push(text);
        }
    }
}

/// Renders the whole value as one text; `None` for null, objects, and lists that hold lists or
/// objects.
pub(super) fn flattened<'a>(raw: &'a str, scratch: &'a mut String) -> Option<&'a str> {
    match Kind::of(raw) {
        Kind::Null | Kind::Object => None,
        Kind::String => Some(unescaped(string_content(raw), scratch)),
        Kind::True => Some("True"),
        Kind::False => Some("False"),
        Kind::Number => Some(number_into(raw, scratch)),
        Kind::Array => joined_list(raw, scratch).then_some(scratch.as_str()),
    }
}

/// Text of a string; `None` for all other values.
pub(super) fn string<'a>(raw: &'a str, scratch: &'a mut String) -> Option<&'a str> {
    (Kind::of(raw) == Kind::String).then(|| unescaped(string_content(raw), scratch))
}

fn joined_list(raw: &str, out: &mut String) -> bool {
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
pub(super) fn timestamp(raw: &str, parse: super::TimeParser, scratch: &mut String) -> Option<i64> {
    match Kind::of(raw) {
        Kind::String => parse(unescaped(string_content(raw), scratch)),
        Kind::Number => micros_of_millis(raw),
        Kind::Array => {
            let mut list = Cursor::new(raw);
            list.enter();
            let first = list.next().then(|| list.value())?;
            if Kind::of(first) == Kind::Array { None } else { timestamp(first, parse, scratch) }
        }
        _ => None,
    }
}

fn micros_of_millis(number: &str) -> Option<i64> {
    if let Ok(millis) = number.parse::<i64>() {
        return millis.checked_mul(1000);
    }
    let micros = (number.parse::<f64>().ok()? * 1000.0).round();
    // a cast would saturate beyond 2^63
    (micros.abs() < 9.2e18).then_some(micros as i64)
}
