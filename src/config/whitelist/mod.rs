//! `[whitelist_literals]`, `[whitelist_regexps]` and `[whitelist:NAME]`: accepted outliers.
//!
//! An entry is a list of parts separated by commas. `\,` is a comma inside a part, and whitespace
//! around parts is removed. After a literal that ends in a backslash, write a blank and the comma.
//! A part of the form `field:value` asks for one field, any other part for a value of any field.

mod index;
mod note;
mod part;
mod reduced;
mod section;
mod written;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::comments::{self, Form};
use super::ini::{Entry, Ini};
use super::keys::Keys;
use super::problem::{Problem, quoted};
use crate::event::FieldPath;
use crate::python::{PatternError, PrefixRegex, is_space, strip};
use part::{split_field, unescaped};

pub use index::{IndexedField, WhitelistIndex};
pub use note::WhitelistNote;
pub use part::WhitelistPart;
#[cfg(test)]
pub(super) use section::KEYS as SECTION_KEYS;
pub use written::{WrittenWhitelistEntry, written_entry};

pub(super) const LITERALS: &str = "whitelist_literals";
pub(super) const REGEXPS: &str = "whitelist_regexps";
/// Beginning of the name of a section that is an entry.
pub(super) const SECTION_PREFIX: &str = "whitelist:";

/// Whitelist entries of one origin. Each has at least one part, and matches if every part matches
/// some value.
#[derive(Clone, Debug, Default)]
pub struct WhitelistEntries {
    /// Entries whose parts are whole values; case matters.
    pub literals: Vec<Vec<WhitelistPart<String>>>,
    /// Entries whose parts match the beginning of a value; case is ignored.
    pub regexps: Vec<Vec<WhitelistPart<PrefixRegex>>>,
    /// Notes of the literal entries, in their order.
    literal_notes: Vec<Arc<WhitelistNote>>,
    /// Notes of the regexp entries, in their order.
    regexp_notes: Vec<Arc<WhitelistNote>>,
    /// Entries with parts of one field, as older versions read them.
    former: Option<Box<WhitelistEntries>>,
    index: OnceLock<WhitelistIndex>,
}

impl WhitelistEntries {
    /// True if there are no entries, so nothing is accepted.
    pub fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.regexps.is_empty()
    }

    /// Note of the literal entry with this number.
    pub fn literal_note(&self, idx: usize) -> &Arc<WhitelistNote> {
        &self.literal_notes[idx]
    }

    /// Note of the regexp entry with this number.
    pub fn regexp_note(&self, idx: usize) -> &Arc<WhitelistNote> {
        &self.regexp_notes[idx]
    }

    /// Notes of all entries.
    pub fn notes(&self) -> impl Iterator<Item = &Arc<WhitelistNote>> {
        self.literal_notes.iter().chain(&self.regexp_notes)
    }

    /// Entries with parts of the form `field:value`, read as older versions did: as values of any
    /// field. They no longer accept anything; they only produce a warning.
    pub fn former(&self) -> Option<&WhitelistEntries> {
        self.former.as_deref()
    }

    /// Index of the entries, which is built when it is first needed.
    pub fn index(&self) -> &WhitelistIndex {
        self.index.get_or_init(|| WhitelistIndex::new(self))
    }

    /// Reads the whitelist sections of a file. Pairs of `[DEFAULT]` are not entries.
    pub(super) fn read(ini: &Ini, problems: &mut Vec<Problem>) -> Self {
        let mut entries = Self::default();
        ini.own_entries(LITERALS).iter().for_each(|entry| entries.add_literal(entry, LITERALS, problems));
        ini.own_entries(REGEXPS).iter().for_each(|entry| entries.add_regexp(entry, REGEXPS, problems));
        entries.add_sections(ini, problems);
        entries
    }

    /// Adds the entries of another origin.
    pub(super) fn extend(&mut self, other: WhitelistEntries) {
        self.index = OnceLock::new();
        self.literals.extend(other.literals);
        self.regexps.extend(other.regexps);
        self.literal_notes.extend(other.literal_notes);
        self.regexp_notes.extend(other.regexp_notes);
        if let Some(former) = other.former {
            self.former.get_or_insert_default().extend(*former);
        }
    }

    /// Adds the entries inside a use case, as older versions had them.
    pub(super) fn add_old_entries(&mut self, keys: &mut Keys<'_>) {
        let old: Vec<&Entry> = keys.entries().filter(|entry| is_old_entry(&entry.key)).collect();
        self.index = OnceLock::new();
        for entry in old {
            if entry.key.starts_with(LITERALS) {
                self.add_literal(entry, keys.section, &mut keys.problems);
            } else {
                self.add_regexp(entry, keys.section, &mut keys.problems);
            }
            keys.warn(
                &entry.key,
                "whitelist entries inside a use case are an old form",
                "the entry is used; move it to a section [whitelist_literals] or [whitelist_regexps] of the file",
            );
        }
    }

    fn add_literal(&mut self, entry: &Entry, section: &str, problems: &mut Vec<Problem>) {
        let parts = parts(entry, section, problems);
        problems.extend(comments::warning(entry, section, Form::Tight));
        let Some(literals) = self.push_literals(&parts, WhitelistNote::of_line(entry, section)) else { return };
        if literals.iter().all(|part| part.field.is_none()) {
            problems.extend(label_warning(entry, section));
        } else {
            let whole = |part: Part| WhitelistPart { field: None, value: part.text };
            let former = self.former.get_or_insert_default();
            former.literals.push(parts.into_iter().map(whole).collect());
            former.literal_notes.push(Arc::new(WhitelistNote::of_line(entry, section)));
        }
    }

    /// Adds the literals of a section that is an entry.
    fn add_literals_of(&mut self, entry: &Entry, note: WhitelistNote, problems: &mut Vec<Problem>) {
        problems.extend(comments::warning(entry, &note.section, Form::Tight));
        let parts = parts(entry, &note.section, problems);
        self.push_literals(&parts, note);
    }

    /// Adds an entry of literals, and returns it; `None` if it has no part.
    fn push_literals(&mut self, parts: &[Part], note: WhitelistNote) -> Option<&[WhitelistPart<String>]> {
        if parts.is_empty() {
            return None;
        }
        self.literals.push(parts.iter().map(|part| literal(&part.text)).collect());
        self.literal_notes.push(Arc::new(note));
        self.literals.last().map(Vec::as_slice)
    }

    /// Adds a line of regular expressions.
    fn add_regexp(&mut self, entry: &Entry, section: &str, problems: &mut Vec<Problem>) {
        let parts = parts(entry, section, problems);
        problems.extend(comments::warning(entry, section, Form::Wide));
        let note = WhitelistNote::of_line(entry, section);
        let Some(compiled) = compiled(entry, &parts, section, problems) else { return };
        if compiled.iter().all(|part| part.field.is_none()) {
            problems.extend(label_warning(entry, section));
        } else {
            let whole = |part: &Part| Ok(WhitelistPart { field: None, value: PrefixRegex::new(&part.text)? });
            let former: Result<_, PatternError> = parts.iter().map(whole).collect();
            if let Ok(former_parts) = former {
                let former = self.former.get_or_insert_default();
                former.regexps.push(former_parts);
                former.regexp_notes.push(Arc::new(note.clone()));
            }
        }
        self.push_regexps(compiled, note);
    }

    /// Adds the regular expressions of a section that is an entry.
    fn add_regexps_of(&mut self, entry: &Entry, note: WhitelistNote, problems: &mut Vec<Problem>) {
        problems.extend(comments::warning(entry, &note.section, Form::Wide));
        let parts = parts(entry, &note.section, problems);
        if let Some(compiled) = compiled(entry, &parts, &note.section, problems) {
            self.push_regexps(compiled, note);
        }
    }

    fn push_regexps(&mut self, parts: Vec<WhitelistPart<PrefixRegex>>, note: WhitelistNote) {
        self.regexps.push(parts);
        self.regexp_notes.push(Arc::new(note));
    }
}

/// Compiles the parts of an entry. An entry with a bad part is dropped: without the bad part, it
/// would accept more.
fn compiled(
    entry: &Entry,
    parts: &[Part],
    section: &str,
    problems: &mut Vec<Problem>,
) -> Option<Vec<WhitelistPart<PrefixRegex>>> {
    let placed =
        |problem: Problem, offset| problem.at(entry.value.location_at(offset)).in_section(section).of_key(&entry.key);
    for pair in parts.windows(2).filter(|pair| is_torn_quantifier(&pair[0].text, &pair[1].text)) {
        let message = format!("a comma tears {} from {}", quoted(&pair[0].text), quoted(&pair[1].text));
        let torn = placed(Problem::warning(message), pair[0].offset);
        problems.push(torn.help("a comma separates parts: write \\, for a comma, also in {1\\,3}"));
    }
    let n_problems = problems.len();
    let mut compiled = Vec::with_capacity(parts.len());
    for part in parts {
        let (field, pattern) = field_and_value(&part.text);
        match PrefixRegex::new(pattern) {
            Ok(value) => compiled.push(WhitelistPart { field, value }),
            Err(reason) => {
                let message = format!("not a regular expression: {}: {reason}", quoted(pattern));
                let offset = part.offset + part.text.len() - pattern.len();
                problems.push(placed(Problem::error(message), offset).help(
                    "the whole entry is ignored until it is mended; a comma separates parts, so write \\, for a comma, also in {1\\,3}",
                ));
            }
        }
    }
    (problems.len() == n_problems && !compiled.is_empty()).then_some(compiled)
}

/// Warns of an entry whose label looks like the field that was meant: labels mean nothing.
fn label_warning(entry: &Entry, section: &str) -> Option<Problem> {
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '@'));
    let has_letter = entry.key.chars().any(char::is_alphabetic);
    let is_field = entry.key.contains('.') && entry.key.split('.').all(is_name) && has_letter;
    is_field.then(|| {
        let label = quoted(&entry.key);
        let message = format!("{label} is only a label: the entry accepts its value in any field");
        let help = format!("write `LABEL={}:VALUE` to accept the value in that field only", entry.key);
        Problem::warning(message).at(entry.location.clone()).in_section(section).of_key(&entry.key).help(help)
    })
}

fn literal(text: &str) -> WhitelistPart<String> {
    if let Some(value) = unescaped(text) {
        return WhitelistPart { field: None, value };
    }
    let (field, value) = field_and_value(text);
    WhitelistPart { field, value: value.to_owned() }
}

fn field_and_value(text: &str) -> (Option<FieldPath>, &str) {
    split_field(text).map_or((None, text), |(name, value)| (Some(FieldPath::new(name)), value))
}

/// True if a use case's key is a whitelist entry in the old form.
pub(super) fn is_old_entry(key: &str) -> bool {
    key.starts_with(LITERALS) || key.starts_with(REGEXPS)
}

/// True if `before` and `behind` look like the halves of a pattern with `{1,3}`. Python compiles
/// both, but they match a literal brace, which nobody intends. Existing files contain them, so they
/// are kept.
fn is_torn_quantifier(before: &str, behind: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let opened = before.trim_end_matches(is_digit);
    let closed = behind.trim_start_matches(is_digit);
    opened.ends_with('{') && !opened.ends_with("\\{") && closed.starts_with('}')
}

struct Part {
    text: String,
    /// Byte in the value at which it begins.
    offset: usize,
}

/// Returns the parts of an entry without duplicates and empty ones; none if one of them names a
/// field that cannot be looked up.
fn parts(entry: &Entry, section: &str, problems: &mut Vec<Problem>) -> Vec<Part> {
    let mut known: HashSet<String> = HashSet::new();
    let mut parts = Vec::new();
    let mut has_empty = false;
    for Part { text, offset } in split(entry.value.text()) {
        let stripped = strip(&text);
        if stripped.is_empty() {
            has_empty = true;
        } else if known.insert(stripped.to_owned()) {
            let blank = text.len() - text.trim_start_matches(is_space).len();
            parts.push(Part { text: stripped.to_owned(), offset: offset + blank });
        }
    }
    problems.extend(warning_of_lines(entry, section, &parts));
    if has_empty {
        let cure = if parts.is_empty() { "write a value or remove the entry" } else { "remove the comma too many" };
        problems.push(
            Problem::warning("an empty part is ignored: it would accept nearly everything")
                .at(entry.location.clone())
                .in_section(section)
                .of_key(&entry.key)
                .help(cure),
        );
    }
    let refused = |part: &Part| Some((part.offset, FieldPath::new(split_field(&part.text)?.0).refusal()?));
    if let Some((offset, reason)) = parts.iter().find_map(refused) {
        problems.push(
            Problem::error(reason)
                .at(entry.value.location_at(offset))
                .in_section(section)
                .of_key(&entry.key)
                .help("the whole entry is ignored until it is mended; write \\: for a colon of the value"),
        );
        parts.clear();
    }
    parts
}

/// Warns of a value of several lines, whose author probably meant several entries.
fn warning_of_lines(entry: &Entry, section: &str, parts: &[Part]) -> Option<Problem> {
    let message = if parts.iter().any(|part| part.text.contains('\n')) {
        "the value has several lines, and a line break inside a part has to match, too"
    } else if entry.value.text().contains('\n') && parts.len() > 1 {
        "the value has several lines, but is one entry: all of its parts must match"
    } else {
        return None;
    };
    let help = "for an entry per line, begin each line with a label of its own and `=`";
    Some(Problem::warning(message).at(entry.value.location()).in_section(section).of_key(&entry.key).help(help))
}

/// Splits at commas, except after an odd number of backslashes: `\\,` ends a part.
fn split(value: &str) -> Vec<Part> {
    let mut parts = vec![Part { text: String::new(), offset: 0 }];
    let mut n_backslashes = 0;
    for (offset, c) in value.char_indices() {
        if let Some(part) = parts.last_mut() {
            match c {
                ',' if n_backslashes % 2 == 0 => parts.push(Part { text: String::new(), offset: offset + 1 }),
                ',' => {
                    part.text.pop();
                    part.text.push(',');
                }
                _ => part.text.push(c),
            }
        }
        n_backslashes = if c == '\\' { n_backslashes + 1 } else { 0 };
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::ini::{Dialect, parse};
    use super::*;

    /// Reads `value` as regular expressions and as literals; returns the problems of the former.
    fn read(value: &str) -> (WhitelistEntries, Vec<Problem>) {
        let file: Arc<Path> = Arc::from(Path::new("w.conf"));
        let (ini, _) = parse(&format!("[w]\nk = {value}"), Dialect::UseCases, &file);
        let (mut entries, mut problems) = (WhitelistEntries::default(), Vec::new());
        for entry in &ini.sections[0].entries {
            entries.add_regexp(entry, "w", &mut problems);
            entries.add_literal(entry, "w", &mut Vec::new());
        }
        (entries, problems)
    }

    #[test]
    fn entries_are_lists_of_parts() {
        for (value, expected) in [
            ("a", vec!["a"]),
            ("a , b,c", vec!["a", "b", "c"]),
            ("a,a, a", vec!["a"]),
            ("a\\,b, c", vec!["a,b", "c"]),
            ("C:\\dir\\ , b", vec!["C:\\dir\\", "b"]),
            ("a\\\\,b", vec!["a\\\\", "b"]),
            ("a\\\\\\,b", vec!["a\\\\,b"]),
            ("a,\n  b,\n\n  c", vec!["a", "b", "c"]),
            ("a,", vec!["a"]),
        ] {
            assert_eq!(read(value).0.literals, [expected], "{value}");
        }
        assert!(read("").0.is_empty());
        assert!(read(" , ,").0.is_empty());
    }

    #[test]
    fn a_bad_part_drops_its_entry_and_says_where() {
        let shown = |problem: &Problem| {
            let at = problem.location.clone().unwrap();
            format!("{}:{} {}", at.line, at.column, problem.message)
        };
        let (entries, problems) = read("ok, b(");
        assert_eq!(shown(&problems[0]), "2:9 not a regular expression: `b(`: a `(` is not closed");
        assert!(problems[0].help.as_deref().unwrap().contains("\\,"));
        assert!(entries.regexps.is_empty());
        for (value, expected) in
            [("x{1,3}, y", "2:5 a comma tears `x{1` from `3}`"), ("x{,3}", "2:5 a comma tears `x{` from `3}`")]
        {
            let (entries, problems) = read(value);
            assert_eq!(shown(&problems[0]), expected);
            assert_eq!(problems[0].severity, super::super::problem::Severity::Warning);
            assert_eq!((entries.regexps.len(), problems.len()), (1, 1), "kept, as existing files have it");
        }
        let (entries, problems) = read("x{1\\,3}$");
        assert_eq!((entries.regexps[0][0].value.as_str(), problems.len()), ("x{1,3}$", 0));
        assert_eq!(entries.regexps[0][0].value.is_match("xxxx"), Ok(false));
    }

    #[test]
    fn parts_may_name_a_field() {
        let shown = |field: &Option<FieldPath>, value: &str| match field {
            Some(field) => format!("[{field}] {value}"),
            None => value.to_owned(),
        };
        let (entries, problems) = read("process.name:scan\\.exe, user\\:bob, C:/x, a\\,b:c");
        assert!(problems.is_empty());
        let literals: Vec<String> = entries.literals[0].iter().map(|part| shown(&part.field, &part.value)).collect();
        assert_eq!(literals, ["[process.name] scan\\.exe", "user:bob", "C:/x", "a,b:c"]);
        let regexps = entries.regexps[0].iter().map(|part| shown(&part.field, part.value.as_str()));
        assert_eq!(
            regexps.collect::<Vec<_>>(),
            ["[process.name] scan\\.exe", "user\\:bob", "C:/x", "a,b:c"],
            "an escaped colon is a colon for regular expressions, too"
        );
        let former = entries.former().unwrap();
        assert_eq!(former.literals, [["process.name:scan\\.exe", "user\\:bob", "C:/x", "a,b:c"]]);
        assert_eq!(former.regexps[0][0].value.as_str(), "process.name:scan\\.exe");
        assert!(read("C:/x, http://y").0.former().is_none());
        let (_, problems) = read("user.name:b(");
        assert_eq!(problems[0].message, "not a regular expression: `b(`: a `(` is not closed");
        assert_eq!(problems[0].location.as_ref().unwrap().column, 15);
        let (entries, problems) = read(&format!("ok, {}:x", vec!["aa"; 33].join(".")));
        assert!(entries.is_empty());
        assert_eq!(problems[0].message, "a field of 33 parts; at most 32 are possible");
    }

    #[test]
    fn empty_parts_are_worth_a_warning() {
        for value in ["", "a,", ",a"] {
            let (_, problems) = read(value);
            assert_eq!(problems.len(), 1, "{value}");
            assert_eq!(problems[0].severity, super::super::problem::Severity::Warning);
        }
    }
}
