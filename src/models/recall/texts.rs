//! Texts of the memory and their ranks in a view.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use datafusion::error::DataFusionError;
use rustc_hash::FxHashMap;

use crate::state::StateError;
use crate::table::{Dictionary, View};

/// Ranks of texts, which are looked up once for all batches that share them.
#[derive(Default)]
pub(super) struct RanksOfTexts {
    texts: Option<ArrayRef>,
    ranks: Vec<Option<Option<u32>>>,
}

impl RanksOfTexts {
    /// Prepares for a batch with these texts.
    pub(super) fn start(&mut self, batch: &DictionaryArray<Int32Type>) {
        let texts = batch.values();
        if self.texts.as_ref().is_none_or(|known| !is_shared(known.as_string(), texts.as_string())) {
            self.ranks.clear();
            self.ranks.resize(texts.len(), None);
            self.texts = Some(Arc::clone(texts));
        }
    }

    /// Rank of the text in a row of the batch.
    pub(super) fn of(
        &mut self,
        batch: &DictionaryArray<Int32Type>,
        row: usize,
        rank: impl FnOnce(&str) -> Option<u32>,
    ) -> Option<u32> {
        let code = batch.keys().value(row) as usize;
        *self.ranks[code].get_or_insert_with(|| rank(batch.values().as_string::<i32>().value(code)))
    }
}

/// True if both are the same texts in memory.
fn is_shared(a: &StringArray, b: &StringArray) -> bool {
    a.values().ptr_eq(b.values()) && a.offsets().ptr_eq(b.offsets())
}

pub(super) fn dictionary(view: &View, key_idx: Option<usize>) -> Result<&Dictionary, DataFusionError> {
    let key_idx = key_idx.ok_or_else(|| DataFusionError::Internal("a memory without a key".to_owned()))?;
    Ok(view.table().dictionary(key_idx))
}

/// Ranks by text, for some ranks.
pub(super) fn texts_of(
    ranks: impl Iterator<Item = u32>,
    view: &View,
    key_idx: Option<usize>,
) -> Result<FxHashMap<&str, u32>, DataFusionError> {
    let dictionary = dictionary(view, key_idx)?;
    Ok(ranks.map(|rank| (dictionary.text(rank), rank)).collect())
}

/// Failure while the memory is read.
#[derive(Debug)]
pub(super) struct Failed(pub(super) DataFusionError);

impl From<StateError> for Failed {
    fn from(error: StateError) -> Self {
        Failed(external(error))
    }
}

pub(super) fn external(error: StateError) -> DataFusionError {
    match error {
        StateError::Spill(error) => DataFusionError::External(Box::new(error)),
        error => DataFusionError::External(Box::new(error)),
    }
}
