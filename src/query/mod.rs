//! Which events a use case looks at: `es_query_filter` (Lucene's query_string language) and `es_dsl_filter`, with the meaning that
//! Elasticsearch gives them, for events from files.
//!
//! 1. [`lucene`] and [`dsl`] parse both languages into one tree ([`ast`]).
//! 2. `predicate` compiles a test for the type that a [`Mapping`] gives its field; without a mapping, the value's own type counts and
//!    strings are keywords.
//! 3. `lower` makes a DataFusion expression of it, over columns of leaves.
//!
//! What files cannot answer is an error when the query is compiled, never a wrong answer.

pub mod ast;
mod date_math;
pub mod dsl;
mod lexer;
mod lower;
pub mod lucene;
mod mapping;
mod predicate;
mod regexp;
pub mod time;
mod words;

use chrono::{DateTime, Utc};

use crate::config::{FieldPath, UseCaseQuery};
use ast::Query;

pub use lower::CompiledQuery;
pub use mapping::{FieldType, Mapping};
pub use time::{TimeWindow, parse_timestamp};

/// Why a query cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// Where in the Lucene text, in characters from 0 on.
    pub position: Option<usize>,
    /// Where in the DSL.
    pub path: Option<String>,
    /// The key of the use case that holds the query.
    pub key: &'static str,
}

/// A column of leaves that a query needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryColumn(String);

impl QueryColumn {
    /// The Arrow column's name.
    pub fn name(&self) -> String {
        format!("leaves:{}", self.0)
    }

    /// The field: a name, a pattern with `*`, `_id` or `_index`.
    pub fn field(&self) -> FieldPath {
        FieldPath::new(&self.0)
    }
}

/// Compiles both filters of a use case; an event must match both. `now` is what date math starts from.
///
/// # Errors
/// All problems of both.
pub fn compile(
    query: &UseCaseQuery,
    mapping: Option<&Mapping>,
    now: DateTime<Utc>,
) -> Result<CompiledQuery, Vec<QueryError>> {
    let mut errors = Vec::new();
    let mut parts = Vec::new();
    if let Some(text) = &query.lucene {
        match lucene::parse(text, &lucene::Options::default()) {
            Ok(parsed) => parts.push((parsed, "es_query_filter")),
            Err(error) => errors.push(QueryError {
                message: error.message,
                help: error.help,
                position: Some(error.position),
                path: None,
                key: "es_query_filter",
            }),
        }
    }
    for (idx, filter) in query.dsl.iter().enumerate() {
        match dsl::parse(filter) {
            Ok(parsed) => parts.push((parsed, "es_dsl_filter")),
            Err(error) => errors.push(QueryError {
                message: error.message,
                help: error.help,
                position: None,
                path: Some(format!("filter {}: {}", idx + 1, error.path)),
                key: "es_dsl_filter",
            }),
        }
    }
    let context = predicate::Context { mapping, now };
    for (part, key) in &parts {
        if let Err(message) = lower::check(part, &context) {
            errors.push(QueryError {
                message,
                help: "a file cannot answer this; change the query or give --mapping".to_owned(),
                position: None,
                path: None,
                key,
            });
        }
    }
    if errors.is_empty() {
        let all = Query::and(parts.into_iter().map(|(part, _)| part).collect());
        lower::compile(&all, &context).map_err(|message| {
            let help = "a file cannot answer this".to_owned();
            vec![QueryError { message, help, position: None, path: None, key: "es_query_filter" }]
        })
    } else {
        Err(errors)
    }
}
