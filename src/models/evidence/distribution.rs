//! Values of a group, as they are compared.

use arrow::array::{Float64Array, Int64Array, RecordBatch, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{DataFrame, col, lit};
use futures::StreamExt;
use outlier_kernels::{Multiset, Runs, Side};

use super::super::column;
use super::Neighbour;
use crate::config::Trigger;
use crate::engine::functions::frontier_of;

/// Values, each with the number of times that it occurs.
#[derive(Debug, Clone, Default)]
pub(in crate::models) struct Distribution {
    values: Vec<f64>,
    counts: Vec<u64>,
}

impl Distribution {
    pub(in crate::models) fn of(values: Multiset) -> Self {
        let (values, counts) = values.into_parts();
        Distribution { values, counts }
    }

    /// Distinct values with their counts, in ascending order.
    pub(in crate::models) fn iter(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.values.iter().copied().zip(self.counts.iter().copied())
    }

    pub(in crate::models) fn values(&self) -> &[f64] {
        &self.values
    }

    /// `None` if a value is not finite, which those of a multiset are.
    pub(in crate::models) fn runs(&self) -> Option<Runs<'_>> {
        Runs::new(&self.values, &self.counts)
    }

    pub(in crate::models) fn n(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Frontier for a trigger that judges a group by itself.
    pub(in crate::models) fn frontier(&self, trigger: &Trigger) -> Option<f64> {
        frontier_of(trigger, self.runs()?)
    }

    /// Number of values that are more extreme than `value`, plus 1.
    pub(in crate::models) fn rank(&self, value: f64, side: Side) -> u64 {
        let is_more = |other: f64| match side {
            Side::High => other > value,
            Side::Low => other < value,
        };
        let more = self.iter().filter(|(other, _)| is_more(*other));
        1 + more.map(|(_, n)| n).sum::<u64>()
    }

    /// The next smaller and the next greater value.
    pub(in crate::models) fn neighbours(&self, value: f64) -> [Option<Neighbour>; 2] {
        let neighbour = |idx: usize| {
            let (value, n) = (*self.values.get(idx)?, *self.counts.get(idx)?);
            Some(Neighbour { value, n, text: None })
        };
        let first = self.values.partition_point(|&other| other < value);
        let after = self.values.partition_point(|&other| other <= value);
        [first.checked_sub(1).and_then(neighbour), neighbour(after)]
    }

    /// The same with `n` more of a value.
    pub(in crate::models) fn with(&self, value: f64, n: u64) -> Self {
        let mut changed = self.clone();
        let place = self.values.partition_point(|&other| other < value);
        if self.values.get(place) == Some(&value) {
            changed.counts[place] += n;
        } else if n > 0 {
            changed.values.insert(place, value);
            changed.counts.insert(place, n);
        }
        changed
    }

    /// The same without `n` of a value.
    pub(in crate::models) fn without(&self, value: f64, n: u64) -> Self {
        let mut changed = self.clone();
        let place = self.values.partition_point(|&other| other < value);
        if self.values.get(place) == Some(&value) {
            changed.counts[place] = changed.counts[place].saturating_sub(n);
            if changed.counts[place] == 0 {
                changed.values.remove(place);
                changed.counts.remove(place);
            }
        }
        changed
    }
}

/// Values of one group.
pub(in crate::models) struct Group {
    pub(in crate::models) aggregator: u32,
    pub(in crate::models) distribution: Distribution,
}

/// Calls `each` with the values of every group in `rows`, whose columns are `aggregator` and
/// `value`, in the order of their ranks. One group is in memory at a time.
pub(in crate::models) async fn for_each_group(
    rows: DataFrame,
    mut each: impl FnMut(Group) -> Result<(), DataFusionError>,
) -> Result<(), DataFusionError> {
    let mut sorted = rows
        .aggregate(vec![col("aggregator"), col("value")], vec![count(lit(1)).alias("n")])?
        .sort(vec![col("aggregator").sort(true, false), col("value").sort(true, false)])?
        .execute_stream()
        .await?;
    let mut group: Option<(u32, Multiset)> = None;
    while let Some(batch) = sorted.next().await {
        for (aggregator, value, n) in counted_values(&batch?)? {
            if group.as_ref().is_none_or(|(of, _)| *of != aggregator)
                && let Some((aggregator, values)) = group.replace((aggregator, Multiset::new()))
            {
                each(Group { aggregator, distribution: Distribution::of(values) })?;
            }
            if let (Some((_, values)), Some(run)) = (&mut group, Runs::new(&[value], &[n])) {
                values.extend_from_runs(run);
            }
        }
    }
    let last = group.map(|(aggregator, values)| Group { aggregator, distribution: Distribution::of(values) });
    last.map_or(Ok(()), each)
}

fn counted_values(batch: &RecordBatch) -> Result<Vec<(u32, f64, u64)>, DataFusionError> {
    let aggregators = column::<UInt32Array>(batch, "aggregator")?.values();
    let (values, counts) = (column::<Float64Array>(batch, "value")?, column::<Int64Array>(batch, "n")?);
    let row = |(row, &aggregator): (usize, &u32)| (aggregator, values.value(row), counts.value(row) as u64);
    Ok(aggregators.iter().enumerate().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_ranks_and_neighbours() {
        let distribution = Distribution::of([1.0, 2.0, 2.0, 5.0].into_iter().collect());
        assert_eq!([1.0, 2.0, 5.0].map(|value| distribution.rank(value, Side::High)), [4, 2, 1]);
        assert_eq!([1.0, 2.0, 5.0].map(|value| distribution.rank(value, Side::Low)), [1, 2, 4]);
        let values = |value| distribution.neighbours(value).map(|next| next.map(|next| (next.value, next.n)));
        assert_eq!(values(2.0), [Some((1.0, 1)), Some((5.0, 1))]);
        assert_eq!(values(5.0), [Some((2.0, 2)), None]);
        assert_eq!(values(0.0), [None, Some((1.0, 1))]);
    }

    #[test]
    fn values_are_added_and_removed() {
        let distribution = Distribution::of([1.0, 2.0].into_iter().collect());
        let parts = |changed: Distribution| (changed.values, changed.counts);
        assert_eq!(parts(distribution.with(2.0, 3)), (vec![1.0, 2.0], vec![1, 4]));
        assert_eq!(parts(distribution.with(1.5, 1)), (vec![1.0, 1.5, 2.0], vec![1, 1, 1]));
        assert_eq!(parts(distribution.without(1.0, 1)), (vec![2.0], vec![1]));
        assert_eq!(parts(distribution.without(3.0, 1)), (vec![1.0, 2.0], vec![1, 1]));
    }
}
