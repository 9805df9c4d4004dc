//! Names of decoded columns.

use crate::event::FieldPath;
use crate::event::decode::ColumnKind;
use crate::event::sentences::Values;
use crate::table::TimeSpec;

/// Name of the decoded column of a time.
pub fn time_column_name(time: &TimeSpec) -> String {
    let name = column_name(ColumnKind::Time, &time.field);
    if time.formats.is_empty() { name } else { format!("{name} as {}", time.formats) }
}

/// Kind of the decoded columns that keys with such values are made of.
pub fn key_kind(values: Values) -> ColumnKind {
    match values {
        Values::Each | Values::Smallest => ColumnKind::Elements,
        Values::Point => ColumnKind::Points,
    }
}

/// Name of the decoded column of `field`.
pub fn column_name(kind: ColumnKind, field: &FieldPath) -> String {
    let prefix = match kind {
        ColumnKind::Elements => "elements",
        ColumnKind::Points => "points",
        ColumnKind::Joined => "joined",
        ColumnKind::Strings => "strings",
        ColumnKind::Leaves => "leaves",
        ColumnKind::FormLeaves => "leaves of a form",
        ColumnKind::Time => "time",
    };
    format!("{prefix}:{field}")
}
