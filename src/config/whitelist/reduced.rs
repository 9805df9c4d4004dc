//! Entries as far as they can be tested without the event.

use std::sync::{Arc, OnceLock};

use super::{WhitelistEntries, WhitelistNote, WhitelistPart};
use crate::event::FieldPath;

impl WhitelistEntries {
    /// Returns the entries with those parts only whose field `is_known`, and the notes of entries
    /// without such a part.
    pub fn reduced_to(&self, is_known: &dyn Fn(&FieldPath) -> bool) -> (Self, Vec<Arc<WhitelistNote>>) {
        let mut unknown = Vec::new();
        let (literals, literal_notes) = reduced(&self.literals, &self.literal_notes, is_known, &mut unknown);
        let (regexps, regexp_notes) = reduced(&self.regexps, &self.regexp_notes, is_known, &mut unknown);
        let index = OnceLock::new();
        (WhitelistEntries { literals, regexps, literal_notes, regexp_notes, former: None, index }, unknown)
    }
}

type Reduced<T> = (Vec<Vec<WhitelistPart<T>>>, Vec<Arc<WhitelistNote>>);

fn reduced<T: Clone>(
    entries: &[Vec<WhitelistPart<T>>],
    notes: &[Arc<WhitelistNote>],
    is_known: &dyn Fn(&FieldPath) -> bool,
    unknown: &mut Vec<Arc<WhitelistNote>>,
) -> Reduced<T> {
    let mut kept = (Vec::new(), Vec::new());
    for (parts, note) in entries.iter().zip(notes) {
        let parts: Vec<WhitelistPart<T>> =
            parts.iter().filter(|part| part.field.as_ref().is_some_and(is_known)).cloned().collect();
        if parts.is_empty() {
            unknown.push(Arc::clone(note));
        } else {
            kept.0.push(parts);
            kept.1.push(Arc::clone(note));
        }
    }
    kept
}
