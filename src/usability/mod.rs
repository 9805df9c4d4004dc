//! Assesses whether the use cases can use the events that were read. A use case that cannot use any
//! of the events it matches has learned nothing about them, which is not the same as finding
//! nothing.

mod names;
mod times;

use std::cell::OnceCell;

use serde_json::{Map, Value};

use crate::event::decode::ColumnKind;
use crate::event::{FieldNames, FieldPath, FieldValue, equal_ignoring_case, has_shape};
use crate::ingest::{FirstEvents, Ingested, Usage};
use crate::plan::{PlannedUseCase, ScanPlan, column_name};
use crate::query::{NamedField, Sign, other_names};
use crate::sources::EventSource;
use crate::spelling::named_values;
use crate::table::{FieldSource, MetricSpec};
use crate::terminal::{counted, quoted};
use names::OccurringNames;

pub use times::{IN_FUTURE, is_all_in_future};

/// Upper limit on the characters of a value that a message quotes.
const QUOTED_CHARS: usize = 40;

named_values! {
    /// Conclusion whether a use case can use the events.
    Usability {
        /// It can.
        Usable = "usable",
        /// No event matches its query.
        NoEvents = "no_events",
        /// Events match, but their fields are not those that it needs.
        Unusable = "unusable",
    }
}

/// Usability of the events for one use case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Conclusion.
    pub usability: Usability,
    /// Reasons and doubts, one sentence each, which name the field and the cure.
    pub notes: Vec<String>,
}

/// Assesses all use cases of `plan`, in its order. Some events are read again if a message needs
/// the names of their fields.
pub fn assess(plan: &ScanPlan, ingested: &Ingested, source: &dyn EventSource) -> Vec<Assessment> {
    let first_names = OnceCell::new();
    let assess = |(use_case_idx, planned): (usize, &PlannedUseCase)| {
        let usage = &ingested.usage[use_case_idx];
        Assessing { plan, planned, usage, ingested, source, use_case_idx, first_names: &first_names }.assess()
    };
    plan.use_cases.iter().enumerate().map(assess).collect()
}

struct Assessing<'a> {
    plan: &'a ScanPlan,
    planned: &'a PlannedUseCase,
    usage: &'a Usage,
    ingested: &'a Ingested,
    source: &'a dyn EventSource,
    use_case_idx: usize,
    /// Names of the fields of the first events, for all use cases.
    first_names: &'a OnceCell<OccurringNames>,
}

impl Assessing<'_> {
    fn assess(&self) -> Assessment {
        let (unusable, doubts) = self.named_nowhere();
        let times = self.unread_times().into_iter().chain(self.future_times());
        let reasons: Vec<String> = times.chain(self.rows()).chain(unusable).collect();
        let usability = match (self.usage.matching, reasons.is_empty()) {
            (0, _) => Usability::NoEvents,
            (_, false) => Usability::Unusable,
            (_, true) if self.usage.events == 0 => Usability::NoEvents,
            (_, true) => Usability::Usable,
        };
        Assessment { usability, notes: reasons.into_iter().chain(doubts).collect() }
    }

    /// Fields of the query that occur in no event: those that let events match, and the others.
    fn named_nowhere(&self) -> (Vec<String>, Vec<String>) {
        let named: Vec<&NamedField> = self.planned.named_fields.iter().filter(|field| !self.occurs(field)).collect();
        // where no event was read, no name is to blame
        let is_unknown = self.source.mapped_fields().is_none() && self.ingested.summary.events == 0;
        if named.is_empty() || is_unknown {
            return (Vec::new(), Vec::new());
        }
        let names = self.first_names.get_or_init(|| self.names(&self.ingested.first));
        let lets_match = |field: &&NamedField| field.sign == Sign::Negated && self.usage.events > 0;
        let (unusable, doubts): (Vec<&NamedField>, Vec<&NamedField>) = named.into_iter().partition(lets_match);
        let described = |NamedField { name, .. }: &NamedField| match self.not_of_events(name) {
            Some(what) => format!("{} ({what}: queries look at fields of events only)", quoted(name)),
            None => format!("{}{}", quoted(name), names.meant_by(name)),
        };
        let unusable = unusable.into_iter().map(|field| {
            format!("the query excludes values of {}, which occurs in no event: it excludes nothing", described(field))
        });
        let doubts: Vec<String> = doubts.into_iter().map(described).collect();
        let doubt = match doubts.as_slice() {
            [] => None,
            [one] => Some(format!("the query names {one}, which occurs in no event")),
            several => Some(format!("the query names {}, which occur in no event", several.join(", "))),
        };
        (unusable.collect(), doubt.into_iter().collect())
    }

    /// Says what `name` is if it is not a field of events.
    fn not_of_events(&self, name: &str) -> Option<&'static str> {
        let form = FieldNames::default().form(&FieldPath::new(name));
        let is_derived = |name: &str| {
            let mut rules = self.planned.derived.iter().flat_map(|rules| rules.keys());
            rules.any(|(_, key)| equal_ignoring_case(key, name))
        };
        if self.plan.names.is_named_value(name) {
            Some("a named value")
        } else {
            (is_derived(name) || form.is_some_and(|form| is_derived(form.of.as_str()))).then_some("a derived field")
        }
    }

    fn occurs(&self, NamedField { name, columns, .. }: &NamedField) -> bool {
        match self.source.mapped_fields() {
            None => columns.iter().any(|column| self.ingested.filled.contains(&column.name())),
            Some(mapped) => {
                // documents may have fields below an object that is not mapped in full
                let may_be = |known: &str, name: &str| {
                    has_shape(known, name) || (mapped.has_unmapped && name.starts_with(&format!("{known}.")))
                };
                let mut names = [name.clone()].into_iter().chain(other_names(name, &self.plan.names));
                names.any(|name| mapped.names.iter().any(|known| may_be(known, &name)))
            }
        }
    }

    /// Reason why no matching event gave a row.
    fn rows(&self) -> Option<String> {
        let Usage { events, rows, too_many_rows, without_target, .. } = *self.usage;
        if events == 0 || rows > 0 || too_many_rows > 0 {
            return None;
        }
        let view = &self.planned.view;
        let layout = &self.plan.layout;
        if without_target == 0 {
            return self.key("aggregator", &layout.keys[view.aggregator?].fields);
        }
        match (view.target, view.value) {
            (Some(key_idx), _) => self.key("target", &layout.keys[key_idx].fields),
            (None, metric_idx) => self.number(&layout.metrics[metric_idx?]),
        }
    }

    /// Describes a metric that no event has.
    fn number(&self, MetricSpec { field, metric }: &MetricSpec) -> Option<String> {
        match self.matching_events().iter().find_map(|event| self.value_of(event, &field.path)) {
            Some(value) => Some(format!(
                "{}: {}, such as {}, has no {}: name another target or metric",
                self.none_of(),
                quoted(field.path.as_str()),
                excerpt(&value),
                metric.as_str()
            )),
            None => self.key("target", std::slice::from_ref(field)),
        }
    }

    /// Describes a key of the configuration none of whose sentences could be made.
    fn key(&self, key: &str, fields: &[FieldSource]) -> Option<String> {
        let is_missing = |field: &&FieldSource| {
            !self.is_filled(ColumnKind::Elements, &field.path) && !self.is_filled(ColumnKind::Joined, &field.path)
        };
        let missing: Vec<&FieldSource> = fields.iter().filter(is_missing).collect();
        let none = self.none_of();
        if let Some(field) = missing.iter().find(|field| field.derived.is_some()) {
            let name = quoted(field.path.as_str());
            return Some(format!("{none}: no pattern derives the {key} {name} from any of them; see [derivedfields]"));
        }
        if missing.is_empty() {
            let names: Vec<String> = fields.iter().map(|field| quoted(field.path.as_str())).collect();
            return Some(format!(
                "{none}: the {key} {} has usable values in other events only; correct the query or the {key}",
                names.join(", ")
            ));
        }
        let names = self.names(&self.ingested.first_matching[self.use_case_idx]);
        let described = missing.into_iter().map(|field| {
            let name = field.path.as_str();
            format!("the {key} {} has no usable value in any event{}", quoted(name), names.near(name))
        });
        Some(format!("{none}: {}", described.collect::<Vec<_>>().join("; ")))
    }

    fn none_of(&self) -> String {
        let events = counted(self.usage.events, "event that matches", "events that match");
        format!("none of the {events} can be judged")
    }

    /// Names of the fields that occur.
    fn names(&self, events: &FirstEvents) -> OccurringNames {
        match self.source.mapped_fields() {
            Some(mapped) => OccurringNames::mapped(&mapped.names),
            None => OccurringNames::of(&self.read(events)).with_forms(&self.plan.names),
        }
    }

    fn is_filled(&self, kind: ColumnKind, field: &FieldPath) -> bool {
        self.ingested.filled.contains(&column_name(kind, field))
    }

    fn matching_events(&self) -> Vec<Map<String, Value>> {
        let matching = &self.ingested.first_matching[self.use_case_idx];
        // events that a window leaves out for want of a time are not kept
        self.read(if matching.places().is_empty() { &self.ingested.first } else { matching })
    }

    /// Reads events again. Advice is worth no failure: what cannot be read gives none.
    fn read(&self, events: &FirstEvents) -> Vec<Map<String, Value>> {
        let found = self.source.fetch(events.places()).unwrap_or_default();
        let parsed = found.into_iter().flatten().filter_map(|document| serde_json::from_str(&document.text).ok());
        parsed.collect()
    }

    fn value_of(&self, event: &Map<String, Value>, field: &FieldPath) -> Option<Value> {
        let value = match self.plan.names.value(event, field)? {
            FieldValue::One(value) => value.into_owned(),
            FieldValue::Several(texts) => Value::from(texts),
        };
        Some(value).filter(|value| !value.is_null())
    }
}

fn excerpt(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let start: String = text.chars().take(QUOTED_CHARS).collect();
    quoted(&if start.len() < text.len() { format!("{start}…") } else { start })
}
