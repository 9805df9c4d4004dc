//! `judge_terms(target, n, method, side, sensitivity, min_targets)`: the terms of an aggregator
//! whose counts are outliers.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Builder, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, UInt32Type, UInt64Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Expr, GroupsAccumulator, Signature, Volatility, lit};
use outlier_kernels::{Multiset, beyond};

use super::SAMPLE_SIZE;
use super::collect::{Collect, Record, state_field};
use super::group_function::GroupFunction;
use super::lists::{items, list_type, lists_of};
use super::parameters::{frontier_of, kernel_side, number, read_trigger, trigger_literals};
use crate::config::{Trigger, TriggerMethod};

/// Judges the counts `n` of the distinct `target`s in a group; see [`TermsJudgement`] for the
/// result. A group with fewer than `min_targets` distinct targets is not judged.
pub fn judge_terms(target: Expr, n: Expr, trigger: &Trigger, min_targets: u64) -> Expr {
    let mut args = vec![target, n];
    args.extend(trigger_literals(trigger));
    args.push(lit(i64::try_from(min_targets).unwrap_or(i64::MAX)));
    function().call(args)
}

/// Result of [`judge_terms`] for one aggregator.
#[derive(Debug)]
pub struct TermsJudgement<'a> {
    /// The decision frontier.
    pub frontier: f64,
    /// Targets whose counts are outliers.
    pub targets: &'a [u32],
    /// Number of occurrences of each of them.
    pub counts: &'a [u64],
    /// The most frequent targets that are not outliers.
    pub sample: &'a [u32],
}

/// Counts in an aggregator: how often targets occur, in ascending order, and how many targets occur
/// that often.
#[derive(Debug)]
pub struct Levels<'a> {
    /// Numbers of occurrences.
    pub counts: &'a [u64],
    /// Numbers of targets.
    pub n_targets: &'a [u64],
}

impl<'a> Levels<'a> {
    /// Reads the counts in row `row` of a column computed by [`judge_terms`].
    pub fn read(column: &'a StructArray, row: usize) -> Self {
        let [counts, n_targets] = [4, 5].map(|idx| items::<UInt64Type>(column.column(idx).as_list::<i32>(), row));
        Levels { counts, n_targets }
    }

    /// Numbers of occurrences, and the numbers of events with a target that occurs that often.
    pub fn n_events(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        self.counts.iter().zip(self.n_targets).map(|(&count, &n_targets)| (count, count * n_targets))
    }
}

impl<'a> TermsJudgement<'a> {
    /// Reads the judgement in row `row` of a column computed by [`judge_terms`]; `None` if no
    /// target is an outlier.
    pub fn read(column: &'a StructArray, row: usize) -> Option<Self> {
        let [targets, counts, sample] = [1, 2, 3].map(|idx| column.column(idx).as_list::<i32>());
        let targets = items::<UInt32Type>(targets, row);
        (!targets.is_empty()).then(|| TermsJudgement {
            frontier: column.column(0).as_primitive::<Float64Type>().value(row),
            targets,
            counts: items::<UInt64Type>(counts, row),
            sample: items::<UInt32Type>(sample, row),
        })
    }
}

/// The function of DataFusion.
pub(super) fn function() -> AggregateUDF {
    AggregateUDF::new_from_impl(GroupFunction {
        name: "judge_terms",
        signature: Signature::exact(
            vec![DataType::UInt32, DataType::Int64, DataType::Utf8, DataType::Utf8, DataType::Float64, DataType::Int64],
            Volatility::Immutable,
        ),
        result: DataType::Struct(result_fields()),
        state_fields: |name| vec![state_field(name)],
        accumulator,
    })
}

fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    let trigger = read_trigger(args, 2)?;
    let min_targets = usize::try_from(number::<i64>(args, 5)?).unwrap_or(0);
    Ok(Box::new(Collect::<2>::new(Box::new(move |groups| {
        to_array(groups.into_iter().map(|group| judge(group, &trigger, min_targets)))
    }))))
}

#[derive(Debug, Default, PartialEq)]
struct GroupVerdict {
    frontier: Option<f64>,
    targets: Vec<u32>,
    counts: Vec<u64>,
    sample: Vec<u32>,
    levels: Vec<u64>,
    level_sizes: Vec<u64>,
}

/// Judges the (target, count) records of one group. Sorting them makes the result independent of
/// their order.
fn judge(mut counts: Vec<Record<2>>, trigger: &Trigger, min_targets: usize) -> GroupVerdict {
    counts.sort_unstable();
    let mut multiset = Multiset::new();
    counts.iter().for_each(|&[_, n]| multiset.push(n as f64));
    let runs = multiset.finish();
    let levels = runs.values().iter().map(|&n| n as u64).collect();
    let mut judged = GroupVerdict { levels, level_sizes: runs.counts().to_vec(), ..GroupVerdict::default() };
    if counts.len() < min_targets {
        return judged;
    }
    judged.frontier = frontier_of(trigger, runs);
    let Some(frontier) = judged.frontier else { return judged };
    let side = kernel_side(trigger.on);
    let whole = trigger.method == TriggerMethod::CoeffOfVariation;
    let whole_is_outlier = whole && beyond(frontier, trigger.sensitivity, side);
    let mut others: Vec<(u64, u32)> = Vec::new();
    for [target, n] in counts {
        let is_outlier = if whole { whole_is_outlier } else { beyond(n as f64, frontier, side) };
        if is_outlier {
            judged.targets.push(target as u32);
            judged.counts.push(n);
        } else {
            others.push((n, target as u32));
        }
    }
    others.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    judged.sample = others.into_iter().take(SAMPLE_SIZE).map(|(_, target)| target).collect();
    judged
}

fn result_fields() -> Fields {
    Fields::from(vec![
        Field::new("frontier", DataType::Float64, true),
        Field::new("targets", list_type(DataType::UInt32), false),
        Field::new("counts", list_type(DataType::UInt64), false),
        Field::new("sample", list_type(DataType::UInt32), false),
        Field::new("levels", list_type(DataType::UInt64), false),
        Field::new("level_sizes", list_type(DataType::UInt64), false),
    ])
}

fn to_array(judged: impl Iterator<Item = GroupVerdict>) -> ArrayRef {
    let mut frontiers = Float64Builder::new();
    let (mut targets, mut counts, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    let (mut levels, mut level_sizes) = (Vec::new(), Vec::new());
    for group in judged {
        frontiers.append_option(group.frontier);
        targets.push(group.targets);
        counts.push(group.counts);
        samples.push(group.sample);
        levels.push(group.levels);
        level_sizes.push(group.level_sizes);
    }
    let columns = vec![
        Arc::new(frontiers.finish()) as ArrayRef,
        lists_of::<UInt32Type>(&targets),
        lists_of::<UInt64Type>(&counts),
        lists_of::<UInt32Type>(&samples),
        lists_of::<UInt64Type>(&levels),
        lists_of::<UInt64Type>(&level_sizes),
    ];
    Arc::new(StructArray::new(result_fields(), columns, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TriggerOn;

    fn check(
        counts: &[Record<2>],
        method: TriggerMethod,
        sensitivity: f64,
        min_targets: usize,
        expected: GroupVerdict,
    ) {
        let trigger = Trigger { method, on: TriggerOn::Low, sensitivity };
        let mut levels: Vec<u64> = counts.iter().map(|[_, n]| *n).collect();
        levels.sort_unstable();
        let sizes = levels.chunk_by(|a, b| a == b).map(|level| level.len() as u64).collect();
        levels.dedup();
        let expected = GroupVerdict { levels, level_sizes: sizes, ..expected };
        assert_eq!(judge(counts.to_vec(), &trigger, min_targets), expected);
        let mut reversed = counts.to_vec();
        reversed.reverse();
        assert_eq!(judge(reversed, &trigger, min_targets), expected);
    }

    #[test]
    fn rare_terms_lie_below_the_frontier() {
        let counts = [[0, 2], [1, 1], [2, 1], [3, 1]];
        check(
            &counts,
            TriggerMethod::PctOfMaxValue,
            75.0,
            0,
            GroupVerdict {
                frontier: Some(1.5),
                targets: vec![1, 2, 3],
                counts: vec![1, 1, 1],
                sample: vec![0],
                ..GroupVerdict::default()
            },
        );
        check(
            &counts[..1],
            TriggerMethod::PctOfMaxValue,
            75.0,
            0,
            GroupVerdict { frontier: Some(1.5), sample: vec![0], ..GroupVerdict::default() },
        );
    }

    #[test]
    fn too_few_targets_are_not_judged() {
        check(&[[0, 2], [1, 1]], TriggerMethod::PctOfMaxValue, 75.0, 3, GroupVerdict::default());
    }

    #[test]
    fn the_coefficient_of_variation_judges_the_whole_bucket() {
        let counts = [[0, 2], [1, 1], [2, 1], [3, 1]];
        let all = GroupVerdict {
            frontier: Some(0.346_410_161_513_775_46),
            targets: vec![0, 1, 2, 3],
            counts: vec![2, 1, 1, 1],
            ..GroupVerdict::default()
        };
        check(&counts, TriggerMethod::CoeffOfVariation, 0.5, 0, all);
    }

    #[test]
    fn the_sample_shows_the_most_frequent_terms() {
        let counts = [[0, 5], [1, 9], [2, 9], [3, 7], [4, 1]];
        let expected = GroupVerdict {
            frontier: Some(2.0),
            targets: vec![4],
            counts: vec![1],
            sample: vec![1, 2, 3],
            ..GroupVerdict::default()
        };
        check(&counts, TriggerMethod::Float, 2.0, 0, expected);
    }
}
