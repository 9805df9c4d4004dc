//! `simplequery`: every event of the query is an outlier.

use crate::config::keys::Keys;

/// Settings of `simplequery`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimpleQuery {
    /// True to store the matching parts of the event with the outlier.
    pub highlight_match: bool,
}

impl SimpleQuery {
    /// Reads a use case, or `[simplequery]` of the main configuration, which says the default.
    pub(super) fn read(keys: &mut Keys<'_>, default: Self) -> Self {
        Self { highlight_match: keys.bool("highlight_match").unwrap_or(default.highlight_match) }
    }
}
