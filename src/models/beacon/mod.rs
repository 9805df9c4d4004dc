//! Flags groups whose events come in a rhythm.
//!
//! 1. [`judge`] computes the rhythm of each group with enough events, and how many sources talk to
//!    its destination.
//! 2. Groups of common destinations are dropped. Of the others, [`trigger`] decides which ones are
//!    outliers: all groups together count as tests, also those without rhythm.
//! 3. The events of the flagged groups are the candidates; [`observed`] says what was seen.
//!
//! Whitelisted events change the rhythm of their own groups only. When these are judged again, all
//! groups are counted again, so that the rate of false discoveries remains that of all groups.

mod evidence;
mod judge;
mod observed;
mod trigger;

use arrow::array::UInt32Array;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use super::{
    Asked, Candidate, Candidates, Columns, Evaluating, Evaluation, Explaining, Inputs, Key, Method, Refinement, column,
    places, rows_of,
};
use crate::config::{Beacon, Prevalence};
use crate::table::View;

pub(super) use observed::STORED;

impl Method for Beacon {
    fn columns(&self) -> Columns<'_> {
        let prevalence = self.prevalence.as_ref();
        Columns {
            aggregator: Some(Key::smallest(&self.aggregator)),
            target: (!self.target.is_empty()).then(|| Key::smallest(&self.target)),
            time: true,
            size: self.size.as_ref(),
            source: prevalence.map(|Prevalence { source, .. }| Key::smallest(std::slice::from_ref(source))),
            destination: prevalence.map(|Prevalence { destination, .. }| Key::smallest(destination)),
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        Box::pin(evaluate(self, view, inputs))
    }

    fn evidence<'a>(&'a self, view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a> {
        Box::pin(evidence::evidence(self, view, asked, inputs))
    }

    fn refinement(&self) -> Refinement {
        Refinement::SameAggregator
    }

    fn reason(&self, stored: &Map<String, Value>) -> Option<String> {
        observed::reason(stored)
    }
}

async fn evaluate<'a>(
    beacon: &'a Beacon,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let judged = judge::judge(beacon, view, &inputs).await?;
    let mut found = trigger::flagged(&beacon.trigger, judged);
    if let Some(only) = &view.population().only {
        found.retain(|flagged| only.contains(&flagged.group.aggregator));
    }
    if found.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let aggregators = found.iter().map(|flagged| flagged.group.aggregator).collect();
    let group = |flagged: &trigger::Flagged| (flagged.group.aggregator, flagged.group.target);
    let idx_by_group = (0..).zip(&found).map(|(idx, flagged)| (group(flagged), idx)).collect();
    let candidates = candidates(rows_of(view, aggregators, &inputs)?, &idx_by_group, &inputs).await?;
    let surprises: Vec<f64> = found.iter().map(|flagged| trigger::surprise(&flagged.group)).collect();
    let evaluation = Evaluation::new(candidates, move |candidate, _| {
        observed::observations(beacon, view, candidate, &found[candidate.evidence as usize])
    });
    Ok(evaluation.with_surprise(move |candidate| surprises[candidate.evidence as usize]))
}

/// Events of flagged groups. The evidence of a candidate is the index of its group.
async fn candidates(
    rows: DataFrame,
    idx_by_group: &FxHashMap<(u32, u32), u64>,
    inputs: &Inputs<'_>,
) -> Result<Candidates, DataFusionError> {
    let mut candidates = Candidates::new(inputs);
    let mut batches = rows.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let targets = column::<UInt32Array>(batch, "target").ok();
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let target = targets.map_or(0, |targets| targets.value(row));
            if let Some(&evidence) = idx_by_group.get(&(aggregator, target)) {
                candidates.push(Candidate { element, aggregator, target, evidence })?;
            }
        }
    }
    Ok(candidates)
}
