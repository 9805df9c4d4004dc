//! A line as a document: an event, or an exported hit around one.

use std::borrow::Cow;

use outlier_kernels::ByteSet;
use serde::de::{Error, IgnoredAny};

use super::cursor::{Kind, replace_lone_surrogates, string_content, unescape_into};
use super::members::each_member;

/// Bytes that the keys of a hit begin with.
const OF_HITS: ByteSet = ByteSet::of(b"_");

/// A line split into its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentLine<'a> {
    /// `_index`, if the line is a hit that has one.
    pub index: Option<String>,
    /// `_id`, if the line is a hit that has one.
    pub id: Option<String>,
    /// JSON text of the event.
    pub source: &'a str,
}

/// Splits a line that was decoded before.
///
/// # Errors
/// Fails if the line is not a JSON object.
pub fn split_document(line: &str) -> serde_json::Result<DocumentLine<'_>> {
    let line = line.trim_matches([' ', '\t', '\r', '\n']);
    let mut found = [None; 3];
    let is_object = each_member(line, &OF_HITS, |name, value| {
        let idx = ["_index", "_id", "_source"].iter().position(|wanted| *wanted == name);
        idx.into_iter().for_each(|idx| found[idx] = Some(value));
    });
    if is_object.is_none() {
        serde_json::from_str::<IgnoredAny>(line)?;
        return Err(serde_json::Error::custom("not an object"));
    }
    let [index, id, source] = found;
    Ok(match source {
        Some(source) if Kind::of(source) == Kind::Object && (index.is_some() || id.is_some()) => {
            let [index, id] = [index, id].map(|raw| raw.filter(|raw| names_something(raw)).map(identity_text));
            DocumentLine { index, id, source }
        }
        _ => DocumentLine { index: None, id: None, source: line },
    })
}

/// False for an `_index` or `_id` that is null or empty.
pub(super) fn names_something(raw: &str) -> bool {
    !matches!(raw, "null" | "\"\"")
}

/// Text of an `_index` or `_id`.
pub(super) fn identity_text(raw: &str) -> String {
    if Kind::of(raw) == Kind::String {
        let mut text = String::new();
        unescape_into(string_content(raw), &mut text);
        text
    } else {
        raw.to_owned()
    }
}

/// Id of a line that has none: its number, padded with zeros so that ids sort like lines.
pub fn line_id(line: u64) -> String {
    format!("{line:012}")
}

/// Replaces lone surrogates in JSON text by U+FFFD. Some exporters write such escaped halves of
/// surrogate pairs.
pub fn with_valid_surrogates(json: &str) -> Cow<'_, str> {
    replace_lone_surrogates(json).map_or(Cow::Borrowed(json), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_distinguished_from_events() {
        let check = |line: &str, index: Option<&str>, id: Option<&str>, source: &str| {
            let document = split_document(line).unwrap();
            assert_eq!((document.index.as_deref(), document.id.as_deref(), document.source), (index, id, source));
        };
        check(r#"{"_index":"i","_id":"1","_source":{"a":1}}"#, Some("i"), Some("1"), r#"{"a":1}"#);
        check(r#" {"_source":{"a":1},"_score":null,"_id":7} "#, None, Some("7"), r#"{"a":1}"#);
        check(r#"{"_source":{"a":1}}"#, None, None, r#"{"_source":{"a":1}}"#);
        check(r#"{"_id":"1","_source":"text"}"#, None, None, r#"{"_id":"1","_source":"text"}"#);
        check(r#"{"a":1}"#, None, None, r#"{"a":1}"#);
        check(r#"{"_id":1,"_source":{},"_id":"2","_source":{"a":1}}"#, None, Some("2"), r#"{"a":1}"#);
        check(r#"{"_\u0069d":"1","_source":{}}"#, None, Some("1"), "{}");
        assert!(split_document(r#"{"_source":"#).is_err());
        assert!(split_document("[]").is_err());
    }
}
