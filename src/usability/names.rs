//! Names of the fields that occur in events, and those among them that were probably meant.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::event::time::TimeFormats;
use crate::event::{FieldNames, FieldPath, equal_ignoring_case, split_form};
use crate::spelling::{Swap, edit_distance};
use crate::terminal::quoted;

/// Upper limit on the names that a message suggests.
const MAX_SUGGESTED: usize = 3;

/// Upper limit on the names that a message lists if none is near.
const MAX_LISTED: usize = 5;

/// Smallest length of a text that may be taken for a time: shorter ones are years and numbers.
const MIN_TIME_CHARS: usize = 10;

/// Upper limit on the bytes of a name that is considered: nobody means a longer one.
const MAX_NAME_BYTES: usize = 255;

/// Upper limit on the names that are considered.
const MAX_NAMES: usize = 100_000;

/// Names of fields with the number of events that have them, and of those where it reads as a time.
#[derive(Debug, Default)]
pub(super) struct OccurringNames(BTreeMap<String, Occurrences>);

#[derive(Debug, Default)]
struct Occurrences {
    events: usize,
    times: usize,
}

/// Nearness of a name to another; the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// They differ in case, dots and other signs only.
    SameLetters,
    /// One is the other below an object: `host.name` and `winlog.host.name`.
    SameEnd,
    /// So many letters differ.
    Typo(usize),
    /// They are forms of one field: `x.raw` and `x.keyword`.
    OtherForm,
    /// The other one lacks so many of the last parts: `url` is above `url.full`.
    Above(usize),
    /// The other one has so many parts more.
    Below(usize),
}

impl OccurringNames {
    pub(super) fn of(events: &[Map<String, Value>]) -> Self {
        let mut names = OccurringNames::default();
        for event in events {
            let mut of_event = BTreeMap::new();
            leaves(event, &mut String::new(), &mut of_event);
            for (name, is_time) in of_event {
                let Some(known) = entry(&mut names.0, &name) else { continue };
                known.events += 1;
                known.times += usize::from(is_time);
            }
        }
        names
    }

    pub(super) fn mapped(names: &[String]) -> Self {
        OccurringNames(names.iter().map(|name| (name.clone(), Occurrences::default())).collect())
    }

    /// Adds the names that a mapping has for forms of these fields.
    pub(super) fn with_forms(mut self, names: &FieldNames) -> Self {
        for (name, of) in names.mapped_forms() {
            if self.0.contains_key(of.as_str()) {
                self.0.entry(name).or_default();
            }
        }
        self
    }

    /// Returns the names near `name`, in brackets; nothing if there are none.
    pub(super) fn meant_by(&self, name: &str) -> String {
        match self.nearest(name) {
            names if names.is_empty() => String::new(),
            names => format!(" (did you mean {names}?)"),
        }
    }

    /// Returns the names near `name`, or the most frequent ones, as the end of a sentence.
    pub(super) fn near(&self, name: &str) -> String {
        let nearest = self.nearest(name);
        if !nearest.is_empty() {
            return format!("; did you mean {nearest}?");
        }
        let mut frequent: Vec<(&String, &Occurrences)> = self.0.iter().collect();
        frequent.sort_by_key(|(known, found)| (!shares_part(name, known), Reverse(found.events), *known));
        let listed: Vec<String> = frequent.iter().take(MAX_LISTED).map(|(known, _)| quoted(known)).collect();
        if listed.is_empty() { String::new() } else { format!("; there are {}, for example", listed.join(", ")) }
    }

    fn nearest(&self, name: &str) -> String {
        let mut nearest = self.near_to(name);
        if nearest.is_empty() {
            // `user.nmae.keyword`: the field itself may be mistyped
            let form = FieldNames::default().form(&FieldPath::new(name));
            nearest = form.map(|form| self.near_to(form.of.as_str())).unwrap_or_default();
        }
        nearest.join(" or ")
    }

    fn near_to(&self, name: &str) -> Vec<String> {
        let occurs = self.0.contains_key(name);
        let mut found: Vec<(Nearness, Reverse<usize>, &String)> = Vec::new();
        for (known, occurrences) in self.0.iter().filter(|(known, _)| *known != name) {
            let other =
                || self.is_form_beside(name, known).then_some(Nearness::OtherForm).or_else(|| relation(name, known));
            let near = nearness(name, known).or_else(|| if occurs { None } else { other() });
            found.extend(near.map(|near| (near, Reverse(occurrences.events), known)));
        }
        found.sort();
        found.into_iter().take(MAX_SUGGESTED).map(|(_, _, known)| quoted(known)).collect()
    }

    /// True if `known` is a form of the field of which `name` would be another one.
    fn is_form_beside(&self, name: &str, known: &str) -> bool {
        let fields = split_form(name).zip(split_form(known));
        fields.is_some_and(|((a, _), (b, _))| equal_ignoring_case(a, b) && self.0.contains_key(b))
    }

    /// Returns the names of fields that hold times, as the end of a sentence.
    pub(super) fn with_times(&self) -> String {
        let mut found: Vec<(&String, &Occurrences)> = self.0.iter().filter(|(_, found)| found.times > 0).collect();
        found.sort_by_key(|(name, found)| (Reverse(found.times), *name));
        let found: Vec<String> = found.iter().take(MAX_SUGGESTED).map(|(name, _)| quoted(name)).collect();
        match found.as_slice() {
            [] => ": name the field of the time with timestamp_field".to_owned(),
            names => format!(": set timestamp_field; did you mean {}?", names.join(" or ")),
        }
    }
}

/// Collects the names of the leaves of an object, and whether they read as times. `above` is the
/// object's own name.
fn leaves(object: &Map<String, Value>, above: &mut String, found: &mut BTreeMap<String, bool>) {
    let n_above = above.len();
    for (key, value) in object {
        if n_above + key.len() >= MAX_NAME_BYTES {
            continue;
        }
        if n_above > 0 {
            above.push('.');
        }
        above.push_str(key);
        leaf(value, above, found);
        above.truncate(n_above);
    }
}

fn leaf(value: &Value, name: &mut String, found: &mut BTreeMap<String, bool>) {
    let is_time = match value {
        Value::Null => return,
        Value::Object(inner) => return leaves(inner, name, found),
        Value::Array(items) => return items.iter().for_each(|item| leaf(item, name, found)),
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.len() >= MIN_TIME_CHARS && TimeFormats::default().micros_of_text(text).is_some(),
    };
    if let Some(known) = entry(found, name) {
        *known = is_time;
    }
}

/// Returns what is known of a name; `None` for a new one if there are too many.
fn entry<'a, T: Default>(known: &'a mut BTreeMap<String, T>, name: &str) -> Option<&'a mut T> {
    if !known.contains_key(name) {
        if known.len() == MAX_NAMES {
            return None;
        }
        known.insert(name.to_owned(), T::default());
    }
    known.get_mut(name)
}

fn nearness(name: &str, known: &str) -> Option<Nearness> {
    let (wanted, found) = (parts(name), parts(known));
    let (short, long) = if wanted.len() <= found.len() { (&wanted, &found) } else { (&found, &wanted) };
    if wanted.concat() == found.concat() {
        return Some(Nearness::SameLetters);
    }
    if !short.is_empty() && long.ends_with(short) {
        return Some(Nearness::SameEnd);
    }
    let letters = |parts: &[String]| parts.concat().chars().collect::<Vec<char>>();
    let (wanted, found) = (letters(&wanted), letters(&found));
    let has_other_length = wanted.len() != found.len();
    let tolerated = match wanted.len().min(found.len()) {
        0..=2 => 0,
        // many words of three letters are one letter away from another one
        3 => usize::from(has_other_length),
        4..=7 => 1,
        8..=15 => 2,
        _ => 3,
    };
    if wanted.len().abs_diff(found.len()) > tolerated {
        return None;
    }
    let distance = edit_distance(&wanted, &found, Swap::OneEdit);
    (distance <= tolerated).then_some(Nearness::Typo(distance))
}

/// Nearness of names of which one is an object or a field, and the other one is below it.
fn relation(name: &str, known: &str) -> Option<Nearness> {
    let (wanted, found) = (parts(name), parts(known));
    if found.is_empty() || wanted.is_empty() {
        None
    } else if wanted.starts_with(&found) {
        Some(Nearness::Above(wanted.len() - found.len()))
    } else {
        found.starts_with(&wanted).then(|| Nearness::Below(found.len() - wanted.len()))
    }
}

fn shares_part(name: &str, known: &str) -> bool {
    let known = parts(known);
    parts(name).iter().any(|part| known.contains(part))
}

/// Parts of a name between its dots, without case and signs.
fn parts(name: &str) -> Vec<String> {
    let letters = |part: &str| part.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    name.split('.').map(letters).filter(|part: &String| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(events: &[Value]) -> OccurringNames {
        OccurringNames::of(&events.iter().map(|event| event.as_object().unwrap().clone()).collect::<Vec<_>>())
    }

    #[test]
    fn names_that_were_probably_meant() {
        let events = [json!({
            "EventID": 1, "winlog": {"computer_name": "a"}, "process": {"command_line": "x", "name": "y"},
            "id.resp_h": "h", "answers": [{"rdata": 1}, {"ttl": 2}], "url": "u", "gone": null
        })];
        for (name, expected) in [
            ("event_id", "; did you mean `EventID`?"),
            ("EvntID", "; did you mean `EventID`?"),
            ("computer_name", "; did you mean `winlog.computer_name`?"),
            ("CommandLine", "; did you mean `process.command_line`?"),
            ("winlog.event_id", "; did you mean `EventID`?"),
            ("id_resp_h", "; did you mean `id.resp_h`?"),
            ("answers.rdta", "; did you mean `answers.rdata`?"),
            ("process.name.kwd", "; did you mean `process.name`?"),
            ("process.nmae.keyword", "; did you mean `process.name`?"),
            ("answers", "; did you mean `answers.rdata` or `answers.ttl`?"),
            ("urll", "; did you mean `url`?"),
            ("url.full", "; did you mean `url`?"),
            (
                "process.path",
                "; there are `process.command_line`, `process.name`, `EventID`, `answers.rdata`, `answers.ttl`, \
                 for example",
            ),
            (
                "gone",
                "; there are `EventID`, `answers.rdata`, `answers.ttl`, `id.resp_h`, `process.command_line`, for example",
            ),
        ] {
            assert_eq!(names(&events).near(name), expected, "{name}");
        }
        assert_eq!(names(&[]).near("a"), "");
        let mapping = br#"{"properties": {"msg": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
            "gone": {"type": "text", "fields": {"raw": {"type": "keyword"}}}}}"#;
        let mapping = crate::query::Mapping::parse(mapping).unwrap();
        let mapped = FieldNames::default().with_mapping(std::sync::Arc::new(mapping));
        let known = names(&[json!({"msg": "a"})]).with_forms(&mapped);
        assert_eq!(known.near("msg.raw"), "; did you mean `msg.keyword` or `msg`?");
        assert_eq!(known.near("msg"), "; there are `msg`, `msg.keyword`, for example");
        assert_eq!(names(&[json!({"\u{1b}[2Jab": 1})]).near("x"), "; there are `\\u{1b}[2Jab`, for example");
    }

    #[test]
    fn fields_with_times_are_suggested() {
        let events = [json!({"when": "2024-05-01T10:00:00Z", "year": "2024", "a": "x"}), json!({"when": "no"})];
        assert_eq!(names(&events).with_times(), ": set timestamp_field; did you mean `when`?");
        assert_eq!(names(&events[1..]).with_times(), ": name the field of the time with timestamp_field");
    }

    #[test]
    fn names_that_nobody_means_take_no_memory() {
        let members = |n: usize| (0..n).map(|n| (format!("m{n}"), json!(n))).collect::<Map<String, Value>>();
        // with names of 4 MiB each
        let event = json!({"o": {"k".repeat(4 << 20): members(200_000)}, "user": "x"});
        assert_eq!(names(&[event]).0.into_keys().collect::<Vec<_>>(), ["user"]);
        let list = json!({"k".repeat(4 << 20): (0..200_000).collect::<Vec<_>>(), "user": "x"});
        assert_eq!(names(&[list]).0.len(), 1);
        let many = Value::Object(members(MAX_NAMES + 10));
        assert_eq!(names(&[many.clone(), json!({"a": 1}), many]).0.len(), MAX_NAMES);
    }
}
