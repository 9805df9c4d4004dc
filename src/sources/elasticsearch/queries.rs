//! Use cases -> request to the server: one named query each, all in one `bool`.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::config::UseCaseQuery;
use crate::plan::{PlannedUseCase, ScanPlan};
use crate::query::{TimeWindow, needed_fields};

/// Prefix of the names of our queries, as users may name parts of theirs. Short, because each hit
/// repeats the names.
const NAME: &str = "~";

/// Queries of some use cases, without duplicates.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries {
    /// Distinct queries.
    pub(super) distinct: Vec<Value>,
    /// Index of each use case's query in `distinct`.
    pub(super) of_use_cases: Vec<usize>,
}

impl Queries {
    pub(super) fn new(of_use_cases: impl IntoIterator<Item = Value>) -> Self {
        let mut queries = Queries::default();
        let mut known: HashMap<String, usize> = HashMap::new();
        for query in of_use_cases {
            let idx = *known.entry(query.to_string()).or_insert_with(|| {
                queries.distinct.push(query);
                queries.distinct.len() - 1
            });
            queries.of_use_cases.push(idx);
        }
        queries
    }

    /// Returns a query for all documents that match some query. Each hit names its queries, unless
    /// there is only one: the names cost the server time for each hit.
    pub(super) fn any(&self) -> Value {
        if let [only] = &self.distinct[..] {
            return json!({"bool": {"filter": [only]}});
        }
        let named: Vec<Value> = self.distinct.iter().enumerate().map(|(idx, query)| named(query, idx)).collect();
        json!({"bool": {"filter": [{"bool": {"should": named, "minimum_should_match": 1}}]}})
    }
}

/// Upper limit on the fields of which documents must have some.
const MAX_NEEDED: usize = 500;

/// Returns the server's part of `whole`, the queries of the use cases of a plan: all of a query,
/// or, if it is evaluated here, the documents of its window that may match such a query.
pub(super) fn asked(plan: &ScanPlan, whole: &[Value]) -> Vec<Value> {
    let is_evaluated_here = |planned: &&PlannedUseCase| planned.is_narrowed_only;
    let narrowed: Vec<&PlannedUseCase> = plan.use_cases.iter().filter(is_evaluated_here).collect();
    if narrowed.is_empty() {
        return whole.to_vec();
    }
    let mut uses: HashMap<&str, u64> = HashMap::new();
    let named = narrowed.iter().flat_map(|planned| &planned.named_fields);
    named.for_each(|field| *uses.entry(&field.name).or_default() += 1);
    // fields that few queries name occur in few documents
    let weight = |name: &str| uses.get(name).copied().unwrap_or(1);
    let needed: Option<Vec<BTreeSet<String>>> =
        narrowed.iter().map(|planned| needed_fields(&planned.asked, &weight)).collect();
    let with_addresses = |field: String| {
        // databases know values of documents without the field
        let addresses = plan.names.addresses_of(&field).into_iter().map(|address| address.to_string());
        addresses.chain([field]).collect::<Vec<String>>()
    };
    let needed: Option<BTreeSet<String>> =
        needed.map(|sets| sets.into_iter().flatten().flat_map(with_addresses).collect());
    let has_some = needed.filter(|fields| fields.len() <= MAX_NEEDED).map(|fields| {
        let exists: Vec<Value> = fields.iter().map(|field| json!({"exists": {"field": field}})).collect();
        json!({"bool": {"should": exists, "minimum_should_match": 1}})
    });
    let query = |(planned, whole): (&PlannedUseCase, &Value)| match planned.is_narrowed_only {
        true => json!({"bool": {"filter": window(planned).into_iter().chain(has_some.clone()).collect::<Vec<_>>()}}),
        false => whole.clone(),
    };
    plan.use_cases.iter().zip(whole).map(query).collect()
}

/// Returns the query of a use case within its window.
pub(super) fn of_use_case(planned: &PlannedUseCase) -> Value {
    let mut filters = filters(&planned.asked);
    filters.extend(window(planned));
    json!({"bool": {"filter": filters}})
}

/// Returns the query for all documents within the window of a use case.
pub(super) fn of_window(planned: &PlannedUseCase) -> Value {
    json!({"bool": {"filter": Vec::from_iter(window(planned))}})
}

fn window(planned: &PlannedUseCase) -> Option<Value> {
    range(planned.use_case.timestamp_field.as_str(), planned.window?)
}

/// Returns the index of the query with this name in [`Queries::any`].
pub(super) fn query_idx(name: &str) -> Option<usize> {
    name.strip_prefix(NAME)?.parse().ok()
}

fn named(query: &Value, idx: usize) -> Value {
    let mut named = query.clone();
    named["bool"]["_name"] = json!(format!("{NAME}{idx}"));
    named
}

fn filters(query: &UseCaseQuery) -> Vec<Value> {
    let lucene = query.lucene.iter().map(|text| json!({"query_string": {"query": text}}));
    lucene.chain(query.dsl.iter().cloned()).collect()
}

/// Returns the range query of a window, inclusive at both ends; `None` if it has no end.
fn range(field: &str, window: TimeWindow) -> Option<Value> {
    let mut bounds = serde_json::Map::new();
    for (name, micros) in [("gte", window.from), ("lte", window.to)] {
        // a bound beyond the calendar does not limit anything
        if let Some(time) = DateTime::from_timestamp_micros(micros) {
            bounds.insert(name.to_owned(), json!(time.to_rfc3339_opts(SecondsFormat::Micros, true)));
        }
    }
    if bounds.is_empty() {
        return None;
    }
    bounds.insert("format".to_owned(), json!("strict_date_optional_time"));
    Some(json!({"range": {field: bounds}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_resolve_to_queries_without_duplicates() {
        let [first, second] = [json!({"bool": {"filter": []}}), json!({"bool": {"filter": [1]}})];
        let queries = Queries::new([first.clone(), second.clone(), first.clone()]);
        assert_eq!((&queries.distinct[..], &queries.of_use_cases[..]), (&[first, second][..], &[0, 1, 0][..]));
        let names: Vec<_> = queries.any()["bool"]["filter"][0]["bool"]["should"]
            .as_array()
            .unwrap()
            .iter()
            .map(|query| query_idx(query["bool"]["_name"].as_str().unwrap()))
            .collect();
        assert_eq!(names, [Some(0), Some(1)]);
        let only = json!({"bool": {"filter": [2]}});
        assert_eq!(Queries::new([only.clone(), only.clone()]).any(), json!({"bool": {"filter": [only]}}));
        for name in ["", "mine", "~", "~x", "~-1", "1"] {
            assert_eq!(query_idx(name), None, "{name}");
        }
    }

    #[test]
    fn windows_are_utc_and_inclusive() {
        let window = TimeWindow { from: 1_577_880_000_123_456, to: i64::MAX };
        assert_eq!(
            range("@timestamp", window).unwrap(),
            json!({"range": {"@timestamp": {"gte": "2020-01-01T12:00:00.123456Z", "format": "strict_date_optional_time"}}})
        );
        assert_eq!(range("t", TimeWindow { from: i64::MIN, to: i64::MAX }), None);
    }

    #[test]
    fn both_filters_are_sent_as_written() {
        let dsl = json!({"term": {"a": {"value": 1, "_name": "mine"}}});
        let query = UseCaseQuery {
            lucene: Some("a:(b OR \"c\")".to_owned()),
            macros: Vec::new(),
            dsl: vec![dsl.clone()],
            recorded: String::new(),
        };
        assert_eq!(filters(&query), [json!({"query_string": {"query": "a:(b OR \"c\")"}}), dsl]);
    }
}
