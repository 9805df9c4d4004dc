//! Members of a JSON object as text: a member is replaced or removed, and every other byte stays as
//! it is.

use std::borrow::Cow;
use std::ops::Range;

use outlier_kernels::ByteSet;

use super::cursor::{Cursor, Kind, unescaped};
use super::reader::{Open, Reader};

/// Returns the values of some members of the object `json`, as text; `None` if it is not an object.
/// The last of several members of one name wins.
pub fn members<'a, const N: usize>(json: &'a str, names: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut values = [None; N];
    let found = each_member(json, &first_bytes(names.iter().copied()), |name, value| {
        let wanted = names.iter().zip(&mut values).find(|(wanted, _)| **wanted == name);
        wanted.into_iter().for_each(|(_, wanted)| *wanted = Some(value));
    });
    if found.is_some() {
        return Some(values);
    }
    let spans = spans(json)?;
    Some(names.map(|name| spans.iter().rev().find(|span| span.name == name).map(|span| &json[span.value.clone()])))
}

/// Calls `found` with name and value of the members of the object `json` whose names begin with one
/// of the `wanted` bytes, at least. `None` if the text is not an object, or not JSON.
pub fn each_member<'a>(json: &'a str, wanted: &ByteSet, mut found: impl FnMut(&str, &'a str)) -> Option<()> {
    let mut wanted = wanted.clone();
    // an escape may stand for any byte
    wanted.insert(b'\\');
    let (mut reader, mut scratch) = (Reader::new(json, None), String::new());
    let mut more = reader.peek() == Some(Open::Object) && reader.enter(Open::Object).ok()?;
    while more && reader.seek(&wanted).ok()? {
        let key = reader.key().ok()?;
        found(key.name(&mut scratch), reader.value().ok()?);
        more = reader.next(Open::Object).ok()?;
    }
    reader.end().ok().map(drop)
}

/// Returns the members of the object `json`, which is valid: name and value as written, the name
/// without its quotes.
pub fn raw_members(json: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut members = Cursor::new(json);
    members.enter();
    std::iter::from_fn(move || members.next().then(|| (members.key(), members.value())))
}

fn first_bytes<'a>(names: impl Iterator<Item = &'a str>) -> ByteSet {
    let mut set = ByteSet::default();
    names.filter_map(|name| name.bytes().next()).for_each(|first| set.insert(first));
    set
}

/// Replaces the values of some members of the object `json`, and adds those that it does not have
/// at its end. Of several members of one name, the last one is replaced.
pub fn with_values(json: &str, values: &[(&str, &str)]) -> Option<String> {
    let mut places: Vec<Option<Range<usize>>> = vec![None; values.len()];
    each_member(json, &first_bytes(values.iter().map(|(name, _)| *name)), |name, value| {
        if let Some(idx) = values.iter().position(|(wanted, _)| *wanted == name) {
            let start = value.as_ptr() as usize - json.as_ptr() as usize;
            places[idx] = Some(start..start + value.len());
        }
    })?;
    let mut replaced: Vec<(Range<usize>, &str)> =
        places.iter().zip(values).filter_map(|(place, (_, value))| Some((place.clone()?, *value))).collect();
    replaced.sort_unstable_by_key(|(place, _)| place.start);
    let (mut out, mut copied) = (String::with_capacity(json.len() + 512), 0);
    for (place, value) in replaced {
        out.push_str(&json[copied..place.start]);
        out.push_str(value);
        copied = place.end;
    }
    let members = json.trim_end().strip_suffix('}')?;
    out.push_str(&members[copied..]);
    let mut is_empty = members.trim() == "{";
    for ((name, value), _) in values.iter().zip(&places).filter(|(_, place)| place.is_none()) {
        if !std::mem::take(&mut is_empty) {
            out.push(',');
        }
        out.extend(["\"", name, "\":", value]);
    }
    out.push('}');
    Some(out)
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
    fn missing_members_are_added() {
        let check = |json: &str, expected: &str| {
            assert_eq!(with_values(json, &[("x", "[7]"), ("y", "8")]).as_deref(), Some(expected), "{json}");
        };
        check("{}", r#"{"x":[7],"y":8}"#);
        check(" { } ", r#" { "x":[7],"y":8}"#);
        check(r#"{"a" : 1.50 } "#, r#"{"a" : 1.50 ,"x":[7],"y":8}"#);
        check(r#"{"y":1,"b":"\ud800\/"}"#, r#"{"y":8,"b":"\ud800\/","x":[7]}"#);
        check(r#"{"y": {} ,"\u0078":[1],"x":2,"z":"}"}"#, r#"{"y": 8 ,"\u0078":[1],"x":[7],"z":"}"}"#);
        for invalid in ["", "[]", "1", r#"{"a":1"#, r#"{"a":01}"#] {
            assert_eq!(with_values(invalid, &[("x", "1")]), None, "{invalid}");
        }
    }

    #[test]
    fn members_are_found_as_text() {
        let json = r#"{"a":{"b":1},"b": [1, 2] ,"c\n":"x"}"#;
        assert_eq!(members(json, ["b", "c\n", "d"]), Some([Some("[1, 2]"), Some(r#""x""#), None]));
        assert_eq!((members("[]", ["a"]), members("{}", ["a"])), (None, Some([None])));
        assert_eq!(members(r#"{"a":1,"a":2}"#, ["a"]), Some([Some("2")]));
    }
}
