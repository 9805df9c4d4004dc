//! Assesses whether the use cases can use the events that were read. A use case that cannot use any
//! of the events it matches has learned nothing about them, which is not the same as finding
//! nothing.

mod names;
mod times;

use std::cell::{LazyCell, OnceCell};
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::elastic::MappedFields;
use crate::event::decode::ColumnKind;
use crate::event::geo::is_about_an_address;
use crate::event::sentences::Values;
use crate::event::{FieldNames, FieldPath, FieldValue, equal_ignoring_case, has_shape, lookup};
use crate::ingest::{FirstEvents, Ingested, Usage};
use crate::plan::{PlannedUseCase, ScanPlan, column_name};
use crate::query::{NamedField, Sign, can_match, other_names};
use crate::sources::EventSource;
use crate::spelling::named_values;
use crate::table::{FieldSource, KeySpec, MetricSpec, ViewColumns};
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
        /// No event has the fields that it needs, whatever their names: the events are of another
        /// kind.
        NotApplicable = "not_applicable",
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

/// Returns the other names under which the fields of `plan` occur, by the names that use cases
/// write. Names that only aggregators and targets have are looked for in some of the first events.
pub fn names_in_use(plan: &ScanPlan, ingested: &Ingested, source: &dyn EventSource) -> BTreeMap<String, Vec<String>> {
    if !plan.names.has_aliases() || ingested.summary.events == 0 {
        return BTreeMap::new();
    }
    let named = plan.use_cases.iter().flat_map(|planned| planned.named_fields.iter().map(|field| field.name.as_str()));
    let keys = plan.layout.keys.iter().flat_map(|key| key.fields.iter().map(|field| field.path.as_str()));
    let metrics = plan.layout.metrics.iter().map(|metric| metric.field.path.as_str());
    let times = plan.layout.times.iter().map(|time| time.field.as_str());
    let written: BTreeSet<&str> = named.chain(keys).chain(metrics).chain(times).collect();
    let first = LazyCell::new(|| read(source, &ingested.first));
    let occurs = |other: &&FieldPath| match source.mapped_fields() {
        Some(mapped) => mapped.names.iter().any(|known| has_shape(known, other.as_str())),
        None => {
            ingested.filled.contains(&column_name(ColumnKind::Leaves, other))
                || first.iter().any(|event| lookup(event, other).is_some_and(|value| value.text().is_some()))
        }
    };
    let in_use =
        |name: &str| plan.names.aliases(name).filter(occurs).map(FieldPath::to_string).collect::<Vec<String>>();
    let names = written.into_iter().map(|name| (name.to_owned(), in_use(name)));
    names.filter(|(_, others)| !others.is_empty()).collect()
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
        if let Some(note) = self.not_applicable() {
            return Assessment { usability: Usability::NotApplicable, notes: vec![note] };
        }
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

    /// Reason why the events are of another kind: fields with several names, none of which occurs,
    /// without which the query matches nothing or its model has nothing to judge.
    fn not_applicable(&self) -> Option<String> {
        let is_unknown = self.source.mapped_fields().is_none() && self.ingested.summary.events == 0;
        if !self.plan.names.has_aliases() || is_unknown || self.usage.rows > 0 {
            return None;
        }
        let has_names = |name: &str| self.plan.names.aliases(name).next().is_some();
        let mut missing: Vec<&str> = self.keys().filter(|key| !self.key_occurs(key)).map(FieldPath::as_str).collect();
        missing.retain(|name| has_names(name));
        let named = self.planned.named_fields.iter().filter(|field| !self.occurs(field));
        let of_query: Vec<&str> = named.map(|field| field.name.as_str()).filter(|name| has_names(name)).collect();
        let cannot_match = !can_match(&self.planned.use_case.query, &|name| of_query.contains(&name));
        if missing.is_empty() && !cannot_match {
            let names: Vec<String> = self.keys().map(|key| quoted(key.as_str())).collect();
            // those that match are events of the same kind, but of another source
            let is_known = !names.is_empty() && self.keys().all(|key| has_names(key.as_str()));
            let Usage { events, too_many_rows, .. } = *self.usage;
            let events_without = (is_known && events > 0 && too_many_rows == 0).then(|| self.none_of());
            return events_without.map(|none| format!("{none}: {} has values in other events only", names.join(", ")));
        }
        missing.extend(of_query.into_iter().filter(|_| cannot_match));
        let names: BTreeSet<String> = missing.iter().copied().map(quoted).collect();
        Some(match Vec::from_iter(names).as_slice() {
            [] => "no event is of the kind that it looks at".to_owned(),
            names => format!("no event has {}{}", names.join(", "), self.cure_for(&missing)),
        })
    }

    /// Cure for missing fields that a database of addresses may know, if there is none.
    fn cure_for(&self, missing: &[&str]) -> &'static str {
        let is_unknown = |name: &&str| is_about_an_address(name) && !self.plan.names.is_fact(name);
        let is_curable = missing.iter().any(is_unknown);
        if is_curable { "; [geoip] can name a database that knows it of addresses" } else { "" }
    }

    /// Fields without which the model has nothing to judge, but for those that are derived.
    fn keys(&self) -> impl Iterator<Item = &FieldPath> {
        let ViewColumns { aggregator, target, value, .. } = self.planned.view;
        let layout = &self.plan.layout;
        let keys = [aggregator, target].into_iter().flatten().flat_map(|key_idx| &layout.keys[key_idx].fields);
        let fields = keys.chain(value.map(|metric_idx| &layout.metrics[metric_idx].field));
        fields.filter(|field| field.derived.is_none()).map(|field| &field.path)
    }

    fn key_occurs(&self, field: &FieldPath) -> bool {
        match self.source.mapped_fields() {
            None => self.has_values(field),
            Some(mapped) => self.is_mapped(mapped, field.as_str()),
        }
    }

    /// True if a mapping has a field, or another name of it.
    fn is_mapped(&self, mapped: &MappedFields, name: &str) -> bool {
        // documents may have fields below an object that is not mapped in full
        let may_be = |known: &str, name: &str| {
            has_shape(known, name) || (mapped.has_unmapped && name.starts_with(&format!("{known}.")))
        };
        let of_facts = self.plan.names.addresses_of(name).into_iter().map(|address| address.to_string());
        let mut names = [name.to_owned()].into_iter().chain(other_names(name, &self.plan.names)).chain(of_facts);
        names.any(|name| mapped.names.iter().any(|known| may_be(known, &name)))
    }

    /// Fields of the query that occur in no event: those that let events match, and the others.
    fn named_nowhere(&self) -> (Vec<String>, Vec<String>) {
        // macros name fields of many kinds of events, and what a profile knows is no mistake
        let is_known = |field: &&NamedField| field.is_of_macro || self.plan.names.aliases(&field.name).next().is_some();
        let named = self.planned.named_fields.iter().filter(|field| !is_known(field) && !self.occurs(field));
        let named: Vec<&NamedField> = named.collect();
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
            Some(mapped) => self.is_mapped(mapped, name),
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
            (Some(key_idx), _) => {
                let KeySpec { fields, values, .. } = &layout.keys[key_idx];
                self.key(if *values == Values::Point { "location" } else { "target" }, fields)
            }
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
        let missing: Vec<&FieldSource> = fields.iter().filter(|field| !self.has_values(&field.path)).collect();
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

    /// True if some event has a value of the field that a key or a metric can use.
    fn has_values(&self, field: &FieldPath) -> bool {
        let kinds = [ColumnKind::Elements, ColumnKind::Joined, ColumnKind::Points];
        kinds.into_iter().any(|kind| self.is_filled(kind, field))
    }

    fn is_filled(&self, kind: ColumnKind, field: &FieldPath) -> bool {
        self.ingested.filled.contains(&column_name(kind, field))
    }

    fn matching_events(&self) -> Vec<Map<String, Value>> {
        let matching = &self.ingested.first_matching[self.use_case_idx];
        // events that a window leaves out for want of a time are not kept
        self.read(if matching.places().is_empty() { &self.ingested.first } else { matching })
    }

    fn read(&self, events: &FirstEvents) -> Vec<Map<String, Value>> {
        read(self.source, events)
    }

    fn value_of(&self, event: &Map<String, Value>, field: &FieldPath) -> Option<Value> {
        let value = match self.plan.names.value(event, field)? {
            FieldValue::One(value) => value.into_owned(),
            FieldValue::Several(texts) => Value::from(texts),
        };
        Some(value).filter(|value| !value.is_null())
    }
}

/// Reads events again. Advice is worth no failure: what cannot be read gives none.
fn read(source: &dyn EventSource, events: &FirstEvents) -> Vec<Map<String, Value>> {
    let found = source.fetch(events.places()).unwrap_or_default();
    found.into_iter().flatten().filter_map(|document| serde_json::from_str(&document.text).ok()).collect()
}

fn excerpt(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let start: String = text.chars().take(QUOTED_CHARS).collect();
    quoted(&if start.len() < text.len() { format!("{start}…") } else { start })
}
