//! Confusion matrix against the labels: events may have a `label`.

use std::ops::AddAssign;

use arrow::array::{StringViewArray, UInt32Array};
use datafusion::error::DataFusionError;
use futures::stream::TryStreamExt;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::one_per_text::one_per_text;
use crate::config::Word2vec;
use crate::models::{Inputs, column, rows, stream_with_texts};
use crate::table::View;

/// Field that says if an event is known to be an outlier.
pub(super) const LABEL: &str = "label";

/// Labels of known outliers: the number or text 1, or true. Events with any other label are
/// ordinary.
const POSITIVE: [&str; 4] = ["1", "1.0", "True", "true"];

/// Numbers of rows by finding and label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// Known outliers that were flagged.
    pub true_positives: u64,
    /// Ordinary rows that were flagged.
    pub false_positives: u64,
    /// Known outliers that were not flagged.
    pub false_negatives: u64,
    /// Ordinary rows that were not flagged.
    pub true_negatives: u64,
    /// Rows without a label.
    pub unlabelled: u64,
}

impl Confusion {
    /// Share of flagged rows that are known outliers; `None` if there are no flagged rows with a
    /// label.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of known outliers that were flagged; `None` if there are no known outliers.
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Harmonic mean of precision and recall; `None` if there are no true positives.
    pub fn f_score(&self) -> Option<f64> {
        let (precision, recall) = (self.precision()?, self.recall()?);
        (self.true_positives > 0).then(|| 2.0 * precision * recall / (precision + recall))
    }

    fn count(&mut self, is_found: bool, is_known: Option<bool>) {
        *match (is_found, is_known) {
            (_, None) => &mut self.unlabelled,
            (true, Some(true)) => &mut self.true_positives,
            (true, Some(false)) => &mut self.false_positives,
            (false, Some(true)) => &mut self.false_negatives,
            (false, Some(false)) => &mut self.true_negatives,
        } += 1;
    }
}

impl AddAssign for Confusion {
    fn add_assign(&mut self, other: Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.true_negatives += other.true_negatives;
        self.unlabelled += other.unlabelled;
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Compares findings with labels for each aggregator. `found` holds the flagged texts as
/// (aggregator, target). If duplicates are dropped, one row per text is counted.
pub(super) async fn compare(
    word2vec: &Word2vec,
    view: &View,
    found: &FxHashSet<(u32, u32)>,
    inputs: Inputs<'_>,
) -> Result<FxHashMap<u32, Confusion>, DataFusionError> {
    let mut rows = rows(view, &inputs)?;
    if word2vec.drop_duplicates {
        rows = one_per_text(rows, &["label"])?;
    }
    let mut batches = stream_with_texts(rows, view, [("label", view.columns().label)]).await?;
    let mut by_aggregator: FxHashMap<u32, Confusion> = FxHashMap::default();
    while let Some(batch) = batches.try_next().await? {
        let aggregators = column::<UInt32Array>(&batch, "aggregator")?.values();
        let targets = column::<UInt32Array>(&batch, "target")?.values();
        let labels = column::<StringViewArray>(&batch, "label_text")?;
        for ((&aggregator, &target), label) in aggregators.iter().zip(targets).zip(labels) {
            let is_found = found.contains(&(aggregator, target));
            let is_known = label.map(|label| POSITIVE.contains(&label));
            by_aggregator.entry(aggregator).or_default().count(is_found, is_known);
        }
    }
    Ok(by_aggregator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_none() {
        let mut confusion = Confusion::default();
        assert_eq!((confusion.precision(), confusion.recall(), confusion.f_score()), (None, None, None));
        confusion.count(false, Some(true));
        confusion.count(false, None);
        assert_eq!((confusion.precision(), confusion.recall(), confusion.f_score()), (None, Some(0.0), None));
        confusion.count(true, Some(true));
        confusion.count(true, Some(false));
        confusion.count(false, Some(false));
        confusion += confusion;
        assert_eq!((confusion.precision(), confusion.recall(), confusion.f_score()), (Some(0.5), Some(0.5), Some(0.5)));
        assert_eq!((confusion.true_negatives, confusion.unlabelled), (2, 2));
    }
}
