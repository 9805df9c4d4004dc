//! Events of Windows with all of their fields at the top level.
//!
//! Fields of the system have the names that collectors such as NXLog and Winlogbeat's exports give
//! them; the rest have those of the event.

use std::borrow::Cow;
use std::ops::Range;

use hashbrown::HashSet;

use super::scan::{NotJson, Scanner};
use super::shapes::{Leaf, Shapes};

/// Field of an event.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// Part of the name that tells a field of the event from one of the system; mostly empty.
    pub(super) prefix: &'static str,
    /// Rest of the name, as written between quotes in JSON.
    pub(super) name: &'a str,
    /// JSON text of the value.
    pub(super) value: Cow<'a, str>,
}

/// Prefix of a field whose name is taken: the writer of an event must not replace what Windows says
/// about it.
pub(super) const EVENT_DATA: &str = "EventData.";

/// Name of the time of an event.
const TIME: &str = "@timestamp";

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
    ("TimeCreated", "SystemTime", TIME),
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

/// Origin of a field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The schema of all events.
    Schema,
    /// Whoever wrote the event.
    Event,
}

/// Use of a value of a record.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// An attribute of [`SYSTEM_ATTRIBUTES`].
    Attribute(usize),
    /// A text of [`SYSTEM_TEXTS`].
    Text(usize),
    /// A field that is not one of the system.
    Other {
        origin: Origin,
        /// Bytes from the start of the name to that of the value.
        distance: usize,
        /// Bytes of the name.
        length: usize,
    },
}

/// Reader of the wanted fields of records.
pub(super) struct Reader<F> {
    is_wanted: F,
    /// Uses of the system's fields, those that are wanted.
    attributes: [bool; SYSTEM_ATTRIBUTES.len()],
    texts: [bool; SYSTEM_TEXTS.len()],
    shapes: Shapes<Use>,
}

impl<F: Fn(&str) -> bool> Reader<F> {
    /// `is_wanted` gets names as written in JSON, without a prefix: all fields of one name are
    /// wanted, or none of them.
    pub(super) fn new(is_wanted: F) -> Self {
        Reader {
            attributes: SYSTEM_ATTRIBUTES.map(|(.., name)| is_wanted(name)),
            texts: SYSTEM_TEXTS.map(|(_, name)| is_wanted(name)),
            is_wanted,
            shapes: Shapes::new(),
        }
    }

    /// Returns the wanted fields of a record. `json`: its XML as JSON. `time` is used for a record
    /// that does not tell its own.
    ///
    /// # Errors
    /// Text that is not JSON, or an event without a time.
    pub(super) fn fields<'a>(
        &mut self,
        json: &'a str,
        time: Option<&dyn Fn() -> String>,
    ) -> Result<Vec<Field<'a>>, NotJson> {
        let mut event = Event::default();
        if self.shapes.read(json, |used, value| event.set(used, json, value)) {
            return self.finish(event, time);
        }
        let mut walk = Walk { reader: self, json, event: Event::default(), leaves: Vec::new(), is_regular: true };
        walk.record()?;
        let Walk { event, leaves, is_regular, .. } = walk;
        if is_regular {
            self.shapes.learn(json, leaves);
        }
        self.finish(event, time)
    }

    fn finish<'a>(&self, event: Event<'a>, time: Option<&dyn Fn() -> String>) -> Result<Vec<Field<'a>>, NotJson> {
        let mut fields = Vec::with_capacity(event.others.len() + 8);
        let of_system = |name, value| Field { prefix: "", name, value };
        let mut has_time = false;
        for (((.., name), value), is_wanted) in SYSTEM_ATTRIBUTES.iter().zip(event.attributes).zip(self.attributes) {
            has_time |= *name == TIME && value.is_some();
            fields.extend(value.filter(|_| is_wanted).map(|value| of_system(name, value.into())));
        }
        for ((_, name), value) in SYSTEM_TEXTS.iter().zip(event.texts) {
            fields.extend(value.map(|value| of_system(name, value.into())));
        }
        if !has_time {
            fields.push(of_system(TIME, format!("\"{}\"", time.ok_or(NotJson)?()).into()));
        }
        if !event.others.is_empty() {
            let mut taken: HashSet<&str> = fields.iter().map(|field| field.name).collect();
            fields.extend(event.others.into_iter().map(|Other { origin, name, value }| {
                let prefix = if !taken.insert(name) && origin == Origin::Event { EVENT_DATA } else { "" };
                Field { prefix, name, value: value.into() }
            }));
        }
        Ok(fields)
    }
}

/// Wanted values of a record. Those of the system are told apart by their places in the tables.
#[derive(Default)]
struct Event<'a> {
    attributes: [Option<&'a str>; SYSTEM_ATTRIBUTES.len()],
    texts: [Option<&'a str>; SYSTEM_TEXTS.len()],
    others: Vec<Other<'a>>,
}

struct Other<'a> {
    origin: Origin,
    name: &'a str,
    value: &'a str,
}

impl<'a> Event<'a> {
    /// Takes the value at a place of the record `json`; the first of several counts.
    fn set(&mut self, used: Use, json: &'a str, place: Range<usize>) {
        let value = &json[place.clone()];
        match used {
            Use::Attribute(idx) => drop(self.attributes[idx].get_or_insert(value)),
            Use::Text(idx) => drop(self.texts[idx].get_or_insert(value)),
            Use::Other { origin, distance, length } => {
                let start = place.start - distance;
                self.others.push(Other { origin, name: &json[start..start + length], value });
            }
        }
    }
}

/// Walk through a record whose shape is not known.
struct Walk<'a, 'r, F> {
    reader: &'r Reader<F>,
    json: &'a str,
    event: Event<'a>,
    leaves: Vec<Leaf<Use>>,
    /// True while all used values are leaves.
    is_regular: bool,
}

impl<'a, F: Fn(&str) -> bool> Walk<'a, '_, F> {
    fn record(&mut self) -> Result<(), NotJson> {
        let mut json = Scanner::new(self.json);
        json.members(|json, name| match name {
            "Event" if json.is_at_object() => self.event(json),
            _ => self.skip(json),
        })?;
        json.end()
    }

    fn event(&mut self, json: &mut Scanner<'a>) -> Result<(), NotJson> {
        json.members(|json, name| match name {
            "System" if json.is_at_object() => json.members(|json, name| self.system(json, name)),
            "EventData" if json.is_at_object() => self.fields(json),
            // one element, whose name is that of a schema
            "UserData" if json.is_at_object() => json.members(|json, name| {
                if json.is_at_object() && name != ATTRIBUTES { self.fields(json) } else { self.skip(json) }
            }),
            ATTRIBUTES | "System" | "EventData" | "UserData" => self.skip(json),
            name => self.field(json, name, Origin::Schema),
        })
    }

    /// Reads an element of the system.
    fn system(&mut self, json: &mut Scanner<'a>, element: &str) -> Result<(), NotJson> {
        let text = self.element(json, Some(element))?;
        for (idx, _) in SYSTEM_TEXTS.iter().enumerate().filter(|(_, known)| known.0 == element) {
            if self.reader.texts[idx] {
                self.take(Use::Text(idx), text.clone());
            }
        }
        Ok(())
    }

    fn attribute(&mut self, element: &str, attribute: &str, value: Range<usize>) {
        let is_it = |known: &(&str, &str, &str)| known.0 == element && known.1 == attribute;
        if let Some(idx) = SYSTEM_ATTRIBUTES.iter().position(is_it)
            && (self.reader.attributes[idx] || SYSTEM_ATTRIBUTES[idx].2 == TIME)
        {
            self.take(Use::Attribute(idx), value);
        }
    }

    fn fields(&mut self, json: &mut Scanner<'a>) -> Result<(), NotJson> {
        json.members(
            |json, name| if name == ATTRIBUTES { self.skip(json) } else { self.field(json, name, Origin::Event) },
        )
    }

    fn field(&mut self, json: &mut Scanner<'a>, name: &'a str, origin: Origin) -> Result<(), NotJson> {
        // a quote and a colon follow the name
        let name_start = json.position() - name.len() - 2;
        let value = self.element(json, None)?;
        if (self.reader.is_wanted)(name) {
            let distance = value.start - name_start;
            self.take(Use::Other { origin, distance, length: name.len() }, value);
        }
        Ok(())
    }

    /// Passes an element and returns the place of its text, or of the whole element if it has no
    /// text of its own. `of_system`: its name, if it is one of the system.
    fn element(&mut self, json: &mut Scanner<'a>, of_system: Option<&str>) -> Result<Range<usize>, NotJson> {
        let start = json.position();
        if !json.is_at_object() {
            self.skip(json)?;
            return Ok(start..json.position());
        }
        let mut text = None;
        json.members(|json, name| match name {
            ATTRIBUTES if json.is_at_object() => json.members(|json, name| {
                let start = json.position();
                self.skip(json)?;
                of_system.into_iter().for_each(|element| self.attribute(element, name, start..json.position()));
                Ok(())
            }),
            name => {
                let start = json.position();
                self.skip(json)?;
                if name == TEXT {
                    text.get_or_insert(start..json.position());
                }
                Ok(())
            }
        })?;
        Ok(text.unwrap_or(start..json.position()))
    }

    fn skip(&mut self, json: &mut Scanner<'a>) -> Result<(), NotJson> {
        json.value(&mut |Range { start, end }| self.leaves.push(Leaf { start, end, uses: Vec::new() }))
    }

    fn take(&mut self, used: Use, place: Range<usize>) {
        if self.json[place.clone()] == *"null" {
            return;
        }
        self.event.set(used, self.json, place.clone());
        let distance = if let Use::Other { distance, .. } = used { distance } else { 0 };
        // other values between name and value would make the distance vary
        let first = self.leaves.partition_point(|leaf| leaf.start < place.start - distance);
        match self.leaves.get_mut(first).filter(|leaf| (leaf.start..leaf.end) == place) {
            Some(leaf) => leaf.uses.push(used),
            None => self.is_regular = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields<F: Fn(&str) -> bool>(reader: &mut Reader<F>, json: &str) -> Option<Vec<String>> {
        let fields = reader.fields(json, Some(&|| "now".to_owned())).ok()?;
        let written = |Field { prefix, name, value }: Field<'_>| format!("{prefix}{name}={value}");
        Some(fields.into_iter().map(written).collect())
    }

    #[test]
    fn names_of_the_system_are_not_replaced() {
        let json = r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"EventID":{"#attributes":{"Qualifiers":0},"#text":7},"TimeCreated":{"#attributes":{"SystemTime":"t"}},"Computer":"c","Security":null},"EventData":{"Computer":"forged","a":{"#attributes":{"b":1},"#text":"x"},"EventID":null},"UserData":{"Some":{"#attributes":{},"a":2,"list":[1]}},"RenderingInfo":{"Level":"l"}}}"##;
        let expected = [
            "Qualifiers=0",
            "@timestamp=\"t\"",
            "EventID=7",
            "Computer=\"c\"",
            "Hostname=\"c\"",
            "EventData.Computer=\"forged\"",
            "a=\"x\"",
            "EventData.a=2",
            "list=[1]",
            "RenderingInfo={\"Level\":\"l\"}",
        ];
        assert_eq!(fields(&mut Reader::new(|_| true), json).unwrap(), expected);
        let mut reader = Reader::new(|name| name == "Computer");
        let some = ["Computer=\"c\"", "EventData.Computer=\"forged\""];
        assert_eq!(fields(&mut reader, json).unwrap(), some);
        assert_eq!(fields(&mut Reader::new(|_| true), r#"{"x":1}"#).unwrap(), ["@timestamp=\"now\""]);
        assert_eq!(fields(&mut Reader::new(|_| true), r#"{"x":1"#), None);
    }

    /// Elements with `@` in the place of each value.
    fn element() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "@",
            "null",
            r##"{"#attributes":{"Name":@,"SystemTime":@}}"##,
            r##"{"#attributes":{"Name":@},"#text":@}"##,
            r##"{"#text":@,"x":@}"##,
            r##"{"inner":@}"##,
        ])
    }

    fn members(names: &'static [&'static str]) -> impl Strategy<Value = String> {
        let member = (prop::sample::select(names), element()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(",")))
    }

    fn template() -> impl Strategy<Value = String> {
        let system = members(&["EventID", "Computer", "TimeCreated", "Provider", "x"]);
        let data = members(&["Computer", "SourceName", "a", "b", "#attributes"]);
        (system, data, members(&["a", "EventData"])).prop_map(|(system, data, user)| {
            format!("{{\"Event\":{{\"System\":{system},\"EventData\":{data},\"UserData\":{{\"s\":{user}}}}}}}")
        })
    }

    fn record(template: &str, values: &mut impl Iterator<Item = &'static str>) -> String {
        let mut parts = template.split('@');
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |record, part| record + values.next().unwrap() + part)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn what_was_read_before_does_not_matter(
            templates in prop::collection::vec(template(), 1..4),
            values in prop::collection::vec(
                prop::sample::select(vec!["1", "-12.5", "\"\"", "\"xyz\"", "\"\\\"é\"", "null", "true", "[1,\"y\"]"]),
                1..80,
            ),
        ) {
            let mut values = values.into_iter().cycle();
            let records: Vec<String> =
                (0..30).map(|idx| record(&templates[idx % templates.len()], &mut values)).collect();
            for is_wanted in [|_: &str| true, |name: &str| name == "Computer" || name == "a"] {
                let mut reader = Reader::new(is_wanted);
                for record in &records {
                    let alone = fields(&mut Reader::new(is_wanted), record);
                    prop_assert!(alone.is_some());
                    prop_assert_eq!(fields(&mut reader, record), alone);
                }
            }
        }
    }
}
