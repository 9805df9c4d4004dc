//! Fields that a query names, so that a name that occurs nowhere can be distinguished from one
//! whose test failed.

use std::collections::BTreeMap;

use super::ast::{FieldRef, Query};
use super::filter::SERVER_FIELDS;
use super::{dsl, lucene};
use crate::config::UseCaseQuery;

/// A field that a query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedField {
    /// Its name, or a pattern with `*`.
    pub name: String,
    /// Effect of a value that passes the test.
    pub sign: Sign,
    /// Columns that hold its leaves; none if the query is not evaluated here.
    pub columns: Vec<String>,
}

/// Effect of a test on the query around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A value that passes can only make an event match.
    Asserted,
    /// A value that passes can keep an event from matching: without the field, the event matches.
    Negated,
}

impl Sign {
    pub(super) fn opposite(self) -> Self {
        match self {
            Sign::Asserted => Sign::Negated,
            Sign::Negated => Sign::Asserted,
        }
    }
}

/// Returns the fields that both filters of a use case name, as they are written. A filter that
/// cannot be read here names none: a server may understand more.
pub fn named_fields(query: &UseCaseQuery) -> Vec<NamedField> {
    let lucene = query.lucene.iter().filter_map(|text| lucene::parse(text, &lucene::Defaults::default()).ok());
    let dsl = query.dsl.iter().filter_map(|value| dsl::parse(value).ok());
    let mut named = BTreeMap::new();
    lucene.chain(dsl).for_each(|query| collect(&query, Sign::Asserted, &mut named));
    named.into_iter().map(|(name, sign)| NamedField { name, sign, columns: Vec::new() }).collect()
}

fn collect(query: &Query, sign: Sign, named: &mut BTreeMap<String, Sign>) {
    match query {
        Query::MatchAll | Query::MatchNone | Query::Ids(_) => {}
        Query::Bool(query) => {
            query.must.iter().chain(&query.should).for_each(|part| collect(part, sign, named));
            query.must_not.iter().for_each(|part| collect(part, sign.opposite(), named));
        }
        Query::Leaf { field: FieldRef::Name(name) | FieldRef::Pattern(name), .. } if !is_of_server(name) => {
            let known = named.entry(name.clone()).or_insert(sign);
            *known = sign.max(*known);
        }
        Query::Leaf { .. } => {}
    }
}

fn is_of_server(name: &str) -> bool {
    ["_id", "_index"].contains(&name) || SERVER_FIELDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(lucene: &str, dsl: Vec<serde_json::Value>) -> Vec<(String, Sign)> {
        let query = UseCaseQuery { lucene: Some(lucene.to_owned()), dsl, recorded: String::new() };
        named_fields(&query).into_iter().map(|field| (field.name, field.sign)).collect()
    }

    #[test]
    fn fields_are_asserted_or_negated() {
        use Sign::{Asserted, Negated};
        for (lucene, expected) in [
            (
                "a:1 AND NOT b.c:2 AND (d:3 OR NOT (NOT e:4))",
                vec![("a", Asserted), ("b.c", Negated), ("d", Asserted), ("e", Asserted)],
            ),
            ("a:1 -a:2", vec![("a", Negated)]),
            ("foo _id:7", vec![]),
            ("user.\\*:x AND _exists_:y", vec![("user.*", Asserted), ("y", Asserted)]),
            ("a:[", vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(name, sign)| (name.to_owned(), sign)).collect();
            assert_eq!(named(lucene, Vec::new()), expected, "{lucene}");
        }
        let dsl = json!({"bool": {"must_not": [{"term": {"x": 1}}]}});
        assert_eq!(named("y:1", vec![dsl]), [("x".to_owned(), Negated), ("y".to_owned(), Asserted)]);
    }
}
