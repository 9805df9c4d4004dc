//! Typed scalar leaves of values, as queries compare them.

use std::fmt;
use std::sync::Arc;

use super::cursor::{Cursor, Kind, string_content, unescape_into};
use crate::event::field::has_parts;

/// Upper limit on the bytes of the name of a leaf: Lucene has no longer terms, so no index has
/// fields with longer names.
const MAX_NAME_BYTES: usize = 32_766;

/// Calls `push` with the tagged text of each scalar leaf of `raw` (see
/// [`super::ColumnKind::Leaves`]). If a key occurs several times in an object below `raw`, all its
/// values are used.
pub(super) fn leaves(raw: &str, scratch: &mut String, push: &mut dyn FnMut(&str)) {
    if raw.starts_with(['{', '[']) {
        Walk { pattern: None, name: String::new(), scratch, push }.value(&mut Cursor::new(raw));
    } else {
        push_leaf(raw, scratch, push);
    }
}

/// The same without the leaves of objects below `raw`.
pub(super) fn own_leaves(raw: &str, scratch: &mut String, push: &mut dyn FnMut(&str)) {
    if !raw.starts_with('[') {
        return push_leaf(raw, scratch, push);
    }
    let mut list = Cursor::new(raw);
    list.enter();
    while list.next() {
        own_leaves(list.value(), scratch, push);
    }
}

/// Calls `push` with the tagged text of a scalar, unless it is null.
fn push_leaf(raw: &str, scratch: &mut String, push: &mut dyn FnMut(&str)) {
    match Kind::of(raw) {
        Kind::True => push("btrue"),
        Kind::False => push("bfalse"),
        Kind::String => {
            scratch.clear();
            scratch.push('s');
            unescape_into(string_content(raw), scratch);
            push(scratch);
        }
        Kind::Number => {
            scratch.clear();
            scratch.push('n');
            scratch.push_str(raw);
            push(scratch);
        }
        Kind::Null | Kind::Object | Kind::Array => {}
    }
}

/// A test of the full names of leaves.
pub trait LeafNames: fmt::Debug + Send + Sync {
    /// Returns true for leaves that belong into the column.
    fn want(&self, name: &str) -> bool;
}

/// A field name with `*`; each `*` stands for any characters, dots included.
#[derive(Debug)]
pub(super) struct NamePattern {
    parts: Vec<String>,
    names: Option<Arc<dyn LeafNames>>,
}

impl NamePattern {
    pub(super) fn new(name: &str, names: Option<Arc<dyn LeafNames>>) -> Self {
        Self { parts: name.split('*').map(str::to_owned).collect(), names }
    }

    fn is_all(&self) -> bool {
        self.parts.iter().all(String::is_empty) && self.names.is_none()
    }

    fn matches(&self, name: &str) -> bool {
        self.has_shape(name) && self.names.as_ref().is_none_or(|names| names.want(name))
    }

    fn has_shape(&self, name: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else { return false };
        has_parts(name, first, middle.iter().map(String::as_str), last)
    }

    /// Calls `push` with the tagged text of each leaf of the document `source` whose full name
    /// matches. If a key occurs several times in an object, all its values are used. Names beyond
    /// [`MAX_NAME_BYTES`] match nothing but `*`.
    pub(super) fn leaves(&self, source: &str, scratch: &mut String, push: &mut dyn FnMut(&str)) {
        if self.is_all() {
            return leaves(source, scratch, push);
        }
        let mut walk = Walk { pattern: Some(self), name: String::new(), scratch, push };
        walk.value(&mut Cursor::new(source));
    }
}

/// Walk through a value whose nesting was checked.
struct Walk<'w> {
    /// Pattern for the full names of the leaves; without one, names are not put together.
    pattern: Option<&'w NamePattern>,
    name: String,
    scratch: &'w mut String,
    push: &'w mut dyn FnMut(&str),
}

impl Walk<'_> {
    fn value(&mut self, cursor: &mut Cursor<'_>) {
        let kind = cursor.peek();
        if !matches!(kind, Kind::Object | Kind::Array) {
            let raw = cursor.value();
            if self.pattern.is_none_or(|pattern| pattern.matches(&self.name)) {
                push_leaf(raw, self.scratch, self.push);
            }
            return;
        }
        let name_length = self.name.len();
        cursor.enter();
        while cursor.next() {
            if kind == Kind::Object {
                self.extend_name(cursor.key());
            }
            if self.name.len() > MAX_NAME_BYTES {
                // nor has a leaf below it a name that is tested
                cursor.value();
            } else {
                self.value(cursor);
            }
            self.name.truncate(name_length);
        }
    }

    fn extend_name(&mut self, key: &str) {
        if self.pattern.is_some() {
            if !self.name.is_empty() {
                self.name.push('.');
            }
            unescape_into(key, &mut self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("*", "a.b", true),
            ("a.*", "a.b.c", true),
            ("a.*", "a", false),
            ("*.name", "user.name", true),
            ("*.name", "user.names", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("A.*", "a.b", false),
        ] {
            assert_eq!(NamePattern::new(pattern, None).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn leaves_of_matching_names() {
        let source = r#"{"a": {"b": [1, {"c": "x\n"}, [true, null]], "d.e": "y"}, "b": 2.50, "z": {}}"#;
        for (pattern, expected) in [
            ("*", "n1 sx\n btrue sy n2.50"),
            ("a.*", "n1 sx\n btrue sy"),
            ("a.b*", "n1 sx\n btrue"),
            ("a.d.*", "sy"),
            ("*b", "n1 btrue n2.50"),
            ("z*", ""),
        ] {
            let mut found = Vec::new();
            NamePattern::new(pattern, None).leaves(source, &mut String::new(), &mut |text| found.push(text.to_owned()));
            assert_eq!(found.join(" "), expected, "{pattern}");
        }
    }

    #[test]
    fn names_that_no_index_could_have_match_no_pattern() {
        let found = |pattern: &str, source: &str| {
            let (mut found, pattern) = (Vec::new(), NamePattern::new(pattern, None));
            pattern.leaves(source, &mut String::new(), &mut |text| found.push(text.to_owned()));
            found.join(" ")
        };
        let longest = "x".repeat(MAX_NAME_BYTES - 2);
        let source = format!(r#"{{"{longest}": {{"y": 1, "yy": 2, "z": [{{"y": 3}}]}}, "y": 4}}"#);
        assert_eq!(found("*y", &source), "n1 n4");
        assert_eq!(found("*", &source), "n1 n2 n3 n4");
        let members: Vec<String> = (0..200_000).map(|n| format!(r#""y{n}": {n}"#)).collect();
        let source = format!(r#"{{"{}": {{{}}}, "y": 4}}"#, "x".repeat(16 << 20), members.join(", "));
        assert_eq!(found("*y*", &source), "n4");
    }
}
