//! Texts of the memory and their ranks in a view.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use datafusion::error::DataFusionError;
use rustc_hash::FxHashMap;

use crate::state::{Pairs, StateError};
use crate::table::{Dictionary, View};

/// Pair of ranks: aggregator and target.
pub(in crate::models) type Pair = (u32, u32);

/// Stands for a pair without ranks.
pub(super) const NO_PAIR: Pair = (NONE, NONE);

/// Ranks of texts, which are looked up once for all batches that share them.
#[derive(Default)]
pub(super) struct RanksOfTexts {
    texts: Option<ArrayRef>,
    /// By code: the rank, [`NONE`], or [`UNKNOWN`].
    ranks: Vec<u32>,
}

/// A text without a rank.
const NONE: u32 = u32::MAX;

/// A text that was not looked up yet.
const UNKNOWN: u32 = u32::MAX - 1;

impl RanksOfTexts {
    /// Prepares for a batch with these texts. Returns the codes of its rows.
    pub(super) fn start<'b>(&mut self, batch: &'b DictionaryArray<Int32Type>) -> &'b [i32] {
        let texts = batch.values();
        if self.texts.as_ref().is_none_or(|known| !is_shared(known.as_string(), texts.as_string())) {
            self.ranks.clear();
            self.ranks.resize(texts.len(), UNKNOWN);
            self.texts = Some(Arc::clone(texts));
        }
        batch.keys().values()
    }

    /// Rank of the text with a code of the batch.
    #[inline]
    pub(super) fn of(&mut self, code: i32, rank: impl FnOnce(&str) -> Option<u32>) -> Option<u32> {
        let known = &mut self.ranks[code as usize];
        if *known == UNKNOWN {
            let text = self.texts.as_ref().map(|texts| texts.as_string::<i32>().value(code as usize));
            *known = text.and_then(rank).unwrap_or(NONE);
        }
        (*known != NONE).then_some(*known)
    }
}

/// Ranks of pairs, whose texts are looked up once.
#[derive(Default)]
pub(super) struct RanksOfPairs {
    aggregator_of: RanksOfTexts,
    target_of: RanksOfTexts,
}

impl RanksOfPairs {
    /// Looks up the pairs of a batch, and notes their ranks by their numbers. A pair without a rank
    /// for its aggregator, or else its target, stays [`NO_PAIR`].
    pub(super) fn of_batch(
        &mut self,
        pairs: &Pairs,
        aggregator: impl Fn(&str) -> Option<u32>,
        mut target: impl FnMut(&str) -> Option<u32>,
        ranks: &mut [Pair],
    ) {
        let RanksOfPairs { aggregator_of, target_of } = self;
        let codes = aggregator_of.start(&pairs.aggregators).iter().zip(target_of.start(&pairs.targets));
        for ((&aggregator_code, &target_code), &number) in codes.zip(pairs.numbers.values()) {
            let Some(aggregator) = aggregator_of.of(aggregator_code, &aggregator) else { continue };
            let Some(target) = target_of.of(target_code, &mut target) else { continue };
            ranks[number as usize] = (aggregator, target);
        }
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
