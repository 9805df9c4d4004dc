//! A line of the log per outlier.

use crate::delivery::{Delivered, DeliveryError, Sink};
use crate::telemetry;
use crate::terminal::escape_controls;

/// Logs outliers; their text comes from events, so it is escaped.
#[derive(Debug)]
pub struct OutlierLog {
    names: Vec<String>,
}

impl OutlierLog {
    /// `names`: those of the use cases, by their number.
    pub fn new(names: &[String]) -> Self {
        OutlierLog { names: names.to_vec() }
    }
}

impl Sink for OutlierLog {
    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        for found in documents.iter().flat_map(Delivered::outliers) {
            let use_case = &self.names[found.use_case_idx];
            let summary = escape_controls(found.outlier()?.unwrapped_summary());
            tracing::info!(target: telemetry::OUTLIERS, use_case, "outlier - {summary}");
        }
        Ok(())
    }
}
