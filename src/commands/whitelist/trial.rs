//! Outliers that entries are tested on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::error::RunError;
use crate::config::{ModelType, WhitelistNote};
use crate::event::{Document, FieldPath};
use crate::outlier::Outlier;
use crate::whitelist::Whitelist;

/// An outlier, or a finding of the history, which stands for its outliers.
pub(super) struct Trial {
    /// Name of its use case.
    pub(super) use_case: String,
    /// Id of its finding.
    pub(super) finding: String,
    /// Text of the aggregator, if the model has one.
    pub(super) aggregator: Option<String>,
    /// Text that was judged, if it was not the aggregator as a whole.
    pub(super) target: Option<String>,
    pub(super) outlier: Outlier,
    /// Its event; without fields if the history does not have it.
    pub(super) event: Document,
    /// True if the fields of the event are known.
    pub(super) is_event_known: bool,
    /// Number of outliers, and of documents.
    pub(super) outliers: u64,
    pub(super) documents: u64,
    /// True if the event is labelled as one of an attack.
    pub(super) is_attack: bool,
}

/// Effect of an entry on an outlier.
pub(super) enum Effect {
    /// It hides it.
    Hides,
    /// It may hide it: that depends on fields of the event, which are not known.
    MayHide,
}

impl Trial {
    /// Returns the entries of `whitelist` that hide the outlier, or may.
    pub(super) fn effects(&self, whitelist: &TestedWhitelist) -> Vec<(Arc<WhitelistNote>, Effect)> {
        let hides = whitelist.whole.of_event(&self.event).accepting(&self.outlier);
        let mut effects: BTreeMap<_, _> =
            hides.into_iter().map(|note| (note.location.clone(), (note, Effect::Hides))).collect();
        if !self.is_event_known {
            for note in whitelist.without_events.of_event(&self.event).accepting(&self.outlier) {
                effects.entry(note.location.clone()).or_insert((note, Effect::MayHide));
            }
            for note in &whitelist.of_events {
                effects.entry(note.location.clone()).or_insert((Arc::clone(note), Effect::MayHide));
            }
        }
        effects.into_values().collect()
    }
}

/// Entries, and what of them can be tested without the event.
pub(super) struct TestedWhitelist {
    whole: Whitelist,
    /// Their parts about the outlier.
    without_events: Whitelist,
    /// Entries of which nothing can be tested without the event.
    of_events: Vec<Arc<WhitelistNote>>,
}

impl TestedWhitelist {
    pub(super) fn new(origins: [Arc<crate::config::WhitelistEntries>; 2]) -> Self {
        let is_of_outlier = |field: &FieldPath| field.as_str().to_ascii_lowercase().starts_with("outliers.");
        let reduced = origins.clone().map(|entries| entries.reduced_to(&is_of_outlier));
        let [(global, mut of_events), (of_file, more)] = reduced;
        of_events.extend(more);
        let [whole_global, whole_of_file] = origins;
        TestedWhitelist {
            whole: Whitelist::new(whole_global, whole_of_file),
            without_events: Whitelist::new(Arc::new(global), Arc::new(of_file)),
            of_events,
        }
    }
}

/// Outlier of which only some facts are known.
///
/// # Errors
/// A bug in this program.
pub(super) fn outlier_of(fields: Value, summary: &str) -> Result<Outlier, RunError> {
    let outlier = json!({"fields": fields, "unwrapped_summary": summary});
    serde_json::from_value(outlier).map_err(|error| RunError::Internal(format!("an outlier cannot be read: {error}")))
}

/// The parts of the name of a use case that its outliers store.
pub(super) fn model_of(use_case: &str) -> Option<(&'static str, &str)> {
    let (model_type, name) = ModelType::of_section(use_case)?;
    Some((model_type.as_str(), name))
}
