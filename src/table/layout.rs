//! Layout of the table: what its columns are made of, and where they stand.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::event::metric::Metric;
use crate::event::sentences::Values;
use crate::event::time::TimeFormats;
use crate::event::{Case, FieldPath};

/// A field as a use case sees it: read from the event, or derived from another field's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldSource {
    /// Path of the field in the event.
    pub path: FieldPath,
    /// Rule that can derive this field. When it matches, its value hides the event's own field.
    pub derived: Option<DerivedSource>,
}

/// A derived field as the source of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DerivedSource {
    /// Rule set.
    pub rule_set: usize,
    /// Key that its rules derive.
    pub key: String,
    /// Treatment of its texts.
    pub case: Case,
}

/// Fields whose combined values form the sentences of an aggregator or a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeySpec {
    /// Fields, in the order of the configuration.
    pub fields: Vec<FieldSource>,
    /// Treatment of fields that hold several values.
    pub values: Values,
    /// Text between the values of several fields.
    pub joiner: String,
}

/// A number computed from the text of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricSpec {
    /// Field that the metric is computed from.
    pub field: FieldSource,
    /// Metric to compute.
    pub metric: Metric,
}

/// A field that holds times, and their formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSpec {
    /// Path of the field in the event.
    pub field: FieldPath,
    /// Formats of its values.
    pub formats: TimeFormats,
}

/// Contents of the table; fixed before reading starts.
#[derive(Debug, Clone, Default)]
pub struct TableLayout {
    /// Keys, shared by all use cases that name the same fields.
    pub keys: Vec<KeySpec>,
    /// Metrics, shared in the same way.
    pub metrics: Vec<MetricSpec>,
    /// Times, shared by all use cases that read the same field in the same formats.
    pub times: Vec<TimeSpec>,
    /// Number of masks: one per use case.
    pub n_masks: usize,
    /// True if ties between events are broken by their documents' ids.
    pub tie_break: bool,
}

/// Columns of the table by role: positions first, then keys, metrics, times, tie-breaks and masks.
impl TableLayout {
    pub(super) const N_PLACES: usize = 3;

    pub(super) fn key_column(&self, key_idx: usize) -> usize {
        Self::N_PLACES + key_idx
    }

    pub(super) fn metric_column(&self, metric_idx: usize) -> usize {
        self.key_column(self.keys.len()) + metric_idx
    }

    pub(super) fn time_column(&self, time_idx: usize) -> usize {
        self.metric_column(self.metrics.len()) + time_idx
    }

    pub(super) fn tie_column(&self) -> usize {
        self.time_column(self.times.len())
    }

    pub(super) fn mask_column(&self, mask_idx: usize) -> usize {
        self.tie_column() + usize::from(self.tie_break) + mask_idx
    }
}

pub(super) fn schema(layout: &TableLayout) -> SchemaRef {
    let codes = DataType::List(Arc::new(Field::new_list_field(DataType::UInt32, false)));
    let mut fields: Vec<Field> =
        ["offset", "length", "line"].iter().map(|name| Field::new(*name, DataType::UInt32, false)).collect();
    fields.extend((0..layout.keys.len()).map(|i| Field::new(format!("key {i}"), codes.clone(), false)));
    fields.extend((0..layout.metrics.len()).map(|i| Field::new(format!("metric {i}"), DataType::Float64, true)));
    fields.extend((0..layout.times.len()).map(|i| Field::new(format!("time {i}"), DataType::Int64, true)));
    if layout.tie_break {
        fields.push(Field::new("tie", DataType::UInt64, false));
    }
    fields.extend((0..layout.n_masks).map(|i| Field::new(format!("mask {i}"), DataType::Boolean, false)));
    Arc::new(Schema::new(fields))
}
