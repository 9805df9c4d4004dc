//! Queries that cannot match, because no event has the fields that they test.

use super::ast::{BoolQuery, FieldRef, Query};
use super::parsed;
use crate::config::UseCaseQuery;

/// True if `query` may match events in which no field that `is_missing` has a value. A filter that
/// cannot be read here may match: a server may understand more.
pub fn can_match(query: &UseCaseQuery, is_missing: &dyn Fn(&str) -> bool) -> bool {
    parsed(query).flatten().all(|query| may_match(&query, is_missing))
}

fn may_match(query: &Query, is_missing: &dyn Fn(&str) -> bool) -> bool {
    match query {
        Query::MatchAll | Query::Ids(_) => true,
        Query::MatchNone => false,
        Query::Leaf { field: FieldRef::Name(name), .. } => !is_missing(name),
        Query::Leaf { .. } => true,
        Query::Bool(query @ BoolQuery { must, should, must_not, .. }) => {
            let n_wanted = query.n_wanted(must.len(), should.len());
            must.iter().all(|part| may_match(part, is_missing))
                && !must_not.contains(&Query::MatchAll)
                && should.iter().filter(|part| may_match(part, is_missing)).take(n_wanted).count() == n_wanted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_need_fields() {
        for (lucene, expected) in [
            ("*", true),
            ("gone:1", false),
            ("here:1 AND gone:1", false),
            ("here:1 OR gone:1", true),
            ("here:1 AND NOT gone:1", true),
            ("NOT gone:1", true),
            ("(here:1 AND gone:2) OR (gone:3 AND here:4)", false),
            ("+here:1 gone:2", true),
            ("NOT *:*", false),
            ("here:1 AND (NOT *:*)", false),
            ("here:1 OR (NOT *:*)", true),
            ("_exists_:gone", false),
            ("gone.*:1", true),
            ("word", true),
            ("a:[", true),
        ] {
            let dsl = Vec::new();
            let query =
                UseCaseQuery { lucene: Some(lucene.to_owned()), macros: Vec::new(), dsl, recorded: String::new() };
            assert_eq!(can_match(&query, &|name| name == "gone"), expected, "{lucene}");
        }
    }
}
