//! What is accepted: the entries of whitelist sections.

use super::ini::Entry;
use super::problem::{Problem, quoted};
use super::python_regex::PrefixRegex;

/// Whitelist entries of one origin. An entry matches when each of its parts matches some value; no entry is without parts.
#[derive(Clone, Debug, Default)]
pub struct WhitelistEntries {
    /// Entries whose parts are whole values, compared with case.
    pub literals: Vec<Vec<String>>,
    /// Entries whose parts match the beginning of a value, ignoring case.
    pub regexps: Vec<Vec<PrefixRegex>>,
}

impl WhitelistEntries {
    /// Whether nothing is accepted.
    pub fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.regexps.is_empty()
    }

    /// Adds a line of a section of literals.
    pub(super) fn add_literal(&mut self, entry: &Entry, section: &str, problems: &mut Vec<Problem>) {
        let parts = parts(entry, section, problems);
        if !parts.is_empty() {
            self.literals.push(parts);
        }
    }

    /// Adds a line of a section of regular expressions; an entry with a bad part is dropped as a whole, since without that part it
    /// would accept more.
    pub(super) fn add_regexp(&mut self, entry: &Entry, section: &str, problems: &mut Vec<Problem>) {
        let parts = parts(entry, section, problems);
        let mut compiled = Vec::with_capacity(parts.len());
        for part in &parts {
            match PrefixRegex::new(part) {
                Ok(regex) => compiled.push(regex),
                Err(error) => problems.push(
                    Problem::error(format!("not a regular expression: {}: {error}", quoted(part)))
                        .at(entry.value.location())
                        .in_section(section)
                        .of_key(&entry.key)
                        .help("the whole entry is ignored until it is mended; a comma separates parts, so write \\, for a comma, also in {1\\,3}"),
                ),
            }
        }
        if compiled.len() == parts.len() && !compiled.is_empty() {
            self.regexps.push(compiled);
        }
    }
}

/// The parts of an entry, without doubles; `\,` is a comma.
fn parts(entry: &Entry, section: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut has_empty = false;
    let mut part = String::new();
    let mut characters = entry.value.text().chars().peekable();
    let mut end_part = |part: &mut String| {
        let text = std::mem::take(part).trim().to_owned();
        if text.is_empty() {
            has_empty = true;
        } else if !parts.contains(&text) {
            parts.push(text);
        }
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&',') => {
                characters.next();
                part.push(',');
            }
            ',' => end_part(&mut part),
            _ => part.push(character),
        }
    }
    end_part(&mut part);
    if has_empty {
        problems.push(
            Problem::warning("an empty part is ignored")
                .at(entry.location.clone())
                .in_section(section)
                .of_key(&entry.key)
                .help("remove the entry or the comma too many; before, it could accept everything"),
        );
    }
    parts
}
