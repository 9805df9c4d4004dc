//! Files of a memory: Parquet, written once and never changed.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::super::error::StateError;
use crate::event::text::FNV1A;
use crate::spill::io_error_of;

/// Rows that are read or encoded together.
pub(super) const BATCH_ROWS: usize = 8192;

/// Upper limit on the encoded size of a row group, which is kept in memory until it is complete.
const GROUP_BYTES: usize = 32 << 20;

/// Upper limit on the size of a dictionary. Beyond it, texts are no longer read as codes.
const DICTIONARY_BYTES: usize = 16 << 20;

/// Lanes of the hash of a file.
pub(super) const LANES: usize = 4;

/// Odd factor that spreads bits over a hash: that of FNV-1a.
pub(super) const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Start of the names of files that are not complete yet.
pub(super) const TEMPORARY: &str = ".ee-outliers-";

/// A file, as the manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MemoryFile {
    /// Name of the file.
    #[serde(rename = "file")]
    pub(super) name: String,
    /// Size of the file.
    pub(super) bytes: u64,
    /// Hash of its bytes, as 16 hexadecimal digits.
    pub(super) hash: String,
}

impl MemoryFile {
    /// Checks that the file has the bytes that were written. Their hash has `N` lanes.
    pub(super) fn check<const N: usize>(&self, folder: &Path) -> Result<(), StateError> {
        let path = folder.join(&self.name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StateError::damaged(&path, "it is missing"));
            }
            Err(error) => return Err(StateError::reading(&path)(error)),
        };
        let (bytes, hash) = hash_of::<N>(&mut file).map_err(StateError::reading(&path))?;
        if bytes != self.bytes {
            return Err(StateError::damaged(&path, format!("{bytes} bytes instead of {}", self.bytes)));
        }
        if hash != self.hash {
            return Err(StateError::damaged(&path, "its bytes are not those that were written"));
        }
        Ok(())
    }

    /// True if the file is in the folder of its memory.
    pub(super) fn is_inside(&self) -> bool {
        Path::new(&self.name).file_name() == Some(self.name.as_ref())
    }
}

/// Reads the columns with some indices of the file at `path`, which has `schema`, batch by batch.
pub(super) fn read_batches(
    path: PathBuf,
    schema: SchemaRef,
    indices: impl IntoIterator<Item = usize>,
) -> Result<impl Iterator<Item = Result<RecordBatch, StateError>> + Send, StateError> {
    let file = File::open(&path).map_err(StateError::reading(&path))?;
    let options = ArrowReaderOptions::new().with_schema(schema);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
    let reader = builder.and_then(|builder| {
        let mask = ProjectionMask::leaves(builder.parquet_schema(), indices);
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()
    });
    let reader = reader.map_err(|error| StateError::damaged(&path, error))?;
    Ok(reader.map(move |batch| batch.map_err(|error| StateError::damaged(&path, error))))
}

/// Schema of columns without gaps.
pub(super) fn schema_of<const N: usize>(columns: [(&str, DataType); N]) -> SchemaRef {
    let field = |(name, data_type)| Field::new(name, data_type, false);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}

/// A file on its way to disk.
pub(super) struct FileWriter(ArrowWriter<NamedTempFile>);

impl FileWriter {
    /// Starts a file in `folder`. Values of the columns in `rising` are stored as differences:
    /// hardly any of them occurs twice, so a dictionary costs much and saves nothing.
    pub(super) fn start(folder: &Path, schema: SchemaRef, rising: &[&str]) -> io::Result<Self> {
        let file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        let builder = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_page_size_limit(DICTIONARY_BYTES)
            .set_statistics_enabled(EnabledStatistics::Chunk);
        let builder = rising.iter().map(|&column| ColumnPath::from(column)).fold(builder, |builder, column| {
            let builder = builder.set_column_dictionary_enabled(column.clone(), false);
            builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
        });
        ArrowWriter::try_new(file, schema, Some(builder.build())).map(FileWriter).map_err(io_error_of)
    }

    /// Adds rows.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.0.write(batch).map_err(io_error_of)?;
        if self.0.in_progress_size() > GROUP_BYTES { self.0.flush().map_err(io_error_of) } else { Ok(()) }
    }

    /// Completes the file. Its name says `of`, and has the hash of its bytes.
    pub(super) fn finish(self, of: &str) -> io::Result<(MemoryFile, NamedTempFile)> {
        let mut file = self.0.into_inner().map_err(io_error_of)?;
        file.rewind()?;
        let (bytes, hash) = hash_of::<LANES>(file.as_file_mut())?;
        Ok((MemoryFile { name: format!("{of}_{hash}.parquet"), bytes, hash }, file))
    }
}

/// Size and hash of a file from here to its end. It is for accidents, not for attackers, so whole
/// words are hashed at a time, in `N` lanes that do not wait for each other.
fn hash_of<const N: usize>(file: &mut File) -> io::Result<(u64, String)> {
    const BLOCK: u64 = 1 << 16;
    let word = |hash: u64, word: u64| (hash ^ word).wrapping_mul(FNV_PRIME).rotate_left(29);
    let mut block = Vec::with_capacity(BLOCK as usize);
    let (mut bytes, mut lanes) = (0, [FNV1A; N]);
    loop {
        block.clear();
        let n_read = file.take(BLOCK).read_to_end(&mut block)?;
        if n_read == 0 {
            let hash = lanes.into_iter().reduce(word).unwrap_or(FNV1A);
            return Ok((bytes, format!("{hash:016x}")));
        }
        bytes += n_read as u64;
        let (words, rest) = block.as_chunks();
        let (rows, last) = words.as_chunks::<N>();
        for row in rows {
            for (lane, bytes) in lanes.iter_mut().zip(row) {
                *lane = word(*lane, u64::from_le_bytes(*bytes));
            }
        }
        for (lane, bytes) in lanes.iter_mut().zip(last) {
            *lane = word(*lane, u64::from_le_bytes(*bytes));
        }
        lanes[0] = rest.iter().fold(lanes[0], |hash, byte| word(hash, u64::from(*byte)));
    }
}
