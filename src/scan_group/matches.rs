//! Values of single events that the queries of use cases look for.

use serde_json::{Map, Value, json};

use super::ScanGroup;
use crate::detection::DetectionError;
use crate::elastic::{DocumentId, MARKS, marked};
use crate::event::decode::{Decoder, HitText, Identity, Projection};
use crate::query::{MatchedField, QueryColumn};
use crate::sources::{DocRef, RawDocument};

/// Values that the query of use case `mask_idx` finds in an event that matches it, as far as they
/// are known: a cluster that evaluates the query itself is asked for highlights, which need text.
/// Blocks: not for tokio's own threads.
///
/// # Errors
/// A document that cannot be read.
pub fn matched_fields(
    group: &ScanGroup<'_>,
    mask_idx: usize,
    place: DocRef,
) -> Result<Vec<MatchedField>, DetectionError> {
    let query = &group.plan.use_cases[mask_idx].query;
    if query.is_match_all() {
        let highlights = group.source.highlights(mask_idx, &[place])?;
        return Ok(highlights.first().map(of_highlights).unwrap_or_default());
    }
    let Some(RawDocument { key, text }) = group.source.fetch(&[place])?.into_iter().flatten().next() else {
        return Ok(Vec::new());
    };
    let (index, id) = (json!(key.id.index).to_string(), json!(key.id.id).to_string());
    let hit = HitText { index: &index, id: &id, source: &text };
    let projection = Projection::new(query.columns().iter().map(QueryColumn::spec).collect());
    let decoded = Decoder::new(&projection, Identity::NotWanted).decode_hits([hit], &key.id.index.as_str().into());
    let matched = decoded.map_err(anyhow::Error::from).and_then(|batch| Ok(query.matched_fields(&batch.columns)?));
    let DocumentId { index, id, .. } = key.id;
    matched.map_err(|error| DetectionError::Document { index, id, reason: error.to_string() })
}

fn of_highlights(highlights: &Map<String, Value>) -> Vec<MatchedField> {
    let field = |(name, fragments): (&String, &Value)| {
        let fragments = fragments.as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut values: Vec<String> =
            fragments.flat_map(|fragment| marked(fragment, MARKS)).map(str::to_owned).collect();
        values.dedup();
        MatchedField { field: name.clone(), values }
    };
    highlights.iter().map(field).collect()
}
