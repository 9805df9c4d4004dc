//! Columns that a model needs of the event table.

use crate::event::FieldPath;
use crate::event::metric::Metric;
use crate::event::sentences::{SEPARATOR, Values};

/// Columns of the event table that a model reads.
#[derive(Debug, Default)]
pub struct Columns<'a> {
    /// Groups in which targets are judged.
    pub aggregator: Option<Key<'a>>,
    /// Texts that are judged.
    pub target: Option<Key<'a>>,
    /// Metric that is judged, and its field.
    pub value: Option<(Metric, &'a FieldPath)>,
    /// True if the time of events matters.
    pub time: bool,
    /// True if ties between events are broken.
    pub tie: bool,
    /// Size of events, which is observed but not judged, so events without one take part.
    pub size: Option<&'a FieldPath>,
    /// Source of an event, one sentence per event.
    pub source: Option<Key<'a>>,
    /// Destination that the source talks to, one sentence per event.
    pub destination: Option<Key<'a>>,
    /// Peer group of the aggregator, one sentence per event.
    pub peer: Option<Key<'a>>,
    /// Field of labels. Derived fields do not replace it.
    pub label: Option<FieldPath>,
}

/// Fields whose values are joined to sentences.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Fields of the event, or derived fields.
    pub fields: &'a [FieldPath],
    /// Sentences of fields that hold several values.
    pub values: Values,
    /// Text between the values of a sentence.
    pub joiner: &'a str,
}

impl<'a> Key<'a> {
    /// One sentence per combination of values.
    pub fn each(fields: &'a [FieldPath]) -> Self {
        Key { fields, values: Values::Each, joiner: SEPARATOR }
    }

    /// One sentence, made of the smallest value of each field.
    pub fn smallest(fields: &'a [FieldPath]) -> Self {
        Key { fields, values: Values::Smallest, joiner: SEPARATOR }
    }

    /// The point on earth that `field` holds.
    pub fn point(field: &'a FieldPath) -> Self {
        Key { fields: std::slice::from_ref(field), values: Values::Point, joiner: SEPARATOR }
    }
}
