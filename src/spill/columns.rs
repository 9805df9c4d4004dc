//! Record batches on disk, as Arrow IPC messages compressed with LZ4.
//!
//! Each column of a batch is a message of its own, after a directory of their lengths: a use case
//! reads only the few columns it needs.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileDecoder;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message};
use arrow::ipc::{Block, CompressionType, MetadataVersion};

use super::{SpillError, unnamed_file};

/// File for batches that do not fit in memory. It is created when the first batch is written.
#[derive(Debug)]
pub struct SpillFile {
    folder: PathBuf,
    file: OnceLock<File>,
    end: u64,
}

/// Position of one batch in the file.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    start: u64,
}

/// Size of a column's directory entry: lengths of the message's head and body.
const ENTRY_BYTES: usize = 8;

impl SpillFile {
    /// Returns a file in `folder` that is not created yet.
    pub fn new(folder: &Path) -> Self {
        SpillFile { folder: folder.to_owned(), file: OnceLock::new(), end: 0 }
    }

    /// Returns the number of bytes written so far.
    pub fn size_bytes(&self) -> u64 {
        self.end
    }

    /// Appends a batch.
    ///
    /// # Errors
    /// A file that cannot be created or written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Segment, SpillError> {
        self.append(batch).map_err(SpillError::in_folder(&self.folder))
    }

    fn append(&mut self, batch: &RecordBatch) -> io::Result<Segment> {
        let mut directory = Vec::with_capacity(batch.num_columns() * ENTRY_BYTES);
        let mut messages = Vec::new();
        for column_idx in 0..batch.num_columns() {
            let column = batch.project(&[column_idx]).map_err(to_io)?;
            let (head, body) = encode(&column, &mut messages).map_err(to_io)?;
            for len in [head, body] {
                directory.extend_from_slice(&u32::try_from(len).map_err(io::Error::other)?.to_le_bytes());
            }
        }
        let mut file = self.file()?;
        file.write_all(&directory)?;
        file.write_all(&messages)?;
        let segment = Segment { start: self.end };
        self.end += (directory.len() + messages.len()) as u64;
        Ok(segment)
    }

    /// Reads the columns `wanted` of a batch with `schema`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&self, segment: &Segment, schema: &SchemaRef, wanted: &[usize]) -> Result<Vec<ArrayRef>, SpillError> {
        self.read_columns(segment, schema, wanted).map_err(SpillError::in_folder(&self.folder))
    }

    fn read_columns(&self, segment: &Segment, schema: &SchemaRef, wanted: &[usize]) -> io::Result<Vec<ArrayRef>> {
        let n_columns = schema.fields().len();
        let mut directory = vec![0; n_columns * ENTRY_BYTES];
        self.file()?.read_exact_at(&mut directory, segment.start)?;
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| directory[at + byte]));
        let lengths: Vec<(u32, u32)> =
            (0..n_columns).map(|column| (word(column * ENTRY_BYTES), word(column * ENTRY_BYTES + 4))).collect();
        let first = segment.start + directory.len() as u64;
        let end_of = |&(head, body): &(u32, u32)| u64::from(head) + u64::from(body);
        wanted
            .iter()
            .map(|&column_idx| {
                let start = first + lengths[..column_idx].iter().map(end_of).sum::<u64>();
                self.read_column(start, lengths[column_idx], schema, column_idx)
            })
            .collect()
    }

    fn read_column(
        &self,
        start: u64,
        (head, body): (u32, u32),
        schema: &SchemaRef,
        column_idx: usize,
    ) -> io::Result<ArrayRef> {
        let mut bytes = vec![0; head as usize + body as usize];
        self.file()?.read_exact_at(&mut bytes, start)?;
        let column = Arc::new(Schema::new(vec![Arc::clone(&schema.fields()[column_idx])]));
        let block = Block::new(0, head as i32, i64::from(body));
        let batch = FileDecoder::new(column, MetadataVersion::V5)
            .read_record_batch(&block, &Buffer::from_vec(bytes))
            .map_err(to_io)?;
        match batch {
            Some(batch) => Ok(Arc::clone(batch.column(0))),
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "spill file ends early")),
        }
    }

    fn file(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = unnamed_file(&self.folder)?;
        Ok(self.file.get_or_init(|| file))
    }
}

/// Appends `batch` to `messages` as one message and returns the lengths of its head and body.
fn encode(batch: &RecordBatch, messages: &mut Vec<u8>) -> Result<(usize, usize), ArrowError> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let (_, encoded) = IpcDataGenerator::default().encode(
        batch,
        &mut DictionaryTracker::new(false),
        &options,
        &mut IpcWriteContext::default(),
    )?;
    write_message(messages, encoded, &options)
}

fn to_io(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float64Array, UInt32Array};
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn columns_come_back_as_written_in_any_order() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::UInt32, false),
            Field::new("x", DataType::Float64, true),
            Field::new("mask", DataType::Boolean, false),
        ]));
        let folder = tempfile::tempdir().unwrap();
        let mut spill = SpillFile::new(folder.path());
        let batches: Vec<RecordBatch> = (0..5u32)
            .map(|i| {
                let columns: Vec<ArrayRef> = vec![
                    Arc::new(UInt32Array::from_iter_values(0..i * 1000)),
                    Arc::new((0..i * 1000).map(|n| (n % 3 > 0).then_some(f64::from(n))).collect::<Float64Array>()),
                    Arc::new((0..i * 1000).map(|n| Some(n % 7 == 0)).collect::<BooleanArray>()),
                ];
                RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
            })
            .collect();
        let segments: Vec<Segment> = batches.iter().map(|batch| spill.write(batch).unwrap()).collect();
        for (batch, segment) in batches.iter().zip(&segments).rev() {
            for wanted in [vec![], vec![2], vec![1, 0], vec![0, 1, 2]] {
                let columns = spill.read(segment, &schema, &wanted).unwrap();
                let expected: Vec<ArrayRef> = wanted.iter().map(|&idx| Arc::clone(batch.column(idx))).collect();
                assert_eq!(columns, expected);
            }
        }
        assert!(spill.size_bytes() > 0);
    }

    #[test]
    fn a_missing_folder_is_reported() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt32, false)]));
        let batch = RecordBatch::new_empty(schema);
        let error = SpillFile::new(Path::new("/nonexistent/spill")).write(&batch).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/spill"), "{error}");
    }
}
