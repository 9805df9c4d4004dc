//! Overview of a use case after it was judged: its largest groups with their frontiers, and a
//! sample of its events.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use super::explanation::answer;
use super::{Question, ReadGroup, ScanGroup, explain_rows};
use crate::detection::{Detected, DetectionError, document_places};
use crate::elastic::DocumentId;
use crate::event::text::{FNV1A, fnv1a, mixed};
use crate::event::{Document, FieldPath};
use crate::models::{Depth, Evidence, GroupSize, LargestGroups, largest_groups};
use crate::plan::{PlannedUseCase, read_fields};
use crate::sources::{DocRef, RawDocument, SourceError};
use crate::table::{Element, View};

/// Groups that are shown.
const GROUPS: usize = 5;

/// Events that are shown.
const SAMPLES: usize = 3;

/// Events of which the shown ones are chosen.
const CHOICE: u64 = 4096;

/// Fields that are shown of an event.
const FIELDS: usize = 8;

/// Groups and events of a use case.
#[derive(Debug, Default)]
pub struct Overview {
    /// Number of all groups; 0 if the model has none.
    pub n_groups: u64,
    /// The largest groups, the largest one first.
    pub groups: Vec<GroupOverview>,
    /// Some of its events, of all those of a small number, and of every n-th of a large one.
    pub samples: Vec<SampledEvent>,
}

/// A group.
#[derive(Debug)]
pub struct GroupOverview {
    /// Number of its rows.
    pub n_rows: u64,
    /// Evidence about one of its rows, which has its text and its frontier.
    pub evidence: Evidence,
}

/// An event of the use case.
#[derive(Debug)]
pub struct SampledEvent {
    /// Its document.
    pub document: DocumentId,
    /// Fields that the use case reads and the event has, with their values as text.
    pub fields: Vec<(String, String)>,
    /// Evidence about its first row.
    pub evidence: Option<Evidence>,
}

/// An event that was chosen.
struct Chosen {
    /// Place in the order in which events are chosen.
    order: (u64, DocumentId),
    place: DocRef,
    /// Its first row.
    row: u64,
}

/// Looks at the events of use case `mask_idx`, whose result is `detected`. The use case is
/// evaluated once more. Blocks: not for tokio's own threads.
///
/// # Errors
/// A plan that failed, and documents that cannot be read.
pub fn overview(
    group: &ScanGroup<'_>,
    read: &ReadGroup,
    mask_idx: usize,
    detected: &Detected,
) -> Result<Overview, DetectionError> {
    let chosen = chosen_events(group, read, mask_idx)?;
    let ask = |rows: FxHashSet<u64>| Question { mask_idx, detected, rows, depth: Depth::Plots };
    let LargestGroups { n_groups, largest } = answer(group, read, &ask(FxHashSet::default()), async |view, inputs| {
        Ok(largest_groups(view, inputs, GROUPS).await?)
    })?;
    let rows = largest.iter().map(|size| size.element).chain(chosen.iter().map(|chosen| chosen.row));
    let rows: FxHashSet<u64> = rows.filter(|row| !detected.left.contains(row)).collect();
    let explained = if rows.is_empty() { Vec::new() } else { explain_rows(group, read, &ask(rows))? };
    let evidence_of = |row: u64| {
        let place = explained.binary_search_by_key(&row, |evidence| evidence.element).ok()?;
        Some(explained[place].clone())
    };
    let of_group = |&GroupSize { n_rows, element }: &GroupSize| {
        evidence_of(element).map(|evidence| GroupOverview { n_rows, evidence })
    };
    let planned = &group.plan.use_cases[mask_idx];
    let places: Vec<DocRef> = chosen.iter().map(|chosen| chosen.place).collect();
    let documents = group.source.fetch(&places)?.into_iter().zip(&chosen);
    let sample = |(document, chosen): (Option<RawDocument>, &Chosen)| {
        let document = document?;
        let (fields, evidence) = (fields_of(group, planned, &document), evidence_of(chosen.row));
        Some(SampledEvent { document: document.key.id, fields, evidence })
    };
    Ok(Overview {
        n_groups,
        groups: largest.iter().filter_map(of_group).collect(),
        samples: documents.filter_map(sample).collect(),
    })
}

/// Chooses events by the hashes of their ids, so that they are spread over all of them.
fn chosen_events(group: &ScanGroup<'_>, read: &ReadGroup, mask_idx: usize) -> Result<Vec<Chosen>, DetectionError> {
    let (table, planned) = (&read.ingested.table, &group.plan.use_cases[mask_idx]);
    let view = View::new(Arc::clone(table), mask_idx, planned.view);
    let step = read.ingested.usage[mask_idx].events.div_ceil(CHOICE).max(1);
    let (mut chosen, mut n_events): (Vec<Chosen>, u64) = (Vec::new(), 0);
    for chunk_idx in 0..table.n_chunks() {
        group.options.interrupt.check().map_err(SourceError::from)?;
        let elements = view.elements(chunk_idx)?;
        let events = elements.chunk_by(|a, b| Element(*a).event() == Element(*b).event());
        let mut firsts: Vec<u64> = events.filter_map(|rows| rows.first().copied()).collect();
        firsts.retain(|_| {
            n_events += 1;
            (n_events - 1).is_multiple_of(step)
        });
        let places = document_places(table, firsts.iter().map(|row| Element(*row)))?;
        let ids = group.source.document_ids(&places)?.into_iter().zip(places).zip(firsts);
        chosen.extend(ids.filter_map(|((id, place), row)| {
            let id = id?;
            let hash = mixed(fnv1a(fnv1a(FNV1A, id.index.as_bytes()), id.id.as_bytes()));
            Some(Chosen { order: (hash, id), place, row })
        }));
        chosen.sort_by(|a, b| a.order.cmp(&b.order));
        chosen.truncate(SAMPLES);
    }
    Ok(chosen)
}

/// Fields of the event that the use case reads.
fn fields_of(group: &ScanGroup<'_>, planned: &PlannedUseCase, document: &RawDocument) -> Vec<(String, String)> {
    // a document that is no longer a JSON object has none
    let source: Map<String, Value> = serde_json::from_str(&document.text).unwrap_or_default();
    let names = &group.plan.names;
    let derived = planned.derived.as_deref().map(|rules| rules.derive(&source, names)).unwrap_or_default();
    let mut document = Document { index: String::new(), id: String::new(), source, names: Arc::clone(names) };
    document.source.extend(derived);
    let value = |name: String| {
        let texts = document.value(&FieldPath::new(&name))?.elements();
        (!texts.is_empty()).then(|| (name, texts.join(", ")))
    };
    read_fields(&planned.use_case).into_iter().filter_map(value).take(FIELDS).collect()
}
