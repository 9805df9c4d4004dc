//! Queries that mean the same on every server.

use super::ast::{BoolQuery, FieldRef, Query, Test};
use super::mapping::fields_named;
use super::{FieldType, Mapping, parsed};
use crate::config::UseCaseQuery;

/// Characters of the optional operators of regular expressions, of which servers know different
/// ones.
const OPTIONAL_OPERATORS: [char; 7] = ['~', '<', '>', '&', '@', '#', '"'];

/// Classes of characters by a letter, which Elasticsearch 7 does not know.
const CLASSES: [&str; 6] = [r"\d", r"\D", r"\s", r"\S", r"\w", r"\W"];

/// True if all servers take `query` to mean the same. They differ in the operators and classes of
/// regular expressions, in what these match in words, and in how far the words of a phrase may
/// move.
pub fn is_portable(query: &UseCaseQuery, mapping: &Mapping) -> bool {
    parsed(query).all(|query| query.is_some_and(|query| means_the_same(&query, mapping)))
}

fn means_the_same(query: &Query, mapping: &Mapping) -> bool {
    match query {
        Query::MatchAll | Query::MatchNone | Query::Ids(_) => true,
        Query::Leaf { test: Test::Phrase { slop, .. }, .. } => *slop == 0,
        Query::Leaf { field, test: Test::Regexp { pattern, .. }, .. } => {
            let is_known =
                !pattern.contains(OPTIONAL_OPERATORS) && !CLASSES.iter().any(|class| pattern.contains(class));
            is_known && !has_words(field, mapping)
        }
        Query::Leaf { .. } => true,
        Query::Bool(BoolQuery { must, should, must_not, .. }) => {
            must.iter().chain(should).chain(must_not).all(|part| means_the_same(part, mapping))
        }
    }
}

/// True if some field may hold words.
fn has_words(field: &FieldRef, mapping: &Mapping) -> bool {
    let FieldRef::Name(name) = field else { return true };
    fields_named(Some(mapping), name).iter().any(|field| matches!(field.field_type, FieldType::Text(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_read_differently_is_not_portable() {
        let mapping = br#"{"properties": {"k": {"type": "keyword"}, "t": {"type": "text"}}}"#;
        let mapping = Mapping::parse(mapping).unwrap();
        for (lucene, expected) in [
            ("k:/a.*B/", true),
            ("k:(x OR y*) AND NOT t:\"a b\"", true),
            ("t:/FOX/", false),
            ("k:/~(db.*)/", false),
            (r"k:/a\d+/", false),
            ("NOT (k:x OR k:/a<1-5>/)", false),
            ("t:\"a b\"~5", false),
            ("*:/a/", false),
            ("k:[", false),
        ] {
            let dsl = Vec::new();
            let query =
                UseCaseQuery { lucene: Some(lucene.to_owned()), macros: Vec::new(), dsl, recorded: String::new() };
            assert_eq!(is_portable(&query, &mapping), expected, "{lucene}");
        }
    }
}
