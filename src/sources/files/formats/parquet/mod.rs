//! Parquet: rows are decoded column by column. Only the wanted columns are read, and text is made
//! of single rows only, where somebody asks for the whole document.

mod block;
mod file;
mod outside;

use std::io;
use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::file::metadata::RowGroupMetaData;

use self::block::RowBlock;
use self::file::{ParquetFile, Rows};
use self::outside::Outside;
use super::{Block, Blocks, Fit, Format, Start};
use crate::event::decode::Projection;
use crate::sources::OutsideWindows;
use crate::sources::files::contents::Contents;

/// Upper limit on the rows of a block.
const BLOCK_ROWS: usize = 1 << 17;

/// Target size of the decoded columns of a block. Parts of a row group share pages, so smaller
/// blocks read more of them twice.
const BLOCK_BYTES: usize = 10 << 20;

/// Bytes that a cell takes in a decoded column beside its text.
const CELL_BYTES: usize = 8;

pub(super) struct Parquet;

impl Format for Parquet {
    fn endings(&self) -> &'static [&'static str] {
        &["parquet"]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        if start.bytes.starts_with(b"PAR1") { Fit::Sure } else { Fit::No }
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        let broken = |error: io::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        if !matches!(self.recognises(contents.start()), Fit::Sure) {
            return Err(broken(io::Error::other("it is not a Parquet file")));
        }
        let Some(path) = contents.into_path() else {
            return Err(io::Error::other("Parquet needs random access: write it to a file first"));
        };
        Ok(Box::new(RowBlocks::new(ParquetFile::open(path).map_err(broken)?)))
    }
}

/// The rows of a file, row group by row group.
struct RowBlocks {
    file: Arc<ParquetFile>,
    wanted: Wanted,
    outside: Option<Outside>,
    /// Next row group, and next row in it.
    row_group: usize,
    row: usize,
    first_row: u64,
}

/// The columns that are read.
struct Wanted {
    mask: ProjectionMask,
    leaves: Vec<usize>,
    n_columns: usize,
}

impl RowBlocks {
    fn new(file: ParquetFile) -> Self {
        let leaves = (0..file.n_leaves()).collect();
        let wanted = Wanted { mask: file.mask(None), leaves, n_columns: file.n_leaves() };
        RowBlocks { file: Arc::new(file), wanted, outside: None, row_group: 0, row: 0, first_row: 0 }
    }

    /// Estimated bytes of a row group when it is decoded.
    fn decoded_bytes(&self, row_group: &RowGroupMetaData) -> usize {
        let stored = self.wanted.leaves.iter().map(|&leaf| row_group.column(leaf).uncompressed_size().max(0) as usize);
        let cells = (row_group.num_rows() as usize).saturating_mul(self.wanted.n_columns * CELL_BYTES);
        stored.sum::<usize>().saturating_add(cells)
    }
}

impl Blocks for RowBlocks {
    fn want(&mut self, projection: &Projection, outside: Option<&OutsideWindows>) {
        let columns = projection.array_columns(self.file.schema());
        // otherwise the leaves of the two schemas do not correspond, and all of them are read
        if columns.n_leaves() == self.file.n_leaves() {
            let leaves: Vec<usize> = columns.leaves().collect();
            self.wanted = Wanted { mask: self.file.mask(Some(&leaves)), leaves, n_columns: projection.specs().len() };
            self.outside = outside.and_then(|outside| Outside::new(&self.file, projection, &columns, outside));
        }
    }

    fn probe(&mut self) -> io::Result<()> {
        let broken = |error: io::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        let first = (0..self.file.row_groups().len()).find(|&idx| self.file.row_groups()[idx].num_rows() > 0);
        let Some(row_group) = first else { return Ok(()) };
        let mut batches = self
            .file
            .read(&Rows { row_group, ranges: std::iter::once(0..1).collect() }, ProjectionMask::all())
            .map_err(broken)?;
        batches.next().transpose().map_err(broken).map(drop)
    }

    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        let file = Arc::clone(&self.file);
        loop {
            let Some(row_group) = file.row_groups().get(self.row_group) else { return Ok(None) };
            let n_rows = row_group.num_rows() as usize;
            if self.row >= n_rows {
                (self.row_group, self.row) = (self.row_group + 1, 0);
                continue;
            }
            let n_bytes = self.decoded_bytes(row_group);
            let n_parts = n_bytes.div_ceil(BLOCK_BYTES).max(n_rows.div_ceil(BLOCK_ROWS));
            let length = n_rows.div_ceil(n_parts.max(1)).min(n_rows - self.row);
            let unread = self.outside.as_ref().and_then(|outside| outside.unread(row_group));
            let mask = match (&self.outside, &unread) {
                (Some(outside), Some(_)) => &outside.mask,
                _ => &self.wanted.mask,
            };
            let block = RowBlock {
                file: Arc::clone(&file),
                mask: mask.clone(),
                unread,
                row_group: self.row_group,
                rows: self.row..self.row + length,
                first_row: self.first_row,
                n_bytes: n_bytes / n_parts.max(1),
                row_bytes: text_bytes_per_row(row_group),
            };
            self.row += length;
            self.first_row += length as u64;
            return Ok(Some(Box::new(block)));
        }
    }
}

/// Estimated bytes of a row as JSON text.
fn text_bytes_per_row(row_group: &RowGroupMetaData) -> u32 {
    let of_column = |column: &parquet::file::metadata::ColumnChunkMetaData| {
        let texts = column.unencoded_byte_array_data_bytes().unwrap_or(0);
        texts.max(column.uncompressed_size()).max(0)
    };
    let names = row_group.columns().iter().map(|column| column.column_descr().name().len() as u32 + 4);
    let values = row_group.columns().iter().map(of_column).fold(0_i64, i64::saturating_add);
    let values = u32::try_from(values / row_group.num_rows().max(1)).unwrap_or(u32::MAX);
    names.fold(values, u32::saturating_add)
}

#[cfg(test)]
mod tests;
