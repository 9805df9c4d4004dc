//! Objects around an array of events, such as `{"Records":[{..}, ..]}` or the answer of a search.

use super::members::{Member, Members};

/// Names of arrays of events, in lower case.
const ARRAYS: &[&str] = &[
    "records",
    "value",
    "events",
    "event",
    "logs",
    "logevents",
    "log_events",
    "entries",
    "data",
    "items",
    "results",
    "result",
    "docs",
    "documents",
    "hits",
    "responses",
    "alerts",
    "findings",
    "incidents",
    "detections",
    "resources",
    "activities",
    "messages",
    "rows",
];

/// Names of arrays of events inside an object, with the name of that object, in lower case.
const NESTED_ARRAYS: &[(&str, &str)] =
    &[("hits", "hits"), ("events", "event"), ("log", "entries"), ("data", "events"), ("data", "items")];

/// Names of objects around a container, in lower case.
const WRAPPERS: &[&str] = &["response", "rawresponse", "body"];

/// Upper limit on the objects around an array of events.
const MAX_DEPTH: u32 = 4;

/// Names that only events have, without case and separators: an object that has one of them is an
/// event, whatever arrays it has.
const OF_EVENTS: &[&str] = &[
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date",
    "eventtime",
    "eventtimestamp",
    "eventdate",
    "createddatetime",
    "activitydatetime",
    "createdat",
    "creationtime",
    "timecreated",
    "timegenerated",
    "utctime",
    "unixtime",
    "calendartime",
    "published",
    "host",
    "hostname",
    "hostidentifier",
    "computer",
    "computername",
    "user",
    "username",
    "userid",
    "userprincipalname",
    "actor",
    "ip",
    "ipaddress",
    "clientip",
    "sourceip",
    "sourceipaddress",
    "srcip",
    "src",
    "dst",
    "eventid",
    "eventname",
    "eventtype",
];

/// Names of objects and arrays of objects that say something about an array of events, in lower
/// case. So do all whose names begin with `_` or `@`.
const ABOUT_ARRAYS: &[&str] = &[
    "meta",
    "metadata",
    "info",
    "paging",
    "pagination",
    "pageinfo",
    "page",
    "links",
    "link",
    "query",
    "request",
    "errors",
    "warnings",
    "header",
    "responseheader",
    "aggregations",
    "suggest",
    "profile",
    "stats",
    "statistics",
    "summary",
    "total",
    "context",
];

/// Array of events inside an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inner {
    /// Bytes from the start of the object to the first element.
    pub(super) offset: usize,
    /// Number of objects around the array.
    pub(super) depth: u32,
    /// True if the elements may be such objects themselves.
    pub(super) holds_containers: bool,
}

/// Returns the array of events in `object`, whose text may be truncated; `None` if the object is an
/// event. It is a container if one of its members is an array of objects under a known name, or its
/// only member is one under any name, and all others only say something about that array.
pub(super) fn events_in(object: &[u8]) -> Option<Inner> {
    let (inner, is_known) = array_in(object, 1)?;
    let is_only_member = || Members::of(object).nth(1).is_none();
    (is_known == Known::ByName || is_only_member()).then_some(inner)
}

/// Way in which an array was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    ByName,
    /// As the only array of objects.
    ByPlace,
}

/// Returns the array in an object with `depth - 1` others around it.
fn array_in(object: &[u8], depth: u32) -> Option<(Inner, Known)> {
    let mut found: Option<(Inner, Known)> = None;
    for (idx, member) in Members::of(object).enumerate() {
        match found.is_none().then(|| known_array(&member, depth)).flatten() {
            Some(inner) => found = Some((inner, Known::ByName)),
            None if is_about_array(&member) => {}
            None if idx == 0 => found = Some((only_array(&member, depth)?, Known::ByPlace)),
            None => return None,
        }
    }
    found.filter(|(_, known)| *known == Known::ByName || depth == 1)
}

/// True if arrays of events have this name.
pub(super) fn is_array_of_events(name: &[u8]) -> bool {
    ARRAYS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// An array under any name that is not empty.
fn only_array(member: &Member<'_>, depth: u32) -> Option<Inner> {
    let is_filled = member.objects()?.trim_ascii_start().starts_with(b"{");
    is_filled.then_some(Inner { offset: member.offset + 1, depth, holds_containers: false })
}

fn known_array(member: &Member<'_>, depth: u32) -> Option<Inner> {
    let name = lower_case(member.name);
    if member.objects().is_some() {
        let holds_containers = name == "responses";
        return ARRAYS.contains(&&*name).then_some(Inner { offset: member.offset + 1, depth, holds_containers });
    }
    if WRAPPERS.contains(&&*name) {
        return wrapped_array(member, depth);
    }
    NESTED_ARRAYS.iter().filter(|(outer, _)| *outer == name).find_map(|(_, inner)| {
        let array = member.members().find(|member| lower_case(member.name) == *inner && member.objects().is_some())?;
        let offset = member.offset + array.offset + 1;
        Some(Inner { offset, depth: depth + 1, holds_containers: false })
    })
}

/// Returns the array of a container that is the value of a member.
fn wrapped_array(member: &Member<'_>, depth: u32) -> Option<Inner> {
    if !member.is_object() || depth >= MAX_DEPTH {
        return None;
    }
    let (inner, _) = array_in(member.value, depth + 1)?;
    Some(Inner { offset: member.offset + inner.offset, ..inner })
}

fn is_about_array(member: &Member<'_>) -> bool {
    let name = lower_case(member.name);
    if OF_EVENTS.contains(&&*name.replace(|c: char| !c.is_ascii_alphanumeric(), "")) {
        return false;
    }
    let is_plain = match member.value.first() {
        Some(b'{') => member.members().next().is_none() && member.value.len() > 1,
        Some(b'[') => !member.value[1..].trim_ascii_start().starts_with(b"{"),
        _ => true,
    };
    is_plain || name.starts_with(['_', '@']) || ABOUT_ARRAYS.contains(&&*name)
}

fn lower_case(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(object: &str) -> Option<(&str, u32)> {
        events_in(object.as_bytes()).map(|inner| (&object[inner.offset..], inner.depth))
    }

    #[test]
    fn containers_are_told_apart_from_events() {
        assert_eq!(inner(r#"{"Records":[{"a":1}]}"#), Some((r#"{"a":1}]}"#, 1)));
        assert_eq!(inner(r#"{"@odata.context":"x", "value" : [ {"a"#), Some((r#" {"a"#, 1)));
        assert_eq!(inner(r#"{"took":1,"_shards":{"n":1},"hits":{"total":{},"hits":[]}}"#), Some(("]}}", 2)));
        assert_eq!(inner(r#"{"events":[{"a":1}],"nextToken":"x"}"#), Some((r#"{"a":1}],"nextToken":"x"}"#, 1)));
        assert_eq!(inner(r#"{"signIns":[{"a":1}]}"#), Some((r#"{"a":1}]}"#, 1)));
        let answer = r#"{"took":1,"hits":{"hits":[{"a":1}]}}"#;
        for around in [r#"{"id":"x","is_partial":false,"response":"#, r#"{"rawResponse":"#, r#"{"body":{"Response":"#] {
            assert!(inner(&format!("{around}{answer}")).is_some_and(|(rest, _)| rest.starts_with("{\"a")), "{around}");
        }
        assert_eq!(inner(r#"{"Events":{"Event":[{"a":1}]}}"#), Some((r#"{"a":1}]}}"#, 2)));
        assert_eq!(inner(&"{\"response\":".repeat(100_000)), None);
        for event in [
            r#"{"event":{"tags":[{"a":1}]}}"#,
            r#"{"event":{"time":"x","data":[{"a":1}]}}"#,
            r#"{"a":1}"#,
            r#"{"@timestamp":"x","events":[{"a":1}]}"#,
            r#"{"events":[{"a":1}],"eventTime":"x"}"#,
            r#"{"kind":"activity","id":{"time":"x"},"actor":{"email":"x"},"events":[{"name":"x"}]}"#,
            r#"{"name":"x","tags":[{"a":1}]}"#,
            r#"{"user":{"name":"x"},"data":[{"a":1}]}"#,
            r#"{"records":[1,2]}"#,
            r#"{"tags":[]}"#,
            r#"{"tags":[{"a":1}],"b":1}"#,
            r#"{"tags":[{"a":1}],"records":[{"a":1}]}"#,
            r#"{"hits":{"hits":1}}"#,
            "{}",
            "",
        ] {
            assert_eq!(inner(event), None, "{event}");
        }
    }
}
