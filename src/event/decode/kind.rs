//! Kinds of columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

/// Rendering of the values at a path into a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnKind {
    /// `List<Dictionary<UInt32, Utf8>>`: the elements that sentences are made of, each as Python
    /// text. A list gives one entry per element, a scalar gives one entry. Null, objects, and lists
    /// that hold lists or objects give no entry. Elements inside arrays of objects are collected in
    /// the order of the event, each text once. A missing field is NULL; a present field without a
    /// usable element is an empty list.
    Elements,
    /// `Dictionary<UInt32, Utf8>`: the whole value as one Python text, list elements joined by
    /// ` - `. NULL if the value is missing, null, an object, or a list that holds lists or objects.
    Joined,
    /// `List<Dictionary<UInt32, Utf8>>`: every scalar leaf under the path, as Elasticsearch sees
    /// it. Arrays and arrays of objects are flattened, and dotted names are equivalent to nested
    /// objects. Leaves at exactly this path hide those whose names differ in case. The first
    /// character of a text is its type: `s` string, `n` number (its JSON text), `b` boolean
    /// (`btrue`, `bfalse`). Never NULL.
    Leaves,
    /// The same, but of the field's form, and only in events without the field itself. Leaves below
    /// the form's field are not its own. Of several forms, some of which databases know, it is only
    /// what these know of events that have none of the others.
    FormLeaves,
    /// `Dictionary<UInt32, Utf8>`: the value if it is a JSON string, NULL otherwise. Of values
    /// inside arrays of objects, the only one.
    Strings,
    /// `List<Dictionary<UInt32, Utf8>>`: the points on earth at the path, each as
    /// [`crate::event::geo::point_text`] writes it. Like [`Self::Elements`], but objects and lists
    /// of numbers are points, and what is not a point gives no entry.
    Points,
    /// `Timestamp(Microsecond)` in UTC, read in the formats of the column, or in the forms that
    /// [`crate::event::time`] knows. A list stands for its first element, `{"$date": ...}` for what
    /// is in it. Times without a year are as [`crate::event::time::yearless`] has them. NULL if
    /// missing or unreadable.
    Time,
}

/// Type of a column of dictionary codes.
pub(super) fn code_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// Field of the entries of a list column.
pub(super) fn entry_field() -> Arc<Field> {
    Arc::new(Field::new_list_field(code_type(), false))
}
