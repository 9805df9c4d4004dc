//! The line-by-line reader. Its time is linear in the length of the text.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::super::problem::{Location, Problem, quoted};
use super::{Dialect, Entry, Ini, Section, Value};
use crate::python::is_space;

pub(super) fn parse(text: &str, dialect: Dialect, file: &Arc<Path>) -> (Ini, Vec<Problem>) {
    let mut parser = Parser::new(dialect, file);
    for (line_idx, line) in lines(text).enumerate() {
        parser.number = u32::try_from(line_idx + 1).unwrap_or(u32::MAX);
        parser.read_line(line);
    }
    parser.close_value();
    let defaults = parser.sections.remove(DEFAULTS).entries;
    (Ini { defaults, sections: parser.sections }, parser.problems)
}

/// Lines as Python's text mode sees them: only `\n`, `\r\n` and a lone `\r` end a line.
fn lines(mut rest: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest.as_bytes());
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = match end {
            Some(end) => rest[end..].strip_prefix("\r\n").unwrap_or(&rest[end + 1..]),
            None => "",
        };
        Some(line)
    })
}

/// Index of `[DEFAULT]` while a file is read. Unlike other sections, it may be given several times.
const DEFAULTS: usize = 0;

struct Parser<'a> {
    dialect: Dialect,
    file: &'a Arc<Path>,
    /// The number of the line being read, from 1.
    number: u32,
    sections: Vec<Section>,
    problems: Vec<Problem>,
    section_positions: HashMap<String, usize>,
    /// Positions of entries, by section and key.
    key_positions: HashMap<(usize, String), usize>,
    /// The section whose pairs are being read.
    current: Option<usize>,
    /// The entry whose value deeper lines continue.
    open: Option<usize>,
    /// Indentation, in characters, of the line that a continuation must exceed.
    indent: usize,
    header_missed: bool,
}

impl<'a> Parser<'a> {
    fn new(dialect: Dialect, file: &'a Arc<Path>) -> Self {
        let mut parser = Self {
            dialect,
            file,
            number: 0,
            sections: Vec::new(),
            problems: Vec::new(),
            section_positions: HashMap::new(),
            key_positions: HashMap::new(),
            current: None,
            open: None,
            indent: 0,
            header_missed: false,
        };
        parser.add_section("DEFAULT");
        parser
    }

    fn read_line(&mut self, line: &str) {
        let content = without_blanks_at_end(line.trim_start_matches(is_space));
        if content.starts_with(['#', ';']) {
            return;
        }
        if content.is_empty() {
            let number = self.number;
            self.continue_value("", (number, 1));
            return;
        }
        let indent = line.chars().take_while(|c| is_space(*c)).count();
        if self.open.is_some() && indent > self.indent {
            let start = (self.number, column(indent));
            self.continue_value(content, start);
            return;
        }
        self.indent = indent;
        if let Some(name) = section_name(content) {
            self.begin_section(name);
        } else if let Some(current) = self.current {
            self.read_pair(current, content);
        } else {
            self.miss_header(content);
        }
    }

    fn begin_section(&mut self, name: &str) {
        self.close_value();
        self.open = None;
        let known = self.section_positions.get(name).copied();
        if let Some(idx) = known.filter(|idx| *idx != DEFAULTS) {
            let first = self.sections[idx].location.line;
            let problem = self.repeated("section", first).in_section(name);
            self.problems.push(problem);
        }
        self.current = Some(known.unwrap_or_else(|| self.add_section(name)));
    }

    fn add_section(&mut self, name: &str) -> usize {
        let idx = self.sections.len();
        self.sections.push(Section { name: name.to_owned(), location: self.here(), entries: Vec::new() });
        self.section_positions.insert(name.to_owned(), idx);
        idx
    }

    fn read_pair(&mut self, current: usize, content: &str) {
        let Some(delimiter) = content.find(['=', ':']) else {
            self.reject_line(current, content);
            return;
        };
        self.close_value();
        let written = content[..delimiter].trim_end_matches(is_space);
        if written.is_empty() {
            let problem = Problem::error(format!("nothing before the `{}`", &content[delimiter..=delimiter]))
                .at(self.here())
                .in_section(&self.sections[current].name)
                .help("write `key = value`");
            self.problems.push(problem);
            self.open = None;
            return;
        }
        let key = match self.dialect {
            Dialect::Main => written.to_owned(),
            Dialect::UseCases => written.to_lowercase(),
        };
        let after = &content[delimiter + 1..];
        let text = after.trim_start_matches(is_space);
        let skipped = content[..content.len() - text.len()].chars().count();
        let entry = Entry {
            key,
            location: self.here(),
            value: Value {
                text: text.to_owned(),
                starts: vec![(self.number, column(self.indent + skipped))],
                file: Arc::clone(self.file),
            },
        };
        self.open = Some(self.store(current, entry));
    }

    /// Keeps `entry`, at the place of an earlier one with the same key, and returns its position.
    fn store(&mut self, current: usize, entry: Entry) -> usize {
        let section = &self.sections[current];
        let n_entries = section.entries.len();
        let position = *self.key_positions.entry((current, entry.key.clone())).or_insert(n_entries);
        if position == n_entries {
            self.sections[current].entries.push(entry);
        } else {
            let first = section.entries[position].location.line;
            let problem = self.repeated("key", first).in_section(&section.name).of_key(&entry.key);
            self.problems.push(problem);
            self.sections[current].entries[position] = entry;
        }
        position
    }

    /// The value that deeper lines continue.
    fn open_value(&mut self) -> Option<&mut Value> {
        Some(&mut self.sections[self.current?].entries[self.open?].value)
    }

    fn continue_value(&mut self, line: &str, start: (u32, u32)) {
        if let Some(value) = self.open_value() {
            value.text.push('\n');
            value.text.push_str(line);
            value.starts.push(start);
        }
    }

    /// Blank lines behind a value are only part of it when a continuation followed them.
    fn close_value(&mut self) {
        if let Some(value) = self.open_value() {
            value.text.truncate(without_blanks_at_end(&value.text).len());
        }
    }

    fn miss_header(&mut self, content: &str) {
        if !self.header_missed {
            let problem = Problem::error(format!("{} stands before the first section", quoted(first_word(content))))
                .at(self.here())
                .help("begin the file with a `[section]` line");
            self.problems.push(problem);
            self.header_missed = true;
        }
    }

    fn reject_line(&mut self, current: usize, content: &str) {
        let help = if content.starts_with('[') {
            "close the section header: `[name]`"
        } else {
            "write `key = value`, or indent the line deeper than its key to continue a value"
        };
        // it may be the secret that a key without a value waits for
        let is_value = self.open_value().is_some_and(|value| value.text.is_empty());
        let line = if is_value { "the line".to_owned() } else { quoted(first_word(content)) };
        let problem = Problem::error(format!("{line} is neither a section nor a pair"))
            .at(self.here())
            .in_section(&self.sections[current].name)
            .help(help);
        self.problems.push(problem);
    }

    fn repeated(&self, what: &str, first: u32) -> Problem {
        match self.dialect {
            Dialect::Main => Problem::warning(format!("{what} given again: it is also in line {first}"))
                .help("the last value of a key counts; remove the others"),
            Dialect::UseCases => Problem::error(format!("{what} given twice: it is also in line {first}"))
                .help("keep one of them; keys differing only in case are the same key"),
        }
        .at(self.here())
    }

    /// The first character of the line that is not blank.
    fn here(&self) -> Location {
        Location { file: Arc::clone(self.file), line: self.number, column: column(self.indent) }
    }
}

/// The text without blanks at its end, but for one that a backslash escapes: `\ ` stands for a
/// blank in queries and regular expressions.
fn without_blanks_at_end(text: &str) -> &str {
    let end = text.trim_end_matches(is_space).len();
    let n_backslashes = end - text[..end].trim_end_matches('\\').len();
    let is_escaped = n_backslashes % 2 == 1 && text[end..].starts_with([' ', '\t']);
    &text[..end + usize::from(is_escaped)]
}

/// The part of a broken line that may be shown: the rest may be a password without its `=`.
fn first_word(content: &str) -> &str {
    let end = content.find(|c: char| is_space(c) || ['=', ':'].contains(&c));
    &content[..end.unwrap_or(content.len())]
}

/// The column behind `skipped` characters.
fn column(skipped: usize) -> u32 {
    u32::try_from(skipped).unwrap_or(u32::MAX).saturating_add(1)
}

/// The name in a header line: at least one character up to the first `]`; what follows is ignored.
fn section_name(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.split_once(']')?;
    (!name.is_empty()).then_some(name)
}
