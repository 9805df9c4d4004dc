//! Rows of tables. Their cells are in known columns, so that keys are matched once per table, not
//! once per value.

use std::ops::Range;
use std::sync::Arc;

use arrow::error::ArrowError;

use super::batch::{EventBatch, RowRef};
use super::decoder::{Decoder, Identities, RowIdentity};
use super::projection::{Plan, Projection};
use super::row::Row;
use super::skipped::SkippedLines;
use super::stored_id::stored_id;
use super::walk::{Envelope, Found, Place, follow_raw, match_key};

/// Role of a column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole<'a> {
    /// It holds the `_index` of each document.
    Index,
    /// It holds the `_id` of each document.
    Id,
    /// It holds a field, whose name may have dots.
    Field(&'a str),
}

/// Use that a projection has for the columns of a table.
#[derive(Debug)]
pub struct TableColumns {
    uses: Vec<Use>,
    /// True if whole rows are wanted, as JSON objects.
    pub has_whole_rows: bool,
}

#[derive(Debug)]
enum Use {
    Index,
    Id,
    Field(Found),
    Nothing,
}

impl Use {
    fn of(column: ColumnRole<'_>, plan: &Plan) -> Self {
        match column {
            ColumnRole::Index => Use::Index,
            ColumnRole::Id => Use::Id,
            ColumnRole::Field(name) => match_key(&plan.trie, 0, name).map_or(Use::Nothing, Use::Field),
        }
    }
}

impl TableColumns {
    /// Looks up the columns of a table.
    pub(super) fn new<'n>(projection: &Projection, columns: impl Iterator<Item = ColumnRole<'n>>) -> Self {
        let plan = projection.plan();
        let uses = columns.map(|column| Use::of(column, plan)).collect();
        TableColumns { uses, has_whole_rows: plan.keeps_source }
    }

    /// True if the values of a column are needed.
    pub fn wants(&self, column_idx: usize) -> bool {
        !matches!(self.uses[column_idx], Use::Nothing)
    }
}

/// Rows of a table as JSON text.
#[derive(Debug, Default)]
pub struct TableRows {
    /// Text that the cells and rows are parts of.
    pub text: String,
    /// Lines that gave no row.
    pub skipped: SkippedLines,
    cells: Vec<(u32, Range<usize>)>,
    rows: Vec<TableRow>,
}

#[derive(Debug)]
struct TableRow {
    place: RowRef,
    /// One past its last cell.
    end: usize,
    source: Range<usize>,
}

impl TableRows {
    /// Adds a value of the next row: JSON text in a range of [`Self::text`].
    pub fn add_cell(&mut self, column_idx: usize, range: Range<usize>) {
        self.cells.push((column_idx as u32, range));
    }

    /// Adds the row of the cells since the last one. `source`: the whole row as an object, if such
    /// rows are wanted.
    pub fn end_row(&mut self, place: RowRef, source: Range<usize>) {
        self.rows.push(TableRow { place, end: self.cells.len(), source });
    }
}

impl Decoder {
    /// Looks up the columns of a table for [`Self::decode_table`].
    pub fn table_columns<'n>(&self, columns: impl Iterator<Item = ColumnRole<'n>>) -> TableColumns {
        TableColumns::new(self.projection(), columns)
    }

    /// True if the values of a column with this name are needed.
    pub fn wants(&self, name: &str) -> bool {
        let plan = self.projection().plan();
        let mut is_wanted = plan.keeps_source;
        plan.trie.match_key(0, name, |_| is_wanted = true);
        is_wanted
    }

    /// False if no column whose name begins with `prefix` is needed.
    pub fn may_want_some(&self, prefix: &str) -> bool {
        let plan = self.projection().plan();
        plan.keeps_source || plan.trie.may_begin(prefix)
    }

    /// Adds a column to those of a table, and returns its number. For tables whose columns become
    /// known with their rows.
    pub fn add_column(&self, columns: &mut TableColumns, column: ColumnRole<'_>) -> usize {
        columns.uses.push(Use::of(column, self.projection().plan()));
        columns.uses.len() - 1
    }

    /// Decodes the wanted columns of `rows`, which begin at line `first_line` of the file `name`.
    ///
    /// # Errors
    /// Same as [`Self::decode`]; also for cells that are not JSON.
    pub fn decode_table(
        &mut self,
        columns: &TableColumns,
        rows: TableRows,
        name: &Arc<str>,
        first_line: u64,
    ) -> Result<EventBatch, ArrowError> {
        self.decode_table_parts(columns, std::iter::once(rows), name, first_line)
    }

    /// Same as [`Self::decode_table`] for rows in several parts, of which one at a time is needed.
    ///
    /// # Errors
    /// Same as [`Self::decode_table`].
    pub fn decode_table_parts(
        &mut self,
        columns: &TableColumns,
        parts: impl Iterator<Item = TableRows>,
        name: &Arc<str>,
        first_line: u64,
    ) -> Result<EventBatch, ArrowError> {
        let projection = self.projection().clone();
        let (mut places, mut ids, mut skipped) = (Vec::new(), Identities::default(), SkippedLines::default());
        for rows in parts {
            let mut row = Row::new(projection.plan());
            let mut start = 0;
            for TableRow { place, end, source } in rows.rows {
                row.start();
                let mut envelope = Envelope { index: None, id: None, source: &rows.text[source] };
                for (column_idx, range) in &rows.cells[start..end] {
                    let raw = &rows.text[range.clone()];
                    match &columns.uses[*column_idx as usize] {
                        Use::Index => envelope.index = Some(raw),
                        Use::Id => envelope.id = Some(raw),
                        Use::Field(found) => follow_raw(&mut row, Place::ROOT, Some(found), raw)
                            .map_err(|error| ArrowError::JsonError(error.to_string()))?,
                        Use::Nothing => {}
                    }
                }
                start = end;
                let hash = self.push(&row, &envelope, name, first_line + u64::from(place.line_in_batch));
                ids.push(places.len(), RowIdentity { hash, stored: stored_id(&envelope) });
                places.push(place);
            }
            skipped.merge(rows.skipped);
        }
        self.finish(places, ids, skipped)
    }
}
