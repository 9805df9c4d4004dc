//! Keys that documents store under `outliers`. Each is declared where its values are made.

/// Key under `outliers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    /// Name below `outliers`.
    pub name: &'static str,
    /// Kind of the values, which decides how a cluster indexes them.
    pub kind: StoredKind,
    /// Number of values that each outlier has.
    pub values: PerOutlier,
}

impl StoredKey {
    /// Declares a key.
    pub const fn new(name: &'static str, kind: StoredKind, values: PerOutlier) -> Self {
        StoredKey { name, kind, values }
    }
}

/// Kind of the values of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredKind {
    /// Text that is found as a whole.
    Text,
    /// Text that is also found by its words.
    Prose,
    /// Number.
    Number,
    /// Number of things.
    Count,
    /// Object whose keys come from events: they must not become fields of the index.
    Object,
    /// Objects with these members.
    Objects(&'static [StoredKey]),
    /// Text or number that the cluster indexes by its first value.
    Dynamic,
}

/// Number of values that one outlier has of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerOutlier {
    /// None: all outliers of a document share the value.
    Shared,
    /// Exactly one.
    One,
    /// One or none.
    UpToOne,
    /// One or more.
    AtLeastOne,
    /// Any number.
    Any,
}
