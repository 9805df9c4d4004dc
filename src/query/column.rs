//! Columns of leaves that queries read.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::event::decode::{ColumnKind, ColumnSpec, LeafNames};
use crate::event::{Case, FieldPath, Form};

/// A column of leaves that a query needs: `List<Dictionary<UInt32, Utf8>>`. Each leaf starts with a
/// letter for its type (`s` string, `n` number, `b` boolean). The list is empty if the event has no
/// such leaf. Columns of one name are the same column.
#[derive(Clone, Debug)]
pub struct QueryColumn(Arc<Wanted>);

/// Contents of a column.
#[derive(Debug)]
struct Wanted {
    name: String,
    field: String,
    part: Part,
}

/// Part of an event that a column holds.
#[derive(Clone, Debug)]
enum Part {
    /// The leaves of the field, which include those of objects below it; of a pattern with `*`,
    /// those of all fields with such names (`*` alone: all leaves of the event).
    Own,
    /// The leaves of another field, in events without this one.
    FormOf(String),
    /// Values that databases know, in events without the field under any of these names.
    Known(Vec<Form>),
    /// The leaves of all fields whose names pass a test.
    Named(Arc<dyn LeafNames>),
}

impl QueryColumn {
    /// The field or pattern `field`, `_id` or `_index`.
    pub(super) fn of(field: &str) -> Self {
        QueryColumn::new(format!("leaves:{field}"), field, Part::Own)
    }

    /// The field `parent`, in events that have no field `name`.
    pub(super) fn of_form(name: &str, parent: &str) -> Self {
        QueryColumn::new(format!("leaves of {parent} as:{name}"), name, Part::FormOf(parent.to_owned()))
    }

    /// Facts of databases about events that have no field `name`: one of its `forms`.
    pub(super) fn of_facts(name: &str, forms: Vec<Form>) -> Self {
        QueryColumn::new(format!("leaves known as:{name}"), name, Part::Known(forms))
    }

    /// The fields `parents`, a pattern, of which `pattern` names forms.
    pub(super) fn of_pattern_form(pattern: &str, parents: &str) -> Self {
        QueryColumn::new(format!("leaves of {parents} as:{pattern}"), parents, Part::Own)
    }

    /// The fields whose names pass `names`; `what` distinguishes tests.
    pub(super) fn of_names(what: &str, names: Arc<dyn LeafNames>) -> Self {
        QueryColumn::new(format!("leaves of names:{what}"), "*", Part::Named(names))
    }

    fn new(name: String, field: &str, part: Part) -> Self {
        QueryColumn(Arc::new(Wanted { name, field: field.to_owned(), part }))
    }

    /// Name of the Arrow column.
    pub fn name(&self) -> String {
        self.0.name.clone()
    }

    /// Field that holds the leaves: a name or a pattern.
    pub fn field(&self) -> FieldPath {
        match &self.0.part {
            Part::Own | Part::Named(_) | Part::Known(_) => FieldPath::new(&self.0.field),
            Part::FormOf(parent) => FieldPath::new(parent),
        }
    }

    /// Decoding of the column.
    pub fn spec(&self) -> ColumnSpec {
        let spec = |kind| ColumnSpec::new(self.name(), &FieldPath::new(&self.0.field), kind);
        match &self.0.part {
            Part::Own => spec(ColumnKind::Leaves),
            Part::FormOf(parent) => {
                let forms = vec![Form { of: FieldPath::new(parent), case: Case::Kept, part: None }];
                ColumnSpec { forms, ..spec(ColumnKind::FormLeaves) }
            }
            Part::Known(forms) => ColumnSpec { forms: forms.clone(), ..spec(ColumnKind::FormLeaves) },
            Part::Named(names) => ColumnSpec { names: Some(Arc::clone(names)), ..spec(ColumnKind::Leaves) },
        }
    }
}

impl PartialEq for QueryColumn {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for QueryColumn {}

impl Hash for QueryColumn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialOrd for QueryColumn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for QueryColumn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name.cmp(&other.0.name)
    }
}
