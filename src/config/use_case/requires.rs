//! `requires`: use cases that must have flagged the same aggregator.

use std::collections::{BTreeMap, BTreeSet};

use super::{RejectedUseCase, UseCase};
use crate::config::Configuration;
use crate::config::keys::Keys;
use crate::config::problem::Problem;
use crate::config::values::comma_list;
use crate::spelling::nearest;

const REQUIRES: &str = "requires";

/// Reads the names of the required use cases.
pub(super) fn read(keys: &mut Keys<'_>) -> Vec<String> {
    let Some(text) = keys.filled(REQUIRES) else { return Vec::new() };
    let names = comma_list(text);
    if names.iter().any(String::is_empty) {
        keys.error(REQUIRES, "an empty name", "remove the comma too many");
    }
    names
}

impl Configuration {
    /// Rejects use cases that require a use case that does not exist, or themselves.
    pub(in crate::config) fn check_requirements(&mut self) {
        let errors: Vec<Option<Problem>> = self.use_cases.iter().map(|use_case| self.error_of(use_case)).collect();
        let mut is_wrong = errors.iter().map(Option::is_some);
        let (rejected, kept) =
            std::mem::take(&mut self.use_cases).into_iter().partition(|_| is_wrong.next().unwrap_or(false));
        let rejected: Vec<UseCase> = rejected;
        self.use_cases = kept;
        self.rejected.extend(rejected.into_iter().map(|use_case| RejectedUseCase {
            file: use_case.location.file,
            section: use_case.section,
            model_type: use_case.model.model_type(),
            problems: 1,
        }));
        self.problems.extend(errors.into_iter().flatten());
    }

    fn error_of(&self, use_case: &UseCase) -> Option<Problem> {
        let known = self.use_cases.iter().map(UseCase::id);
        let known: BTreeSet<String> =
            known.chain(self.rejected.iter().map(|rejected| rejected.section.clone())).collect();
        let unknown = use_case.requires.iter().find(|name| !known.contains(*name));
        if let Some(name) = unknown {
            let near = nearest(name, known.iter().map(String::as_str));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a use case by its model and name, such as terms_rare_parent".to_owned(),
            };
            return Some(use_case.problem(REQUIRES, format!("no use case is called `{name}`"), help));
        }
        let circle = circle(use_case, &self.use_cases)?;
        let message = format!("the use case requires itself: {}", circle.join(" requires "));
        Some(use_case.problem(REQUIRES, message, "remove one of these requirements"))
    }
}

/// Returns the names on the way from a use case back to itself.
fn circle(use_case: &UseCase, use_cases: &[UseCase]) -> Option<Vec<String>> {
    let mut required: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for known in use_cases {
        required.entry(known.id()).or_default().extend(known.requires.iter().map(String::as_str));
    }
    let start = use_case.id();
    let mut ways: Vec<Vec<String>> = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let last = way.last().and_then(|last| required.get(last));
        for next in last.into_iter().flatten() {
            let longer = [&way[..], &[(*next).to_owned()]].concat();
            if *next == start {
                return Some(longer);
            }
            if seen.insert(*next) {
                ways.push(longer);
            }
        }
    }
    None
}
