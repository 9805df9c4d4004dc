//! Queries of use cases, and the place where they are evaluated.

use chrono::{DateTime, Utc};

use crate::config::{Problem, UseCase, UseCaseQuery};
use crate::event::{FieldNames, FieldPath};
use crate::query::{
    CompiledQuery, Mapping, QueryError, TimeField, compile_with_times, is_portable, named_fields, with_other_names,
};

/// Place where the query of a use case is evaluated.
pub(super) enum Evaluated {
    /// Here, and the window too.
    Here(CompiledQuery),
    /// By the source, as is the window.
    BySource,
    /// Here, for the events of the window, of which the source may leave out some that do not
    /// match.
    AfterSource(CompiledQuery),
}

/// Returns the query of a use case, which asks for every name of its fields.
pub(super) fn asked(use_case: &UseCase, names: &FieldNames) -> Result<UseCaseQuery, Vec<Problem>> {
    with_other_names(&use_case.query, names).map_err(|errors| query_problems(use_case, errors))
}

/// Fields in the query of a use case that databases may know.
pub fn facts_in_query(use_case: &UseCase, names: &FieldNames) -> Vec<String> {
    let named = named_fields(&use_case.query).into_iter().map(|field| field.name);
    named.filter(|name| !names.forms_with_facts(&FieldPath::new(name)).is_empty()).collect()
}

/// Evaluates a query here if it means the same on every server.
pub(super) fn after_source(
    use_case: &UseCase,
    asked: &UseCaseQuery,
    names: &FieldNames,
    mapping: &Mapping,
    now: DateTime<Utc>,
) -> Evaluated {
    let compiled = || compile_query(use_case, asked, names, Some(mapping), now).ok();
    is_portable(asked, mapping).then(compiled).flatten().map_or(Evaluated::BySource, Evaluated::AfterSource)
}

pub(super) fn compile_query(
    use_case: &UseCase,
    asked: &UseCaseQuery,
    names: &FieldNames,
    mapping: Option<&Mapping>,
    now: DateTime<Utc>,
) -> Result<CompiledQuery, Vec<Problem>> {
    let times = TimeField { name: use_case.timestamp_field.as_str(), formats: &use_case.timestamp_format };
    compile_with_times(&use_case.query, asked, names, mapping, times, now)
        .map_err(|errors| query_problems(use_case, errors))
}

fn query_problems(use_case: &UseCase, errors: Vec<QueryError>) -> Vec<Problem> {
    errors.into_iter().map(|error| query_problem(use_case, error)).collect()
}

fn query_problem(use_case: &UseCase, error: QueryError) -> Problem {
    use_case.problem(error.key, format!("{}{}", error.message, error.place()), error.help)
}
