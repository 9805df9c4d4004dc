//! Queries of use cases: `es_query_filter` (Lucene's query_string language) and `es_dsl_filter`
//! (the query DSL), evaluated on events from files with the meaning that Elasticsearch gives them.
//!
//! 1. [`lucene`] and [`dsl`] parse their languages into one form ([`ast`]).
//! 2. `filter` looks up the type of each field in a [`Mapping`] and compiles the tests for it
//!    (`predicate`). Without a mapping each value is compared by its own type, and strings are
//!    keywords.
//! 3. [`CompiledQuery`] evaluates that filter on columns of leaves. Queries share equal parts.
//!
//! *Invariant*: a query that files cannot answer correctly is an error when it is compiled, never a
//! wrong answer.

mod applicable;
pub mod ast;
mod column;
pub mod dsl;
mod filter;
mod leaves;
mod lower;
pub mod lucene;
mod mapping;
mod matched;
mod named;
mod names;
mod needed;
mod number;
mod portable;
mod predicate;
pub mod regexp;
mod searches;
pub mod time;
mod words;

use chrono::{DateTime, Utc};

use crate::config::UseCaseQuery;
use crate::event::FieldNames;
use crate::event::time::TimeFormats;
use filter::{Filter, FilterContext};
use named::named_in_columns;

pub use applicable::can_match;
pub use column::QueryColumn;
pub use lower::{BatchEvaluation, CompiledQuery, SharedParts};
pub use mapping::{DateResolution, FieldType, Mapping, NumberKind};
pub use matched::MatchedField;
pub use named::{NamedField, Sign, named_fields};
pub use names::{other_names, with_other_names};
pub use needed::needed_fields;
pub use portable::is_portable;
pub use searches::Searches;
pub use time::TimeWindow;
pub use words::Analyzer;

const LUCENE_KEY: &str = "es_query_filter";
const DSL_KEY: &str = "es_dsl_filter";

/// Error in a query, or a doubt about one that is honoured as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// Description of the error.
    pub message: String,
    /// Advice on how to fix it.
    pub help: String,
    /// Position in the Lucene text, in characters from 0 on.
    pub position: Option<usize>,
    /// Position in the DSL, such as `[0].bool.must[1].term`.
    pub path: Option<String>,
    /// Key of the use case that holds the query.
    pub key: &'static str,
}

impl QueryError {
    /// Returns the same error with its place in `query` as written, and the macro in which it is.
    fn placed_in(self, query: &UseCaseQuery) -> Self {
        let Some((position, of)) = self.position.map(|position| query.written_place(position)) else { return self };
        let message = match of {
            Some(name) => format!("in the macro ${{{name}}}: {}", self.message),
            None => self.message,
        };
        QueryError { message, position: Some(position), ..self }
    }

    /// Place inside the query, to follow the message: ` at character 3`.
    pub fn place(&self) -> String {
        match (self.position, &self.path) {
            (Some(position), _) => format!(" at character {}", position + 1),
            (None, Some(path)) => format!(" at {path}"),
            (None, None) => String::new(),
        }
    }
}

/// Syntax error in the text of a query or of a regular expression, or a doubt about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset in the text.
    pub at: usize,
    /// Description of the error.
    pub message: String,
    /// Advice on what was expected, or how to write it.
    pub help: String,
}

impl SyntaxError {
    fn new(at: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        SyntaxError { at, message: message.into(), help: help.into() }
    }

    /// Position in characters of `text`, from 0 on.
    pub fn position_in(&self, text: &str) -> usize {
        text.char_indices().take_while(|(byte, _)| *byte < self.at).count()
    }
}

/// A field that is known to hold times.
#[derive(Clone, Copy, Debug)]
pub struct TimeField<'a> {
    /// Name of the field.
    pub name: &'a str,
    /// Formats of its values; those of a mapping count if there are none.
    pub formats: &'a TimeFormats,
}

/// Compiles both filters of a use case; an event must pass both. Date math starts from `now`.
///
/// # Errors
/// Returns every problem of both filters.
pub fn compile(
    query: &UseCaseQuery,
    mapping: Option<&Mapping>,
    now: DateTime<Utc>,
) -> Result<CompiledQuery, Vec<QueryError>> {
    compile_asked(query, query, &FieldNames::default(), &FilterContext { mapping, times: None, names: None, now })
}

/// Same as [`compile`], for events whose time is in `times`: there, values and bounds are compared
/// as times. `asked` is the query [`with_other_names`].
///
/// # Errors
/// As [`compile`].
pub fn compile_with_times(
    query: &UseCaseQuery,
    asked: &UseCaseQuery,
    names: &FieldNames,
    mapping: Option<&Mapping>,
    times: TimeField<'_>,
    now: DateTime<Utc>,
) -> Result<CompiledQuery, Vec<QueryError>> {
    compile_asked(query, asked, names, &FilterContext { mapping, times: Some(times), names: Some(names), now })
}

fn compile_asked(
    query: &UseCaseQuery,
    asked: &UseCaseQuery,
    names: &FieldNames,
    context: &FilterContext<'_>,
) -> Result<CompiledQuery, Vec<QueryError>> {
    let mut compiled = compile_in(asked, context).map_err(|errors| {
        // places are those in the query as written
        let without_place = |error: QueryError| QueryError { position: None, path: None, ..error };
        let of_names = || errors.iter().cloned().map(without_place).collect();
        let errors = if asked == query { errors } else { compile_in(query, context).err().unwrap_or_else(of_names) };
        errors.into_iter().map(|error| error.placed_in(query)).collect::<Vec<_>>()
    })?;
    compiled.named = named_in_columns(query, names, context.mapping);
    Ok(compiled)
}

/// Both filters of a use case; `None` for one that cannot be read here.
fn parsed(query: &UseCaseQuery) -> impl Iterator<Item = Option<ast::Query>> + '_ {
    let lucene = query.lucene.iter().map(|text| lucene::parse(text, &lucene::Defaults::default()).ok());
    lucene.chain(query.dsl.iter().map(|value| dsl::parse(value).ok()))
}

fn compile_in(query: &UseCaseQuery, context: &FilterContext<'_>) -> Result<CompiledQuery, Vec<QueryError>> {
    let lucene = query.lucene.iter().map(|text| lucene_filter(text, context));
    let dsl = query.dsl.iter().enumerate().map(|(idx, value)| dsl_filter(value, idx, context));
    let mut errors = Vec::new();
    let filters = lucene.chain(dsl).filter_map(|filter| filter.map_err(|error| errors.push(error)).ok()).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(lower::compile(Filter::and(filters)))
}

/// Returns what is honoured in both filters of a use case, but was probably meant otherwise.
pub fn doubts(query: &UseCaseQuery) -> Vec<QueryError> {
    let in_lucene = |text: &String| {
        let doubts = lucene::doubts(text, ast::Operator::Or).into_iter();
        doubts.map(|doubt| lucene_error(text, doubt).placed_in(query)).collect::<Vec<_>>()
    };
    let in_dsl = |(idx, value): (usize, &serde_json::Value)| {
        let doubt = |doubt: dsl::DslError| QueryError {
            path: Some(format!("[{idx}]{}", doubt.path)),
            message: doubt.message,
            help: doubt.help,
            position: None,
            key: DSL_KEY,
        };
        dsl::doubts(value).into_iter().map(doubt).collect::<Vec<_>>()
    };
    query.lucene.iter().flat_map(in_lucene).chain(query.dsl.iter().enumerate().flat_map(in_dsl)).collect()
}

fn lucene_filter(text: &str, context: &FilterContext<'_>) -> Result<Filter, QueryError> {
    let query = lucene::parse(text, &lucene::Defaults::default()).map_err(|syntax| lucene_error(text, syntax))?;
    let error = |message, help| QueryError { message, help, position: None, path: None, key: LUCENE_KEY };
    filter::of(&query, context).map_err(|refused| error(refused.message, refused.help))
}

fn lucene_error(text: &str, syntax: SyntaxError) -> QueryError {
    let position = Some(syntax.position_in(text));
    QueryError { message: syntax.message, help: syntax.help, position, path: None, key: LUCENE_KEY }
}

fn dsl_filter(value: &serde_json::Value, idx: usize, context: &FilterContext<'_>) -> Result<Filter, QueryError> {
    let error = |message, help, path: &str| {
        let path = Some(format!("[{idx}]{path}"));
        QueryError { message, help, position: None, path, key: DSL_KEY }
    };
    let query = dsl::parse(value).map_err(|dsl| error(dsl.message, dsl.help, &dsl.path))?;
    filter::of(&query, context).map_err(|refused| error(refused.message, refused.help, ""))
}
