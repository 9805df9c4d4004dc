//! Records of cells under named columns: what CSV and Zeek's format share.
//!
//! A record becomes JSON text cell by cell, and only the wanted cells do. Whole documents are made
//! of their records again, on demand.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use arrow::error::ArrowError;

use super::columns::{Cells, Dialect, Record, Split};
use super::text::{Keeping, LineBlock};
use super::{Block, Kept, ReadDocument};
use crate::event::decode::{
    ColumnRole, Decoder, EventBatch, MAX_LINE_BYTES, MAX_VALUE_BYTES, MAX_VALUES, RowRef, SkipReason, TableColumns,
    TableRows,
};
use crate::sources::files::file::InputFile;
use crate::sources::{DocRef, SourceError};
use crate::spill::{SpillError, Spool};

/// Consecutive records of a file.
pub(super) struct TableBlock<D> {
    pub(super) lines: LineBlock,
    pub(super) keeping: Keeping,
    pub(super) dialect: Arc<D>,
}

impl<D: Dialect> Block for TableBlock<D> {
    fn first_line(&self) -> u64 {
        self.lines.first_line
    }

    fn n_bytes(&self) -> usize {
        self.lines.bytes.len()
    }

    fn decode(&self, decoder: &mut Decoder, name: &Arc<str>) -> Result<EventBatch, ArrowError> {
        let wanted = decoder.table_columns(self.dialect.columns().roles());
        decoder.decode_table_parts(&wanted, Parts::of(self, &wanted, name), name, self.lines.first_line)
    }

    fn keep(self: Box<Self>, spool: &Spool) -> Result<Box<dyn Kept>, SpillError> {
        Ok(Box::new(KeptTable { records: self.lines.keep(self.keeping, spool)?, dialect: self.dialect }))
    }
}

/// Bytes of JSON text that are decoded at once. The text of rows may be much longer than they are:
/// each has the names of its columns.
const PART_BYTES: usize = 4 << 20;

/// Rows of a block, in parts of limited size.
struct Parts<'a, D> {
    block: &'a TableBlock<D>,
    writer: RowWriter<'a, D>,
    name: &'a Arc<str>,
    /// Text of the block, if all of it is UTF-8: one check is faster than one per record.
    text: Option<&'a str>,
    cells: Cells,
    /// Start and line of the next record in the block.
    start: usize,
    line: u32,
}

impl<D: Dialect> Iterator for Parts<'_, D> {
    type Item = TableRows;

    fn next(&mut self) -> Option<TableRows> {
        let length = self.block.lines.bytes.len();
        if self.start >= length {
            return None;
        }
        let mut rows = TableRows::default();
        while self.start < length && rows.text.len() < PART_BYTES {
            self.read_record(&mut rows);
        }
        Some(rows)
    }
}

impl<'a, D: Dialect> Parts<'a, D> {
    fn of(block: &'a TableBlock<D>, wanted: &TableColumns, name: &'a Arc<str>) -> Self {
        let dialect = &*block.dialect;
        Parts {
            block,
            writer: RowWriter::new(dialect, wanted),
            name,
            text: std::str::from_utf8(&block.lines.bytes).ok(),
            cells: Cells::new(dialect.columns().n_cells()),
            start: 0,
            line: 0,
        }
    }

    fn read_record(&mut self, rows: &mut TableRows) {
        let LineBlock { bytes, first_line, is_last, .. } = &self.block.lines;
        let (start, line) = (self.start, self.line);
        self.cells.clear();
        let split = self.block.dialect.split(&bytes[start..], &mut self.cells);
        let record = &bytes[start..start + split.length];
        let place = RowRef { line_in_batch: line, offset_in_batch: start as u32, length: split.length as u32 };
        let utf8 = match self.text {
            Some(text) => text.get(start..start + split.length),
            None => std::str::from_utf8(record).ok(),
        };
        self.line += split.n_lines;
        self.start += split.next.max(1);
        if record.is_empty() {
            return;
        }
        match self.check(&split, record).and(utf8.ok_or(SkipReason::InvalidUtf8)) {
            Ok(text) => self.writer.write(&Record { text, cells: self.cells.places() }, place, rows),
            Err(reason) => {
                let is_cut = *is_last && self.start >= bytes.len() && !bytes.ends_with(b"\n");
                let reason = if is_cut && reason == SkipReason::CellCount { SkipReason::Truncated } else { reason };
                rows.skipped.add(reason, self.name, first_line + u64::from(line), record);
            }
        }
    }

    /// Checks that a record fits the header. Empty cells beyond it are accepted: some programs end
    /// each record with a separator.
    fn check(&self, split: &Split, record: &[u8]) -> Result<(), SkipReason> {
        if record.len() > MAX_LINE_BYTES {
            return Err(SkipReason::TooLong);
        }
        if let Some(fault) = split.fault {
            return Err(fault);
        }
        let dialect = &*self.block.dialect;
        let cells = self.cells.places();
        if cells.len() < dialect.columns().n_cells() || self.cells.has_surplus() {
            return Err(SkipReason::CellCount);
        }
        // each value takes a byte, or a separator
        let n_values = || -> usize {
            let cells = cells.iter().enumerate();
            cells.map(|(idx, cell)| dialect.n_values(idx, &record[cell.clone()])).sum()
        };
        if record.len() >= MAX_VALUES && n_values() > MAX_VALUES {
            return Err(SkipReason::TooManyValues);
        }
        // only long records have long cells
        let is_long = |cell: &Range<usize>| cell.len() > MAX_VALUE_BYTES;
        if record.len() > MAX_VALUE_BYTES && cells.iter().any(is_long) { Err(SkipReason::ValueTooLong) } else { Ok(()) }
    }
}

/// Writes the wanted columns of records.
struct RowWriter<'a, D> {
    dialect: &'a D,
    identity: Vec<usize>,
    fields: Vec<usize>,
    has_whole_rows: bool,
}

impl<'a, D: Dialect> RowWriter<'a, D> {
    fn new(dialect: &'a D, wanted: &TableColumns) -> Self {
        let is_wanted = |idx: usize| wanted.has_whole_rows || wanted.wants(idx);
        RowWriter { has_whole_rows: wanted.has_whole_rows, ..RowWriter::of_whole_rows(dialect, is_wanted) }
    }

    fn of_whole_rows(dialect: &'a D, is_wanted: impl Fn(usize) -> bool) -> Self {
        let roles = dialect.columns().roles().enumerate();
        let is_field = |(_, role): &(usize, ColumnRole<'_>)| matches!(role, ColumnRole::Field(_));
        let (fields, identity): (Vec<_>, Vec<_>) = roles.filter(|(idx, _)| is_wanted(*idx)).partition(is_field);
        let indices = |columns: Vec<(usize, ColumnRole<'_>)>| columns.into_iter().map(|(idx, _)| idx).collect();
        RowWriter { dialect, identity: indices(identity), fields: indices(fields), has_whole_rows: true }
    }

    fn write(&self, record: &Record<'_>, place: RowRef, rows: &mut TableRows) {
        let columns = &self.dialect.columns().columns;
        for &idx in &self.identity {
            let start = rows.text.len();
            if columns[idx].write(self.dialect, record, &mut rows.text) {
                rows.add_cell(idx, start..rows.text.len());
            }
        }
        let start = rows.text.len();
        if !self.has_whole_rows {
            for &idx in &self.fields {
                let start = rows.text.len();
                if columns[idx].write(self.dialect, record, &mut rows.text) {
                    rows.add_cell(idx, start..rows.text.len());
                }
            }
            return rows.end_row(place, start..start);
        }
        let mut text = std::mem::take(&mut rows.text);
        self.write_object(record, &mut text, |idx, range| rows.add_cell(idx, range));
        let source = start..text.len();
        rows.text = text;
        rows.end_row(place, source);
    }

    /// Appends a record as an object and tells the ranges of its values.
    fn write_object(&self, record: &Record<'_>, out: &mut String, mut tell: impl FnMut(usize, Range<usize>)) {
        out.push('{');
        let first = out.len();
        for &idx in &self.fields {
            let column = &self.dialect.columns().columns[idx];
            let before = out.len();
            if before > first {
                out.push(',');
            }
            out.push_str(&column.key);
            let start = out.len();
            if column.write(self.dialect, record, out) {
                tell(idx, start..out.len());
            } else {
                out.truncate(before);
            }
        }
        out.push('}');
    }

    /// Returns a record as a document: an event, or a hit if it has an index or id.
    fn document(&self, record: &Record<'_>) -> String {
        let mut out = "{".to_owned();
        for &idx in &self.identity {
            let column = &self.dialect.columns().columns[idx];
            let before = out.len();
            out.push_str(&column.key);
            if column.write(self.dialect, record, &mut out) {
                out.push(',');
            } else {
                out.truncate(before);
            }
        }
        if out.len() == 1 {
            out.clear();
            self.write_object(record, &mut out, |_, _| {});
        } else {
            out.push_str("\"_source\":");
            self.write_object(record, &mut out, |_, _| {});
            out.push('}');
        }
        out
    }
}

#[derive(Debug)]
struct KeptTable<D> {
    records: Box<dyn Kept>,
    dialect: Arc<D>,
}

impl<D: Dialect> Kept for KeptTable<D> {
    fn documents<'a>(
        &'a self,
        file: &InputFile,
        spool: &Spool,
        places: &[DocRef],
    ) -> Result<ReadDocument<'a>, SourceError> {
        let read = self.records.documents(file, spool, places)?;
        let writer = RowWriter::of_whole_rows(&*self.dialect, |_| true);
        Ok(Box::new(move |place: DocRef| {
            let bytes = read(place)?;
            let text = std::str::from_utf8(&bytes).map_err(io::Error::other)?;
            let mut cells = Cells::new(self.dialect.columns().n_cells());
            self.dialect.split(&bytes, &mut cells);
            Ok(writer.document(&Record { text, cells: cells.places() }).into_bytes())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Columns;
    use super::*;
    use crate::event::FieldPath;
    use crate::event::decode::{ColumnKind, ColumnSpec, Identity, Projection};

    /// Lines of a single cell.
    #[derive(Debug)]
    struct Cell(Columns);

    impl Dialect for Cell {
        fn columns(&self) -> &Columns {
            &self.0
        }

        fn split(&self, text: &[u8], cells: &mut Cells) -> Split {
            let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
            let length = cells.push_last(text, 0, end);
            Split { length, next: end + 1, n_lines: 1, fault: None }
        }

        fn write(&self, _: usize, cell: &str, out: &mut String) -> bool {
            out.push_str(cell);
            true
        }
    }

    #[test]
    fn rows_with_long_names_are_decoded_in_parts() {
        const ROWS: usize = 20_000;
        let dialect = Arc::new(Cell(Columns::new([("n".repeat(1000))]).unwrap()));
        let bytes = "1\n".repeat(ROWS).into_bytes();
        let lines = LineBlock { bytes, offset: 0, first_line: 5, is_last: true };
        let block = TableBlock { lines, keeping: Keeping::InFile, dialect };
        let spec = ColumnSpec::new("all".to_owned(), &FieldPath::new("*"), ColumnKind::Leaves);
        let mut decoder = Decoder::new(&Projection::new(vec![spec]), Identity::NotWanted);
        let (wanted, name) = (decoder.table_columns(block.dialect.columns().roles()), Arc::from("x"));
        let sizes: Vec<usize> = Parts::of(&block, &wanted, &name).map(|rows| rows.text.len()).collect();
        assert_eq!(sizes.len(), ROWS * 1000 / PART_BYTES + 1);
        assert!(sizes.iter().all(|size| (1..PART_BYTES + 2000).contains(size)), "{sizes:?}");
        let batch = block.decode(&mut decoder, &name).unwrap();
        assert_eq!(batch.columns.num_rows(), ROWS);
        let last = RowRef { line_in_batch: ROWS as u32 - 1, offset_in_batch: 2 * (ROWS as u32 - 1), length: 1 };
        assert_eq!(batch.rows.last(), Some(&last));
    }
}
