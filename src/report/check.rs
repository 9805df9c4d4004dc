//! Report of `check` for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Exit, SCHEMA};
use crate::config::{Problem, n_errors};

/// Result of a check. Its JSON form has the schema number of the report of a run.
#[derive(Debug, Serialize)]
pub struct CheckReport<'a> {
    schema: u32,
    version: &'static str,
    problems: Vec<ReportedProblem<'a>>,
    /// Names under which fields occur in the sample, by the names that use cases write.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: &'a BTreeMap<String, Vec<String>>,
    /// Use cases that look at events of another kind than the sample, with what is missing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    not_applicable: &'a [String],
    summary: CheckSummary,
}

/// A problem in the configuration, with `null` for what it does not have.
#[derive(Debug, Serialize)]
struct ReportedProblem<'a> {
    severity: &'static str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    section: Option<&'a str>,
    key: Option<&'a str>,
    message: &'a str,
    help: Option<&'a str>,
}

/// Counts of a check.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CheckSummary {
    /// Use cases, those with errors included.
    pub use_cases: usize,
    /// Problems of severity error.
    pub errors: usize,
    /// Problems of severity warning.
    pub warnings: usize,
    /// The program's exit code.
    pub exit_code: u8,
}

impl CheckSummary {
    /// Counts `problems`.
    pub fn new(use_cases: usize, problems: &[Problem], exit: Exit) -> Self {
        let errors = n_errors(problems);
        CheckSummary { use_cases, errors, warnings: problems.len() - errors, exit_code: exit as u8 }
    }
}

impl<'a> CheckReport<'a> {
    /// Reports `problems`, in their order.
    pub fn new(
        problems: &'a [Problem],
        fields: &'a BTreeMap<String, Vec<String>>,
        not_applicable: &'a [String],
        summary: CheckSummary,
    ) -> Self {
        let problems = problems.iter().map(ReportedProblem::of).collect();
        CheckReport { schema: SCHEMA, version: env!("CARGO_PKG_VERSION"), problems, fields, not_applicable, summary }
    }
}

impl<'a> ReportedProblem<'a> {
    fn of(problem: &'a Problem) -> Self {
        let location = problem.location.as_ref();
        ReportedProblem {
            severity: problem.severity.as_str(),
            file: location.map(|location| location.file.display().to_string()),
            line: location.map(|location| location.line),
            column: location.map(|location| location.column),
            section: problem.section.as_deref(),
            key: problem.key.as_deref(),
            message: &problem.message,
            help: problem.help.as_deref(),
        }
    }
}
