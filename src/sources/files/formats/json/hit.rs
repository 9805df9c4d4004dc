//! Hits of a search as lines of their own.

use super::members::{Member, Members};

/// Returns a hit that has only `fields` as a hit with a `_source`: a field with one value has that
/// value, not a list of it. `None` for everything else.
pub(super) fn hit_of_fields(object: &[u8]) -> Option<String> {
    // what most objects lack is looked for first
    memchr::memmem::find(object, b"\"fields\"")?;
    let (mut index, mut id, mut fields) = (None, None, None);
    for member in Members::of(object) {
        match member.name {
            b"_source" => return None,
            b"_index" => index = Some(member.value),
            b"_id" => id = Some(member.value),
            b"fields" if member.is_object() => fields = Some(member),
            _ => {}
        }
    }
    let fields = fields.filter(|_| index.is_some() || id.is_some())?;
    let source: Vec<String> = fields.members().map(|field| with_single_value(&field)).collect();
    Some(hit(text(index), text(id), &format!("{{{}}}", source.join(","))))
}

/// True for the answer of a request for a document that was not found or could not be read.
pub(super) fn is_document_without_source(object: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(object, text.as_bytes()).is_some();
    if !has("\"_id\"") || !(has("\"found\"") || has("\"error\"")) {
        return false;
    }
    let (mut is_named, mut is_missing) = (false, false);
    for member in Members::of(object) {
        match member.name {
            b"_id" => is_named = true,
            b"found" => is_missing |= member.value == b"false",
            b"error" => is_missing |= member.is_object(),
            b"_index" | b"_type" => {}
            _ => return false,
        }
    }
    is_named && is_missing
}

/// Makes a hit of its parts, which are JSON.
pub(super) fn hit(index: Option<&str>, id: Option<&str>, source: &str) -> String {
    let mut members: Vec<String> = Vec::new();
    members.extend(index.map(|index| format!("\"_index\":{index}")));
    members.extend(id.map(|id| format!("\"_id\":{id}")));
    if members.is_empty() {
        return source.to_owned();
    }
    format!("{{{},\"_source\":{source}}}", members.join(","))
}

fn text(value: Option<&[u8]>) -> Option<&str> {
    value.and_then(|value| std::str::from_utf8(value).ok())
}

/// A member whose value is not a list if it is a list of one.
fn with_single_value(field: &Member<'_>) -> String {
    let name = String::from_utf8_lossy(field.name);
    let value = String::from_utf8_lossy(field.value);
    let single = serde_json::from_str::<[&serde_json::value::RawValue; 1]>(&value);
    format!("\"{name}\":{}", single.map_or(&*value, |[value]| value.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_were_not_found_are_no_events() {
        let check = |object: &str| is_document_without_source(object.as_bytes());
        assert!(check(r#"{"_index":"i","_id":"2","found":false}"#));
        assert!(check(r#"{"_index":"i","_id":"2","error":{"type":"index_not_found_exception"}}"#));
        for event in [
            r#"{"_index":"i","_id":"2","found":true,"_source":{}}"#,
            r#"{"_id":"2","found":false,"_source":{}}"#,
            r#"{"_id":"2","found":false,"user":"ann"}"#,
            r#"{"_id":"2"}"#,
            r#"{"found":false}"#,
        ] {
            assert!(!check(event), "{event}");
        }
    }

    #[test]
    fn fields_become_the_source() {
        let check =
            |object: &str, expected: Option<&str>| assert_eq!(hit_of_fields(object.as_bytes()).as_deref(), expected);
        check(
            r#"{"_index":"i","_id":"1","fields":{"@timestamp":["t"],"a.b":[1,2],"c":[{"d":["x"]}]},"sort":[1]}"#,
            Some(r#"{"_index":"i","_id":"1","_source":{"@timestamp":"t","a.b":[1,2],"c":{"d":["x"]}}}"#),
        );
        check(r#"{"_id":"1","fields":{}}"#, Some(r#"{"_id":"1","_source":{}}"#));
        check(r#"{"_id":"1","_source":{},"fields":{"a":[1]}}"#, None);
        check(r#"{"fields":{"a":[1]}}"#, None);
        check(r#"{"_id":"1","fields":"a"}"#, None);
        check(r#"{"a":"fields"}"#, None);
    }
}
