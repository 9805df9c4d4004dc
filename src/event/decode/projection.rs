//! Wanted columns of a scan, and the plan that finds them in a document.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use outlier_kernels::ByteSet;

use super::kind::{ColumnKind, code_type, entry_field};
use super::leaves::{LeafNames, NamePattern};
use super::trie::{NodeId, Trie, TrieBuilder, first_bytes, ways};
use crate::event::time::TimeFormats;
use crate::event::{Case, FieldPath, Form, FormPart};

/// One wanted column.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// name of the Arrow column
    pub name: String,
    /// field that the column holds. `_id` and `_index` are the document's own. With
    /// [`ColumnKind::Leaves`], a name with `*` stands for all leaves whose full name matches it
    /// (`*` alone: every leaf of the event).
    pub field: FieldPath,
    /// forms that take the place of the field in events without it: the first that an event has
    pub forms: Vec<Form>,
    /// with a pattern for `field`, a further test of full names
    pub names: Option<Arc<dyn LeafNames>>,
    /// rendering of the values into cells
    pub kind: ColumnKind,
    /// formats of the values, if the kind is [`ColumnKind::Time`]
    pub formats: TimeFormats,
}

impl ColumnSpec {
    /// Returns a column of the field itself, without formats of times.
    pub fn new(name: impl Into<String>, field: &FieldPath, kind: ColumnKind) -> Self {
        let formats = TimeFormats::default();
        ColumnSpec { name: name.into(), field: field.clone(), forms: Vec::new(), names: None, kind, formats }
    }
}

/// Columns of a scan, ready for decoding; cheap to clone.
#[derive(Clone, Debug)]
pub struct Projection {
    schema: SchemaRef,
    plan: Arc<Plan>,
}

impl Projection {
    /// Plans the columns of `specs`.
    pub fn new(specs: Vec<ColumnSpec>) -> Self {
        let fields: Vec<Field> = specs.iter().map(arrow_field).collect();
        Self { schema: Arc::new(Schema::new(fields)), plan: Arc::new(Plan::new(specs)) }
    }

    /// Arrow schema of the batches: column `i` is the `i`-th specification.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Specifications, in column order.
    pub fn specs(&self) -> &[ColumnSpec] {
        &self.plan.specs
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Plan that finds the columns in a document.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) specs: Vec<ColumnSpec>,
    pub(super) trie: Trie,
    /// bytes that keys of a hit begin with
    pub(super) hit_starts: ByteSet,
    /// bytes that keys of a hit or of an event may begin with, if they matter
    pub(super) event_starts: ByteSet,
    /// per column, the source of its values
    pub(super) places: Vec<ValuePlace>,
    /// columns whose values are not looked up by a path
    pub(super) pathless: Vec<usize>,
    /// per node of the trie, the columns that may take a value there
    pub(super) columns_of: Vec<Vec<usize>>,
    /// true if some column needs the text of the whole document
    pub(super) keeps_source: bool,
}

/// Source of the values of a column.
#[derive(Debug)]
pub(super) enum ValuePlace {
    /// Index of the document.
    Index,
    /// Id of the document.
    Id,
    /// A field, or the first of the forms that take its place.
    Field(FieldPlace, Vec<FormPlace>),
    /// All leaves whose names match.
    Names(NamePattern),
}

/// Nodes at which the ways of a field end, in order of preference.
pub(super) type FieldPlace = Vec<NodeId>;

/// See [`Form`].
#[derive(Debug)]
pub(super) struct FormPlace {
    pub(super) of: FieldPlace,
    pub(super) case: Case,
    pub(super) part: Option<FormPart>,
}

impl Plan {
    fn new(specs: Vec<ColumnSpec>) -> Self {
        let mut builder = TrieBuilder::default();
        for spec in &specs {
            for keys in spec_ways(spec) {
                if spec.kind == ColumnKind::Leaves { builder.add_leaves(&keys) } else { builder.add(&keys) }
            }
            spec.forms.iter().flat_map(|form| field_ways(&form.of)).for_each(|keys| builder.add(&keys));
        }
        let trie = builder.build();
        let places: Vec<ValuePlace> = specs.iter().map(|spec| value_place(spec, &trie)).collect();
        let mut columns_of = vec![Vec::new(); trie.len()];
        let mut pathless = Vec::new();
        for (column_idx, place) in places.iter().enumerate() {
            let ValuePlace::Field(field, forms) = place else {
                pathless.push(column_idx);
                continue;
            };
            for node in field.iter().chain(forms.iter().flat_map(|form| &form.of)) {
                columns_of[*node as usize].push(column_idx);
            }
        }
        let keeps_source = places.iter().any(|place| matches!(place, ValuePlace::Names(_)));
        let [hit_starts, mut event_starts] = [first_bytes(["_"].into_iter()), trie.node(0).starts.clone()];
        event_starts.insert(b'_');
        Plan { specs, trie, hit_starts, event_starts, places, pathless, columns_of, keeps_source }
    }
}

fn value_place(spec: &ColumnSpec, trie: &Trie) -> ValuePlace {
    match (spec.kind, spec.field.as_str()) {
        (ColumnKind::Leaves, "_index") => ValuePlace::Index,
        (ColumnKind::Leaves, "_id") => ValuePlace::Id,
        (ColumnKind::Leaves, name) if name.contains('*') => {
            ValuePlace::Names(NamePattern::new(name, spec.names.clone()))
        }
        _ => {
            let ends = |ways: Vec<Vec<String>>| ways.iter().filter_map(|keys| trie.find(keys)).collect();
            let form =
                |form: &Form| FormPlace { of: ends(field_ways(&form.of)), case: form.case, part: form.part.clone() };
            ValuePlace::Field(ends(spec_ways(spec)), spec.forms.iter().map(form).collect())
        }
    }
}

/// Ways to the column's field; empty if its values are not looked up by a path.
fn spec_ways(spec: &ColumnSpec) -> Vec<Vec<String>> {
    let field = spec.field.as_str();
    if spec.kind == ColumnKind::Leaves && (matches!(field, "_index" | "_id") || field.contains('*')) {
        return Vec::new();
    }
    field_ways(&spec.field)
}

fn field_ways(field: &FieldPath) -> Vec<Vec<String>> {
    ways(&field.parts().collect::<Vec<_>>())
}

fn arrow_field(spec: &ColumnSpec) -> Field {
    let data_type = match spec.kind {
        ColumnKind::Elements | ColumnKind::Points | ColumnKind::Leaves | ColumnKind::FormLeaves => {
            DataType::List(entry_field())
        }
        ColumnKind::Joined | ColumnKind::Strings => code_type(),
        ColumnKind::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
    };
    Field::new(spec.name.as_str(), data_type, true)
}
