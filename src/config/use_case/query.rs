//! `es_query_filter` and `es_dsl_filter`: which events a use case looks at.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::members;
use crate::config::keys::Keys;
use crate::config::macros::{ExpandedMacro, Macros};
use crate::config::problem::{Problem, quoted};

pub(super) const LUCENE: &str = "es_query_filter";
const DSL: &str = "es_dsl_filter";

/// The events a use case looks at: those that match the Lucene query and every DSL query. At least
/// one is given.
#[derive(Clone, Debug, PartialEq)]
pub struct UseCaseQuery {
    /// `es_query_filter`, a Lucene query string, with conditions in place of macros.
    pub lucene: Option<String>,
    /// Macros of the query string, in its order.
    pub macros: Vec<ExpandedMacro>,
    /// The `X` of each `{"query": X}` of `es_dsl_filter`, always an object.
    pub dsl: Vec<serde_json::Value>,
    /// The query as written, stored with outliers as `elasticsearch_filter`; both are joined by
    /// ` AND `.
    pub recorded: String,
}

impl UseCaseQuery {
    /// Returns the place in the query string as written of a place in [`Self::lucene`], both in
    /// characters, and the macro to which it belongs.
    pub fn written_place(&self, place: usize) -> (usize, Option<&str>) {
        let before = self.macros.iter().take_while(|known| known.expanded.start <= place).last();
        match before {
            None => (place, None),
            Some(known) if place < known.expanded.end => (known.written.start, Some(&known.name)),
            Some(known) => (place - known.expanded.end + known.written.end, None),
        }
    }

    /// Returns the query without the conditions of its macros.
    pub fn without_macros(&self) -> Self {
        let (Some(text), false) = (&self.lucene, self.macros.is_empty()) else { return self.clone() };
        let byte = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte);
        let mut kept = String::with_capacity(text.len());
        let mut start = 0;
        for ExpandedMacro { expanded, .. } in &self.macros {
            kept.push_str(&text[start..byte(expanded.start)]);
            kept.push_str("*:*");
            start = byte(expanded.end);
        }
        kept.push_str(&text[start..]);
        UseCaseQuery { lucene: Some(kept), macros: Vec::new(), ..self.clone() }
    }

    pub(super) fn read(keys: &mut Keys<'_>, macros: &Macros) -> Option<Self> {
        let lucene = keys.filled(LUCENE);
        let dsl_text = keys.filled(DSL);
        let recorded = match (lucene, dsl_text) {
            (None, None) => {
                keys.missing(LUCENE, "say which events to look at: es_query_filter = * means all");
                return None;
            }
            (Some(lucene), Some(dsl)) => format!("{lucene} AND {dsl}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
        };
        let dsl = dsl_text.map_or(Some(Vec::new()), |text| read_dsl(text, keys));
        let (lucene, macros) = match lucene {
            None => (None, Vec::new()),
            Some(text) => expand(text, macros, keys).map(|(text, macros)| (Some(text), macros))?,
        };
        Some(Self { lucene, macros, dsl: dsl?, recorded })
    }
}

/// Puts conditions in place of macros.
fn expand(text: &str, macros: &Macros, keys: &mut Keys<'_>) -> Option<(String, Vec<ExpandedMacro>)> {
    let unknown = match macros.expand(text) {
        Ok(expanded) => return Some(expanded),
        Err(unknown) => unknown,
    };
    if let Some(entry) = keys.entry(LUCENE) {
        let problem = Problem::error(unknown.message).at(entry.value.location_at(unknown.at));
        keys.problems.push(problem.in_section(keys.section).of_key(LUCENE).help(unknown.help));
    }
    None
}

/// Warns of what a search request may have beside its query, and a use case does not use.
fn warn_of_ignored(filters: &[Json], keys: &mut Keys<'_>) {
    let members = filters.iter().filter_map(Json::as_object).flat_map(|filter| filter.keys());
    let ignored: BTreeSet<String> = members.filter(|key| *key != "query").map(|key| quoted(key)).collect();
    if !ignored.is_empty() {
        let names = Vec::from_iter(ignored).join(", ");
        let help = "remove it: only `query` says which events to look at, and the model judges them";
        keys.warn(DSL, format!("ignored beside `query`: {names}"), help);
    }
}

/// Reads `{"query": X}` or a list of such objects.
fn read_dsl(text: &str, keys: &mut Keys<'_>) -> Option<Vec<Json>> {
    let help = "write {\"query\": ...} or a list of such objects";
    let parsed: Json = match serde_json::from_str(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = format!("not JSON: {error}");
            if let Some(entry) = keys.entry(DSL) {
                let line_start: usize =
                    text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
                let location = entry.value.location_at(line_start + error.column().saturating_sub(1));
                keys.problems
                    .push(Problem::error(message).at(location).in_section(keys.section).of_key(DSL).help(help));
            }
            return None;
        }
    };
    let filters = match parsed {
        Json::Array(filters) => filters,
        one => vec![one],
    };
    let query = |filter: &Json| filter.get("query").filter(|query| query.is_object()).cloned();
    let queries: Option<Vec<Json>> = filters.iter().map(query).collect();
    if queries.as_ref().is_none_or(Vec::is_empty) {
        keys.error(DSL, "without an object named `query`", help);
        return None;
    }
    warn_of_ignored(&filters, keys);
    if let Some(name) = members::repeated(text) {
        let help = "write several clauses of one kind as a list: \"must\": [{...}, {...}]";
        keys.warn(DSL, format!("{} occurs twice in one object: only the last one counts", quoted(&name)), help);
    }
    queries
}
