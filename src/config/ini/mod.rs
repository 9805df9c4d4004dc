//! The INI dialect of the configuration files, as Python's `RawConfigParser` reads it, with places.
//!
//! * Comment lines begin with `#` or `;`, at any indentation; there are no comments behind a value.
//! * A key ends at the first `=` or `:` of its line. Whitespace around key and value is removed.
//! * A line indented deeper than the key line above it continues that value. So do blank lines
//!   before such a line.
//! * The pairs of `[DEFAULT]` are visible in every other section of the file.
//!
//! Deliberate difference: a byte order mark is skipped, where Python rejects the file.

mod parser;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::problem::{Location, Problem};

/// Syntax rules that differ between the two kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Main configuration: case matters; a section or key given again is merged, the last one wins.
    Main,
    /// Use cases: keys are lower-cased; a section or key given twice is an error.
    UseCases,
}

/// The sections of one file, or of several merged ones.
#[derive(Clone, Debug, Default)]
pub struct Ini {
    /// The pairs of `[DEFAULT]`.
    pub defaults: Vec<Entry>,
    /// All other sections, each name once, in order of first appearance.
    pub sections: Vec<Section>,
}

/// A section without the defaults.
#[derive(Clone, Debug)]
pub struct Section {
    /// The text between the brackets, verbatim.
    pub name: String,
    /// Location of the header.
    pub location: Location,
    /// The pairs, each key once, in order of first appearance.
    pub entries: Vec<Entry>,
}

impl Section {
    /// Returns a warning at the header.
    pub(super) fn warning(&self, message: &str, help: impl Into<String>) -> Problem {
        Problem::warning(message).at(self.location.clone()).in_section(&self.name).help(help)
    }
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, lower-cased where the dialect says so.
    pub key: String,
    /// Location of the key.
    pub location: Location,
    /// The value.
    pub value: Value,
}

impl Entry {
    /// A pair that stands in no file; problems with it are reported at `location`.
    pub(super) fn at(key: String, text: String, location: Location) -> Self {
        let Location { file, line, column } = location.clone();
        Entry { key, location, value: Value { text, starts: vec![(line, column)], file } }
    }
}

/// A value that knows where each of its lines came from.
#[derive(Clone, Debug)]
pub struct Value {
    text: String,
    /// Line and column at which each line of `text` begins in the file.
    starts: Vec<(u32, u32)>,
    file: Arc<Path>,
}

impl Value {
    /// The lines of the value, joined by line feeds; without blanks at both ends of each line.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the location of the value's first character.
    pub fn location(&self) -> Location {
        self.location_at(0)
    }

    /// Returns the location in the file of the character at the byte `offset` of [`Self::text`].
    pub fn location_at(&self, offset: usize) -> Location {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line_idx = before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        // Bytes that begin a character; so an offset inside a character is harmless.
        let chars = before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let (line, column) = self.starts.get(line_idx).copied().unwrap_or((1, 1));
        Location {
            file: Arc::clone(&self.file),
            line,
            column: column.saturating_add(u32::try_from(chars).unwrap_or(u32::MAX)),
        }
    }
}

impl Ini {
    /// The section of that name; never `[DEFAULT]`.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The pairs of the section of that name, without the defaults; none if it is missing.
    pub(super) fn own_entries(&self, name: &str) -> &[Entry] {
        self.section(name).map(|section| section.entries.as_slice()).unwrap_or_default()
    }

    /// All pairs visible in `section`: the defaults, then its own. Its own values replace defaults.
    pub fn visible<'a>(&'a self, section: &'a Section) -> Vec<&'a Entry> {
        let mut visible: Vec<&Entry> = self.defaults.iter().collect();
        merge_entries(&mut visible, &section.entries);
        visible
    }

    /// Adds what a later file says: its values win, at the place of the earlier ones.
    pub fn merge(&mut self, later: Ini) {
        merge_entries(&mut self.defaults, later.defaults);
        for section in later.sections {
            match self.sections.iter_mut().find(|known| known.name == section.name) {
                Some(known) => merge_entries(&mut known.entries, section.entries),
                None => self.sections.push(section),
            }
        }
    }
}

/// Adds entries to `known`, or replaces those with the same keys.
fn merge_entries<E: Borrow<Entry>>(known: &mut Vec<E>, later: impl IntoIterator<Item = E>) {
    let positions: HashMap<String, usize> =
        known.iter().enumerate().map(|(idx, entry)| (entry.borrow().key.clone(), idx)).collect();
    for entry in later {
        match positions.get(&entry.borrow().key) {
            Some(idx) => known[*idx] = entry,
            None => known.push(entry),
        }
    }
}

/// Parses a text. What can be understood is returned even with problems. Each error means that
/// Python rejects the file.
pub fn parse(text: &str, dialect: Dialect, file: &Arc<Path>) -> (Ini, Vec<Problem>) {
    parser::parse(text.strip_prefix('\u{feff}').unwrap_or(text), dialect, file)
}

#[cfg(test)]
mod tests;
