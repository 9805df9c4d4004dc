//! Members of a JSON object as text: a member is replaced or removed, and every other byte stays as
//! it is.

use std::borrow::Cow;
use std::ops::Range;

use super::cursor::{Cursor, Kind, unescaped};

/// Returns the values of some members of the object `json`, as text; `None` if it is not an object.
/// The last of several members of one name wins.
pub fn members<'a, const N: usize>(json: &'a str, names: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let spans = spans(json)?;
    Some(names.map(|name| spans.iter().rev().find(|span| span.name == name).map(|span| &json[span.value.clone()])))
}

/// Replaces the values of some members of the object `json`; `None` removes the member. Missing
/// members are not added.
pub fn with_members<'a>(json: &'a str, changes: &[(&str, Option<&str>)]) -> Cow<'a, str> {
    let spans = spans(json).unwrap_or_default();
    let mut out = String::new();
    let mut copied = 0;
    // a member removed at the end of the object leaves a comma before it, which must go too
    let mut end_of_kept: Option<usize> = None;
    for (idx, span) in spans.iter().enumerate() {
        match changes.iter().find(|(name, _)| *name == span.name) {
            None => end_of_kept = Some(out.len() + span.value.end - copied),
            Some((_, Some(value))) => {
                out.push_str(&json[copied..span.value.start]);
                out.push_str(value);
                copied = span.value.end;
                end_of_kept = Some(out.len());
            }
            Some((_, None)) => {
                out.push_str(&json[copied..span.start]);
                copied = match spans.get(idx + 1) {
                    Some(next) => next.start,
                    None => {
                        out.truncate(end_of_kept.unwrap_or(out.len()));
                        span.value.end
                    }
                };
            }
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

/// Position of a member: its opening quote, and the range of its value.
struct Span<'a> {
    name: Cow<'a, str>,
    start: usize,
    value: Range<usize>,
}

/// Returns all members in their order; `None` if `json` is not an object.
fn spans(json: &str) -> Option<Vec<Span<'_>>> {
    let mut spans = Vec::new();
    let mut members = Cursor::new(json);
    if members.peek() != Kind::Object {
        return None;
    }
    let place = |part: &str| part.as_ptr() as usize - json.as_ptr() as usize;
    members.enter();
    while members.next() {
        let key = members.key();
        let value = members.value();
        let mut scratch = String::new();
        let name = match unescaped(key, &mut scratch) {
            plain if plain.len() == key.len() => Cow::Borrowed(key),
            text => Cow::Owned(text.to_owned()),
        };
        let start = place(value);
        spans.push(Span { name, start: place(key).saturating_sub(1), value: start..start + value.len() });
    }
    Some(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::with_valid_surrogates;

    fn check(json: &str, changes: &[(&str, Option<&str>)], expected: &str) {
        assert_eq!(with_members(json, changes), expected, "{json} {changes:?}");
        serde_json::from_str::<serde_json::Value>(&with_valid_surrogates(expected)).unwrap();
    }

    #[test]
    fn all_other_bytes_are_kept() {
        const OUT: &[(&str, Option<&str>)] = &[("x", None), ("y", None)];
        check(r#"{"a" : 1.50, "x":{"x":[1,"}"]} ,"b":"\ud800é" }"#, OUT, r#"{"a" : 1.50, "b":"\ud800é" }"#);
        check(r#"{ "x":1 , "a":2 }"#, OUT, r#"{ "a":2 }"#);
        check(r#"{ "a":2 , "x":1 }"#, OUT, r#"{ "a":2 }"#);
        check(r#"{"a":2,"x":1,"y":"\"}"}"#, OUT, r#"{"a":2}"#);
        check(r#"{"a":2,"x":1,"y":3,"b":1e400}"#, OUT, r#"{"a":2,"b":1e400}"#);
        check(r#"{"x":1,"a":2,"y":3}"#, OUT, r#"{"a":2}"#);
        check(r#"{"\u0078":1,"y":2}"#, OUT, "{}");
        check("{}", OUT, "{}");
        check(r#"{"z":{"x":1}}"#, OUT, r#"{"z":{"x":1}}"#);
    }

    #[test]
    fn values_are_replaced_in_place() {
        let changes: &[(&str, Option<&str>)] = &[("x", Some("[7]")), ("y", None)];
        check(r#"{"a":1, "x" : {} , "y":2}"#, changes, r#"{"a":1, "x" : [7]}"#);
        check(r#"{"y":2, "x":null}"#, changes, r#"{"x":[7]}"#);
        check(r#"{"a":1,"y":2,"y":3}"#, changes, r#"{"a":1}"#);
        assert!(matches!(with_members("{ }", changes), Cow::Borrowed(_)));
    }

    #[test]
    fn members_are_found_as_text() {
        let json = r#"{"a":{"b":1},"b": [1, 2] ,"c\n":"x"}"#;
        assert_eq!(members(json, ["b", "c\n", "d"]), Some([Some("[1, 2]"), Some(r#""x""#), None]));
        assert_eq!((members("[]", ["a"]), members("{}", ["a"])), (None, Some([None])));
        assert_eq!(members(r#"{"a":1,"a":2}"#, ["a"]), Some([Some("2")]));
    }
}
