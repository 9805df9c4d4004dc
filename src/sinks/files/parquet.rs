//! Outliers as a Parquet file.

use std::fmt;
use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use super::rows::{COLUMNS, CellKind, Column, Timestamps, rows};
use super::sorted::{FilePart, Form};
use crate::delivery::Delivered;
use crate::spill::io_error_of;

/// Size of the text of rows that are encoded together.
const BATCH_BYTES: usize = 1 << 20;

/// Upper limit on the encoded size of a row group, which is kept in memory until it is complete.
const GROUP_BYTES: usize = 32 << 20;

/// A row per outlier.
#[derive(Debug)]
pub(super) struct ParquetRows {
    table: ParquetTable,
    timestamps: Timestamps,
}

impl ParquetRows {
    pub(super) fn start(file: NamedTempFile, timestamps: Timestamps) -> io::Result<Self> {
        Ok(ParquetRows { table: ParquetTable::start(file, &COLUMNS)?, timestamps })
    }
}

impl Form for ParquetRows {
    fn encoder(&self) -> impl Fn(&Delivered) -> serde_json::Result<Vec<FilePart>> + Sync {
        let timestamps = &self.timestamps;
        move |document| Ok(rows(document, timestamps)?.into_iter().map(FilePart).collect())
    }

    fn write(&mut self, row: FilePart) -> io::Result<()> {
        self.table.push(row.0)
    }

    fn finish(self) -> io::Result<NamedTempFile> {
        self.table.finish()
    }
}

/// A file under construction, with these columns.
pub(super) struct ParquetTable {
    columns: &'static [Column],
    writer: ArrowWriter<NamedTempFile>,
    schema: SchemaRef,
    rows: Vec<Vec<String>>,
    n_bytes: usize,
}

impl fmt::Debug for ParquetTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetTable").field("n_rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl ParquetTable {
    pub(super) fn start(file: NamedTempFile, columns: &'static [Column]) -> io::Result<Self> {
        let field = |&(name, kind): &Column| match kind {
            CellKind::Text => Field::new(name, DataType::Utf8, true),
            CellKind::Number => Field::new(name, DataType::Float64, true),
        };
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(io_error_of)?;
        Ok(ParquetTable { columns, writer, schema, rows: Vec::new(), n_bytes: 0 })
    }

    /// Adds a row, which has a cell for each column.
    pub(super) fn push(&mut self, row: Vec<String>) -> io::Result<()> {
        self.n_bytes += row.iter().map(String::len).sum::<usize>();
        self.rows.push(row);
        if self.n_bytes > BATCH_BYTES { self.encode() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> io::Result<NamedTempFile> {
        self.encode()?;
        self.writer.into_inner().map_err(io_error_of)
    }

    /// Encodes the rows so far.
    fn encode(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        self.n_bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let texts = |idx: usize| rows.iter().map(move |row| Some(row[idx].as_str()).filter(|text| !text.is_empty()));
        let column = |(idx, (_, kind)): (usize, &Column)| match kind {
            CellKind::Text => Arc::new(StringArray::from_iter(texts(idx))) as ArrayRef,
            CellKind::Number => Arc::new(Float64Array::from_iter(texts(idx).map(|text| text?.parse::<f64>().ok()))),
        };
        let columns = self.columns.iter().enumerate().map(column).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(io_error_of)?;
        if self.writer.in_progress_size() > GROUP_BYTES {
            self.writer.flush().map_err(io_error_of)?;
        }
        Ok(())
    }
}
