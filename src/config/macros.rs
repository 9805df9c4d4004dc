//! `[macros]`: names of conditions, which queries use as `${name}`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::comments::{self, Form as CommentForm};
use super::ini::Ini;
use super::problem::Problem;
use crate::spelling::nearest;

pub(super) const SECTION: &str = "macros";

/// Condition of a macro that no chosen profile has: no event matches it.
const NOTHING: &str = "(NOT *:*)";

/// Conditions by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macros {
    /// Conditions, any of which may hold; none if only profiles that are not chosen have one.
    conditions: BTreeMap<String, Vec<String>>,
}

/// A condition that took the place of its name in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandedMacro {
    /// Name of the macro.
    pub name: String,
    /// Characters of the query as written.
    pub written: Range<usize>,
    /// Characters of the query with conditions in place of names.
    pub expanded: Range<usize>,
}

/// A name of a macro that cannot be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroError {
    /// Byte of the query at which it begins.
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) help: String,
}

/// Reads the macros of a section, in its order.
pub(super) fn read(ini: &Ini, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut macros = Vec::new();
    for entry in ini.own_entries(SECTION) {
        problems.extend(comments::warning(entry, SECTION, CommentForm::Tight));
        let text = entry.value.text().trim_start();
        let problem = |message: &str, help: &str| {
            let problem = Problem::error(message).at(entry.value.location());
            problem.in_section(SECTION).of_key(&entry.key).help(help)
        };
        if !is_name(&entry.key) {
            problems
                .push(problem("not a name of a macro", "use letters, digits and `_` only, beginning with a letter"));
        } else if text.is_empty() {
            problems.push(problem("the macro has no condition", "write a Lucene query string"));
        } else if names(text).next().is_some() {
            problems.push(problem("a macro cannot use other macros", "write the condition out"));
        } else {
            macros.push((entry.key.clone(), text.to_owned()));
        }
    }
    macros
}

impl Macros {
    /// Returns the names of the macros that have a condition.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().filter(|(_, conditions)| !conditions.is_empty()).map(|(name, _)| name.as_str())
    }

    /// Adds a condition: events that match any of the conditions of a macro match it.
    pub(super) fn add(&mut self, name: String, condition: String) {
        let known = self.conditions.entry(name).or_default();
        if !known.contains(&condition) {
            known.push(condition);
        }
    }

    /// Returns these macros together with those of a file, which replace others.
    pub(super) fn with(&self, of_file: Vec<(String, String)>) -> Self {
        let mut macros = self.clone();
        of_file.into_iter().for_each(|(name, condition)| macros.replace(name, condition));
        macros
    }

    /// Replaces all conditions of a macro.
    pub(super) fn replace(&mut self, name: String, condition: String) {
        self.conditions.insert(name, vec![condition]);
    }

    /// Declares a macro, which matches nothing until it has a condition.
    pub(super) fn declare(&mut self, name: &str) {
        if !self.conditions.contains_key(name) {
            self.conditions.insert(name.to_owned(), Vec::new());
        }
    }

    /// Replaces every `${name}` outside of quotes and regular expressions by the condition of the
    /// macro.
    pub(super) fn expand(&self, query: &str) -> Result<(String, Vec<ExpandedMacro>), MacroError> {
        let mut expanded = String::with_capacity(query.len());
        let mut found = Vec::new();
        let mut copied = 0;
        for Named { name, bytes } in names(query) {
            let Some(conditions) = self.conditions.get(name) else { return Err(self.unknown(name, bytes.start)) };
            expanded.push_str(&query[copied..bytes.start]);
            copied = bytes.end;
            let start = expanded.chars().count();
            expanded.push_str(&condition(conditions));
            let written_start = query[..bytes.start].chars().count();
            found.push(ExpandedMacro {
                name: name.to_owned(),
                written: written_start..written_start + query[bytes].chars().count(),
                expanded: start..expanded.chars().count(),
            });
        }
        expanded.push_str(&query[copied..]);
        Ok((expanded, found))
    }

    fn unknown(&self, name: &str, at: usize) -> MacroError {
        let message = format!("unknown macro `{}`", name.escape_debug());
        let help = match nearest(name, self.conditions.keys().map(String::as_str)) {
            Some(near) => format!("did you mean ${{{near}}}?"),
            None => "declare it in [macros] of the main configuration, or choose a profile with --fields".to_owned(),
        };
        MacroError { at, message, help }
    }
}

fn condition(conditions: &[String]) -> String {
    match conditions {
        [] => NOTHING.to_owned(),
        [one] => format!("({one})"),
        several => format!("(({}))", several.join(") OR (")),
    }
}

/// A `${name}` in a query.
struct Named<'a> {
    name: &'a str,
    bytes: Range<usize>,
}

/// Finds every `${name}` outside of quotes and regular expressions. No query that Lucene accepts
/// has `${` there.
fn names(query: &str) -> impl Iterator<Item = Named<'_>> {
    let mut quote = None;
    let mut is_escaped = false;
    let mut next_at = 0;
    query.char_indices().filter_map(move |(at, letter)| {
        if at < next_at {
            return None;
        }
        if is_escaped {
            is_escaped = false;
            return None;
        }
        match letter {
            '\\' => is_escaped = true,
            '"' | '/' if quote == Some(letter) => quote = None,
            '"' | '/' if quote.is_none() => quote = Some(letter),
            '$' if quote.is_none() => {
                let rest = query[at..].strip_prefix("${")?;
                let (name, _) = rest.split_once('}')?;
                next_at = at + "${".len() + name.len() + "}".len();
                return Some(Named { name, bytes: at..next_at });
            }
            _ => {}
        }
        None
    })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn macros() -> Macros {
        let mut macros = Macros::default();
        macros.add("one".to_owned(), "a:1".to_owned());
        macros.add("two".to_owned(), "b:1 AND c:2".to_owned());
        macros.add("two".to_owned(), "d:3".to_owned());
        macros.add("two".to_owned(), "d:3".to_owned());
        macros.declare("none");
        macros.declare("one");
        macros
    }

    #[test]
    fn names_become_conditions() {
        for (query, expected) in [
            ("${one} AND x:1", "(a:1) AND x:1"),
            ("é AND ${two} ${one}", "é AND ((b:1 AND c:2) OR (d:3)) (a:1)"),
            ("${none}", "(NOT *:*)"),
            (
                "x:\"${one}\" y:/${one}/ z:\\${one} w:\"a\\\"${one}\"",
                "x:\"${one}\" y:/${one}/ z:\\${one} w:\"a\\\"${one}\"",
            ),
            ("x:$ AND y:${ AND $one", "x:$ AND y:${ AND $one"),
        ] {
            assert_eq!(macros().expand(query).unwrap().0, expected, "{query}");
        }
    }

    #[test]
    fn places_in_both_texts_are_known() {
        let (text, found) = macros().expand("é:1 AND ${one} AND ${two}").unwrap();
        assert_eq!(text, "é:1 AND (a:1) AND ((b:1 AND c:2) OR (d:3))");
        let ranges: Vec<_> = found.into_iter().map(|found| (found.name, found.written, found.expanded)).collect();
        assert_eq!(ranges, [("one".to_owned(), 8..14, 8..13), ("two".to_owned(), 19..25, 18..42)]);
    }

    #[test]
    fn unknown_names_are_errors() {
        let mut macros = macros();
        macros.declare("process_start");
        for (query, at, help) in
            [("x ${process_stat}", 2, "did you mean ${process_start}?"), ("${other}", 0, "declare it in [macros]")]
        {
            let error = macros.expand(query).unwrap_err();
            assert_eq!(error.at, at);
            assert!(error.help.starts_with(help), "{}", error.help);
        }
    }
}
