//! Typed reading of the keys of one section: what is wrong becomes a problem at the key's place.
//!
//! Readers ask for every key they know, whatever the values are. Keys nobody asked for are unknown.

use std::collections::BTreeMap;
use std::path::Path;

use super::comments::{self, Form};
use super::ini::{Entry, Ini, Section};
use super::problem::{Location, Problem, Severity, quoted};
use super::values::{comma_list, parse_bool};
use crate::event::FieldPath;
use crate::python::{parse_float, parse_int};
use crate::spelling::{known_names, nearest};

/// Keys that readers asked for in this thread, with their sections, for the test of the
/// documentation.
#[cfg(test)]
pub(super) mod asked_in_this_thread {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static KEYS: RefCell<BTreeSet<(String, &'static str)>> = RefCell::default();
    }

    pub(super) fn note(section: &str, key: &'static str) {
        KEYS.with_borrow_mut(|keys| keys.insert((section.to_owned(), key)));
    }

    pub(in crate::config) fn take() -> BTreeSet<(String, &'static str)> {
        KEYS.take()
    }
}

/// Cure for a field that cannot be looked up.
pub(super) const FIELD_HELP: &str = "name a field of an event, such as process.parent.name";

/// Errors for the keys of `section`, each the name of a field, that cannot be looked up.
pub(super) fn refused_fields(ini: &Ini, section: &str) -> Vec<Problem> {
    let error = |entry: &Entry| {
        let problem = Problem::error(FieldPath::new(&entry.key).refusal()?).at(entry.location.clone());
        Some(problem.in_section(section).help(FIELD_HELP))
    };
    ini.own_entries(section).iter().filter_map(error).collect()
}

/// The pairs of a section and the problems found in them. Without pairs, readers return defaults.
#[derive(Default)]
pub(super) struct Keys<'a> {
    pub(super) section: &'a str,
    location: Option<Location>,
    entries: Vec<&'a Entry>,
    /// Entries that stand in for keys the section does not have.
    pub(super) fallback: Vec<&'a Entry>,
    /// The keys asked for so far.
    asked: Vec<&'static str>,
    pub(super) problems: Vec<Problem>,
    /// Those of the problems that are about malformed numbers and switches.
    pub(super) unreadable: Vec<Problem>,
    /// True while nothing has to be given.
    is_optional: bool,
}

impl<'a> Keys<'a> {
    pub(super) fn of_section(ini: &'a Ini, section: &'a Section) -> Self {
        let location = Some(section.location.clone());
        Keys { section: &section.name, location, entries: ini.visible(section), ..Self::default() }
    }

    /// The keys of the section called `name`; none if it is missing.
    pub(super) fn of(ini: &'a Ini, name: &'a str) -> Self {
        let missing = || Keys { section: name, ..Self::default() };
        ini.section(name).map_or_else(missing, |section| Self::of_section(ini, section))
    }

    /// Calls `read` with the keys of the section called `name`, and reports its problems.
    pub(super) fn read<T>(
        ini: &'a Ini,
        name: &'a str,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        Self::read_with(ini, name, Vec::new(), problems, read)
    }

    /// As [`Self::read`]; entries of `fallback` stand in for keys that the section does not have.
    pub(super) fn read_with<T>(
        ini: &'a Ini,
        name: &'a str,
        fallback: Vec<&'a Entry>,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut keys = Self::of(ini, name);
        keys.fallback = fallback;
        let found = read(&mut keys);
        problems.extend(keys.misspelled());
        keys.check_comments(|_| false);
        problems.append(&mut keys.problems);
        found
    }

    /// Calls `read` and turns its errors into warnings: no run relies on the values it reads.
    pub(super) fn lenient<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let n_problems = self.problems.len();
        let found = read(self);
        self.problems[n_problems..].iter_mut().for_each(|problem| problem.severity = Severity::Warning);
        found
    }

    /// As [`Self::lenient`], for a part that is switched off: nothing of it has to be given, and
    /// nothing that it warns of is of interest.
    pub(super) fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let known = std::mem::take(&mut self.problems);
        self.is_optional = true;
        let found = read(self);
        self.is_optional = false;
        let errors = std::mem::replace(&mut self.problems, known);
        let errors = errors.into_iter().filter(|problem| problem.severity == Severity::Error);
        self.problems.extend(errors.map(|problem| Problem { severity: Severity::Warning, ..problem }));
        found
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        self.asked.contains(&key)
    }

    /// The known key that the unknown `key` was probably meant to be.
    pub(super) fn meant_by(&self, key: &str) -> Option<&'static str> {
        nearest(key, self.asked.iter().copied())
    }

    /// Returns a warning for each key of the section that is nearly a known one.
    pub(super) fn misspelled(&self) -> Vec<Problem> {
        let warning = |entry: &&Entry| {
            let near = self.meant_by(&entry.key)?;
            let problem = Problem::warning("unknown key").help(format!("did you mean `{near}`?"));
            Some(self.placed(problem, &entry.key))
        };
        self.entries.iter().filter_map(warning).collect()
    }

    /// Reports what looks like a comment behind a value, except for secrets and keys that are
    /// exempt. If the value is wrong because of it, the error tells the cure.
    pub(super) fn check_comments(&mut self, is_exempt: impl Fn(&str) -> bool) {
        for entry in self.entries.clone() {
            let is_word = self.knows(&entry.key) && !comments::PROSE.contains(&entry.key.as_str());
            let form = if is_word { Form::Tight } else { Form::Wide };
            let warning = comments::warning(entry, self.section, form);
            let is_exempt = comments::is_secret(&entry.key) || is_exempt(&entry.key);
            let Some(warning) = warning.filter(|_| !is_exempt) else { continue };
            let is_wrong = |problem: &&mut Problem| {
                problem.severity == Severity::Error && problem.key.as_ref() == Some(&entry.key)
            };
            match self.problems.iter_mut().find(is_wrong) {
                Some(error) => error.help = Some(comments::CURE.to_owned()),
                None => self.problems.push(warning),
            }
        }
    }

    /// The section's own pairs.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'a Entry> + use<'a, '_> {
        self.entries.iter().copied()
    }

    /// The pair of `key`, which is known from now on.
    pub(super) fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        if !self.knows(key) {
            self.asked.push(key);
            #[cfg(test)]
            asked_in_this_thread::note(self.section, key);
        }
        self.find(key)
    }

    fn find(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().chain(&self.fallback).copied().find(|entry| entry.key == key)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.entry(key).map(|entry| entry.value.text())
    }

    /// The value of `key`, unless it is empty.
    pub(super) fn filled(&mut self, key: &'static str) -> Option<&'a str> {
        self.text(key).filter(|text| !text.is_empty())
    }

    pub(super) fn required(&mut self, key: &'static str, help: &str) -> Option<&'a str> {
        let found = self.filled(key);
        if found.is_none() {
            self.missing(key, help);
        }
        found
    }

    /// The value of `key`; an empty one is worth a warning.
    pub(super) fn required_text(&mut self, key: &'static str, help: &str) -> Option<&'a str> {
        let found = self.text(key);
        match found {
            None => self.missing(key, help),
            Some("") => self.warn(key, "empty", help),
            Some(_) => {}
        }
        found
    }

    pub(super) fn int(&mut self, key: &'static str) -> Option<i64> {
        self.parsed(key, "not a whole number", "write digits, such as 10", parse_int)
    }

    pub(super) fn count(&mut self, key: &'static str) -> Option<u64> {
        let is_count = |text: &str| parse_int(text).and_then(|number| u64::try_from(number).ok());
        self.readable(key, "not a whole number from 0 on", "write digits, such as 10", is_count)
    }

    pub(super) fn float(&mut self, key: &'static str) -> Option<f64> {
        let finite = |text: &str| parse_float(text).filter(|number| !number.is_nan());
        self.parsed(key, "not a number", "write a number, such as 2.5", finite)
    }

    pub(super) fn bool(&mut self, key: &'static str) -> Option<bool> {
        self.readable(key, "not a switch", "write 1 or 0", parse_bool)
    }

    /// As [`Self::parsed`]; the problem is also recorded in [`Self::unreadable`].
    fn readable<T>(
        &mut self,
        key: &'static str,
        wrong: &str,
        help: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let n_problems = self.problems.len();
        let found = self.parsed(key, wrong, help, parse);
        self.unreadable.extend_from_slice(&self.problems[n_problems..]);
        found
    }

    /// The value that one of `names` stands for.
    pub(super) fn named<T: Copy>(&mut self, key: &'static str, names: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = names.iter().find(|(name, _)| *name == text).map(|&(_, value)| value);
        if found.is_none() {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            self.error(key, format!("unknown value {}", quoted(text)), known_names(text, &known));
        }
        found
    }

    pub(super) fn required_named<T: Copy>(&mut self, key: &'static str, names: &[(&str, T)]) -> Option<T> {
        if self.entry(key).is_none() {
            self.missing(key, &format!("write one of {}", listed(names)));
        }
        self.named(key, names)
    }

    /// A list of fields, separated by commas. Whitespace is removed.
    pub(super) fn required_fields(&mut self, key: &'static str) -> Option<Vec<FieldPath>> {
        let text = self.required(key, "name one or several fields, separated by commas")?;
        let fields: Vec<FieldPath> = comma_list(text).iter().map(|name| FieldPath::new(name)).collect();
        if fields.iter().any(|field| field.as_str().is_empty()) {
            self.error(key, format!("an empty field name in {}", quoted(text)), "remove the comma too many");
            return None;
        }
        let checked: Vec<Option<FieldPath>> = fields.into_iter().map(|field| self.checked(key, field)).collect();
        checked.into_iter().collect()
    }

    /// A field, unless the key is empty or missing.
    pub(super) fn field(&mut self, key: &'static str) -> Option<FieldPath> {
        let field = self.filled(key).map(FieldPath::new)?;
        self.checked(key, field)
    }

    /// The field, unless it cannot be looked up.
    fn checked(&mut self, key: &'static str, field: FieldPath) -> Option<FieldPath> {
        let Some(refusal) = field.refusal() else { return Some(field) };
        self.error(key, refusal, FIELD_HELP);
        None
    }

    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        wrong: &str,
        help: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.error(key, format!("{wrong}: {}", quoted(text)), help);
        }
        parsed
    }

    pub(super) fn missing(&mut self, key: &str, help: &str) {
        if self.is_optional {
            return;
        }
        let problem = match self.find(key) {
            Some(entry) => Problem::error("empty").at(entry.location.clone()),
            None => Problem::error("missing").at(self.place()),
        };
        self.problems.push(problem.in_section(self.section).of_key(key).help(help));
    }

    pub(super) fn error(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(Problem::error(message), key, help);
    }

    pub(super) fn warn(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(Problem::warning(message), key, help);
    }

    pub(super) fn locations(&self) -> BTreeMap<String, Location> {
        self.entries.iter().map(|entry| (entry.key.clone(), entry.value.location())).collect()
    }

    fn push(&mut self, problem: Problem, key: &str, help: impl Into<String>) {
        let problem = self.placed(problem, key).help(help);
        self.problems.push(problem);
    }

    /// The problem at the place of `key`, or of the section if it has no such key.
    fn placed(&self, problem: Problem, key: &str) -> Problem {
        let location = self.find(key).map_or_else(|| self.place(), |entry| entry.value.location());
        problem.at(location).in_section(self.section).of_key(key)
    }

    fn place(&self) -> Location {
        let nowhere = || Location { file: Path::new("built-in defaults").into(), line: 1, column: 1 };
        self.location.clone().unwrap_or_else(nowhere)
    }
}

fn listed<T>(names: &[(&str, T)]) -> String {
    names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
