//! Windows event logs (EVTX), with the fields of each event at the top level.
//!
//! The library turns records into the JSON form of their XML. [`flat`] turns that into fields, and
//! [`block`] into events, of which only the wanted fields are kept.

mod block;
mod flat;
mod scan;
mod shapes;

use std::io::{self, Read};

use block::EvtxBlock;

use super::text::{Keeping, LineBlock};
use super::{Block, Blocks, Fit, Format, Start};
use crate::sources::files::contents::{Contents, read_full};

/// First bytes of a file.
const FILE_MAGIC: &[u8] = b"ElfFile\0";

/// Bytes before the first chunk.
const HEADER_BYTES: usize = 4096;

/// Size of a chunk, which needs nothing but itself to be read.
const CHUNK_BYTES: usize = 1 << 16;

/// Chunks decoded at once.
const BLOCK_CHUNKS: usize = 16;

pub(super) struct Evtx;

impl Format for Evtx {
    fn endings(&self) -> &'static [&'static str] {
        &["evtx"]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        if start.bytes.starts_with(FILE_MAGIC) { Fit::Sure } else { Fit::No }
    }

    fn open(&self, mut contents: Contents) -> io::Result<Box<dyn Blocks>> {
        if !contents.start().bytes.starts_with(FILE_MAGIC) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a Windows event log"));
        }
        let keeping = if contents.is_plain() { Keeping::InFile } else { Keeping::InCopies };
        match read_full(&mut contents, &mut [0; HEADER_BYTES]) {
            (HEADER_BYTES, None) => Ok(Box::new(EvtxBlocks { contents, keeping, n_chunks: 0, fault: None })),
            (_, fault) => Err(fault.unwrap_or_else(truncated)),
        }
    }
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the event log is truncated")
}

struct EvtxBlocks {
    contents: Contents,
    keeping: Keeping,
    n_chunks: u64,
    /// The fault that follows the chunks read so far.
    fault: Option<io::Error>,
}

impl Blocks for EvtxBlocks {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut bytes = Vec::with_capacity(BLOCK_CHUNKS * CHUNK_BYTES);
        let fault = self.contents.by_ref().take((BLOCK_CHUNKS * CHUNK_BYTES) as u64).read_to_end(&mut bytes).err();
        let n = bytes.len();
        self.fault = fault.or_else(|| (!n.is_multiple_of(CHUNK_BYTES)).then(truncated));
        if n == 0 {
            return self.fault.take().map_or(Ok(None), Err);
        }
        let first_line = self.n_chunks;
        self.n_chunks += n.div_ceil(CHUNK_BYTES) as u64;
        let offset = HEADER_BYTES as u64 + first_line * CHUNK_BYTES as u64;
        let chunks = LineBlock { bytes, offset, first_line, is_last: false };
        Ok(Some(Box::new(EvtxBlock { chunks, keeping: self.keeping })))
    }
}
