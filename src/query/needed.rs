//! Fields of which an event must have one to match a query.

use std::collections::BTreeSet;

use super::ast::{BoolQuery, FieldRef, Query, Test, ZeroTerms};
use super::parsed;
use crate::config::UseCaseQuery;

/// Returns fields of which every event that matches `query` has at least one; of several such sets,
/// the one whose fields have the least `weight` in all. `None` if events without fields may match,
/// or if a filter cannot be read here: a server may understand more.
pub fn needed_fields(query: &UseCaseQuery, weight: &dyn Fn(&str) -> u64) -> Option<BTreeSet<String>> {
    let queries: Vec<Query> = parsed(query).collect::<Option<_>>()?;
    lightest(queries.iter().map(|query| needed(query, weight)), weight)
}

fn lightest(
    sets: impl Iterator<Item = Option<BTreeSet<String>>>,
    weight: &dyn Fn(&str) -> u64,
) -> Option<BTreeSet<String>> {
    sets.flatten().min_by_key(|set| set.iter().map(|field| weight(field)).sum::<u64>())
}

fn needed(query: &Query, weight: &dyn Fn(&str) -> u64) -> Option<BTreeSet<String>> {
    match query {
        Query::MatchNone => Some(BTreeSet::new()),
        Query::MatchAll | Query::Ids(_) => None,
        Query::Leaf { field: FieldRef::Name(name), test, .. } => {
            let is_of_server = name.starts_with('_');
            (!is_of_server && needs_value(test)).then(|| BTreeSet::from([name.clone()]))
        }
        Query::Leaf { .. } => None,
        Query::Bool(query @ BoolQuery { must, should, .. }) => {
            let required = lightest(must.iter().map(|part| needed(part, weight)), weight);
            let is_wanted = query.n_wanted(must.len(), should.len()) > 0;
            let optional: Option<Vec<BTreeSet<String>>> =
                if is_wanted { should.iter().map(|part| needed(part, weight)).collect() } else { None };
            lightest([required, optional.map(|sets| sets.into_iter().flatten().collect())].into_iter(), weight)
        }
    }
}

/// True if no event without a value passes. A text without words may be dropped, or match all.
fn needs_value(test: &Test) -> bool {
    match test {
        Test::Match { text, zero_terms, .. } | Test::Phrase { text, zero_terms, .. } => {
            *zero_terms == ZeroTerms::MatchNone || text.chars().any(|c| c.is_ascii_alphabetic())
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_which_one_is_needed() {
        let weight = |name: &str| if name == "often" { 100 } else { 1 };
        for (lucene, expected) in [
            ("*", None),
            ("a:x", Some("a")),
            ("a:x AND often:1", Some("a")),
            ("often:x AND often:y", Some("often")),
            ("a:x OR b:x", Some("a b")),
            ("a:x OR word", None),
            // Lucene: a, and not b
            ("a:x OR NOT b:x", Some("a")),
            ("NOT a:x", None),
            ("a:x AND NOT b:x", Some("a")),
            ("(a:x AND often:1) OR (b:y AND often:2)", Some("a b")),
            ("(a:x OR b:y) AND often:1", Some("a b")),
            ("+a:x b:y", Some("a")),
            ("a.*:x", None),
            ("_id:x", None),
            ("_exists_:a", Some("a")),
            ("a:[1 TO *]", Some("a")),
            ("a:\"!\"", None),
            ("a:[", None),
        ] {
            let dsl = Vec::new();
            let query =
                UseCaseQuery { lucene: Some(lucene.to_owned()), macros: Vec::new(), dsl, recorded: String::new() };
            let needed = needed_fields(&query, &weight).map(|fields| Vec::from_iter(fields).join(" "));
            assert_eq!(needed.as_deref(), expected, "{lucene}");
        }
    }
}
