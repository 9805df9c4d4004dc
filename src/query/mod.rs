//! Which events a use case looks at: `es_query_filter` (Lucene's query_string language) and `es_dsl_filter` (the query DSL), for
//! events from files, with the meaning Elasticsearch gives the same text.
//!
//! 1. [`lucene`] and [`dsl`] read their language into one form ([`ast`]).
//! 2. `filter` finds what type each field has (a [`Mapping`]; without one each value counts by its own type, and strings are
//!    keywords) and compiles the tests for it (`predicate`).
//! 3. [`CompiledQuery`] is that filter as a DataFusion expression over columns of leaves.
//!
//! *Invariant*: what a file cannot answer is an error when the query is compiled, never a wrong answer.

pub mod ast;
pub mod dsl;
mod filter;
mod leaves;
mod lower;
pub mod lucene;
mod mapping;
mod number;
mod predicate;
pub mod regexp;
pub mod time;
mod words;

use chrono::{DateTime, Utc};

use crate::config::{FieldPath, UseCaseQuery};
use ast::Query;
use filter::{Filter, FilterContext};

pub use lower::CompiledQuery;
pub use mapping::{FieldType, Mapping, NumberKind};
pub use time::{TimeWindow, parse_timestamp};
pub use words::Analyzer;

const LUCENE_KEY: &str = "es_query_filter";
const DSL_KEY: &str = "es_dsl_filter";

/// Why a query cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// Where in the Lucene text, in characters from 0 on.
    pub position: Option<usize>,
    /// Where in the DSL, such as `[0].bool.must[1].term`.
    pub path: Option<String>,
    /// The key of the use case that holds the query.
    pub key: &'static str,
}

/// A column of leaves that a query needs: `List<Dictionary<UInt32, Utf8>>`, each leaf behind a letter that tells its type (`s` string,
/// `n` number, `b` boolean); an empty list where the event has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryColumn(String);

impl QueryColumn {
    /// The Arrow column's name.
    pub fn name(&self) -> String {
        format!("leaves:{}", self.0)
    }

    /// Whose leaves, those of objects below included: a field, a pattern with `*` (`*` alone: all leaves of the event), `_id` or
    /// `_index`.
    pub fn field(&self) -> FieldPath {
        FieldPath::new(&self.0)
    }
}

/// Compiles both filters of a use case; an event must pass both. `now` is what date math starts from.
///
/// # Errors
/// Every problem of both.
pub fn compile(
    query: &UseCaseQuery,
    mapping: Option<&Mapping>,
    now: DateTime<Utc>,
) -> Result<CompiledQuery, Vec<QueryError>> {
    let context = FilterContext { mapping, now };
    let mut errors = Vec::new();
    let mut filters = Vec::new();
    let lucene = query.lucene.iter().map(|text| (read_lucene(text), None, LUCENE_KEY));
    let dsl =
        query.dsl.iter().enumerate().map(|(idx, value)| (read_dsl(value, idx), Some(format!("[{idx}]")), DSL_KEY));
    for (parsed, path, key) in lucene.chain(dsl) {
        let filter = parsed.and_then(|query| {
            let refused = |error: filter::Refused| QueryError {
                message: error.message,
                help: error.help,
                position: None,
                path,
                key,
            };
            filter::of(&query, &context).map_err(refused)
        });
        match filter {
            Ok(filter) => filters.push(filter),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    lower::compile(Filter::and(filters)).map_err(|error| {
        let help = "this is a fault of the program: please report it with the query".to_owned();
        vec![QueryError { message: error.to_string(), help, position: None, path: None, key: LUCENE_KEY }]
    })
}

fn read_lucene(text: &str) -> Result<Query, QueryError> {
    lucene::parse(text, &lucene::Defaults::default()).map_err(|error| QueryError {
        position: Some(error.position_in(text)),
        message: error.message,
        help: error.help,
        path: None,
        key: LUCENE_KEY,
    })
}

fn read_dsl(value: &serde_json::Value, idx: usize) -> Result<Query, QueryError> {
    dsl::parse(value).map_err(|error| QueryError {
        message: error.message,
        help: error.help,
        position: None,
        path: Some(format!("[{idx}]{}", error.path)),
        key: DSL_KEY,
    })
}
