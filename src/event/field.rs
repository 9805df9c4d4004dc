//! Names of fields in events.

use std::fmt;
use std::sync::Arc;

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
