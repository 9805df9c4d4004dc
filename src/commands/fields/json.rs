//! An exploration as JSON.

use serde_json::{Value, json};

use super::exploration::{AskedUseCase, EventTime, Exploration, Origin};
use super::suggestion::Suggestion;
use super::text::GAPS;
use crate::findings::shown_time;
use crate::inventory::{FieldExample, InventoryField};

/// Returns an exploration as an object.
pub(super) fn value(exploration: &Exploration, suggestions: &[Suggestion]) -> Value {
    let inventory = &exploration.inventory;
    let counts = |counts: &[(String, u64)], key: &str| -> Vec<Value> {
        counts.iter().map(|(name, events)| json!({key: name, "events": events})).collect()
    };
    json!({
        "events": inventory.events,
        "origin": origin(&exploration.origin),
        "time": exploration.time.as_ref().map(time),
        "sources": counts(&exploration.sources, "name"),
        "kinds": counts(&exploration.kinds, "macro"),
        "fields": inventory.fields.iter().map(|of| field(of, inventory.events)).collect::<Vec<_>>(),
        "names": inventory.names,
        "left_out": inventory.left_out,
        "too_long_names": inventory.too_long,
        "use_cases": exploration.use_cases.iter().map(use_case).collect::<Vec<_>>(),
        "suggestions": suggestions.iter().map(suggestion).collect::<Vec<_>>(),
        "problems": exploration.problems.iter().map(|problem| &problem.message).collect::<Vec<_>>(),
    })
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Files(n) => json!({"files": n, "read": "whole"}),
        Origin::FirstOfFiles(n) => json!({"files": n, "read": "first events"}),
        Origin::Cluster(n) => json!({"documents": n, "read": "random sample"}),
    }
}

fn time(EventTime { fields, times }: &EventTime) -> Value {
    let range = times.range().map(|(first, last)| [shown_time(first), shown_time(last)]);
    let [first, last] = range.unwrap_or_default();
    let gap = |(from, to)| json!({"from": shown_time(from), "to": shown_time(to)});
    json!({"fields": fields, "first": first, "last": last, "gaps": times.gaps(GAPS).into_iter().map(gap).collect::<Vec<_>>()})
}

fn field(field: &InventoryField, n_events: u64) -> Value {
    let kinds = field.kinds.iter().map(|(kind, n)| json!({"kind": kind.as_str(), "values": n}));
    let example =
        |FieldExample { text, is_cut, count }: &FieldExample| json!({"text": text, "is_cut": is_cut, "values": count});
    let (least, most) = field.numbers.unzip();
    let (first, last) = field.times.range().unzip();
    json!({
        "name": field.name,
        "type": field.main_kind().as_str(),
        "kinds": kinds.collect::<Vec<_>>(),
        "events": field.events,
        "share": field.events as f64 / n_events.max(1) as f64,
        "lists": field.lists,
        "values": field.values,
        "distinct": field.distinct,
        "distinct_is_estimate": field.is_estimate,
        "median_length": field.median_length,
        "longest": field.longest,
        "least": least,
        "most": most,
        "first": first.and_then(shown_time),
        "last": last.and_then(shown_time),
        "examples": field.examples.iter().map(example).collect::<Vec<_>>(),
    })
}

fn use_case(AskedUseCase { name, events, assessment }: &AskedUseCase) -> Value {
    json!({"name": name, "events": events, "usability": assessment.usability.as_str(), "notes": assessment.notes})
}

fn suggestion(Suggestion { section, why, text }: &Suggestion) -> Value {
    json!({"use_case": section, "why": why, "text": text})
}
