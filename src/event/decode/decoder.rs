//! Decoder that turns chunks of lines into [`EventBatch`]es.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::error::ArrowError;
use outlier_kernels::JsonIndex;
use serde::de::IgnoredAny;

use super::ColumnKind;
use super::batch::{EventBatch, RowRef};
use super::cells::Cells;
use super::columns::Column;
use super::document_line::{identity_text, line_id, names_something};
use super::found::{find, form_leaves};
use super::leaves::leaves;
use super::projection::{ColumnSpec, Projection, ValuePlace};
use super::reader::NotJson;
use super::row::Row;
use super::size::{MOST_UNCHECKED_BYTES, check_size};
use super::skipped::{SkipReason, SkippedLines};
use super::stored_id::stored_id;
use super::walk::{Envelope, Shape, read_line, read_source};
use crate::event::Case;

/// Character with which some programs begin a file.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Consecutive lines of a file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Whole lines; the last one may lack its line end.
    pub bytes: &'a [u8],
    /// Name of the file; it is the index of events that have none.
    pub name: &'a Arc<str>,
    /// 0-based number of the first line.
    pub first_line: u64,
    /// True if the file ends here, so that its last line may be truncated.
    pub is_last: bool,
}

/// A document that a search found.
#[derive(Debug, Clone, Copy)]
pub struct HitText<'a> {
    /// JSON text of its `_index`.
    pub index: &'a str,
    /// JSON text of its `_id`.
    pub id: &'a str,
    /// JSON text of its `_source`, or of the wanted part of it.
    pub source: &'a str,
}

/// Choice whether batches carry hashes of the documents' identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Batches carry hashes.
    Hashed,
    /// Batches carry no hashes.
    NotWanted,
}

/// Decodes chunk after chunk and keeps its memory between them.
#[derive(Debug)]
pub struct Decoder {
    projection: Projection,
    identity: Identity,
    shape: Shape,
    pub(super) cells: Cells,
    /// rows of the batch so far
    n_rows: usize,
    /// per column, the number of rows of the batch with which its latest cell came
    pushed: Vec<usize>,
}

impl Decoder {
    /// Returns a decoder of the columns of `projection`.
    pub fn new(projection: &Projection, identity: Identity) -> Self {
        let columns: Vec<Column> = projection.specs().iter().map(|spec| Column::new(spec.kind)).collect();
        let pushed = vec![0; columns.len()];
        let cells = Cells { columns, scratch: String::new() };
        Decoder { projection: projection.clone(), identity, shape: Shape::Event, cells, n_rows: 0, pushed }
    }

    /// The wanted columns.
    pub(super) fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Decodes the wanted columns of the lines of `chunk`. Lines that are not events are counted.
    ///
    /// # Errors
    /// Fails if Arrow refuses a column: more than 2 GiB of text.
    pub fn decode(&mut self, chunk: &Chunk<'_>) -> Result<EventBatch, ArrowError> {
        let projection = self.projection.clone();
        let (mut row, mut index) = (Row::new(projection.plan()), JsonIndex::default());
        let (mut rows, mut ids, mut skipped) = (Vec::new(), Identities::default(), SkippedLines::default());
        let (mut start, mut line_in_batch) = (0, 0);
        while start < chunk.bytes.len() {
            let number = chunk.first_line + u64::from(line_in_batch);
            let line = index.read(&chunk.bytes[start..]);
            let decoded =
                line.and_then(|line| self.decode_line(line, Some(index.strings()), &mut row, chunk.name, number));
            let (document, identity) = match decoded {
                Some((length, identity)) => (start..start + length, Ok(identity)),
                None => self.decode_other_line(chunk, start, &mut row, number),
            };
            start = line_end(chunk.bytes, document.end);
            match identity {
                Ok(identity) => {
                    ids.push(rows.len(), identity);
                    rows.push(RowRef {
                        line_in_batch,
                        offset_in_batch: document.start as u32,
                        length: document.len() as u32,
                    });
                }
                Err(_) if document.is_empty() => {}
                Err(reason) => skipped.add(reason, chunk.name, number, &chunk.bytes[document]),
            }
            line_in_batch += 1;
        }
        self.finish(rows, ids, skipped)
    }

    /// Adds the row of a line. Returns the end of its document, after which there are only blanks,
    /// and its identity; `None` if the line is bad, empty or marked.
    fn decode_line<'de>(
        &mut self,
        line: &'de str,
        strings: Option<&[[u32; 2]]>,
        row: &mut Row<'_, 'de>,
        name: &str,
        number: u64,
    ) -> Option<(usize, RowIdentity)> {
        let (envelope, end) = read_line(line, strings, &mut self.shape, row).ok()?;
        if end > MOST_UNCHECKED_BYTES {
            check_size(line).ok()?;
        }
        Some((end, RowIdentity { hash: self.push(row, &envelope, name, number), stored: stored_id(&envelope) }))
    }

    /// Adds the row of a line that [`Self::decode_line`] could not decode, unless it is bad.
    /// Returns the place of its document as well, which is empty if the line is.
    fn decode_other_line<'de>(
        &mut self,
        chunk: &Chunk<'de>,
        start: usize,
        row: &mut Row<'_, 'de>,
        number: u64,
    ) -> (Range<usize>, Result<RowIdentity, SkipReason>) {
        let end = line_end(chunk.bytes, start);
        let bytes = chunk.bytes[start..end].trim_ascii_end();
        let mut document = start..start + bytes.len();
        let Ok(mut line) = std::str::from_utf8(bytes) else { return (document, Err(SkipReason::InvalidUtf8)) };
        let mut decode = |line| self.decode_document(line, row, chunk.name, number);
        let mut decoded = decode(line);
        // files that were joined leave marks between their lines
        if decoded.is_err()
            && let Some(unmarked) = line.strip_prefix(BYTE_ORDER_MARK)
        {
            (document.start, line) = (document.start + BYTE_ORDER_MARK.len_utf8(), unmarked);
            decoded = decode(line);
        }
        let is_cut = || chunk.is_last && end == chunk.bytes.len() && is_truncated(line.as_bytes());
        let reason = |reason| if reason == SkipReason::NotJson && is_cut() { SkipReason::Truncated } else { reason };
        (document, decoded.map_err(reason))
    }

    /// Adds the row of a line unless it is bad. Returns its identity.
    pub(super) fn decode_document<'de>(
        &mut self,
        line: &'de str,
        row: &mut Row<'_, 'de>,
        name: &str,
        number: u64,
    ) -> Result<RowIdentity, SkipReason> {
        check_size(line)?;
        self.decode_line(line, None, row, name, number).map(|(_, identity)| identity).ok_or_else(|| reason(line))
    }

    /// Decodes the wanted columns of the documents that a search found. `name` says where they are
    /// stored; it appears in the samples of documents that are not events.
    ///
    /// # Errors
    /// Same as [`Self::decode`].
    pub fn decode_hits<'de>(
        &mut self,
        hits: impl IntoIterator<Item = HitText<'de>>,
        name: &Arc<str>,
    ) -> Result<EventBatch, ArrowError> {
        let projection = self.projection.clone();
        let mut row = Row::new(projection.plan());
        let (mut rows, mut ids, mut skipped) = (Vec::new(), Identities::default(), SkippedLines::default());
        for (hit_idx, hit) in hits.into_iter().enumerate() {
            match self.decode_hit(hit, &mut row, name, hit_idx as u64) {
                Ok(hash) => {
                    // a search finds each document once
                    ids.push(rows.len(), RowIdentity { hash, stored: None });
                    rows.push(RowRef {
                        line_in_batch: hit_idx as u32,
                        offset_in_batch: 0,
                        length: hit.source.len() as u32,
                    });
                }
                Err(reason) => skipped.add(reason, name, hit_idx as u64, hit.source.as_bytes()),
            }
        }
        self.finish(rows, ids, skipped)
    }

    /// Adds the row of a document unless it is bad. Returns the hash of its identity. `name` and
    /// `number` identify documents that do not do it themselves.
    fn decode_hit<'de>(
        &mut self,
        HitText { index, id, source }: HitText<'de>,
        row: &mut Row<'_, 'de>,
        name: &str,
        number: u64,
    ) -> Result<u64, SkipReason> {
        let read = read_source(source, row);
        if read.is_err() || source.len() > MOST_UNCHECKED_BYTES {
            check_size(source)?;
        }
        read.map_err(|NotJson| reason(source))?;
        Ok(self.push(row, &Envelope { index: Some(index), id: Some(id), source }, name, number))
    }

    /// Turns the rows so far into a batch.
    pub(super) fn finish(
        &mut self,
        rows: Vec<RowRef>,
        ids: Identities,
        skipped: SkippedLines,
    ) -> Result<EventBatch, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        self.n_rows = 0;
        self.pushed.fill(0);
        // most names of the fields that many use cases want occur in no event of a batch: what they
        // have is made once
        let mut without_values: BTreeMap<ColumnKind, ArrayRef> = BTreeMap::new();
        let taken = |(spec, column): (&ColumnSpec, &mut Column)| {
            if !column.is_untouched() {
                column.pad(rows.len(), spec.kind);
                return column.take();
            }
            if let Some(known) = without_values.get(&spec.kind) {
                return Ok(Arc::clone(known));
            }
            column.pad(rows.len(), spec.kind);
            let empty = column.take()?;
            without_values.insert(spec.kind, Arc::clone(&empty));
            Ok(empty)
        };
        let columns: Result<Vec<ArrayRef>, ArrowError> =
            self.projection.specs().iter().zip(&mut self.cells.columns).map(taken).collect();
        Ok(EventBatch {
            number: 0,
            columns: RecordBatch::try_new_with_options(self.projection.schema(), columns?, &options)?,
            rows,
            id_hash: (self.identity == Identity::Hashed).then_some(ids.hashes),
            stored_ids: ids.stored,
            matched: None,
            skipped,
            fault: None,
            filled: Vec::new(),
        })
    }

    /// Adds a row. Returns the hash of its identity, or 0 if it is not wanted.
    pub(super) fn push(&mut self, row: &Row<'_, '_>, envelope: &Envelope<'_>, name: &str, number: u64) -> u64 {
        self.n_rows += 1;
        for &column_idx in &row.plan.pathless {
            self.push_cell(column_idx, row, envelope, name, number);
        }
        // an event has few of the fields that many use cases want
        for &node in row.touched() {
            for &column_idx in &row.plan.columns_of[node as usize] {
                if self.pushed[column_idx] != self.n_rows {
                    self.pushed[column_idx] = self.n_rows;
                    self.cells.columns[column_idx].pad(self.n_rows - 1, row.plan.specs[column_idx].kind);
                    self.push_cell(column_idx, row, envelope, name, number);
                }
            }
        }
        self.hash(envelope, name, number)
    }

    /// Adds the cell of a row.
    #[inline]
    pub(super) fn push_cell(
        &mut self,
        column_idx: usize,
        row: &Row<'_, '_>,
        envelope: &Envelope<'_>,
        name: &str,
        number: u64,
    ) {
        let ColumnSpec { kind, formats, .. } = &row.plan.specs[column_idx];
        let kind = *kind;
        match &row.plan.places[column_idx] {
            ValuePlace::Index => self.cells.push_leaf(column_idx, &index_text(envelope, name)),
            ValuePlace::Id => self.cells.push_leaf(column_idx, &id_text(envelope, number)),
            ValuePlace::Names(pattern) => self.cells.push_leaves(column_idx, |scratch, push| {
                pattern.leaves(envelope.source, scratch, push);
            }),
            ValuePlace::Field(field, _) if kind == ColumnKind::Leaves => {
                self.cells.push_leaves(column_idx, |scratch, push| {
                    row.values_everywhere(field, |raw| leaves(raw, scratch, push));
                });
            }
            ValuePlace::Field(field, forms) if kind == ColumnKind::FormLeaves => {
                self.cells.push_leaves(column_idx, |scratch, push| form_leaves(row, field, forms, scratch, push));
            }
            ValuePlace::Field(field, forms) => match row.value(field) {
                Some(raw) => self.cells.push_one(column_idx, kind, Some(raw), Case::Kept, formats),
                None => self.cells.push(column_idx, kind, &find(row, field, forms), formats),
            },
        }
    }

    /// True if rows have hashes of their identity.
    pub(super) fn hashes_identity(&self) -> bool {
        self.identity == Identity::Hashed
    }

    /// Hash of the identity of a document, or 0 if it is not wanted.
    pub(super) fn hash(&self, envelope: &Envelope<'_>, name: &str, number: u64) -> u64 {
        if !self.hashes_identity() {
            return 0;
        }
        identity_hash(&index_text(envelope, name), &id_text(envelope, number))
    }
}

fn index_text(envelope: &Envelope<'_>, name: &str) -> String {
    envelope.index.filter(|raw| names_something(raw)).map_or_else(|| name.to_owned(), identity_text)
}

fn id_text(envelope: &Envelope<'_>, number: u64) -> String {
    envelope.id.filter(|raw| names_something(raw)).map_or_else(|| line_id(number), identity_text)
}

/// Identity of a row.
pub(super) struct RowIdentity {
    /// See [`EventBatch::id_hash`].
    pub(super) hash: u64,
    /// See [`EventBatch::stored_ids`].
    pub(super) stored: Option<u128>,
}

/// Identities of all rows so far.
#[derive(Default)]
pub(super) struct Identities {
    hashes: Vec<u64>,
    stored: Vec<Option<u128>>,
}

impl Identities {
    pub(super) fn push(&mut self, row: usize, RowIdentity { hash, stored }: RowIdentity) {
        self.hashes.push(hash);
        // events without ids, which most files hold, cost nothing
        if stored.is_some() || !self.stored.is_empty() {
            self.stored.resize(row, None);
            self.stored.push(stored);
        }
    }
}

fn reason(line: &str) -> SkipReason {
    let is_other_json = serde_json::from_str::<IgnoredAny>(line).is_ok();
    if is_other_json { SkipReason::NotObject } else { SkipReason::NotJson }
}

pub(super) fn is_truncated(line: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

/// Returns the position after the next line feed from `from` on.
fn line_end(bytes: &[u8], from: usize) -> usize {
    if bytes.get(from) == Some(&b'\n') {
        return from + 1;
    }
    memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at + 1)
}

/// Hashes the identity of a document: the same in every run and for every way of reading it.
fn identity_hash(index: &str, id: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write_u64(crate::event::text::text_hash(index));
    hasher.write_u64(crate::event::text::text_hash(id));
    hasher.finish()
}
