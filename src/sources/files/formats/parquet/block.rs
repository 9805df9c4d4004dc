//! Rows of a Parquet file that are decoded at once, and the documents in them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::{io, iter};

use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;

use super::file::{ParquetFile, Rows};
use crate::event::decode::{ArrayRows, Decoder, EventBatch, Unread, json_lines};
use crate::runtime::contained;
use crate::sources::files::file::InputFile;
use crate::sources::files::formats::{Block, Kept, ReadDocument};
use crate::sources::{DocRef, SourceError};
use crate::spill::{SpillError, Spool};

/// Consecutive rows of a row group.
pub(super) struct RowBlock {
    pub(super) file: Arc<ParquetFile>,
    /// Leaves of the wanted columns.
    pub(super) mask: ProjectionMask,
    /// Stand-in for columns that are not read.
    pub(super) unread: Option<Unread>,
    pub(super) row_group: usize,
    /// Its rows, counted from the start of the row group.
    pub(super) rows: Range<usize>,
    /// Number of its first row in the file.
    pub(super) first_row: u64,
    /// Estimated bytes that its columns take when they are decoded.
    pub(super) n_bytes: usize,
    /// Estimated bytes of a row as text.
    pub(super) row_bytes: u32,
}

impl Block for RowBlock {
    fn first_line(&self) -> u64 {
        self.first_row
    }

    fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    fn decode(&self, decoder: &mut Decoder, name: &Arc<str>) -> Result<EventBatch, ArrowError> {
        let (first_row, row_bytes, unread) = (self.first_row, self.row_bytes, self.unread.as_ref());
        let rows = Rows { row_group: self.row_group, ranges: vec![self.rows.clone()] };
        match self.file.read(&rows, self.mask.clone()) {
            Ok(batches) => {
                let schema = batches.schema();
                let batches = batches.map(|batch| batch.map_err(|error| error.to_string()));
                decoder.decode_arrays(ArrayRows { schema: &schema, batches, name, first_row, row_bytes, unread })
            }
            Err(error) => {
                let (schema, batches) = (self.file.schema(), iter::once(Err(error.to_string())));
                decoder.decode_arrays(ArrayRows { schema, batches, name, first_row, row_bytes, unread })
            }
        }
    }

    fn keep(self: Box<Self>, _: &Spool) -> Result<Box<dyn Kept>, SpillError> {
        Ok(Box::new(KeptRows { file: self.file, row_group: self.row_group, start: self.rows.start }))
    }
}

/// Rows whose documents are made of the file again.
#[derive(Debug)]
struct KeptRows {
    file: Arc<ParquetFile>,
    row_group: usize,
    start: usize,
}

impl Kept for KeptRows {
    fn documents<'a>(
        &'a self,
        file: &InputFile,
        _: &Spool,
        places: &[DocRef],
    ) -> Result<ReadDocument<'a>, SourceError> {
        // fails if it has changed since it was found
        file.reopen()?;
        let mut rows: Vec<usize> = places.iter().map(|place| self.start + place.line as usize).collect();
        rows.sort_unstable();
        rows.dedup();
        let documents = self.read(&rows);
        Ok(Box::new(move |place: DocRef| match &documents {
            Ok(documents) => {
                let document = documents.get(&(self.start + place.line as usize));
                document.cloned().ok_or_else(|| io::ErrorKind::InvalidData.into())
            }
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
        }))
    }
}

impl KeptRows {
    /// Reads some rows, in ascending order, as documents.
    fn read(&self, rows: &[usize]) -> io::Result<HashMap<usize, Vec<u8>>> {
        let ranges = rows.iter().map(|&row| row..row + 1).collect();
        let batches = self.file.read(&Rows { row_group: self.row_group, ranges }, ProjectionMask::all())?;
        let mut documents = HashMap::with_capacity(rows.len());
        let mut rows = rows.iter();
        for batch in batches {
            let batch = batch?;
            let lines = contained(|| json_lines(&batch)).map_err(io::Error::other)?.map_err(io::Error::other)?;
            let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            documents.extend(rows.by_ref().copied().zip(lines.map(<[u8]>::to_vec)));
        }
        Ok(documents)
    }
}
