//! Columns of a table, and the ways of writing its records.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;

use super::cells::{BeyondLimit, push_text};
use crate::event::decode::{ColumnRole, SkipReason};

/// Upper limit on the columns of a table.
pub(super) const MAX_COLUMNS: usize = 100_000;

/// Upper limit on the bytes of all names of a table, as JSON text: each document has all of them.
const MAX_NAMES_BYTES: usize = 1 << 20;

/// Upper limit on the bytes of a name, which short rows repeat most often.
const MAX_NAME_BYTES: usize = 1024;

/// A way of writing records, with the columns of a table.
pub(super) trait Dialect: Send + Sync + fmt::Debug + 'static {
    /// The columns of the table.
    fn columns(&self) -> &Columns;

    /// Splits the record at the start of `text` into `cells`, which is empty. A line that is not a
    /// record is an empty one.
    fn split(&self, text: &[u8], cells: &mut Cells) -> Split;

    /// Upper limit on the number of values of a cell.
    fn n_values(&self, _cell_idx: usize, _cell: &[u8]) -> usize {
        1
    }

    /// Appends the JSON text of a cell to `out`; false if the cell holds no value.
    fn write(&self, cell_idx: usize, cell: &str, out: &mut String) -> bool;
}

/// Places of the cells of a record. Hostile records have millions of them, so only those that can
/// count are kept.
#[derive(Debug)]
pub(super) struct Cells {
    places: Vec<Range<usize>>,
    limit: usize,
    has_surplus: bool,
}

impl Cells {
    /// Room for `limit` cells.
    pub(super) fn new(limit: usize) -> Self {
        Cells { places: Vec::new(), limit, has_surplus: false }
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.has_surplus = false;
    }

    /// Adds a cell. Of those beyond the limit, it matters only that one is not empty.
    pub(super) fn push(&mut self, cell: Range<usize>) {
        if self.places.len() < self.limit {
            self.places.push(cell);
        } else {
            self.has_surplus |= !cell.is_empty();
        }
    }

    /// Adds the last cell of a record, which goes from `start` to the line feed at `end`. Returns
    /// the length of the record.
    pub(super) fn push_last(&mut self, text: &[u8], start: usize, end: usize) -> usize {
        let length = start + without_returns(&text[start..end]).len();
        self.push(start..length);
        length
    }

    /// The cells up to the limit.
    pub(super) fn places(&self) -> &[Range<usize>] {
        &self.places
    }

    /// True if a cell beyond the limit is not empty.
    pub(super) fn has_surplus(&self) -> bool {
        self.has_surplus
    }
}

/// Returns `line` without the carriage returns before its line feed. Text that was converted for
/// Windows twice has several.
pub(super) fn without_returns(line: &[u8]) -> &[u8] {
    let n_returns = line.iter().rev().take_while(|byte| **byte == b'\r').count();
    &line[..line.len() - n_returns]
}

/// A record that was split.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Bytes of the record, without its line end.
    pub(super) length: usize,
    /// Position of the next record.
    pub(super) next: usize,
    /// Lines of the record.
    pub(super) n_lines: u32,
    /// Reason why it is not a record.
    pub(super) fault: Option<SkipReason>,
}

/// Columns of a table, each with a name of its own.
#[derive(Debug)]
pub(super) struct Columns {
    n_cells: usize,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug)]
pub(super) struct Column {
    name: String,
    /// JSON text of the name, and a colon.
    pub(super) key: String,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Cell(usize),
    /// Cells of columns with the same name, which become a list.
    Cells(Vec<usize>),
    /// The same value in every row, as JSON text.
    Constant(String),
}

impl Columns {
    /// Gathers the columns that the names of the cells stand for. No more names are taken than are
    /// accepted.
    ///
    /// # Errors
    /// More than [`MAX_COLUMNS`], or names that are too long.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> io::Result<Self> {
        let mut columns: Vec<Column> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let (mut n_cells, mut n_bytes) = (0, 0);
        for (cell_idx, name) in names.into_iter().enumerate() {
            n_cells = cell_idx + 1;
            check_n_columns(n_cells)?;
            check_name(&name, n_cells)?;
            if let Some(&column_idx) = known.get(&name) {
                columns[column_idx].values.add(cell_idx);
                continue;
            }
            let column = Column::new(&name, Values::Cell(cell_idx));
            n_bytes += column.key.len();
            if n_bytes > MAX_NAMES_BYTES {
                let reason = format!("the names in its header have more than {MAX_NAMES_BYTES} bytes");
                return Err(BeyondLimit::error(reason, "shorten them, or remove columns"));
            }
            known.insert(name, columns.len());
            columns.push(column);
        }
        Ok(Columns { n_cells, columns })
    }

    /// Number of cells of a record.
    pub(super) fn n_cells(&self) -> usize {
        self.n_cells
    }

    /// Adds a column with the same text in every row, unless there is one of this name.
    ///
    /// # Errors
    /// A text that is too long to be repeated in every row.
    pub(super) fn add_constant(&mut self, name: &str, value: &str) -> io::Result<()> {
        if self.columns.iter().any(|column| column.name == name) {
            return Ok(());
        }
        if value.len() > MAX_NAME_BYTES {
            let reason = format!("the {name} in its header has more than {MAX_NAME_BYTES} bytes");
            return Err(BeyondLimit::error(reason, "shorten it"));
        }
        let mut text = String::new();
        push_text(value, &mut text);
        self.columns.push(Column::new(name, Values::Constant(text)));
        Ok(())
    }

    /// Columns `_index` and `_id` name documents, unless there is a column `_source`: then a row is
    /// not a document of its own.
    pub(super) fn roles(&self) -> impl Iterator<Item = ColumnRole<'_>> {
        let are_documents = !self.columns.iter().any(|column| column.name == "_source");
        self.columns.iter().map(move |column| match column.name.as_str() {
            "_index" if are_documents => ColumnRole::Index,
            "_id" if are_documents => ColumnRole::Id,
            name => ColumnRole::Field(name),
        })
    }
}

/// Checks the number of columns of a table.
///
/// # Errors
/// More than [`MAX_COLUMNS`].
pub(super) fn check_n_columns(n_columns: usize) -> io::Result<()> {
    if n_columns <= MAX_COLUMNS {
        return Ok(());
    }
    Err(BeyondLimit::error(format!("its header has more than {MAX_COLUMNS} columns"), "remove columns"))
}

fn check_name(name: &str, number: usize) -> io::Result<()> {
    if name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let reason = format!("the name of its column {number} has more than {MAX_NAME_BYTES} bytes");
    Err(BeyondLimit::error(reason, "shorten it"))
}

impl Column {
    fn new(name: &str, values: Values) -> Self {
        let mut key = String::new();
        push_text(name, &mut key);
        key.push(':');
        Column { name: name.to_owned(), key, values }
    }

    /// Appends the value of a record's column; false if it has none.
    pub(super) fn write<D: Dialect>(&self, dialect: &D, record: &Record<'_>, out: &mut String) -> bool {
        match &self.values {
            Values::Cell(cell_idx) => dialect.write(*cell_idx, record.cell(*cell_idx), out),
            Values::Constant(text) => {
                out.push_str(text);
                true
            }
            Values::Cells(cells) => {
                let start = out.len();
                out.push('[');
                for &cell_idx in cells {
                    if dialect.write(cell_idx, record.cell(cell_idx), out) {
                        out.push(',');
                    }
                }
                // the comma after the last value; without one, there is none
                if out.ends_with(',') {
                    out.pop();
                    out.push(']');
                } else {
                    out.truncate(start);
                }
                out.len() > start
            }
        }
    }
}

impl Values {
    fn add(&mut self, cell_idx: usize) {
        match self {
            Values::Cell(first) => *self = Values::Cells(vec![*first, cell_idx]),
            Values::Cells(cells) => cells.push(cell_idx),
            Values::Constant(_) => {}
        }
    }
}

/// Text of a record and the places of its cells.
pub(super) struct Record<'a> {
    pub(super) text: &'a str,
    pub(super) cells: &'a [Range<usize>],
}

impl Record<'_> {
    fn cell(&self, cell_idx: usize) -> &str {
        self.cells.get(cell_idx).and_then(|range| self.text.get(range.clone())).unwrap_or_default()
    }
}
