//! The line-by-line reader. Its time is linear in the length of the text.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::super::problem::{Location, Problem, quoted};
use super::{Dialect, Entry, Ini, Section, Value};
use crate::python::{is_space, strip};

pub(super) fn parse(text: &str, dialect: Dialect, file: &Arc<Path>) -> (Ini, Vec<Problem>) {
    let mut parser = Parser::new(dialect, file);
    for (line_idx, line) in lines(text).enumerate() {
        parser.number = u32::try_from(line_idx + 1).unwrap_or(u32::MAX);
        parser.read_line(line);
    }
    parser.close_value();
    (parser.ini, parser.problems)
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

/// Whose pairs are being read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Current {
    Defaults,
    Section(usize),
}

struct Parser<'a> {
    dialect: Dialect,
    file: &'a Arc<Path>,
    /// The number of the line being read, from 1.
    number: u32,
    ini: Ini,
    problems: Vec<Problem>,
    section_positions: HashMap<String, usize>,
    /// Positions of keys in the defaults, and in each section.
    default_keys: HashMap<String, usize>,
    section_keys: Vec<HashMap<String, usize>>,
    current: Option<Current>,
    /// The entry whose value deeper lines continue.
    open: Option<usize>,
    /// Indentation, in characters, of the line that a continuation must exceed.
    indent: usize,
    header_missed: bool,
}

impl<'a> Parser<'a> {
    fn new(dialect: Dialect, file: &'a Arc<Path>) -> Self {
        Self {
            dialect,
            file,
            number: 0,
            ini: Ini::default(),
            problems: Vec::new(),
            section_positions: HashMap::new(),
            default_keys: HashMap::new(),
            section_keys: Vec::new(),
            current: None,
            open: None,
            indent: 0,
            header_missed: false,
        }
    }

    fn read_line(&mut self, line: &str) {
        let content = strip(line);
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
        if name == "DEFAULT" {
            self.current = Some(Current::Defaults);
            return;
        }
        if let Some(idx) = self.section_positions.get(name).copied() {
            let first = self.ini.sections[idx].location.line;
            let problem = self.repeated("section", first).in_section(name);
            self.problems.push(problem);
            self.current = Some(Current::Section(idx));
            return;
        }
        let idx = self.ini.sections.len();
        self.ini.sections.push(Section { name: name.to_owned(), location: self.here(), entries: Vec::new() });
        self.section_keys.push(HashMap::new());
        self.section_positions.insert(name.to_owned(), idx);
        self.current = Some(Current::Section(idx));
    }

    fn read_pair(&mut self, current: Current, content: &str) {
        let Some(delimiter) = content.find(['=', ':']) else {
            self.reject_line(current, content);
            return;
        };
        self.close_value();
        let written = content[..delimiter].trim_end_matches(is_space);
        if written.is_empty() {
            let problem = Problem::error(format!("nothing before the `{}`", &content[delimiter..=delimiter]))
                .at(self.here())
                .in_section(self.current_name(current))
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
    fn store(&mut self, current: Current, entry: Entry) -> usize {
        let known = match current {
            Current::Defaults => &mut self.default_keys,
            Current::Section(idx) => &mut self.section_keys[idx],
        };
        let Some(position) = known.get(&entry.key).copied() else {
            let entries = match current {
                Current::Defaults => &mut self.ini.defaults,
                Current::Section(idx) => &mut self.ini.sections[idx].entries,
            };
            known.insert(entry.key.clone(), entries.len());
            entries.push(entry);
            return entries.len() - 1;
        };
        let first = self.entry(current, position).location.line;
        let problem = self.repeated("key", first).in_section(self.current_name(current)).of_key(&entry.key);
        self.problems.push(problem);
        *self.entry(current, position) = entry;
        position
    }

    fn continue_value(&mut self, line: &str, start: (u32, u32)) {
        if let (Some(current), Some(open)) = (self.current, self.open) {
            let value = &mut self.entry(current, open).value;
            value.text.push('\n');
            value.text.push_str(line);
            value.starts.push(start);
        }
    }

    /// Blank lines behind a value are only part of it when a continuation followed them.
    fn close_value(&mut self) {
        if let (Some(current), Some(open)) = (self.current, self.open) {
            let value = &mut self.entry(current, open).value;
            value.text.truncate(value.text.trim_end_matches(is_space).len());
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

    fn reject_line(&mut self, current: Current, content: &str) {
        let help = if content.starts_with('[') {
            "close the section header: `[name]`"
        } else {
            "write `key = value`, or indent the line deeper than its key to continue a value"
        };
        // it may be the secret that a key without a value waits for
        let is_value = self.open.is_some_and(|open| self.entry(current, open).value.text.is_empty());
        let line = if is_value { "the line".to_owned() } else { quoted(first_word(content)) };
        let problem = Problem::error(format!("{line} is neither a section nor a pair"))
            .at(self.here())
            .in_section(self.current_name(current))
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

    fn entry(&mut self, current: Current, position: usize) -> &mut Entry {
        match current {
            Current::Defaults => &mut self.ini.defaults[position],
            Current::Section(idx) => &mut self.ini.sections[idx].entries[position],
        }
    }

    fn current_name(&self, current: Current) -> &str {
        match current {
            Current::Defaults => "DEFAULT",
            Current::Section(idx) => &self.ini.sections[idx].name,
        }
    }

    /// The first character of the line that is not blank.
    fn here(&self) -> Location {
        Location { file: Arc::clone(self.file), line: self.number, column: column(self.indent) }
    }
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
