//! Names of fields in events.

use std::fmt;
use std::sync::Arc;

/// Upper limit on the parts of a field: the number of ways to write it in an event grows with their
/// square. By default, Elasticsearch has fields of at most 20 parts.
const MAX_FIELD_PARTS: usize = 32;

/// A dotted field path as the configuration names it, such as `process.parent.name`.
///
/// The text is kept as written; how it is looked up in an event is the event module's business.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Arc<str>);

impl FieldPath {
    /// Takes `path` verbatim: the caller has trimmed what its key's rule says.
    pub fn new(path: &str) -> Self {
        Self(Arc::from(path))
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the dots; a path without a dot is its only part.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// Reason why the field cannot be looked up; `None` if it can.
    pub fn refusal(&self) -> Option<String> {
        let n_parts = self.parts().count();
        (n_parts > MAX_FIELD_PARTS)
            .then(|| format!("a field of {n_parts} parts; at most {MAX_FIELD_PARTS} are possible"))
    }
}

/// Matches a name against a pattern in which each `*` stands for any text, dots included.
pub fn has_shape(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return name == pattern };
    let (middle, last) = rest.rsplit_once('*').map_or((None, rest), |(middle, last)| (Some(middle), last));
    has_parts(name, first, middle.into_iter().flat_map(|middle| middle.split('*')), last)
}

/// Matches a name against the parts of a pattern around its `*`.
pub(super) fn has_parts<'p>(name: &str, first: &str, middle: impl IntoIterator<Item = &'p str>, last: &str) -> bool {
    let Some(mut rest) = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    middle.into_iter().all(|part| {
        let after = rest.find(part).map(|at| &rest[at + part.len()..]);
        rest = after.unwrap_or_default();
        after.is_some()
    })
}

/// Compares the lower-case forms of two names.
pub fn equal_ignoring_case(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_too_many_parts_are_refused() {
        let field = |n_parts: usize| FieldPath::new(&vec!["a"; n_parts].join("."));
        assert_eq!(field(32).refusal(), None);
        assert_eq!(field(33).refusal().as_deref(), Some("a field of 33 parts; at most 32 are possible"));
    }

    #[test]
    fn parts_are_what_stands_between_the_dots() {
        for (path, parts) in [
            ("a", vec!["a"]),
            ("a.b.c", vec!["a", "b", "c"]),
            ("a..b", vec!["a", "", "b"]),
            ("@timestamp", vec!["@timestamp"]),
        ] {
            let field = FieldPath::new(path);
            assert_eq!(field.parts().collect::<Vec<_>>(), parts, "{path}");
            assert_eq!(field.to_string(), path);
        }
    }
}
