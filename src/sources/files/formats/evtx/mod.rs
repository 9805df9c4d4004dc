//! Windows event logs (EVTX), with the fields of each event at the top level.
//!
//! The library turns records into the JSON form of their XML. [`flat`] turns that into events.

mod flat;

use std::io;
use std::sync::{Arc, OnceLock};

use arrow::error::ArrowError;
use evtx::{EvtxChunkData, ParserSettings};

use super::text::{Keeping, LineBlock};
use super::{Block, Blocks, Fit, Format, Kept, Start};
use crate::event::decode::{Chunk, Decoder, EventBatch, SkipReason, SkippedLines};
use crate::runtime::contained;
use crate::sources::files::contents::{Contents, read_full};
use crate::spill::{SpillError, Spool};

/// First bytes of a file.
const FILE_MAGIC: &[u8] = b"ElfFile\0";

/// Bytes before the first chunk.
const HEADER_BYTES: usize = 4096;

/// Size of a chunk, which needs nothing but itself to be read.
const CHUNK_BYTES: usize = 1 << 16;

/// Bytes before the records of a chunk.
const CHUNK_HEADER_BYTES: usize = 512;

/// Chunks decoded at once.
const BLOCK_CHUNKS: usize = 4;

/// Upper limit on the text of a chunk, several times what real ones have: templates can be made to
/// give any amount. The rest of the chunk is skipped.
const MAX_CHUNK_TEXT: usize = 4 << 20;

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
        match read_full(&mut contents, &mut [0; HEADER_BYTES]) {
            (HEADER_BYTES, None) => Ok(Box::new(EvtxBlocks { contents, n_chunks: 0, fault: None })),
            (_, fault) => Err(fault.unwrap_or_else(truncated)),
        }
    }
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the event log is truncated")
}

struct EvtxBlocks {
    contents: Contents,
    n_chunks: u64,
    /// The fault that follows the chunks read so far.
    fault: Option<io::Error>,
}

impl Blocks for EvtxBlocks {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut bytes = vec![0; BLOCK_CHUNKS * CHUNK_BYTES];
        let (n, fault) = read_full(&mut self.contents, &mut bytes);
        // the records of a chunk that is cut off are read as far as they go
        let is_cut = n % CHUNK_BYTES != 0;
        self.fault = fault.or_else(|| is_cut.then(truncated));
        bytes.truncate(n.next_multiple_of(CHUNK_BYTES));
        if n == 0 {
            return self.fault.take().map_or(Ok(None), Err);
        }
        let first_chunk = self.n_chunks;
        self.n_chunks += (bytes.len() / CHUNK_BYTES) as u64;
        Ok(Some(Box::new(EvtxBlock { bytes, first_chunk, rendered: OnceLock::new() })))
    }
}

/// Chunks of a file.
struct EvtxBlock {
    bytes: Vec<u8>,
    first_chunk: u64,
    rendered: OnceLock<Rendered>,
}

/// Events of some chunks, as lines of JSON.
#[derive(Default)]
struct Rendered {
    lines: Vec<u8>,
    /// Chunk and fault of each record, or rest of a chunk, that cannot be read.
    faults: Vec<(u64, String)>,
}

impl Block for EvtxBlock {
    fn first_line(&self) -> u64 {
        self.first_chunk
    }

    fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn decode(&self, decoder: &mut Decoder, name: &Arc<str>) -> Result<EventBatch, ArrowError> {
        let Rendered { lines, faults } = self.rendered();
        let chunk = Chunk { bytes: lines, name, first_line: self.first_chunk, is_last: false };
        let mut batch = decoder.decode(&chunk)?;
        let mut skipped = SkippedLines::default();
        for (chunk, fault) in faults {
            skipped.add(SkipReason::Damaged, name, *chunk, format!("chunk {chunk}: {fault}").as_bytes());
        }
        batch.skipped.merge(skipped);
        Ok(batch)
    }

    fn keep(self: Box<Self>, spool: &Spool) -> Result<Box<dyn Kept>, SpillError> {
        self.rendered();
        let Rendered { lines, .. } = self.rendered.into_inner().unwrap_or_default();
        LineBlock { bytes: lines, offset: 0, first_line: self.first_chunk, is_last: false }
            .keep(Keeping::InCopies, spool)
    }
}

impl EvtxBlock {
    /// Reads the records, once.
    fn rendered(&self) -> &Rendered {
        self.rendered.get_or_init(|| {
            let settings = Arc::new(ParserSettings::new().num_threads(1));
            let mut rendered = Rendered::default();
            for (number, bytes) in (self.first_chunk..).zip(self.bytes.chunks(CHUNK_BYTES)) {
                // files are enlarged before they are written to
                if bytes.iter().take(CHUNK_HEADER_BYTES).all(|byte| *byte == 0) {
                    continue;
                }
                let before = rendered.lines.len();
                let result = contained(|| rendered.add_chunk(number, bytes, &settings));
                if let Err(panic) = result {
                    rendered.lines.truncate(before);
                    rendered.faults.push((number, format!("the library fails on it: {panic}")));
                }
            }
            rendered
        })
    }
}

impl Rendered {
    fn add_chunk(&mut self, number: u64, bytes: &[u8], settings: &Arc<ParserSettings>) {
        let mut data = match EvtxChunkData::new(bytes.to_vec(), false) {
            Ok(data) => data,
            Err(error) => return self.faults.push((number, error.to_string())),
        };
        let mut chunk = match data.parse(Arc::clone(settings)) {
            Ok(chunk) => chunk,
            Err(error) => return self.faults.push((number, error.to_string())),
        };
        let before = self.lines.len();
        for record in chunk.iter() {
            if self.lines.len() - before > MAX_CHUNK_TEXT {
                return self.faults.push((number, "its events are too long".to_owned()));
            }
            let record = record.and_then(|record| record.into_json());
            let written = record.map_err(|error| error.to_string()).and_then(|record| {
                let time = record.timestamp;
                flat::write(record.event_record_id, &record.data, &|| time.to_string(), &mut self.lines)
                    .map_err(|error| error.to_string())
            });
            if let Err(fault) = written {
                self.faults.push((number, fault));
            }
        }
    }
}
