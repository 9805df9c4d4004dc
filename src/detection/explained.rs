//! Evidence about the strongest findings, made while their events are at hand.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashSet;
use tracing::warn;

use crate::config::Model;
use crate::models::{Asked, Depth, Evidence, Inputs, Plot, explain};
use crate::outlier::{FindingKey, GatheredOutlier};
use crate::sources::DocumentKey;
use crate::table::View;

/// Upper limit on the findings of a use case that are explained.
const MOST_PER_USE_CASE: usize = 500;

/// Upper limit on the findings of a run that are explained.
const MOST: usize = 2000;

/// Upper limit on the characters of each text of an event.
const TEXT_CHARS: usize = 200;

/// Evidence about the strongest findings of a run. Use cases add to it at the same time.
#[derive(Debug, Default)]
pub struct Explained(Mutex<BTreeMap<(usize, FindingKey), (u64, Evidence)>>);

impl Explained {
    /// The evidence, by number of the use case and finding.
    pub fn into_evidence(self) -> impl Iterator<Item = (usize, FindingKey, Evidence)> {
        let held = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        held.into_iter().map(|((use_case_idx, finding), (_, evidence))| (use_case_idx, finding, evidence))
    }

    /// Makes the evidence of `strongest`, rows of `view`. A model that cannot explain them says so
    /// in the log: what was found stands.
    pub(super) async fn add(&self, use_case: (usize, &Model), view: &View, found: &Strongest, inputs: Inputs<'_>) {
        let (use_case_idx, model) = use_case;
        let strongest = std::mem::take(&mut *found.lock()).finish();
        if strongest.is_empty() {
            return;
        }
        let elements: FxHashSet<u64> = strongest.values().map(|sample| sample.element).collect();
        let asked = Asked { flagged: elements.clone(), elements, depth: Depth::Plots };
        let explained = match explain(model, view, &asked, inputs).await {
            Ok(explained) => explained,
            Err(error) => {
                warn!(use_case = inputs.use_case, "its findings have no plots: {error}");
                return;
            }
        };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (finding, Sample { surprise, element, .. }) in strongest {
            let place = explained.binary_search_by_key(&element, |evidence| evidence.element);
            if let Some(evidence) = place.ok().map(|place| &explained[place]).filter(|evidence| shows(evidence)) {
                held.insert((use_case_idx, finding), (surprise, shortened(evidence.clone())));
            }
        }
        keep_highest(&mut held, MOST, |(surprise, _)| *surprise);
    }
}

/// True if there is something to see.
fn shows(evidence: &Evidence) -> bool {
    evidence.plot != Plot::Nothing || evidence.value.is_some() || !evidence.words.is_empty()
}

fn shortened(mut evidence: Evidence) -> Evidence {
    let cut = |text: &mut String| {
        if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
            text.truncate(end);
            text.push_str(" …");
        }
    };
    [&mut evidence.group, &mut evidence.target].into_iter().flatten().for_each(cut);
    [&mut evidence.below, &mut evidence.above]
        .into_iter()
        .flatten()
        .filter_map(|next| next.text.as_mut())
        .for_each(cut);
    evidence.notes.iter_mut().for_each(cut);
    if let Plot::Counts { bars, .. } = &mut evidence.plot {
        bars.iter_mut().for_each(|bar| cut(&mut bar.text));
    }
    evidence.words.truncate(20);
    for word in &mut evidence.words {
        [Some(&mut word.word), word.expected.as_mut()].into_iter().flatten().for_each(cut);
    }
    evidence
}

/// Rows of the findings of a use case with the highest surprise, one each.
#[derive(Debug, Default)]
pub(super) struct Strongest(Mutex<Samples>);

impl Strongest {
    /// Adds outliers.
    pub(super) fn offer(&self, outliers: &[GatheredOutlier]) {
        let mut samples = self.lock();
        outliers.iter().for_each(|outlier| samples.offer(outlier));
    }

    /// Drops the findings of `aggregators`, which are judged again.
    pub(super) fn withdraw(&self, aggregators: &FxHashSet<u32>) {
        self.lock().by_finding.retain(|_, sample| !aggregators.contains(&sample.aggregator));
    }

    fn lock(&self) -> MutexGuard<'_, Samples> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Samples {
    by_finding: BTreeMap<FindingKey, Sample>,
    /// Surprise below which a finding is not among them.
    floor: u64,
}

/// A row of a finding: of those with the highest surprise, the one in the first document.
#[derive(Debug)]
struct Sample {
    /// Surprise as a number that has the same order.
    surprise: u64,
    document: DocumentKey,
    element: u64,
    aggregator: u32,
}

impl Samples {
    fn offer(&mut self, outlier: &GatheredOutlier) {
        let surprise = outlier.surprise.max(0.0).to_bits();
        if surprise < self.floor {
            return;
        }
        let is_known = |known: &Sample| {
            let first = (&known.document, known.element) <= (&outlier.document, outlier.element);
            known.surprise > surprise || (known.surprise == surprise && first)
        };
        if self.by_finding.get(&outlier.finding).is_some_and(is_known) {
            return;
        }
        let GatheredOutlier { document, element, aggregator, .. } = outlier;
        let sample = Sample { surprise, document: document.clone(), element: *element, aggregator: *aggregator };
        self.by_finding.insert(outlier.finding.clone(), sample);
        if self.by_finding.len() >= 2 * MOST_PER_USE_CASE {
            self.prune();
        }
    }

    fn finish(mut self) -> BTreeMap<FindingKey, Sample> {
        self.prune();
        self.by_finding
    }

    fn prune(&mut self) {
        let least = keep_highest(&mut self.by_finding, MOST_PER_USE_CASE, |sample| sample.surprise);
        self.floor = least.unwrap_or(self.floor);
    }
}

/// Keeps the entries with the highest surprise, and of equal ones the first in their order.
/// Returns the least surprise that is kept if there were too many.
fn keep_highest<K: Ord, V>(entries: &mut BTreeMap<K, V>, most: usize, surprise: fn(&V) -> u64) -> Option<u64> {
    if entries.len() <= most {
        return None;
    }
    let mut surprises: Vec<u64> = entries.values().map(surprise).collect();
    surprises.sort_unstable_by(|a, b| b.cmp(a));
    let least = surprises[most - 1];
    let mut n_equal = most - surprises.partition_point(|surprise| *surprise > least);
    entries.retain(|_, entry| {
        let is_equal = surprise(entry) == least;
        let is_kept = surprise(entry) > least || (is_equal && n_equal > 0);
        n_equal -= usize::from(is_equal && is_kept);
        is_kept
    });
    Some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_are_kept_whatever_the_order_in_which_they_come() {
        let entries = [(1, 5), (2, 7), (3, 5), (4, 9), (5, 5), (6, 1)];
        let mut all: BTreeMap<u64, u64> = entries.into_iter().collect();
        assert_eq!(keep_highest(&mut all, 4, |entry| *entry), Some(5));
        let kept: Vec<u64> = all.keys().copied().collect();
        assert_eq!(kept, [1, 2, 3, 4]);
        let mut one_by_one: BTreeMap<u64, u64> = BTreeMap::new();
        for (key, value) in entries.into_iter().rev() {
            one_by_one.insert(key, value);
            keep_highest(&mut one_by_one, 4, |entry| *entry);
        }
        assert_eq!(one_by_one, all);
        assert_eq!(keep_highest(&mut all, 4, |entry| *entry), None);
    }
}
