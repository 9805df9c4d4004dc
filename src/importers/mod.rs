//! Rules of other programs, made into use cases: sections of a `.conf` file.
//!
//! 1. `yaml` reads rules with their places.
//! 2. `sigma` and `elastalert` understand them. What a rule looks for becomes a `Condition`,
//!    which `dsl` and `lucene` write as the filters of a use case.
//! 3. `section` writes use cases, and [`Coverage`] says what became of each rule.
//!
//! A rule is expressed as it is meant, or it is listed with the reason and its place. Rules come
//! from strangers: whatever is in them, the result is a file of use cases.

mod coverage;
mod yaml;
mod pattern;
mod network;
mod condition;
mod lucene;
mod regexp;
mod dsl;
mod section;
mod limit;
mod sigma;
mod elastalert;

use std::path::Path;
use std::sync::Arc;

use crate::config::{Location, Problem};
use section::UseCaseText;

pub use coverage::{Coverage, CoverageReport, CoverageSummary, CoveredRule, coverage_text};
pub use elastalert::elastalert;
pub use sigma::sigma;

/// A file of rules.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Its path.
    pub path: Arc<Path>,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Result of an import.
#[derive(Clone, Debug, Default)]
pub struct Import {
    use_cases: Vec<UseCaseText>,
    /// The rules, in the order of files and places.
    pub rules: Vec<CoveredRule>,
    /// Problems of files, or rests of files, that could not be read.
    pub unreadable: Vec<Problem>,
}

impl Import {
    /// The use cases as a `.conf` file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.use_cases.iter().for_each(|use_case| use_case.write(&mut text));
        text
    }

    /// Removes the use case of a section, for the reason that `problem` gives. Its rules are then
    /// not expressed, so their other use cases go, too.
    pub fn reject(&mut self, section: &str, problem: &Problem) {
        let mut removed = vec![section.to_owned()];
        for rule in &mut self.rules {
            let Coverage::Expressed { sections, .. } = &mut rule.coverage else { continue };
            if sections.iter().any(|own| own == section) {
                removed.append(sections);
                let reason = Problem::error(format!("its use case would be refused: {}", problem.message));
                let reason = reason.at(rule.location.clone());
                let help = problem.help.clone().unwrap_or_default();
                rule.coverage = Coverage::Listed(Box::new(reason.help(help)));
            }
        }
        self.use_cases.retain(|use_case| !removed.contains(&use_case.section));
    }

    fn add(&mut self, location: &Location, title: &str, made: Result<Made, Box<Problem>>) {
        let coverage = match made {
            Ok((use_cases, notes)) => {
                let sections = use_cases.iter().map(|use_case| use_case.section.clone()).collect();
                self.use_cases.extend(use_cases);
                Coverage::Expressed { sections, notes }
            }
            Err(problem) => Coverage::Listed(problem),
        };
        self.rules.push(CoveredRule { location: location.clone(), title: title.to_owned(), coverage });
    }
}

/// Use cases of a rule, and what they do differently.
type Made = (Vec<UseCaseText>, Vec<Problem>);
