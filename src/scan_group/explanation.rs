//! Explains rows of a scan group after it was judged, while its events are still there.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::{Judged, ReadGroup, ScanGroup};
use crate::detection::{Detected, DetectionError};
use crate::elastic::DocumentId;
use crate::models::{self, Asked, Depth, Evidence, FirstRound, Inputs, Recall};
use crate::runtime::side_by_side;
use crate::sources::{DocRef, SourceError};
use crate::spill::SpillError;
use crate::table::{Element, Population, View};

/// Documents that are looked at together.
const BLOCK: usize = 4096;

/// Candidates that are looked at together.
const CANDIDATES: usize = 4096;

/// Rows of a use case that are to be explained.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Number of the use case in the plan.
    pub mask_idx: usize,
    /// Its result, in a scan group with [`ScanGroup::explains`].
    pub detected: &'a Detected,
    /// Elements of the rows.
    pub rows: FxHashSet<u64>,
    /// Depth of the explanations.
    pub depth: Depth,
}

/// Explains rows, in the order of their elements. The use case is evaluated once more. Blocks:
/// not for tokio's own threads.
///
/// # Errors
/// A plan that failed.
pub fn explain_rows(
    group: &ScanGroup<'_>,
    read: &ReadGroup,
    question: &Question<'_>,
) -> Result<Vec<Evidence>, DetectionError> {
    answer(group, read, question, async |view, inputs| {
        let model = model(group, question);
        let flagged = flagged(models::evaluate(model, view, inputs).await?, &question.rows)?;
        let asked = Asked { elements: question.rows.clone(), flagged, depth: question.depth };
        let first_round = FirstRound::default();
        Ok(models::explain(model, view, &asked, Inputs { first_round: &first_round, ..inputs }).await?)
    })
}

fn model<'g>(group: &'g ScanGroup<'_>, question: &Question<'_>) -> &'g crate::config::Model {
    &group.plan.use_cases[question.mask_idx].use_case.model
}

/// Those of `rows` that are candidates.
fn flagged(evaluation: models::Evaluation<'_>, rows: &FxHashSet<u64>) -> Result<FxHashSet<u64>, SpillError> {
    let mut found = FxHashSet::default();
    let mut candidates = evaluation.candidates.into_sorted()?;
    loop {
        let block = candidates.next_block(CANDIDATES)?;
        if block.is_empty() {
            return Ok(found);
        }
        found.extend(block.iter().map(|candidate| candidate.element.0).filter(|element| rows.contains(element)));
    }
}

/// Calls `work` with the rows of the use case as they were judged last. Whitelisted ones are among
/// them only if they are asked for.
pub(super) fn answer<T: Default + Send>(
    group: &ScanGroup<'_>,
    read: &ReadGroup,
    question: &Question<'_>,
    work: impl AsyncFn(&View, Inputs<'_>) -> Result<T, DetectionError> + Sync,
) -> Result<T, DetectionError> {
    let planned = &group.plan.use_cases[question.mask_idx];
    let n_threads = group.compute.limits().threads.get();
    let table = Arc::clone(&read.ingested.table);
    let view = View::new(table, question.mask_idx, planned.view);
    let without = question.detected.left.iter().copied().filter(|row| !question.rows.contains(row)).collect();
    let judged = view.with_population(Population { without, only: None });
    let results = side_by_side(1, 1, async |_| {
        let use_case = &*planned.use_case;
        let use_case = Judged { use_case, mask_idx: question.mask_idx, use_case_idx: group.n_before };
        let (session, first_round, name) = (group.session(n_threads)?, FirstRound::default(), use_case.use_case.id());
        let inputs = group.inputs(&read.ingested, use_case, &session, n_threads, &first_round);
        let inputs = Inputs { use_case: &name, ..inputs };
        let memory = group.store.and_then(|store| store.memory(use_case.use_case));
        let recall = match memory {
            Some(memory) => Recall::new(memory, &view, &inputs, group.plan.latest).await?,
            None => None,
        };
        work(&judged, Inputs { recall: recall.as_ref(), ..inputs }).await
    });
    results.into_iter().next().unwrap_or_else(|| Ok(T::default()))
}

/// Rows of the documents for which `is_meant` is true, by the number of the use case in the plan.
/// Blocks: not for tokio's own threads.
///
/// # Errors
/// Documents and spilled rows that cannot be read.
pub fn rows_of_documents(
    group: &ScanGroup<'_>,
    read: &ReadGroup,
    is_meant: impl Fn(&DocumentId) -> bool,
) -> Result<Vec<FxHashSet<u64>>, DetectionError> {
    let table = &read.ingested.table;
    let mut found = vec![FxHashSet::default(); group.plan.use_cases.len()];
    for chunk_idx in 0..table.n_chunks() {
        group.options.interrupt.check().map_err(SourceError::from)?;
        let places = table.places(chunk_idx)?;
        let documents: Vec<DocRef> = (0..places.n())
            .map(|row| {
                let [offset, length, line] = places.of(row);
                DocRef { batch: places.batch, offset, length, line }
            })
            .collect();
        let mut rows: FxHashSet<usize> = FxHashSet::default();
        for (block_idx, block) in documents.chunks(BLOCK).enumerate() {
            let ids = group.source.document_ids(block)?;
            let meant = ids.iter().enumerate().filter(|(_, id)| id.as_ref().is_some_and(&is_meant));
            rows.extend(meant.map(|(idx, _)| block_idx * BLOCK + idx));
        }
        if rows.is_empty() {
            continue;
        }
        for (mask_idx, planned) in group.plan.use_cases.iter().enumerate() {
            let view = View::new(Arc::clone(table), mask_idx, planned.view);
            let elements = view.elements(chunk_idx)?;
            found[mask_idx].extend(elements.into_iter().filter(|element| rows.contains(&Element(*element).row())));
        }
    }
    Ok(found)
}
