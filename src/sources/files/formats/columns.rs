//! Columns of a table, and the ways of writing its records.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;

use super::cells::{invalid, push_text};
use crate::event::decode::{ColumnRole, SkipReason};

/// Upper limit on the columns of a table.
const MAX_COLUMNS: usize = 100_000;

/// A way of writing records, with the columns of a table.
pub(super) trait Dialect: Send + Sync + fmt::Debug + 'static {
    /// The columns of the table.
    fn columns(&self) -> &Columns;

    /// Splits the record at the start of `text` into `cells`, which is empty.
    fn split(&self, text: &[u8], cells: &mut Vec<Range<usize>>) -> Split;

    /// Upper limit on the number of values of a cell.
    fn n_values(&self, _cell_idx: usize, _cell: &[u8]) -> usize {
        1
    }

    /// Appends the JSON text of a cell to `out`; false if the cell holds no value.
    fn write(&self, cell_idx: usize, cell: &str, out: &mut String) -> bool;
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
    /// Gathers the columns that the names of the cells stand for.
    ///
    /// # Errors
    /// More than [`MAX_COLUMNS`].
    pub(super) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> io::Result<Self> {
        let mut columns: Vec<Column> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut n_cells = 0;
        for (cell_idx, name) in names.into_iter().enumerate() {
            n_cells = cell_idx + 1;
            if n_cells > MAX_COLUMNS {
                return Err(invalid(format!("its header has more than {MAX_COLUMNS} columns")));
            }
            match known.get(name) {
                None => {
                    known.insert(name, columns.len());
                    columns.push(Column::new(name, Values::Cell(cell_idx)));
                }
                Some(&column_idx) => columns[column_idx].values.add(cell_idx),
            }
        }
        Ok(Columns { n_cells, columns })
    }

    /// Number of cells of a record.
    pub(super) fn n_cells(&self) -> usize {
        self.n_cells
    }

    /// Adds a column with the same text in every row, unless there is one of this name.
    pub(super) fn add_constant(&mut self, name: &str, value: &str) {
        if !self.columns.iter().any(|column| column.name == name) {
            let mut text = String::new();
            push_text(value, &mut text);
            self.columns.push(Column::new(name, Values::Constant(text)));
        }
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
