//! Chunks of an event log that are decoded at once, and the documents in them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::{io, iter};

use arrow::error::ArrowError;
use evtx::err::ChunkError;
use evtx::{
    EvtxChunkData, EvtxParser, EvtxRecord, ParserSettings, RenderedChunk, RenderedChunkItem, SerializedEvtxRecord,
};
use hashbrown::HashMap;

use super::flat::{EVENT_DATA, Field, Reader};
use super::scan::NotJson;
use super::{CHUNK_BYTES, FILE_MAGIC, HEADER_BYTES};
use crate::event::decode::{ColumnRole, Decoder, EventBatch, RowRef, SkipReason, TableColumns, TableRows};
use crate::runtime::contained;
use crate::sources::files::file::InputFile;
use crate::sources::files::formats::text::{Keeping, LineBlock};
use crate::sources::files::formats::{Block, Kept, ReadDocument};
use crate::sources::{DocRef, SourceError};
use crate::spill::{SpillError, Spool};

/// Upper limit on the text of a chunk, several times what real ones have: templates can be made to
/// give any amount. The rest of the chunk is skipped.
const MAX_CHUNK_TEXT: usize = 4 << 20;

/// Consecutive chunks of a file, of which the last may be cut off.
pub(super) struct EvtxBlock {
    /// Their bytes. The number of a chunk stands for that of a line.
    pub(super) chunks: LineBlock,
    pub(super) keeping: Keeping,
}

impl Block for EvtxBlock {
    fn first_line(&self) -> u64 {
        self.chunks.first_line
    }

    fn n_bytes(&self) -> usize {
        self.chunks.bytes.len()
    }

    fn decode(&self, decoder: &mut Decoder, name: &Arc<str>) -> Result<EventBatch, ArrowError> {
        let LineBlock { bytes, first_line, .. } = &self.chunks;
        let mut table = Table::new(decoder);
        let has_prefixed = decoder.may_want_some(EVENT_DATA);
        let mut reader =
            Reader::new(|name| decoder.wants(name) || has_prefixed && decoder.wants(&[EVENT_DATA, name].concat()));
        for (chunk_idx, bytes) in bytes.chunks(CHUNK_BYTES).enumerate() {
            let start = (chunk_idx * CHUNK_BYTES) as u32;
            let faults = read_chunk(bytes, &mut reader, |record| table.add(record, start));
            for fault in faults {
                let number = first_line + chunk_idx as u64;
                let sample = format!("chunk {}: {fault}", number + 1);
                table.rows.skipped.add(SkipReason::Damaged, name, number, sample.as_bytes());
            }
        }
        let Table { columns, rows, .. } = table;
        decoder.decode_table(&columns, rows, name, *first_line)
    }

    fn keep(self: Box<Self>, spool: &Spool) -> Result<Box<dyn Kept>, SpillError> {
        let n_bytes = self.chunks.bytes.len() as u32;
        Ok(Box::new(KeptChunks { chunks: self.chunks.keep(self.keeping, spool)?, n_bytes }))
    }
}

/// Record of a chunk.
struct Record<'a> {
    number: u64,
    /// Number of records before it in the chunk.
    ordinal: u32,
    length: u32,
    fields: Vec<Field<'a>>,
}

impl Record<'_> {
    /// Appends the record as an object, and tells the range of each value.
    fn write_object(&self, out: &mut String, mut tell: impl FnMut(&Field<'_>, Range<usize>)) {
        for (field_idx, field) in self.fields.iter().enumerate() {
            let Field { prefix, name, value } = field;
            out.push(if field_idx == 0 { '{' } else { ',' });
            for part in ["\"", prefix, name, "\":", value] {
                out.push_str(part);
            }
            tell(field, out.len() - value.len()..out.len());
        }
        out.push('}');
    }

    /// Returns the record as a document: a hit with its number as the id.
    fn document(&self) -> String {
        let mut out = format!("{{\"_id\":\"{}\",\"_source\":", self.number);
        self.write_object(&mut out, |_, _| {});
        out.push('}');
        out
    }
}

/// Calls `found` with each record of a chunk. Returns the faults of those, or of the rest of the
/// chunk, that cannot be read.
fn read_chunk<F: Fn(&str) -> bool>(
    bytes: &[u8],
    reader: &mut Reader<F>,
    mut found: impl FnMut(&Record<'_>),
) -> Vec<String> {
    // files are enlarged before they are written to
    if bytes.iter().all(|byte| *byte == 0) {
        return Vec::new();
    }
    if let Ok(Some(rendered)) = contained(|| rendered(bytes))
        && let Ok(Ok(records)) = contained(|| records_of(&rendered, reader))
    {
        records.iter().for_each(found);
        return Vec::new();
    }
    let mut faults = Vec::new();
    let result = contained(|| {
        if let Err(error) = read_records(bytes, reader, &mut found, &mut faults) {
            faults.push(error.to_string());
        }
    });
    faults.extend(result.err().map(|panic| format!("the library fails on it: {panic}")));
    faults
}

/// Renders all records of a chunk at once; `None` if there is anything unusual about them. This is
/// how the library's own program works, and twice as fast as record by record.
fn rendered(chunk: &[u8]) -> Option<RenderedChunk> {
    let mut file = Vec::with_capacity(HEADER_BYTES + CHUNK_BYTES);
    file.extend_from_slice(&FILE_HEADER);
    file.extend_from_slice(chunk);
    // the records of a chunk that is cut off are read as far as they go
    file.resize(HEADER_BYTES + CHUNK_BYTES, 0);
    let mut parser = EvtxParser::from_buffer(file).ok()?.with_configuration(ParserSettings::new().num_threads(1));
    let mut chunks = parser.chunks_json_bytes(false);
    let rendered = chunks.next().filter(|chunk| chunk.data.len() <= MAX_CHUNK_TEXT)?;
    let is_whole = rendered.items.iter().all(|item| matches!(item, RenderedChunkItem::Record { .. }));
    (is_whole && chunks.next().is_none()).then_some(rendered)
}

fn records_of<'a, F: Fn(&str) -> bool>(
    rendered: &'a RenderedChunk,
    reader: &mut Reader<F>,
) -> Result<Vec<Record<'a>>, NotJson> {
    let record = |(ordinal, (number, json)): (usize, (u64, &'a [u8]))| {
        let json = std::str::from_utf8(json).map_err(|_| NotJson)?;
        Ok(Record { number, ordinal: ordinal as u32, length: json.len() as u32, fields: reader.fields(json, None)? })
    };
    rendered.records().enumerate().map(record).collect()
}

/// Reads the records one by one, as far as possible.
fn read_records<F: Fn(&str) -> bool>(
    bytes: &[u8],
    reader: &mut Reader<F>,
    found: &mut impl FnMut(&Record<'_>),
    faults: &mut Vec<String>,
) -> Result<(), ChunkError> {
    let mut chunk = bytes.to_vec();
    chunk.resize(CHUNK_BYTES, 0);
    let mut data = EvtxChunkData::new(chunk, false)?;
    let mut chunk = data.parse(Arc::new(ParserSettings::new().num_threads(1)))?;
    let (mut n_bytes, mut ordinal) = (0, 0);
    for record in chunk.iter() {
        if n_bytes > MAX_CHUNK_TEXT {
            faults.push("its events are too long".to_owned());
            break;
        }
        match record.and_then(EvtxRecord::into_json) {
            Ok(SerializedEvtxRecord { event_record_id: number, timestamp, data: json, .. }) => {
                n_bytes += json.len();
                match reader.fields(&json, Some(&|| timestamp.to_string())) {
                    Ok(fields) => found(&Record { number, ordinal, length: json.len() as u32, fields }),
                    Err(NotJson) => faults.push(format!("record {number} has no valid form")),
                }
                ordinal += 1;
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    Ok(())
}

/// Header of a file of one chunk, for readers of whole files.
const FILE_HEADER: [u8; HEADER_BYTES] = {
    let mut header = [0; HEADER_BYTES];
    let mut at = 0;
    while at < FILE_MAGIC.len() {
        header[at] = FILE_MAGIC[at];
        at += 1;
    }
    // size of the header, version 3.1, size of the block around the header, number of chunks
    [header[32], header[36], header[38], header[41], header[42]] = [128, 1, 3, 0x10, 1];
    header
};

/// Rows of a table whose columns are the fields that its records have.
struct Table<'d> {
    decoder: &'d Decoder,
    columns: TableColumns,
    /// Columns by name, as written in JSON.
    known: HashMap<String, usize>,
    id_column: usize,
    rows: TableRows,
    n_rows: u32,
}

impl<'d> Table<'d> {
    fn new(decoder: &'d Decoder) -> Self {
        let mut columns = decoder.table_columns(iter::empty());
        let id_column = decoder.add_column(&mut columns, ColumnRole::Id);
        Table { decoder, columns, known: HashMap::new(), id_column, rows: TableRows::default(), n_rows: 0 }
    }

    /// Adds a record of the chunk that begins at `start`.
    fn add(&mut self, record: &Record<'_>, start: u32) {
        let place =
            RowRef { line_in_batch: self.n_rows, offset_in_batch: start + record.ordinal, length: record.length };
        self.n_rows += 1;
        let mut text = std::mem::take(&mut self.rows.text);
        let id = text.len();
        text.push_str(&format!("\"{}\"", record.number));
        self.rows.add_cell(self.id_column, id..text.len());
        let source = text.len();
        if self.columns.has_whole_rows {
            record.write_object(&mut text, |field, range| {
                let column_idx = self.column(field);
                self.rows.add_cell(column_idx, range);
            });
        } else {
            for field in &record.fields {
                let column_idx = self.column(field);
                if self.columns.wants(column_idx) {
                    let value = text.len();
                    text.push_str(&field.value);
                    self.rows.add_cell(column_idx, value..text.len());
                }
            }
        }
        let source = source..text.len();
        self.rows.text = text;
        self.rows.end_row(place, source);
    }

    /// Returns the column of a field.
    fn column(&mut self, field: &Field<'_>) -> usize {
        let name: Cow<'_, str> = match field.prefix {
            "" => field.name.into(),
            prefix => [prefix, field.name].concat().into(),
        };
        if let Some(&column_idx) = self.known.get(&*name) {
            return column_idx;
        }
        let text = serde_json::from_str(&format!("\"{name}\"")).unwrap_or_else(|_| name.clone().into_owned());
        let column_idx = self.decoder.add_column(&mut self.columns, ColumnRole::Field(&text));
        self.known.insert(name.into_owned(), column_idx);
        column_idx
    }
}

/// Chunks whose documents are made again of their records.
#[derive(Debug)]
struct KeptChunks {
    chunks: Box<dyn Kept>,
    n_bytes: u32,
}

impl Kept for KeptChunks {
    fn documents<'a>(
        &'a self,
        file: &InputFile,
        spool: &Spool,
        places: &[DocRef],
    ) -> Result<ReadDocument<'a>, SourceError> {
        let read = self.chunks.documents(file, spool, places)?;
        // documents of one chunk are mostly asked for one after the other
        let latest: RefCell<Option<ChunkDocuments>> = RefCell::default();
        Ok(Box::new(move |place: DocRef| {
            let start = place.offset - place.offset % CHUNK_BYTES as u32;
            let known = latest.take().filter(|chunk| chunk.start == start);
            let chunk = match known {
                Some(chunk) => chunk,
                None => {
                    let length = (self.n_bytes - start).min(CHUNK_BYTES as u32);
                    ChunkDocuments::new(start, &read(DocRef { offset: start, length, ..place })?)
                }
            };
            let document = chunk.documents.iter().find(|(at, _)| *at == place.offset);
            let document = document.map(|(_, text)| text.clone().into_bytes());
            latest.replace(Some(chunk));
            document.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        }))
    }
}

/// Documents of a chunk.
struct ChunkDocuments {
    start: u32,
    /// Place and text of each.
    documents: Vec<(u32, String)>,
}

impl ChunkDocuments {
    fn new(start: u32, bytes: &[u8]) -> Self {
        let mut documents = Vec::new();
        read_chunk(bytes, &mut Reader::new(|_| true), |record| {
            documents.push((start + record.ordinal, record.document()))
        });
        ChunkDocuments { start, documents }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn both_ways_of_reading_give_the_same_documents() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/evtx");
        let mut n_documents = 0;
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|ending| ending != "evtx") {
                continue;
            }
            let file = fs::read(path).unwrap();
            for chunk in file[HEADER_BYTES..].chunks_exact(CHUNK_BYTES).filter(|chunk| chunk.starts_with(b"ElfChnk\0"))
            {
                let mut reader = Reader::new(|_| true);
                let rendered = rendered(chunk).expect("the fast way");
                let at_once: Vec<String> =
                    records_of(&rendered, &mut reader).unwrap().iter().map(Record::document).collect();
                let (mut one_by_one, mut faults) = (Vec::new(), Vec::new());
                read_records(
                    chunk,
                    &mut Reader::new(|_| true),
                    &mut |record| one_by_one.push(record.document()),
                    &mut faults,
                )
                .unwrap();
                assert_eq!((&one_by_one, faults.len()), (&at_once, 0));
                n_documents += at_once.len();
            }
        }
        assert!(n_documents > 0);
    }
}
