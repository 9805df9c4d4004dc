//! `import`: use cases made of the rules of other programs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;
use tracing::warn;

use super::error::RunError;
use super::{printed, told};
use crate::cli::{ImportArgs, ImportCommand};
use crate::config::{Location, Problem, Severity, load};
use crate::delivery::SinkError;
use crate::importers::{self, CoverageReport, CoverageSummary, Import, RuleFile, coverage_text};
use crate::paths::matching_paths;
use crate::plan;
use crate::report::Exit;
use crate::sinks::console::print_text;
use crate::sinks::files::{check_writable, is_standard_output, write_whole};

/// Makes use cases of rules, checks that the program reads them, and says what became of each rule.
pub fn import(command: &ImportCommand) -> Exit {
    let made = match command {
        ImportCommand::Sigma(args) => make(args, importers::sigma),
        ImportCommand::Elastalert(args) => make(args, importers::elastalert),
    };
    made.unwrap_or_else(told)
}

fn make(args: &ImportArgs, importer: impl Fn(&[RuleFile]) -> Import) -> Result<Exit, RunError> {
    args.output.iter().chain(&args.report).try_for_each(|path| check_writable(path))?;
    let (files, unreadable) = read(&args.files)?;
    let mut import = importer(&files);
    import.unreadable.extend(unreadable);
    reject_invalid(&mut import)?;
    match args.output.as_deref().filter(|path| !is_standard_output(path)) {
        Some(path) => write_whole(path, import.text().as_bytes())?,
        None => printed(print_text(&import.text()))?,
    }
    if let Some(path) = &args.report {
        let report = serde_json::to_value(CoverageReport::new(&import.rules, &import.unreadable));
        let report = report.map_err(|error| RunError::Internal(error.to_string()))?;
        write_whole(path, format!("{report:#}\n").as_bytes())?;
    }
    let text = coverage_text(&import.rules, &import.unreadable);
    let shown = io::stderr().lock().write_all(text.as_bytes());
    shown.map_err(|source| SinkError { path: PathBuf::from("standard error"), source })?;
    let summary = CoverageSummary::new(&import.rules, &import.unreadable);
    Ok(if summary.listed + summary.unreadable == 0 { Exit::Done } else { Exit::Partial })
}

/// Reads the files of all patterns, each once, sorted by path; and tells those that cannot be read.
fn read(patterns: &[String]) -> Result<(Vec<RuleFile>, Vec<Problem>), RunError> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let found = of_pattern(pattern)?;
        if found.is_empty() {
            return Err(RunError::Events(format!("no file of rules: {pattern}")));
        }
        paths.extend(found);
    }
    paths.sort();
    paths.dedup();
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        match std::fs::read(&path) {
            Ok(bytes) => files.push(RuleFile { path: Arc::from(path), bytes }),
            Err(error) => {
                let start = Location { file: Arc::from(path), line: 1, column: 1 };
                let problem = Problem::error(format!("cannot be read: {error}")).at(start);
                unreadable.push(problem.help("check the path and its permissions"));
            }
        }
    }
    Ok((files, unreadable))
}

/// Returns the files of a pattern; a path that exists is taken literally.
fn of_pattern(pattern: &str) -> Result<Vec<PathBuf>, RunError> {
    let path = Path::new(pattern);
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let is_folder = path.is_dir();
    let escaped = glob::Pattern::escape(pattern.trim_end_matches('/'));
    let pattern = if is_folder { format!("{escaped}/**/*") } else { pattern.to_owned() };
    let matches = matching_paths(&pattern)
        .map_err(|error| RunError::Usage(format!("not a pattern: {pattern}: {error}; write [[] for a bracket")))?;
    for (path, error) in &matches.unreadable {
        warn!("cannot look into {}: {error}", path.display());
    }
    let is_rule = |path: &PathBuf| {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        path.is_file() && (!is_folder || ending.is_some_and(|ending| ["yml", "yaml"].contains(&ending.as_str())))
    };
    Ok(matches.paths.into_iter().filter(is_rule).collect())
}

/// Reads the use cases as `check` would, and removes those that have errors.
fn reject_invalid(import: &mut Import) -> Result<(), RunError> {
    let internal = |error: io::Error| RunError::Internal(format!("cannot check the use cases: {error}"));
    let mut file = tempfile::Builder::new().suffix(".conf").tempfile().map_err(internal)?;
    file.write_all(import.text().as_bytes()).map_err(internal)?;
    let settings = load(&[], &[file.path().to_string_lossy().into_owned()]);
    let of_queries = plan::check(&settings, None, Utc::now());
    let mut errors: BTreeMap<&str, &Problem> = BTreeMap::new();
    let problems = settings.problems.iter().chain(&of_queries);
    for problem in problems.filter(|problem| problem.severity == Severity::Error) {
        match &problem.section {
            Some(section) => drop(errors.entry(section).or_insert(problem)),
            None if import.rules.is_empty() => {}
            None => return Err(RunError::Internal(format!("the use cases cannot be read: {problem}"))),
        }
    }
    errors.into_iter().for_each(|(section, problem)| import.reject(section, problem));
    Ok(())
}
