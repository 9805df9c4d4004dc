//! JSON values as Python prints them.

use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// `str(value)`: strings as they are, `True`, `None`, `1.0`, lists and dicts as in [`repr`].
pub fn to_str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

/// `repr(value)`.
pub fn repr(value: &Value) -> String {
    let mut text = String::new();
    write_repr(value, &mut text);
    text
}

/// Text of a JSON number as Python prints it: integers by their digits, others as the shortest text
/// of their double. Negative zero is zero, so that one value has one text.
pub fn number_text(number: &Number) -> String {
    json_number_text(&number.to_string())
}

/// Same as [`number_text`] for the JSON text of a number.
pub fn json_number_text(json: &str) -> String {
    if json.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return json.parse().map_or_else(|_| json.to_owned(), |value: f64| float_text(value + 0.0));
    }
    // JSON allows neither leading zeros nor a plus sign; Python has no negative zero among its
    // integers
    if json == "-0" { "0".to_owned() } else { json.to_owned() }
}

/// `repr` of a double: the shortest digits that parse back to it, with an exponent below 1e-4 and
/// from 1e16 on.
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // the shortest digits, as d.ddde-x
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn write_repr(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("None"),
        Value::Bool(true) => text.push_str("True"),
        Value::Bool(false) => text.push_str("False"),
        Value::Number(number) => text.push_str(&number_text(number)),
        Value::String(string) => write_quoted(string, text),
        Value::Array(elements) => {
            text.push('[');
            for (idx, element) in elements.iter().enumerate() {
                text.push_str(if idx > 0 { ", " } else { "" });
                write_repr(element, text);
            }
            text.push(']');
        }
        Value::Object(fields) => write_dict(fields, text),
    }
}

fn write_dict(fields: &Map<String, Value>, text: &mut String) {
    text.push('{');
    for (idx, (name, value)) in fields.iter().enumerate() {
        text.push_str(if idx > 0 { ", " } else { "" });
        write_quoted(name, text);
        text.push_str(": ");
        write_repr(value, text);
    }
    text.push('}');
}

/// Writes a string in single quotes, or in double quotes if it holds only single ones.
fn write_quoted(string: &str, text: &mut String) {
    let quote = if string.contains('\'') && !string.contains('"') { '"' } else { '\'' };
    text.push(quote);
    for character in string.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ if character == quote => {
                text.push('\\');
                text.push(quote);
            }
            _ if is_printable(character) => text.push(character),
            _ => write_escape(u32::from(character), text),
        }
    }
    text.push(quote);
}

fn write_escape(code: u32, text: &mut String) {
    // writing into a String cannot fail
    let _ = match code {
        0..=0xff => write!(text, "\\x{code:02x}"),
        0x100..=0xffff => write!(text, "\\u{code:04x}"),
        _ => write!(text, "\\U{code:08x}"),
    };
}

/// Python escapes control, format, surrogate and private-use characters, and all separators except
/// the space.
fn is_printable(character: char) -> bool {
    let is_separator = character.is_whitespace() && character != ' ';
    let is_format = matches!(character,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'..='\u{10ffff}');
    !(character.is_control() || is_separator || is_format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let check = |value: f64, expected: &str| assert_eq!(float_text(value), expected);
        check(1.0, "1.0");
        check(0.1, "0.1");
        check(1e-5, "1e-05");
        check(0.0001, "0.0001");
        check(1e16, "1e+16");
        check(1e15, "1000000000000000.0");
        check(1.5e300, "1.5e+300");
        check(-0.0, "-0.0");
        check(123_456.789, "123456.789");
        check(f64::INFINITY, "inf");
        check(9_007_199_254_740_993.0, "9007199254740992.0");
    }
}
