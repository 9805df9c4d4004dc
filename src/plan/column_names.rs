//! Names of decoded columns.

use crate::event::FieldPath;
use crate::event::decode::ColumnKind;
use crate::table::TimeSpec;

/// Name of the decoded column of a time.
pub fn time_column_name(time: &TimeSpec) -> String {
    let name = column_name(ColumnKind::Time, &time.field);
    if time.formats.is_empty() { name } else { format!("{name} as {}", time.formats) }
}

/// Name of the decoded column of `field`.
pub fn column_name(kind: ColumnKind, field: &FieldPath) -> String {
    let prefix = match kind {
        ColumnKind::Elements => "elements",
        ColumnKind::Joined => "joined",
        ColumnKind::Strings => "strings",
        ColumnKind::Leaves => "leaves",
        ColumnKind::FormLeaves => "leaves of a form",
        ColumnKind::Time => "time",
    };
    format!("{prefix}:{field}")
}
