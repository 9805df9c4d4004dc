//! Keys of use cases whose values the command line replaces.

use std::path::Path;
use std::sync::Arc;

use glob::Pattern;

use super::ini::{Entry, Ini};
use super::keys::Keys;
use super::models::ModelType;
use super::problem::{Location, Problem, quoted};

/// Keys that no reader asks for, but that say something about findings.
const PARAMETERS: [&str; 4] = ["severity", "technique", "techniques", "description"];

/// A key of use cases, and the value that it has instead of that in their files.
#[derive(Debug, Clone)]
pub struct KeyOverride {
    key: String,
    value: String,
    /// Names of the use cases.
    only: Vec<Pattern>,
}

impl KeyOverride {
    /// Replaces the value of `key` in the use cases whose names match one of the patterns.
    pub fn new(key: &str, value: &str, only: &[Pattern]) -> Self {
        KeyOverride { key: key.to_owned(), value: value.to_owned(), only: only.to_vec() }
    }

    /// Replaces the value in the sections of a file.
    pub(super) fn apply(&self, ini: &mut Ini) {
        for section in ini.sections.iter_mut().filter(|section| self.is_for(&section.name)) {
            section.entries.retain(|entry| entry.key != self.key);
            section.entries.push(Entry::at(self.key.clone(), self.value.clone(), self.location()));
        }
    }

    /// Reports a key that no reader asked for: it would change nothing.
    pub(super) fn check(&self, keys: &mut Keys<'_>) {
        if !self.is_for(keys.section) || keys.knows(&self.key) || PARAMETERS.contains(&self.key.as_str()) {
            return;
        }
        let help = match keys.meant_by(&self.key) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "ee-outliers new MODEL prints the keys of a model".to_owned(),
        };
        let problem = Problem::error(format!("the use case knows no key {}", quoted(&self.key))).at(self.location());
        keys.problems.push(problem.in_section(keys.section).of_key(&self.key).help(help));
    }

    fn is_for(&self, section: &str) -> bool {
        let Some((model, name)) = ModelType::of_section(section) else { return false };
        let name = format!("{}_{name}", model.as_str());
        self.only.iter().any(|pattern| pattern.matches(&name))
    }

    fn location(&self) -> Location {
        let option: Arc<Path> = Path::new(&format!("--set {}={}", self.key, self.value)).into();
        Location { file: option, line: 0, column: 0 }
    }
}
