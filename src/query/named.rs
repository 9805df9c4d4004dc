//! Fields that a query names, so that a name that occurs nowhere can be distinguished from one
//! whose test failed.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{FieldRef, Query};
use super::filter::SERVER_FIELDS;
use super::mapping::{fields_like, fields_named};
use super::names::other_names;
use super::{Mapping, QueryColumn, parsed};
use crate::config::UseCaseQuery;
use crate::event::{FieldNames, FieldPath};

/// A field that a query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedField {
    /// Its name, or a pattern with `*`.
    pub name: String,
    /// Effect of a value that passes the test.
    pub sign: Sign,
    /// True if only macros of the query name it.
    pub is_of_macro: bool,
    /// Columns that hold the leaves of the fields that it stands for; none if the query is not
    /// evaluated here.
    pub columns: Vec<QueryColumn>,
}

/// Effect of a test on the query around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// None: the test is optional beside required ones, so it only ranks what they find.
    Optional,
    /// A value that passes can only make an event match.
    Asserted,
    /// A value that passes can keep an event from matching: without the field, the event matches.
    Negated,
}

impl Sign {
    pub(super) fn opposite(self) -> Self {
        match self {
            Sign::Optional => Sign::Optional,
            Sign::Asserted => Sign::Negated,
            Sign::Negated => Sign::Asserted,
        }
    }
}

/// Returns the fields that both filters of a use case name, as they are written; a clause without a
/// field names none. A filter that cannot be read here names none: a server may understand more.
pub fn named_fields(query: &UseCaseQuery) -> Vec<NamedField> {
    named_with(query, |_, _| Vec::new())
}

/// Same as [`named_fields`], for a query that is evaluated here, with the columns of all of their
/// names.
pub(super) fn named_in_columns(query: &UseCaseQuery, names: &FieldNames, mapping: Option<&Mapping>) -> Vec<NamedField> {
    named_with(query, |name, field| {
        let fields = other_names(name, names).into_iter().map(FieldRef::Name).chain([field]);
        let forms = names.forms_with_facts(&FieldPath::new(name));
        let known = (!forms.is_empty()).then(|| QueryColumn::of_facts(name, forms));
        fields.flat_map(|field| columns(&field, mapping)).chain(known).collect()
    })
}

/// Returns the named fields with the columns that `columns` gives for the name of each.
fn named_with(query: &UseCaseQuery, columns: impl Fn(&str, FieldRef) -> Vec<QueryColumn>) -> Vec<NamedField> {
    let without_macros = (!query.macros.is_empty()).then(|| collected(&query.without_macros()));
    let field = |(name, (field, sign)): (String, (FieldRef, Sign))| {
        let is_of_macro = without_macros.as_ref().is_some_and(|written| !written.contains_key(&name));
        NamedField { is_of_macro, columns: columns(&name, field), name, sign }
    };
    collected(query).into_iter().map(field).collect()
}

/// Returns the columns of the fields that `field` stands for. A pattern may stand for no field that
/// can be searched; events may have such fields nevertheless.
fn columns(field: &FieldRef, mapping: Option<&Mapping>) -> Vec<QueryColumn> {
    let (name, fields) = match field {
        FieldRef::Name(name) => (name, fields_named(mapping, name)),
        FieldRef::Pattern(pattern) => (pattern, fields_like(mapping, pattern)),
        FieldRef::Any => return Vec::new(),
    };
    let columns: BTreeSet<QueryColumn> = fields.into_iter().flat_map(|field| field.sources).collect();
    if columns.is_empty() { vec![QueryColumn::of(name)] } else { columns.into_iter().collect() }
}

/// Fields by their names, as they are written.
type Named = BTreeMap<String, (FieldRef, Sign)>;

fn collected(query: &UseCaseQuery) -> Named {
    let mut named = Named::new();
    parsed(query).flatten().for_each(|query| collect(&query, Sign::Asserted, &mut named));
    named
}

fn collect(query: &Query, sign: Sign, named: &mut Named) {
    match query {
        Query::MatchAll | Query::MatchNone | Query::Ids(_) => {}
        Query::Bool(query) => {
            query.must.iter().for_each(|part| collect(part, sign, named));
            let n_wanted = query.n_wanted(query.must.len(), query.should.len());
            let of_optional = if n_wanted == 0 { Sign::Optional } else { sign };
            query.should.iter().for_each(|part| collect(part, of_optional, named));
            query.must_not.iter().for_each(|part| collect(part, sign.opposite(), named));
        }
        Query::Leaf { field: field @ (FieldRef::Name(name) | FieldRef::Pattern(name)), .. } if !is_of_server(name) => {
            let (_, known) = named.entry(name.clone()).or_insert_with(|| (field.clone(), sign));
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
        let query = UseCaseQuery { lucene: Some(lucene.to_owned()), macros: Vec::new(), dsl, recorded: String::new() };
        named_fields(&query).into_iter().map(|field| (field.name, field.sign)).collect()
    }

    #[test]
    fn fields_are_asserted_or_negated() {
        use Sign::{Asserted, Negated, Optional};
        for (lucene, expected) in [
            (
                "a:1 AND NOT b.c:2 AND (d:3 OR NOT (NOT e:4))",
                vec![("a", Asserted), ("b.c", Negated), ("d", Asserted), ("e", Asserted)],
            ),
            ("a:1 -a:2", vec![("a", Negated)]),
            ("foo _id:7", vec![]),
            ("*.exe OR NOT \\*:x", vec![]),
            ("+a:1 b:2 (NOT c:3) -d:4", vec![("a", Asserted), ("b", Optional), ("c", Optional), ("d", Negated)]),
            ("NOT (+a:1 b:2)", vec![("a", Negated), ("b", Optional)]),
            ("+(a:1 b:2) b:3", vec![("a", Asserted), ("b", Asserted)]),
            ("user.\\*:x AND _exists_:y", vec![("user.*", Asserted), ("y", Asserted)]),
            ("a:[", vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(name, sign)| (name.to_owned(), sign)).collect();
            assert_eq!(named(lucene, Vec::new()), expected, "{lucene}");
        }
        let dsl = json!({"bool": {"must_not": [{"term": {"x": 1}}]}});
        assert_eq!(named("y:1", vec![dsl]), [("x".to_owned(), Negated), ("y".to_owned(), Asserted)]);
        for (least, expected) in [(json!(0), Optional), (json!(1), Asserted), (json!("-1"), Optional)] {
            let should = json!([{"term": {"y": 1}}]);
            let dsl = json!({"bool": {"must": {"match_all": {}}, "should": should, "minimum_should_match": least}});
            assert_eq!(named("*", vec![dsl]), [("y".to_owned(), expected)], "{least}");
        }
    }

    #[test]
    fn names_stand_for_the_columns_of_their_fields() {
        let mapping = Mapping::parse(
            br#"{"dynamic_templates": [{"s": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
            "properties": {"user": {"properties": {"name": {"type": "keyword", "copy_to": "all"},
            "id": {"type": "long"}}}, "all": {"type": "text"}, "list": {"type": "nested", "properties": {
            "x": {"type": "keyword"}}}, "who": {"type": "alias", "path": "user.name"}}}"#,
        )
        .unwrap();
        for (name, expected) in [
            ("user.\\*:x", vec!["leaves of names:user.* 0 Text ", "leaves:user.id", "leaves:user.name"]),
            ("all:x", vec!["leaves:all", "leaves:user.name"]),
            ("who:x", vec!["leaves:user.name"]),
            ("list.x:y", vec!["leaves:list.x"]),
        ] {
            let query = UseCaseQuery {
                lucene: Some(name.to_owned()),
                macros: Vec::new(),
                dsl: Vec::new(),
                recorded: String::new(),
            };
            let named = named_in_columns(&query, &FieldNames::default(), Some(&mapping));
            let columns: Vec<String> = named[0].columns.iter().map(QueryColumn::name).collect();
            assert_eq!((named.len(), columns), (1, expected.into_iter().map(str::to_owned).collect()), "{name}");
        }
        assert_eq!(columns(&FieldRef::Pattern("x*".to_owned()), Some(&Mapping::default())), [QueryColumn::of("x*")]);
    }
}
