//! One GROK pattern: expands its references to the library, compiles it, and finds the values of
//! its names.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::{Number, Value};

use super::library;
use crate::python::{GroupRegex, TooManySteps, integer_text, parse_float};
use crate::spelling::nearest;

/// Upper limit on the bytes of an expanded pattern.
const MAX_EXPANDED: usize = 1 << 20;

/// Number of compiled patterns to cache. Each use-case file may bring its own patterns, and most
/// share those of the main configuration.
const MAX_KEPT: usize = 256;

static KEPT: LazyLock<Mutex<HashMap<String, Arc<Pattern>>>> = LazyLock::new(Mutex::default);

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: GroupRegex,
    /// Conversion of the text of each name, in the order of the names.
    kinds: Vec<Kind>,
}

/// Conversion of a text that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Float,
}

/// The parts of `%{NAME}`, `%{NAME:key}` or `%{NAME:key:kind}`.
struct Reference<'a> {
    name: &'a str,
    key: Option<&'a str>,
    kind: Option<&'a str>,
}

impl Pattern {
    /// Returns the compiled pattern, from the cache if it was compiled before.
    pub(super) fn compiled(pattern: &str) -> Result<Arc<Self>, String> {
        let lock = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = lock().get(pattern) {
            return Ok(Arc::clone(kept));
        }
        let compiled = Arc::new(Self::compile(pattern)?);
        let mut kept = lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), Arc::clone(&compiled));
        Ok(compiled)
    }

    fn compile(pattern: &str) -> Result<Self, String> {
        let mut kind_of = HashMap::new();
        let mut expanded = pattern.to_owned();
        while let Some(next) = expand_once(&expanded, &mut kind_of)? {
            expanded = next;
        }
        let regex = GroupRegex::new(&expanded).map_err(|error| format!("not a pattern: {error}"))?;
        let kinds = regex.names().map(|name| kind_of.get(name).copied().unwrap_or(Kind::Text)).collect();
        Ok(Pattern { regex, kinds })
    }

    /// Keys that the pattern derives, each once, in the order of their first appearance.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.regex.names()
    }

    /// Finds the values of [`Self::keys`] in the first match, anywhere in the text; `None` without
    /// a match. A key has no value if its part of the pattern matched nothing, or if its text is
    /// not a number although a number was asked for.
    pub(super) fn search(&self, text: &str) -> Result<Option<Vec<Option<Value>>>, TooManySteps> {
        let Some(found) = self.regex.search(text)? else { return Ok(None) };
        let values = found.into_iter().zip(&self.kinds).map(|(text, kind)| text.and_then(|text| kind.value(text)));
        Ok(Some(values.collect()))
    }
}

impl Kind {
    /// Unknown kinds leave the text as it is.
    fn named(kind: &str) -> Self {
        match kind {
            "int" => Kind::Integer,
            "float" => Kind::Float,
            _ => Kind::Text,
        }
    }

    /// Parses numbers in Python's syntax, which existing configurations expect.
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Kind::Text => Some(text.into()),
            Kind::Integer => integer_text(text)?.parse().ok().map(Value::Number),
            Kind::Float => parse_float(text).and_then(Number::from_f64).map(Value::Number),
        }
    }
}

/// Replaces all references by their definitions, or returns `None` if there are none. Records the
/// kinds that keys ask for.
///
/// A kind belongs to a key, not to a position: the last one wins, and inner references count as
/// later.
fn expand_once(pattern: &str, kind_of: &mut HashMap<String, Kind>) -> Result<Option<String>, String> {
    let mut expanded = String::with_capacity(pattern.len() * 2);
    let mut is_expanded = false;
    let mut rest = pattern;
    while let Some(start) = rest.find("%{") {
        let (before, from) = rest.split_at(start);
        expanded.push_str(before);
        let Some((reference, behind)) = read_reference(from)? else {
            expanded.push_str("%{");
            rest = &from[2..];
            continue;
        };
        let definition = library::definition(reference.name).ok_or_else(|| unknown(reference.name))?;
        match reference.key {
            Some(key) => expanded.push_str(&format!("(?P<{key}>{definition})")),
            None => expanded.push_str(&format!("({definition})")),
        }
        if let (Some(key), Some(kind)) = (reference.key, reference.kind) {
            kind_of.insert(key.to_owned(), Kind::named(kind));
        }
        if expanded.len() > MAX_EXPANDED {
            return Err("the pattern is too long with everything it refers to".to_owned());
        }
        is_expanded = true;
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(is_expanded.then_some(expanded))
}

/// Reads the reference at the beginning of `from`; returns it and the text after it. `None` for
/// ordinary text, such as the bounds in `%{2,3}`.
fn read_reference(from: &str) -> Result<Option<(Reference<'_>, &str)>, String> {
    let Some((inside, behind)) = from[2..].split_once('}') else { return Ok(None) };
    let mut parts = inside.split(':');
    let name = parts.next().unwrap_or_default();
    let reference = Reference { name, key: parts.next(), kind: parts.next() };
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_reference = is_word(name) && reference.key.is_none_or(is_word) && reference.kind.is_none_or(is_word);
    match (is_reference && parts.next().is_none(), is_word(name) && reference.key.is_some()) {
        (true, _) => Ok(Some((reference, behind))),
        (false, true) => Err(format!("`%{{{inside}}}` is not %{{NAME:key}}: keys are letters, digits and `_`")),
        (false, false) => Ok(None),
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, library::names()) {
        Some(known) => format!("there is no grok pattern `{name}`; did you mean `{known}`?"),
        None => format!("there is no grok pattern `{name}`"),
    }
}
