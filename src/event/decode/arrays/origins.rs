//! Fields of a schema that hold the wanted columns.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::datatypes::{DataType, FieldRef, Fields, Schema};

use super::lines::{has_identity, is_identity};
use crate::event::Case;
use crate::event::decode::projection::{FormPlace, Plan, Projection, ValuePlace};
use crate::event::decode::trie::{NodeId, Trie};
use crate::event::decode::{ColumnKind, MAX_DEPTH};

/// Way in which the cells of a column are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// No row has the field.
    Nowhere,
    /// Index of the document.
    Index,
    /// Id of the document.
    Id,
    /// One field holds it: a scalar, or a list of scalars.
    Field {
        /// Numbers that lead to it through structs.
        path: Vec<usize>,
        /// Its number among the leaves.
        leaf: usize,
        case: Case,
    },
    /// Its rules need the text of each row: arrays of objects, maps, names that differ in case, or
    /// in the place of their dots.
    Rows,
}

/// Leaf that holds a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// No leaf: no row has the field.
    None,
    /// One leaf, by its number.
    One(usize),
    /// That differs from row to row, or there are several.
    Unclear,
}

/// Origins of the columns of a projection in a table of Arrow arrays.
#[derive(Debug)]
pub struct ArrayColumns {
    pub(super) origins: Vec<Origin>,
    pub(super) kinds: Vec<ColumnKind>,
    /// True if columns of the table name the documents.
    pub(super) has_identity: bool,
    /// True if rows are events or hits as a whole only.
    pub(super) only_lines: bool,
    leaves: Vec<bool>,
}

impl Projection {
    /// Looks up the wanted columns in a table of Arrow arrays.
    pub fn array_columns(&self, schema: &Schema) -> ArrayColumns {
        ArrayColumns::new(self.plan(), schema)
    }
}

impl ArrayColumns {
    fn new(plan: &Plan, schema: &Schema) -> Self {
        let has_identity = has_identity(schema);
        let mut walk = Walk {
            trie: &plan.trie,
            leaves: vec![plan.keeps_source; n_leaves_of(schema.fields())],
            hits: Vec::new(),
            seen: BTreeMap::new(),
            unclear: Vec::new(),
        };
        let mut leaf = 0;
        for (idx, field) in schema.fields().iter().enumerate() {
            let leaves = leaf..leaf + n_leaves(field.data_type());
            leaf = leaves.end;
            if has_identity && is_identity(field.name()) {
                walk.leaves[leaves].fill(true);
            } else {
                walk.field(0, field, vec![idx], leaves, Inside::Structs);
            }
        }
        let names_source = schema.fields().iter().any(|field| field.name() == "_source");
        // an object around the fields, and one more around that of a hit
        let depth = 2 + schema.fields().iter().map(|field| depth(field.data_type())).max().unwrap_or(0);
        let only_lines = names_source || depth > MAX_DEPTH;
        if only_lines {
            walk.leaves.fill(true);
        }
        let origins = plan.places.iter().zip(&plan.specs).map(|(place, spec)| walk.origin(place, spec.kind)).collect();
        let kinds = plan.specs.iter().map(|spec| spec.kind).collect();
        ArrayColumns { origins, kinds, has_identity, only_lines, leaves: walk.leaves }
    }

    /// Numbers of the leaves of the schema, counted in depth-first order, that are needed.
    pub fn leaves(&self) -> impl Iterator<Item = usize> {
        self.leaves.iter().enumerate().filter(|(_, is_needed)| **is_needed).map(|(leaf, _)| leaf)
    }

    /// The leaf that holds a column.
    pub fn leaf(&self, column_idx: usize) -> Leaf {
        match &self.origins[column_idx] {
            _ if self.only_lines => Leaf::Unclear,
            Origin::Nowhere => Leaf::None,
            Origin::Field { leaf, .. } => Leaf::One(*leaf),
            Origin::Index | Origin::Id | Origin::Rows => Leaf::Unclear,
        }
    }

    /// Number of the leaves of the schema.
    pub fn n_leaves(&self) -> usize {
        self.leaves.len()
    }
}

/// Kind of the containers that a walk is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Structs,
    Lists,
}

/// Field that leads to a wanted node.
struct Hit {
    node: NodeId,
    path: Vec<usize>,
    leaf: usize,
    is_plain: bool,
}

impl Hit {
    fn origin(&self, case: Case) -> Origin {
        Origin::Field { path: self.path.clone(), leaf: self.leaf, case }
    }
}

/// Walk through a schema along the trie.
struct Walk<'p> {
    trie: &'p Trie,
    leaves: Vec<bool>,
    hits: Vec<Hit>,
    /// Leaves of the field that led to a node.
    seen: BTreeMap<NodeId, Range<usize>>,
    /// Nodes of which the values of each row decide.
    unclear: Vec<Range<NodeId>>,
}

impl Walk<'_> {
    fn field(&mut self, parent: NodeId, field: &FieldRef, path: Vec<usize>, leaves: Range<usize>, inside: Inside) {
        let mut found = Vec::new();
        self.trie.match_key(parent, field.name(), |key| found.push(key));
        for key in found {
            let node = self.trie.node(key.node);
            if key.beyond || node.captured {
                let is_plain = !key.beyond && inside == Inside::Structs && is_flat(field.data_type());
                self.hits.push(Hit { node: key.node, path: path.clone(), leaf: leaves.start, is_plain });
                self.leaves[leaves.clone()].fill(true);
            }
            if key.beyond {
                continue;
            }
            // of several fields that lead to one node, each row uses one
            if let Some(others) = self.seen.insert(key.node, leaves.clone()) {
                self.unclear.push(key.node..node.end);
                self.leaves[others].fill(true);
                self.leaves[leaves.clone()].fill(true);
            }
            if node.has_children() {
                self.below(key.node, field.data_type(), &path, leaves.clone(), inside);
            }
        }
    }

    /// Walks into the value of a field.
    fn below(&mut self, node: NodeId, value: &DataType, path: &[usize], leaves: Range<usize>, inside: Inside) {
        match value {
            DataType::Struct(fields) => {
                let mut leaf = leaves.start;
                for (idx, field) in fields.iter().enumerate() {
                    let leaves = leaf..leaf + n_leaves(field.data_type());
                    leaf = leaves.end;
                    self.field(node, field, [path, &[idx]].concat(), leaves, inside);
                }
            }
            DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
                self.below(node, element.data_type(), path, leaves, Inside::Lists);
            }
            value if value.is_nested() => {
                self.unclear.push(node + 1..self.trie.node(node).end);
                self.leaves[leaves].fill(true);
            }
            _ => {}
        }
    }

    fn origin(&self, place: &ValuePlace, kind: ColumnKind) -> Origin {
        let (field, forms) = match place {
            ValuePlace::Index => return Origin::Index,
            ValuePlace::Id => return Origin::Id,
            ValuePlace::Names(_) => return Origin::Rows,
            ValuePlace::Field(field, forms) => (field, forms),
        };
        let is_unclear = |node: &NodeId| self.unclear.iter().any(|nodes| nodes.contains(node));
        if field.iter().chain(forms.iter().flat_map(|form| &form.of)).any(is_unclear) {
            return Origin::Rows;
        }
        let hits = |ends: &[NodeId]| self.hits.iter().filter(|hit| ends.contains(&hit.node)).collect::<Vec<_>>();
        let of_forms = forms.iter().flat_map(|form| hits(&form.of).into_iter().map(move |hit| (form, hit)));
        match (&hits(field)[..], &of_forms.collect::<Vec<_>>()[..]) {
            ([], []) => Origin::Nowhere,
            // only events without the field have the leaves of its form
            ([_], []) if kind == ColumnKind::FormLeaves => Origin::Nowhere,
            ([own], []) if own.is_plain => own.origin(Case::Kept),
            ([], [(FormPlace { part: None, case, .. }, hit)]) if hit.is_plain => hit.origin(*case),
            _ => Origin::Rows,
        }
    }
}

/// True for scalars and lists of scalars.
fn is_flat(value: &DataType) -> bool {
    match value {
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            is_scalar(element.data_type())
        }
        value => is_scalar(value),
    }
}

fn is_scalar(value: &DataType) -> bool {
    match value {
        DataType::Dictionary(_, value) => !value.is_nested(),
        value => !value.is_nested(),
    }
}

/// Number of the leaves of a type, which are the columns of a file of columns.
fn n_leaves(value: &DataType) -> usize {
    match value {
        DataType::Struct(fields) => n_leaves_of(fields),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _)
        | DataType::Map(element, _)
        | DataType::RunEndEncoded(_, element) => n_leaves(element.data_type()),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| n_leaves(field.data_type())).sum(),
        _ => 1,
    }
}

fn n_leaves_of(fields: &Fields) -> usize {
    fields.iter().map(|field| n_leaves(field.data_type())).sum()
}

/// Nesting of a value as JSON.
fn depth(value: &DataType) -> usize {
    let of_fields = |fields: &Fields| fields.iter().map(|field| depth(field.data_type())).max().unwrap_or(0);
    match value {
        DataType::Struct(fields) => 1 + of_fields(fields),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _)
        | DataType::Map(element, _) => 1 + depth(element.data_type()),
        DataType::RunEndEncoded(_, element) => depth(element.data_type()),
        _ => 0,
    }
}
