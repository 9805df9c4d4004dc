//! `simplequery`: every event of the query is an outlier.

use chrono::TimeDelta;

use super::ModelSettings;
use crate::config::ini::Entry;
use crate::config::keys::Keys;
use crate::config::template_key::TemplateKey;

/// Settings of `simplequery`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimpleQuery {
    /// True to store the matching parts of the event with the outlier.
    pub highlight_match: bool,
}

impl ModelSettings for SimpleQuery {
    const TEMPLATE: &'static [TemplateKey] =
        &[TemplateKey::optional("highlight_match", "1", "1: the parts that match are stored, on a cluster")];

    fn read(keys: &mut Keys<'_>, _: Option<TimeDelta>) -> Option<Self> {
        Some(Self { highlight_match: keys.bool("highlight_match").unwrap_or(false) })
    }

    fn read_section<'a>(keys: &mut Keys<'a>) -> Vec<&'a Entry> {
        Self::read(keys, None);
        // a value that is wrong is reported once
        if keys.problems.is_empty() { keys.entries().collect() } else { Vec::new() }
    }
}
