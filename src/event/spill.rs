//! Record batches on disk: an unnamed temporary file of Arrow IPC segments, compressed with LZ4, gone when the program ends.

use std::fs::File;
use std::io::{self, Cursor, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

/// Where batches go that do not fit in memory. The file is made when the first batch comes.
#[derive(Debug)]
pub struct SpillFile {
    folder: PathBuf,
    file: OnceLock<File>,
    end: u64,
}

/// Place of one batch in the file.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    start: u64,
    len: usize,
}

impl SpillFile {
    /// A file in `folder`, not created yet.
    pub fn new(folder: &Path) -> Self {
        SpillFile { folder: folder.to_owned(), file: OnceLock::new(), end: 0 }
    }

    /// Bytes written so far.
    pub fn size_bytes(&self) -> u64 {
        self.end
    }

    /// Appends a batch.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<Segment> {
        let options =
            IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).map_err(to_io)?;
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).map_err(to_io)?;
        writer.write(batch).map_err(to_io)?;
        let bytes = writer.into_inner().map_err(to_io)?;
        let mut file = self.file()?;
        file.write_all(&bytes)?;
        let segment = Segment { start: self.end, len: bytes.len() };
        self.end += bytes.len() as u64;
        Ok(segment)
    }

    /// Reads a batch back.
    pub fn read(&self, segment: &Segment, schema: &SchemaRef) -> io::Result<RecordBatch> {
        let mut bytes = vec![0; segment.len];
        self.file()?.read_exact_at(&mut bytes, segment.start)?;
        let mut reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(to_io)?;
        match reader.next() {
            Some(batch) => {
                let batch = batch.map_err(to_io)?;
                debug_assert_eq!(batch.schema_ref(), schema);
                Ok(batch)
            }
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "spill file ends early")),
        }
    }

    fn file(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = tempfile::tempfile_in(&self.folder).map_err(|error| {
            io::Error::new(error.kind(), format!("no temporary file in {}: {error}", self.folder.display()))
        })?;
        Ok(self.file.get_or_init(|| file))
    }
}

fn to_io(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::UInt32Array;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn batches_come_back_as_written_in_any_order() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt32, false)]));
        let folder = tempfile::tempdir().unwrap();
        let mut spill = SpillFile::new(folder.path());
        let batches: Vec<RecordBatch> = (0..5u32)
            .map(|i| {
                RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(UInt32Array::from_iter_values(0..i * 1000))])
                    .unwrap()
            })
            .collect();
        let segments: Vec<Segment> = batches.iter().map(|batch| spill.write(batch).unwrap()).collect();
        for (batch, segment) in batches.iter().zip(&segments).rev() {
            assert_eq!(&spill.read(segment, &schema).unwrap(), batch);
        }
        assert!(spill.size_bytes() > 0);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::UInt32, false)]));
        let batch = RecordBatch::new_empty(schema);
        let error = SpillFile::new(Path::new("/nonexistent/spill")).write(&batch).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/spill"), "{error}");
    }
}
