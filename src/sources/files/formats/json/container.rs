//! Objects around an array of events, such as `{"Records":[{..}, ..]}` or the answer of a search.

use super::about::{Says, is_perhaps_about_array, says};
use super::members::{Member, Members, split_objects};

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
const NESTED_ARRAYS: &[(&str, &str)] = &[
    ("hits", "hits"),
    ("hits", "events"),
    ("hits", "sequences"),
    ("events", "event"),
    ("log", "entries"),
    ("data", "events"),
    ("data", "items"),
    ("data", "affected_items"),
    ("data", "logs"),
    ("data", "records"),
    ("data", "results"),
    ("data", "activities"),
    ("response", "authlogs"),
];

/// Names of objects around a container, in lower case.
const WRAPPERS: &[&str] = &["response", "rawresponse", "body"];

/// Upper limit on the objects around an array of events.
const MAX_DEPTH: u32 = 4;

/// Array of events inside an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inner {
    /// Bytes from the start of the object to the first element.
    pub(super) offset: usize,
    /// Number of objects around the array.
    pub(super) depth: u32,
    /// True if each element may be such an object itself, whatever the first one is.
    pub(super) holds_containers: bool,
}

/// Returns the array of events in `object`, whose text may be truncated; `None` if the object is an
/// event. It is a container if one of its members is an array of objects under a known name, or its
/// only member is one under any name, and all others only say something about that array.
pub(super) fn events_in(object: &[u8]) -> Option<Inner> {
    events_in_element(object).or_else(|| only_array(object))
}

/// Returns the array of events in an element of a container: only names that are known count.
pub(super) fn events_in_element(object: &[u8]) -> Option<Inner> {
    array_in(object, 1, "").map(|array| array.inner)
}

/// True if arrays of events have this name.
pub(super) fn is_array_of_events(name: &[u8]) -> bool {
    ARRAYS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Returns the name of a list of several objects in an event that may be the events themselves, and
/// their number, as far as the text goes.
pub(super) fn doubtful_list_in(event: &[u8]) -> Option<(String, usize)> {
    list_in(event, MAX_DEPTH)
}

fn list_in(object: &[u8], depth: u32) -> Option<(String, usize)> {
    let is_known = |name: &[u8]| is_array_of_events(name) || WRAPPERS.contains(&&*lower_case(name));
    Members::of(object).filter(|member| is_known(member.name)).find_map(|member| {
        let name = String::from_utf8_lossy(member.name);
        if member.is_object() && depth > 1 {
            let (inner, n_objects) = list_in(member.value, depth - 1)?;
            return Some((format!("{name}.{inner}"), n_objects));
        }
        let n_objects = split_objects(member.objects()?).0.len();
        (n_objects > 1).then(|| (name.into_owned(), n_objects))
    })
}

/// Array with a known name.
#[derive(Debug, Clone, Copy)]
struct Array {
    inner: Inner,
    certainty: Certainty,
    is_empty: bool,
    /// True if it is one about another array, if there is another.
    is_secondary: bool,
}

/// Degree to which the name of an array says that the object around it is a container. Texts and
/// numbers of any name are about an array that is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// Nothing but a container has it.
    Certain,
    /// The same beside names that begin with `@odata.`.
    WithOData,
    Usual,
}

/// Returns the array in an object with `depth - 1` others around it, the innermost of which has the
/// name `outer`.
fn array_in(object: &[u8], depth: u32, outer: &str) -> Option<Array> {
    let mut found: Option<Array> = None;
    let (mut says_something, mut says_perhaps, mut says_unknown, mut has_odata) = (false, false, false, false);
    for member in Members::of(object) {
        has_odata |= member.name.starts_with(b"@odata.");
        if let Some(array) = known_array(&member, depth, outer) {
            found = Some(found.map_or(Some(array), |found| preferred(found, array))?);
            continue;
        }
        match says(&member) {
            Says::AboutArray => says_something = true,
            Says::PerhapsAboutArray => says_perhaps = true,
            Says::Unknown => says_unknown = true,
            Says::OfEvent => return None,
        }
    }
    let array = found?;
    let is_certain = match array.certainty {
        Certainty::Certain => true,
        Certainty::WithOData => has_odata,
        Certainty::Usual => false,
    };
    let has_context = says_something || array.inner.depth > depth;
    (is_certain || (!says_unknown && (!says_perhaps || has_context))).then_some(array)
}

/// Returns the array that holds the events; `None` if that is not clear.
fn preferred(one: Array, other: Array) -> Option<Array> {
    match (one.is_empty, other.is_empty, one.is_secondary, other.is_secondary) {
        (_, true, ..) | (false, false, false, true) => Some(one),
        (true, false, ..) | (false, false, true, false) => Some(other),
        _ => None,
    }
}

/// An array under any name that is not empty, and the only member.
fn only_array(object: &[u8]) -> Option<Inner> {
    let mut members = Members::of(object);
    let member = members.next().filter(|_| members.next().is_none())?;
    let is_filled = member.objects()?.trim_ascii_start().starts_with(b"{");
    is_filled.then_some(Inner { offset: member.offset + 1, depth: 1, holds_containers: false })
}

fn known_array(member: &Member<'_>, depth: u32, outer: &str) -> Option<Array> {
    let name = lower_case(member.name);
    let is_open = outer.is_empty() || WRAPPERS.contains(&outer);
    if let Some(elements) = member.objects() {
        let is_known = NESTED_ARRAYS.contains(&(outer, &name)) || (is_open && ARRAYS.contains(&&*name));
        let holds_containers = matches!((outer, &*name), (_, "responses") | ("hits", "sequences"));
        return is_known.then(|| Array {
            inner: Inner { offset: member.offset + 1, depth, holds_containers },
            certainty: certainty(member.name, outer),
            is_empty: !elements.trim_ascii_start().starts_with(b"{"),
            is_secondary: is_perhaps_about_array(member.name),
        });
    }
    let may_hold_array = WRAPPERS.contains(&&*name) || NESTED_ARRAYS.iter().any(|(outer, _)| *outer == name);
    if !is_open || !may_hold_array || !member.is_object() || depth >= MAX_DEPTH {
        return None;
    }
    let array = array_in(member.value, depth + 1, &name)?;
    let inner = Inner { offset: member.offset + array.inner.offset, ..array.inner };
    Some(Array { inner, is_secondary: false, ..array })
}

fn certainty(name: &[u8], outer: &str) -> Certainty {
    match (outer, &*lower_case(name)) {
        ("hits", "hits") | (_, "logevents") => Certainty::Certain,
        (_, "records") if name == b"Records" => Certainty::Certain,
        (_, "value") => Certainty::WithOData,
        _ => Certainty::Usual,
    }
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
    fn members_of_pages_and_envelopes_are_about_their_array() {
        for container in [
            r#"{"Records":EVENTS,"anything":2}"#,
            r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":EVENTS}"#,
            r#"{"@odata.context":"x","anything":1,"value":EVENTS}"#,
            r#"{"ok":true,"entries":EVENTS,"response_metadata":{"next_cursor":"x"}}"#,
            r#"{"result":EVENTS,"success":true,"errors":[],"messages":[],"result_info":{"page":1}}"#,
            r#"{"result":EVENTS,"errors":null,"messages":[{"code":1}]}"#,
            r#"{"preview":false,"init_offset":0,"messages":[],"fields":[{"name":"a"}],"results":EVENTS,"highlighted":{}}"#,
            r#"{"Stats":{"n":1},"Schema":[{"Name":"a"}],"Results":EVENTS}"#,
            r#"{"events":EVENTS,"searchedLogStreams":[{"logStreamName":"x"}],"nextToken":"x"}"#,
            r#"{"kind":"admin#reports","etag":"x","nextPageToken":"y","items":EVENTS}"#,
            r#"{"code":200,"message":"OK","data":EVENTS}"#,
            r#"{"status":"success","data":{"records":EVENTS,"total":1}}"#,
            r#"{"stat":"OK","response":{"authlogs":EVENTS,"metadata":{"next_offset":["1"]}}}"#,
            r#"{"data":{"affected_items":EVENTS,"total_affected_items":1,"failed_items":[]},"message":"x","error":0}"#,
            r#"{"is_partial":false,"took":1,"timed_out":false,"hits":{"total":{"value":1},"events":EVENTS}}"#,
            r#"{"count":1,"next":null,"previous":null,"results":EVENTS}"#,
            r#"{"log":{"version":"1.2","creator":{"name":"x"},"entries":EVENTS}}"#,
        ] {
            let container = container.replace("EVENTS", "[{\"a\":1}]");
            assert!(inner(&container).is_some_and(|(rest, _)| rest.starts_with("{\"a\":1}")), "{container}");
        }
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
            r#"{"sensor":"s1","severity":5,"detections":[{"id":1}]}"#,
            r#"{"sensor":"s1","severity":5,"detections":[]}"#,
            r#"{"detections":[{"id":1}],"count":1,"sensor":"s1"}"#,
            r#"{"message":"x","events":[{"a":1}]}"#,
            r#"{"status":"open","alerts":[{"a":1}]}"#,
            r#"{"_id":"1","status":200,"events":[{"a":1}]}"#,
            r#"{"severity":5,"data":{"events":[{"a":1}]}}"#,
            r#"{"data":{"name":"x","events":[{"a":1}]}}"#,
            r#"{"nextHop":"x","results":[{"a":1}]}"#,
            r#"{"query":"example.org","results":[{"a":1}]}"#,
            r#"{"first":"Ann","last":"Ox","activities":[{"a":1}]}"#,
            r#"{"owner":[{"a":1}],"logs":[{"a":1}]}"#,
            r#"{"alerts":[{"a":1}],"events":[{"a":1}]}"#,
            "{}",
            "",
        ] {
            assert_eq!(inner(event), None, "{event}");
        }
    }
}
