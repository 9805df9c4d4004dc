//! A Parquet file and its readers.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use crate::runtime::contained;

/// Rows decoded at once.
const BATCH_ROWS: usize = 8192;

/// Bytes decoded at once, roughly, if rows are large.
const BATCH_BYTES: usize = 4 << 20;

/// An open file and what its footer says.
#[derive(Debug)]
pub(super) struct ParquetFile {
    path: PathBuf,
    /// By which a file is recognised that has changed.
    opened: Metadata,
    footer: ArrowReaderMetadata,
}

/// Some rows of a row group.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) row_group: usize,
    /// Ascending ranges, counted from the start of the row group.
    pub(super) ranges: Vec<Range<usize>>,
}

impl ParquetFile {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = File::open(&path)?;
        let opened = file.metadata()?;
        let footer = guarded(|| {
            let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(io::Error::other)?;
            Ok(with_dictionaries(footer))
        })?;
        let n_columns = footer.metadata().file_metadata().schema_descr().num_columns();
        let is_wrong = |group: &RowGroupMetaData| group.num_rows() < 0 || group.num_columns() != n_columns;
        if footer.metadata().row_groups().iter().any(is_wrong) {
            return Err(io::Error::other("the size of a row group is wrong"));
        }
        Ok(ParquetFile { path, opened, footer })
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        self.footer.schema()
    }

    pub(super) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.footer.metadata().row_groups()
    }

    /// Selects the leaves with these numbers; `None` stands for all of them.
    pub(super) fn mask(&self, leaves: Option<&[usize]>) -> ProjectionMask {
        let columns = self.footer.metadata().file_metadata().schema_descr();
        leaves.map_or_else(ProjectionMask::all, |leaves| ProjectionMask::leaves(columns, leaves.iter().copied()))
    }

    /// Number of the leaves of the schema.
    pub(super) fn n_leaves(&self) -> usize {
        self.footer.metadata().file_metadata().schema_descr().num_columns()
    }

    /// Opens the file once more: readers of one opened file move each other's position.
    fn reopen(&self) -> io::Result<File> {
        let file = File::open(&self.path)?;
        let now = file.metadata()?;
        if now.len() != self.opened.len() || now.modified().ok() != self.opened.modified().ok() {
            return Err(io::Error::other("the file has changed while it was read; run again"));
        }
        Ok(file)
    }

    /// Starts reading some rows.
    pub(super) fn read(&self, rows: &Rows, mask: ProjectionMask) -> io::Result<Batches> {
        let file = self.reopen()?;
        let row_group = &self.row_groups()[rows.row_group];
        let n_rows = row_group.num_rows() as usize;
        let bytes_per_row = row_group.total_byte_size().max(0) as usize / n_rows.max(1);
        let selection = RowSelection::from_consecutive_ranges(rows.ranges.iter().cloned(), n_rows);
        let reader = guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.footer.clone())
                .with_row_groups(vec![rows.row_group])
                .with_projection(mask)
                .with_row_selection(selection)
                .with_batch_size((BATCH_BYTES / bytes_per_row.max(1)).clamp(1, BATCH_ROWS))
                .build()
                .map_err(io::Error::other)
        })?;
        Ok(Batches { reader: Some(reader) })
    }
}

/// Batches of a reader, until it fails.
pub(super) struct Batches {
    reader: Option<ParquetRecordBatchReader>,
}

impl Batches {
    /// Schema of the batches.
    pub(super) fn schema(&self) -> SchemaRef {
        self.reader.as_ref().map_or_else(|| Arc::new(Schema::empty()), arrow::array::RecordBatchReader::schema)
    }
}

impl Iterator for Batches {
    type Item = io::Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let next = guarded(|| reader.next().transpose().map_err(io::Error::other)).transpose();
        if !matches!(next, Some(Ok(_))) {
            self.reader = None;
        }
        next
    }
}

/// Reads with the Parquet library, which panics on some damaged files.
pub(super) fn guarded<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let damaged =
        |panic: String| io::Error::new(io::ErrorKind::InvalidData, format!("the Parquet library fails on it: {panic}"));
    contained(read).map_err(damaged)?
}

/// Has texts read as they are stored: as dictionaries, or one by one.
fn with_dictionaries(footer: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let metadata = footer.metadata();
    let mut leaf = 0;
    let fields = texts_as_stored(footer.schema().fields(), &mut leaf, metadata);
    let schema = Schema::new_with_metadata(fields, footer.schema().metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(Arc::clone(metadata), options).unwrap_or(footer)
}

fn texts_as_stored(fields: &Fields, leaf: &mut usize, metadata: &ParquetMetaData) -> Fields {
    let field = |field: &FieldRef| {
        let data_type = text_as_stored(field.data_type(), leaf, metadata);
        if data_type == *field.data_type() {
            return Arc::clone(field);
        }
        Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(field.metadata().clone()))
    };
    fields.iter().map(field).collect()
}

fn text_as_stored(data_type: &DataType, leaf: &mut usize, metadata: &ParquetMetaData) -> DataType {
    let mut element = |field: &FieldRef| -> FieldRef {
        Arc::clone(&texts_as_stored(&Fields::from(vec![Arc::clone(field)]), leaf, metadata)[0])
    };
    let is_text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match data_type {
        DataType::Struct(fields) => DataType::Struct(texts_as_stored(fields, leaf, metadata)),
        DataType::List(field) => DataType::List(element(field)),
        DataType::LargeList(field) => DataType::LargeList(element(field)),
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(element(field), *length),
        // keys of maps must be plain texts
        DataType::Map(entries, _) => {
            element(entries);
            data_type.clone()
        }
        DataType::Dictionary(_, values) if !is_text(values) => {
            *leaf += 1;
            data_type.clone()
        }
        text if is_text(text) || matches!(text, DataType::Dictionary(..)) => {
            let has_dictionary =
                metadata.row_groups().iter().all(|rows| rows.column(*leaf).dictionary_page_offset().is_some());
            *leaf += 1;
            match has_dictionary {
                true => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
                false => DataType::Utf8,
            }
        }
        other => {
            *leaf += 1;
            other.clone()
        }
    }
}
