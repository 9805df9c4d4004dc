//! Identity of documents that come with their `_index` and `_id`.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use super::document_line::{identity_text, names_something};
use super::walk::Envelope;

/// Keys of this process: nobody can write ids whose hashes collide.
static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

/// Returns the hash of a document's `_index` and `_id`; `None` if it lacks one of them.
pub(super) fn stored_id(envelope: &Envelope<'_>) -> Option<u128> {
    let [index, id] = [envelope.index, envelope.id].map(|raw| raw.filter(|raw| names_something(raw)));
    let id = (identity_text(index?), identity_text(id?));
    let [high, low] = KEYS.each_ref().map(|key| key.hash_one(&id));
    Some(u128::from(high) << 64 | u128::from(low))
}
