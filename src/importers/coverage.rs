//! Report on what became of each rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::config::{Location, Problem};
use crate::terminal::{counted, escape_controls};

/// A rule, and what became of it.
#[derive(Clone, Debug)]
pub struct CoveredRule {
    /// Place of the rule.
    pub location: Location,
    /// Its title, or name.
    pub title: String,
    /// Its fate.
    pub coverage: Coverage,
}

/// Fate of a rule.
#[derive(Clone, Debug)]
pub enum Coverage {
    /// Use cases express it.
    Expressed {
        /// Names of their sections.
        sections: Vec<String>,
        /// Differences from the rule, as warnings.
        notes: Vec<Problem>,
    },
    /// It cannot be expressed, for this reason.
    Listed(Box<Problem>),
}

/// Report of an import, for programs.
#[derive(Debug, Serialize)]
pub struct CoverageReport<'a> {
    rules: Vec<ReportedRule<'a>>,
    /// Files, or rests of files, that could not be read.
    unreadable: Vec<ReportedReason<'a>>,
    summary: CoverageSummary,
}

#[derive(Debug, Serialize)]
struct ReportedRule<'a> {
    file: String,
    line: u32,
    column: u32,
    title: &'a str,
    expressed: bool,
    use_cases: &'a [String],
    notes: Vec<ReportedReason<'a>>,
    reason: Option<ReportedReason<'a>>,
}

#[derive(Debug, Serialize)]
struct ReportedReason<'a> {
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    message: &'a str,
    help: Option<&'a str>,
}

/// Counts of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageSummary {
    /// All rules.
    pub rules: usize,
    /// Rules that use cases express.
    pub expressed: usize,
    /// Those of them that mean something else in some respect, which their notes say.
    pub with_notes: usize,
    /// Rules that cannot be expressed.
    pub listed: usize,
    /// Files, or rests of files, that could not be read.
    pub unreadable: usize,
}

impl<'a> ReportedReason<'a> {
    fn of(problem: &'a Problem) -> Self {
        let location = problem.location.as_ref();
        ReportedReason {
            file: location.map(|location| location.file.display().to_string()),
            line: location.map(|location| location.line),
            column: location.map(|location| location.column),
            message: &problem.message,
            help: problem.help.as_deref(),
        }
    }
}

impl<'a> CoverageReport<'a> {
    /// Reports `rules`, and the problems of files that could not be read.
    pub fn new(rules: &'a [CoveredRule], unreadable: &'a [Problem]) -> Self {
        CoverageReport {
            rules: rules.iter().map(ReportedRule::of).collect(),
            unreadable: unreadable.iter().map(ReportedReason::of).collect(),
            summary: CoverageSummary::new(rules, unreadable),
        }
    }
}

impl<'a> ReportedRule<'a> {
    fn of(rule: &'a CoveredRule) -> Self {
        let (use_cases, notes, reason) = match &rule.coverage {
            Coverage::Expressed { sections, notes } => (sections.as_slice(), notes.as_slice(), None),
            Coverage::Listed(problem) => ([].as_slice(), [].as_slice(), Some(ReportedReason::of(problem))),
        };
        ReportedRule {
            file: rule.location.file.display().to_string(),
            line: rule.location.line,
            column: rule.location.column,
            title: &rule.title,
            expressed: reason.is_none(),
            use_cases,
            notes: notes.iter().map(ReportedReason::of).collect(),
            reason,
        }
    }
}

impl CoverageSummary {
    /// Counts `rules` and `unreadable`.
    pub fn new(rules: &[CoveredRule], unreadable: &[Problem]) -> Self {
        let is_listed = |rule: &&CoveredRule| matches!(rule.coverage, Coverage::Listed(_));
        let has_notes =
            |rule: &&CoveredRule| matches!(&rule.coverage, Coverage::Expressed { notes, .. } if !notes.is_empty());
        let listed = rules.iter().filter(is_listed).count();
        CoverageSummary {
            rules: rules.len(),
            expressed: rules.len() - listed,
            with_notes: rules.iter().filter(has_notes).count(),
            listed,
            unreadable: unreadable.len(),
        }
    }
}

/// Returns the report for people: each rule that is not expressed, notes by their frequency, and
/// counts.
pub fn coverage_text(rules: &[CoveredRule], unreadable: &[Problem]) -> String {
    let mut text = String::new();
    for problem in unreadable {
        let _ = writeln!(text, "{problem}");
    }
    let mut notes: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in rules {
        match &rule.coverage {
            Coverage::Listed(problem) => {
                let place = problem.location.as_ref().unwrap_or(&rule.location);
                let title = escape_controls(&rule.title);
                let _ = writeln!(text, "{place}: not expressed: {title}: {}", escape_controls(&problem.message));
                if let Some(help) = &problem.help {
                    let _ = writeln!(text, "  help: {}", escape_controls(help));
                }
            }
            Coverage::Expressed { notes: found, .. } => {
                found.iter().for_each(|note| *notes.entry(&note.message).or_default() += 1);
            }
        }
    }
    let mut frequent: Vec<(&str, usize)> = notes.into_iter().collect();
    frequent.sort_by_key(|(message, count)| (std::cmp::Reverse(*count), *message));
    for (message, count) in frequent {
        let _ = writeln!(text, "{}: {}", counted(count as u64, "rule", "rules"), escape_controls(message));
    }
    let CoverageSummary { rules, expressed, with_notes, listed, unreadable } = CoverageSummary::new(rules, unreadable);
    let _ = write!(text, "{}: {expressed} expressed", counted(rules as u64, "rule", "rules"));
    if with_notes > 0 {
        let _ = write!(text, " ({with_notes} with notes)");
    }
    let _ = write!(text, ", {listed} not expressed");
    if unreadable > 0 {
        let _ = write!(text, ", {}", counted(unreadable as u64, "unreadable file", "unreadable files"));
    }
    text.push('\n');
    text
}
