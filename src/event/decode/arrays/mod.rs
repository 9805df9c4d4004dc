//! Rows of Arrow arrays. Cells are made of their values: only what the rules of names or the limits
//! of events cannot tell from the schema goes through JSON text.

mod bounds;
mod lines;
mod origins;
mod ready;
mod values;

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;

use self::lines::json_text;
use self::origins::Origin;
use self::ready::{Batch, Part, Ready, ready};
use self::values::{Codes, Lists, Texts, Values};
use super::batch::{EventBatch, RowRef};
use super::columns::Column;
use super::decoder::{Decoder, Identities, RowIdentity};
use super::kind::ColumnKind;
use super::leaves::{leaves, own_leaves};
use super::reader::NotJson;
use super::row::Row;
use super::skipped::SkippedLines;
use super::stored_id::stored_id;
use super::values::text_timestamp;
use super::walk::{Envelope, read_source};
use crate::event::Case;
use crate::event::text::lower_case;
use crate::event::time::TimeFormats;

pub use self::lines::json_lines;
pub use self::origins::{ArrayColumns, Leaf};

/// Some rows of a table.
#[derive(Debug)]
pub struct ArrayRows<'a, B> {
    /// Columns that the batches have.
    pub schema: &'a Schema,
    /// The rows. After the first error, nothing more is read.
    pub batches: B,
    /// Index of events that have none.
    pub name: &'a Arc<str>,
    /// Number of the first row in its file.
    pub first_row: u64,
    /// Estimated bytes of a whole row as text.
    pub row_bytes: u32,
    /// Stand-in for columns that the batches lack on purpose.
    pub unread: Option<&'a Unread>,
}

/// Columns of which some rows are not read, because no use case looks at these rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Column of times.
    pub time: usize,
    /// A time that stands for those of the rows, in microseconds.
    pub micros: i64,
    /// Columns that have values in some of the rows.
    pub filled: Vec<usize>,
}

/// Rows so far.
struct Progress<'a> {
    name: &'a Arc<str>,
    first_row: u64,
    row_bytes: u32,
    n_read: usize,
    rows: Vec<RowRef>,
    ids: Identities,
    skipped: SkippedLines,
    /// Column of times that are not read, and what stands for them.
    time: Option<(usize, i64)>,
    /// Per column.
    codes: Vec<Codes>,
}

impl Progress<'_> {
    /// Number of a row of the current batch in its file.
    fn number(&self, row: usize) -> u64 {
        self.first_row + (self.n_read + row) as u64
    }

    /// Adds the rows of the current batch, if nobody asks for their identity.
    fn add_plain(&mut self, n_rows: usize) {
        let (first, length) = (self.n_read as u32, self.row_bytes);
        let place = |row: u32| RowRef { line_in_batch: first + row, offset_in_batch: 0, length };
        self.rows.extend((0..n_rows as u32).map(place));
        self.n_read += n_rows;
    }

    fn add(&mut self, row: usize, length: usize, identity: RowIdentity) {
        let length = self.row_bytes.max(length as u32);
        self.ids.push(self.rows.len(), identity);
        self.rows.push(RowRef { line_in_batch: (self.n_read + row) as u32, offset_in_batch: 0, length });
    }
}

impl Decoder {
    /// Decodes the wanted columns of rows that are Arrow arrays. What cannot be read is the fault
    /// of the batch.
    ///
    /// # Errors
    /// Same as [`Self::decode`].
    pub fn decode_arrays<B>(&mut self, rows: ArrayRows<'_, B>) -> Result<EventBatch, ArrowError>
    where
        B: Iterator<Item = Result<RecordBatch, String>>,
    {
        let ArrayRows { schema, batches, name, first_row, row_bytes, unread } = rows;
        let columns = self.projection().array_columns(schema);
        let mut progress = Progress {
            name,
            first_row,
            row_bytes,
            n_read: 0,
            rows: Vec::new(),
            ids: Identities::default(),
            skipped: SkippedLines::default(),
            time: unread.map(|unread| (unread.time, unread.micros)),
            codes: columns.origins.iter().map(|_| Codes::default()).collect(),
        };
        let mut fault = None;
        for batch in batches {
            let ready = batch.and_then(|batch| ready(&columns, &batch));
            match ready {
                Ok(Batch::Ready(ready)) => self.push_arrays(&columns, &ready, &mut progress)?,
                Ok(Batch::Lines(parts)) => {
                    for part in parts {
                        self.push_lines(&part, &mut progress);
                    }
                }
                Err(reason) => {
                    fault = Some(reason);
                    break;
                }
            }
        }
        let batch = self.finish(progress.rows, progress.ids, progress.skipped)?;
        let filled = unread.map(|unread| unread.filled.clone()).unwrap_or_default();
        Ok(EventBatch { fault, filled, ..batch })
    }

    /// Adds rows that are events or hits as a whole, and may be bad.
    fn push_lines(&mut self, lines: &Part, progress: &mut Progress<'_>) {
        let projection = self.projection().clone();
        let mut row = Row::new(projection.plan());
        for (row_idx, line) in lines.text.lines().enumerate() {
            let number = progress.number(row_idx);
            match self.decode_document(line, &mut row, progress.name, number) {
                Ok(identity) => progress.add(row_idx, line.len(), identity),
                Err(reason) => progress.skipped.add(reason, progress.name, number, line.as_bytes()),
            }
        }
        progress.n_read += lines.n_rows;
    }

    fn push_arrays(
        &mut self,
        columns: &ArrayColumns,
        ready: &Ready,
        progress: &mut Progress<'_>,
    ) -> Result<(), ArrowError> {
        let projection = self.projection().clone();
        for (column_idx, spec) in projection.specs().iter().enumerate() {
            let codes = &mut progress.codes[column_idx];
            match (&columns.origins[column_idx], &ready.values[column_idx]) {
                (Origin::Field { case, .. }, Some(values)) => {
                    let cells = Cells { column_idx, kind: spec.kind, case: *case, formats: &spec.formats, codes };
                    self.push_values(cells, values, ready.n_rows);
                }
                (Origin::Nowhere, _) if progress.time.is_some_and(|(time, _)| time == column_idx) => {
                    if let (Column::Times(times), Some((_, micros))) =
                        (&mut self.cells.columns[column_idx], progress.time)
                    {
                        (0..ready.n_rows).for_each(|_| times.push_time(Some(micros)));
                    }
                }
                (Origin::Nowhere, _) => (0..ready.n_rows).for_each(|_| self.push_nothing(column_idx, spec.kind)),
                _ => {}
            }
        }
        let by_row: Vec<usize> =
            columns.origins.iter().enumerate().filter_map(|(idx, origin)| origin.by_row(idx)).collect();
        let is_plain = by_row.is_empty() && !columns.has_identity && !self.hashes_identity();
        let mut row = Row::new(projection.plan());
        if is_plain {
            progress.add_plain(ready.n_rows);
            return Ok(());
        }
        for row_idx in 0..ready.n_rows {
            let [index, id] = ready.identity.each_ref().map(|texts| identity_json(texts.as_ref(), row_idx));
            let source = ready.objects.as_ref().map_or("", |objects| objects.get(row_idx));
            let envelope = Envelope { index: index.as_deref(), id: id.as_deref(), source };
            let number = progress.number(row_idx);
            if ready.objects.is_some() {
                let error = |error: NotJson| ArrowError::JsonError(error.to_string());
                read_source(source, &mut row).map_err(error)?;
            }
            for &column_idx in &by_row {
                self.push_cell(column_idx, &row, &envelope, progress.name, number);
            }
            let hash = self.hash(&envelope, progress.name, number);
            progress.add(row_idx, 0, RowIdentity { hash, stored: stored_id(&envelope) });
        }
        progress.n_read += ready.n_rows;
        Ok(())
    }

    fn push_nothing(&mut self, column_idx: usize, kind: ColumnKind) {
        match &mut self.cells.columns[column_idx] {
            Column::Lists(list) => list.end_row(is_tagged(kind)),
            Column::Texts(texts) => texts.push(None),
            Column::Times(times) => times.push_time(None),
        }
    }

    fn push_values(&mut self, cells: Cells<'_>, values: &Values, n_rows: usize) {
        let Cells { column_idx, kind, case, formats, codes } = cells;
        match values {
            Values::Texts(texts) => self.push_texts(Cells { column_idx, kind, case, formats, codes }, texts, n_rows),
            Values::Lists(lists) => self.push_lists(Cells { column_idx, kind, case, formats, codes }, lists, n_rows),
            Values::Times(values) => {
                if let Column::Times(times) = &mut self.cells.columns[column_idx] {
                    values.iter().for_each(|time| times.push_time(time));
                }
            }
            Values::Json(values) => {
                for raw in values.iter() {
                    let raw = Some(raw).filter(|raw| !raw.is_empty());
                    match kind {
                        ColumnKind::Leaves => self.cells.push_leaves(column_idx, |scratch, push| {
                            raw.into_iter().for_each(|raw| leaves(raw, scratch, push));
                        }),
                        ColumnKind::FormLeaves => self.cells.push_leaves(column_idx, |scratch, push| {
                            raw.into_iter().for_each(|raw| own_leaves(raw, scratch, push));
                        }),
                        _ => self.cells.push_one(column_idx, kind, raw, case, formats),
                    }
                }
            }
        }
    }

    fn push_texts(&mut self, cells: Cells<'_>, texts: &Texts, n_rows: usize) {
        let Cells { column_idx, kind, case, formats, codes } = cells;
        codes.start_if(texts);
        let scratch = &mut self.cells.scratch;
        match &mut self.cells.columns[column_idx] {
            Column::Lists(list) => {
                for row in 0..n_rows {
                    let text_idx = texts.at(row);
                    if let Some(text_idx) = text_idx {
                        let code = codes.of(texts, text_idx, |text| list.code(cell_text(text, kind, case, scratch)));
                        list.push_code(code);
                    }
                    list.end_row(is_tagged(kind) || text_idx.is_some());
                }
            }
            Column::Texts(column) => {
                for row in 0..n_rows {
                    let look_up = |text: &str| column.code(cell_text(text, kind, case, scratch));
                    let code = texts.at(row).map(|text_idx| codes.of(texts, text_idx, look_up));
                    column.push_code(code);
                }
            }
            Column::Times(times) => {
                for row in 0..n_rows {
                    let text = texts.at(row).map(|text_idx| texts.texts.value(text_idx));
                    times.push_time(text.and_then(|text| text_timestamp(text, formats)));
                }
            }
        }
    }

    fn push_lists(&mut self, cells: Cells<'_>, lists: &Lists, n_rows: usize) {
        let Cells { column_idx, kind, case, codes, .. } = cells;
        let elements = &lists.elements;
        codes.start_if(elements);
        let scratch = &mut self.cells.scratch;
        let Column::Lists(list) = &mut self.cells.columns[column_idx] else { return };
        for row in 0..n_rows {
            let range = lists.at(row);
            let is_there = range.is_some();
            for text_idx in range.into_iter().flatten().filter_map(|element| elements.at(element)) {
                let code = codes.of(elements, text_idx, |text| list.code(cell_text(text, kind, case, scratch)));
                list.push_code(code);
            }
            list.end_row(is_tagged(kind) || is_there);
        }
    }
}

/// Cells of a column that are made of a field.
struct Cells<'a> {
    column_idx: usize,
    kind: ColumnKind,
    case: Case,
    formats: &'a TimeFormats,
    codes: &'a mut Codes,
}

impl Codes {
    fn start_if(&mut self, texts: &Texts) {
        if texts.are_shared() {
            self.start(&texts.texts);
        }
    }

    /// Code of a text, which is looked up once if rows share it.
    fn of(&mut self, texts: &Texts, text_idx: usize, look_up: impl FnOnce(&str) -> u32) -> u32 {
        let text = || texts.texts.value(text_idx);
        if texts.are_shared() { self.get(text_idx, || look_up(text())) } else { look_up(text()) }
    }
}

impl Origin {
    /// The column, if its cells are made row by row.
    fn by_row(&self, column_idx: usize) -> Option<usize> {
        matches!(self, Origin::Rows | Origin::Index | Origin::Id).then_some(column_idx)
    }
}

/// True for leaves, which begin with their type and are never NULL.
fn is_tagged(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Leaves | ColumnKind::FormLeaves)
}

fn cell_text<'a>(text: &'a str, kind: ColumnKind, case: Case, scratch: &'a mut String) -> &'a str {
    if is_tagged(kind) {
        scratch.clear();
        scratch.push('s');
        scratch.push_str(text);
        return scratch;
    }
    match case {
        Case::Kept => text,
        Case::Lower => {
            *scratch = lower_case(text);
            scratch
        }
    }
}

fn identity_json(texts: Option<&StringArray>, row: usize) -> Option<String> {
    texts.filter(|texts| texts.is_valid(row)).map(|texts| json_text(texts.value(row)))
}
