//! A source of events whose documents are counted on their way.

use serde_json::{Map, Value};

use super::FieldCollector;
use crate::elastic::MappedFields;
use crate::event::decode::{EventBatch, Projection};
use crate::plan::ScanPlan;
use crate::sources::{DocRef, EventSource, OnBatch, RawDocument, ScanOptions, ScanSummary, SourceError};

/// Target size of the documents that are in memory at once.
const BLOCK_BYTES: u64 = 8 << 20;

/// Source that gives each document of a scan to a [`FieldCollector`], besides the columns that the
/// scan is for. So one pass over the events serves both.
#[derive(Debug)]
pub struct ObservedSource<'a> {
    source: &'a dyn EventSource,
    collector: &'a FieldCollector,
}

impl<'a> ObservedSource<'a> {
    /// Observes scans of `source`.
    pub fn new(source: &'a dyn EventSource, collector: &'a FieldCollector) -> Self {
        ObservedSource { source, collector }
    }

    fn observe(&self, batch: &EventBatch) -> anyhow::Result<()> {
        let places: Vec<DocRef> = batch.rows.iter().map(|row| DocRef::new(batch.number, row)).collect();
        let mut rest = places.as_slice();
        while !rest.is_empty() {
            let mut n_bytes = 0;
            let fits = |place: &&DocRef| {
                n_bytes += u64::from(place.length);
                n_bytes <= BLOCK_BYTES
            };
            let n_at_once = rest.iter().take_while(fits).count().max(1);
            let (block, others) = rest.split_at(n_at_once);
            let documents = self.source.fetch(block)?.into_iter().flatten();
            let texts: Vec<String> = documents.map(|RawDocument { text, .. }| text).collect();
            self.collector.add(&texts)?;
            rest = others;
        }
        Ok(())
    }
}

impl EventSource for ObservedSource<'_> {
    fn scan(
        &self,
        projection: &Projection,
        options: &ScanOptions,
        on_batch: &mut OnBatch<'_>,
    ) -> Result<ScanSummary, SourceError> {
        self.source.scan(projection, options, &mut |batch| {
            self.observe(&batch)?;
            on_batch(batch)
        })
    }

    fn fetch(&self, documents: &[DocRef]) -> Result<Vec<Option<RawDocument>>, SourceError> {
        self.source.fetch(documents)
    }

    fn count_in_windows(&self, plan: &ScanPlan) -> Result<Option<Vec<u64>>, SourceError> {
        self.source.count_in_windows(plan)
    }

    fn mapped_fields(&self) -> Option<&MappedFields> {
        self.source.mapped_fields()
    }

    fn highlights(&self, mask_idx: usize, documents: &[DocRef]) -> Result<Vec<Map<String, Value>>, SourceError> {
        self.source.highlights(mask_idx, documents)
    }
}
