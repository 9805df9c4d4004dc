//! Events of Windows with all of their fields at the top level.
//!
//! Fields of the system have the names that collectors such as NXLog and Winlogbeat's exports give
//! them; the rest have those of the event.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Members of an object, in order.
#[derive(Debug, Default)]
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Name of a member, borrowed if it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    /// Members of a value; none if it is not an object.
    fn of(value: &'a RawValue) -> Self {
        serde_json::from_str(value.get()).unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// Members but the attributes of the element itself.
    fn fields(&self) -> impl Iterator<Item = &(Cow<'a, str>, &'a RawValue)> {
        self.0.iter().filter(|(name, _)| name != ATTRIBUTES)
    }
}

/// Key of an element's attributes.
const ATTRIBUTES: &str = "#attributes";

/// Key of the text of an element that has attributes.
const TEXT: &str = "#text";

/// Attributes of elements of the system, and the names of their fields.
const SYSTEM_ATTRIBUTES: [(&str, &str, &str); 11] = [
    ("Provider", "Name", "SourceName"),
    ("Provider", "Guid", "ProviderGuid"),
    ("Provider", "EventSourceName", "EventSourceName"),
    ("EventID", "Qualifiers", "Qualifiers"),
    ("TimeCreated", "SystemTime", "@timestamp"),
    ("Correlation", "ActivityID", "ActivityID"),
    ("Correlation", "RelatedActivityID", "RelatedActivityID"),
    ("Execution", "ProcessID", "ExecutionProcessID"),
    ("Execution", "ThreadID", "ThreadID"),
    ("Execution", "ProcessorID", "ProcessorID"),
    ("Security", "UserID", "UserID"),
];

/// Fields that are given by the text of an element of the system.
const SYSTEM_TEXTS: [(&str, &str); 10] = [
    ("EventID", "EventID"),
    ("Version", "Version"),
    ("Level", "Level"),
    ("Task", "Task"),
    ("Opcode", "Opcode"),
    ("Keywords", "Keywords"),
    ("EventRecordID", "RecordNumber"),
    ("Channel", "Channel"),
    ("Computer", "Computer"),
    // the name that use cases know from collectors
    ("Computer", "Hostname"),
];

/// Appends a record as a line: a hit with the record's number as its id. `json`: the record's XML
/// as JSON. `time` is used for a record that does not tell its own.
///
/// # Errors
/// JSON that is not an event.
pub(super) fn write(number: u64, json: &str, time: &dyn Fn() -> String, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let root: Members<'_> = serde_json::from_str(json)?;
    let event = root.get("Event").map(Members::of).unwrap_or_default();
    let mut line = Line { names: HashSet::new(), out };
    line.out.extend_from_slice(format!("{{\"_id\":\"{number}\",\"_source\":{{").as_bytes());
    let system = event.get("System").map(Members::of).unwrap_or_default();
    line.add_system(&system);
    if !line.has("@timestamp") {
        let text = format!("\"{}\"", time());
        line.add_text("@timestamp", &text);
    }
    for (name, value) in event.fields() {
        let members = Members::of(value);
        match name.as_ref() {
            "System" => {}
            "EventData" => line.add_fields(&members),
            // one element, whose name is that of a schema
            "UserData" => members.fields().for_each(|(_, value)| line.add_fields(&Members::of(value))),
            name => line.add(name, value),
        }
    }
    line.out.extend_from_slice(b"}}\n");
    Ok(())
}

/// A line under construction.
struct Line<'o> {
    names: HashSet<String>,
    out: &'o mut Vec<u8>,
}

impl Line<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn add_system(&mut self, system: &Members<'_>) {
        for (element, attribute, name) in SYSTEM_ATTRIBUTES {
            let attributes = system.get(element).and_then(|value| Members::of(value).get(ATTRIBUTES));
            if let Some(value) = attributes.and_then(|attributes| Members::of(attributes).get(attribute)) {
                self.add(name, value);
            }
        }
        for (element, name) in SYSTEM_TEXTS {
            if let Some(value) = system.get(element) {
                self.add(name, value);
            }
        }
    }

    /// Adds the fields of an event. One that has a name of the system has a longer name here: the
    /// writer of an event must not replace what Windows says about it.
    fn add_fields(&mut self, fields: &Members<'_>) {
        for (name, value) in fields.fields() {
            if self.has(name) {
                self.add(&format!("EventData.{name}"), value);
            } else {
                self.add(name, value);
            }
        }
    }

    /// Adds a field: the text of an element if it has one, else the value as it is.
    fn add(&mut self, name: &str, value: &RawValue) {
        let text = if value.get().starts_with('{') { Members::of(value).get(TEXT) } else { None };
        self.add_text(name, text.unwrap_or(value).get());
    }

    fn add_text(&mut self, name: &str, json: &str) {
        if json == "null" {
            return;
        }
        if !self.names.is_empty() {
            self.out.push(b',');
        }
        let key = serde_json::Value::from(name).to_string();
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(json.as_bytes());
        self.names.insert(name.to_owned());
    }
}
