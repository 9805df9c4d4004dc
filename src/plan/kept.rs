//! Fields that are kept of every event, such as labels: they are there for what compares the
//! results of use cases with them. No use case sees them because of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Period, Planner, Refused, ScanPlan, plan_files};
use crate::config::UseCase;
use crate::event::time::TimeFormats;
use crate::event::{FieldNames, FieldPath};
use crate::models::Key;
use crate::query::Mapping;

/// Fields to keep of every event.
#[derive(Debug, Clone, Copy)]
pub struct KeptFields<'a> {
    /// Fields whose values are kept. Derived fields do not replace them.
    pub fields: &'a [FieldPath],
    /// Field of the time of an event.
    pub timestamp_field: &'a FieldPath,
    /// Formats of that field.
    pub timestamp_format: &'a TimeFormats,
}

/// Columns of the event table that hold [`KeptFields`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptColumns {
    /// Key of each field: one sentence per value.
    pub keys: Vec<usize>,
    /// Time.
    pub time: usize,
}

/// Plans one scan like [`super::plan`], which keeps all events and, of each, the fields `kept`.
///
/// # Errors
/// Those of [`super::plan`].
pub fn plan_keeping(
    use_cases: Vec<Arc<UseCase>>,
    names: &Arc<FieldNames>,
    mapping: Option<&Mapping>,
    kept: KeptFields<'_>,
    period: Period,
    now: DateTime<Utc>,
) -> (ScanPlan, Vec<Refused>) {
    plan_files(use_cases, names, mapping, Some(kept), period, now)
}

impl Planner {
    pub(super) fn keep(&mut self, kept: KeptFields<'_>) -> KeptColumns {
        let KeptFields { fields, timestamp_field, timestamp_format } = kept;
        let keys = fields.iter().map(|field| self.key(Key::each(std::slice::from_ref(field)), None)).collect();
        KeptColumns { keys, time: self.time(timestamp_field, timestamp_format) }
    }
}
