//! Decoder that turns chunks of lines into [`EventBatch`]es.

use std::hash::Hasher;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::error::ArrowError;
use serde::de::IgnoredAny;

use super::batch::{EventBatch, RowRef};
use super::cells::Cells;
use super::columns::Column;
use super::cursor::{depth, extent, replace_lone_surrogates};
use super::document_line::{identity_text, line_id, names_something};
use super::found::find;
use super::leaves::{leaves, own_leaves};
use super::projection::{ColumnSpec, Projection, ValuePlace};
use super::row::Row;
use super::skipped::{SkipReason, SkippedLines};
use super::stored_id::stored_id;
use super::walk::{Envelope, Shape, read_line, read_source};
use super::{ColumnKind, MAX_DEPTH, MAX_LINE_BYTES, MAX_VALUE_BYTES, MAX_VALUES};
use crate::event::Case;

/// Character with which some programs begin a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

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
}

impl Decoder {
    /// Returns a decoder of the columns of `projection`.
    pub fn new(projection: &Projection, identity: Identity) -> Self {
        let columns = projection.specs().iter().map(|spec| Column::new(spec.kind)).collect();
        let cells = Cells { columns, scratch: String::new() };
        Decoder { projection: projection.clone(), identity, shape: Shape::Event, cells }
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
        let mut row = Row::new(projection.plan());
        // one check of the whole chunk is faster than one per line
        let text = std::str::from_utf8(chunk.bytes).ok();
        let (mut rows, mut ids, mut skipped) = (Vec::new(), Identities::default(), SkippedLines::default());
        let mut end = 0;
        for (line_in_batch, bytes) in lines(chunk.bytes).enumerate() {
            let mut start = end;
            end += bytes.len();
            let mut length = bytes.trim_ascii_end().len();
            let bytes = &bytes[..length];
            if bytes.is_empty() {
                continue;
            }
            let number = chunk.first_line + line_in_batch as u64;
            let line = match text {
                Some(text) => text.get(start..start + length),
                None => std::str::from_utf8(bytes).ok(),
            };
            let mut decoded = line
                .ok_or(SkipReason::InvalidUtf8)
                .and_then(|line| self.decode_document(line, None, &mut row, chunk.name, number));
            // files that were joined leave marks between their lines
            if decoded.is_err()
                && let Some(unmarked) = line.and_then(|line| line.strip_prefix(BYTE_ORDER_MARK))
            {
                (start, length) = (start + BYTE_ORDER_MARK.len_utf8(), unmarked.len());
                decoded = self.decode_document(unmarked, None, &mut row, chunk.name, number);
            }
            match decoded {
                Ok(identity) => {
                    ids.push(rows.len(), identity);
                    rows.push(RowRef {
                        line_in_batch: line_in_batch as u32,
                        offset_in_batch: start as u32,
                        length: length as u32,
                    });
                }
                Err(reason) => {
                    let is_cut = chunk.is_last && end == chunk.bytes.len() && is_truncated(bytes);
                    let reason = if is_cut && reason == SkipReason::NotJson { SkipReason::Truncated } else { reason };
                    skipped.add(reason, chunk.name, number, bytes);
                }
            }
        }
        self.finish(rows, ids, skipped)
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
            match self.decode_document(hit.source, Some(hit), &mut row, name, hit_idx as u64) {
                Ok(identity) => {
                    ids.push(rows.len(), identity);
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

    /// Adds the row of a document unless it is bad. Returns its identity. `name` and `number`
    /// identify documents that do not do it themselves.
    pub(super) fn decode_document<'de>(
        &mut self,
        text: &'de str,
        hit: Option<HitText<'de>>,
        row: &mut Row<'_, 'de>,
        name: &str,
        number: u64,
    ) -> Result<RowIdentity, SkipReason> {
        check_size(text)?;
        // a search finds each document once
        let stored = |envelope: &Envelope<'_>| if hit.is_none() { stored_id(envelope) } else { None };
        match self.read(text, hit, row) {
            Ok(envelope) => {
                Ok(RowIdentity { hash: self.push(row, &envelope, name, number), stored: stored(&envelope) })
            }
            Err(error) => {
                // serde_json rejects lone surrogates, but only in the strings that it reads
                let Some(valid) = replace_lone_surrogates(text) else { return Err(reason(text, &error)) };
                let mut row = Row::new(row.plan);
                let envelope = self.read(&valid, hit, &mut row).map_err(|error| reason(text, &error))?;
                Ok(RowIdentity { hash: self.push(&row, &envelope, name, number), stored: stored(&envelope) })
            }
        }
    }

    /// Reads a line, or the source of `hit`, into `row`.
    fn read<'de>(
        &mut self,
        text: &'de str,
        hit: Option<HitText<'de>>,
        row: &mut Row<'_, 'de>,
    ) -> serde_json::Result<Envelope<'de>> {
        let Some(HitText { index, id, .. }) = hit else { return read_line(text, &mut self.shape, row) };
        read_source(text, row)?;
        Ok(Envelope { index: Some(index), id: Some(id), source: text })
    }

    /// Turns the rows so far into a batch.
    pub(super) fn finish(
        &mut self,
        rows: Vec<RowRef>,
        ids: Identities,
        skipped: SkippedLines,
    ) -> Result<EventBatch, ArrowError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let columns = self.cells.columns.iter_mut().map(Column::take).collect::<Result<Vec<_>, _>>()?;
        Ok(EventBatch {
            number: 0,
            columns: RecordBatch::try_new_with_options(self.projection.schema(), columns, &options)?,
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
        for column_idx in 0..row.plan.places.len() {
            self.push_cell(column_idx, row, envelope, name, number);
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
            ValuePlace::Field(field, form) if kind == ColumnKind::FormLeaves => {
                let form = form.as_ref().filter(|_| !row.has(field));
                self.cells.push_leaves(column_idx, |scratch, push| {
                    let of = form.map_or(&[][..], |form| &form.of);
                    row.values_everywhere(of, |raw| own_leaves(raw, scratch, push));
                });
            }
            ValuePlace::Field(field, form) => match row.value(field) {
                Some(raw) => self.cells.push_one(column_idx, kind, Some(raw), Case::Kept, formats),
                None => self.cells.push(column_idx, kind, &find(row, field, form.as_ref()), formats),
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

fn check_size(line: &str) -> Result<(), SkipReason> {
    if line.len() > MAX_LINE_BYTES {
        return Err(SkipReason::TooLong);
    }
    // `[` and `{` differ in one bit; few lines have enough of them to be too deep
    let n_open = line.bytes().filter(|byte| byte | 0x20 == b'{').count();
    if n_open > MAX_DEPTH && depth(line) > MAX_DEPTH {
        return Err(SkipReason::TooDeep);
    }
    // each value takes a byte at least, and another one that separates it from the next
    if line.len() > 2 * MAX_VALUES { check_values(line) } else { Ok(()) }
}

fn check_values(line: &str) -> Result<(), SkipReason> {
    let extent = extent(line);
    if extent.n_values > MAX_VALUES {
        return Err(SkipReason::TooManyValues);
    }
    if extent.longest > MAX_VALUE_BYTES { Err(SkipReason::ValueTooLong) } else { Ok(()) }
}

fn reason(line: &str, error: &serde_json::Error) -> SkipReason {
    let is_other_json = error.is_data() && serde_json::from_str::<IgnoredAny>(line).is_ok();
    if is_other_json { SkipReason::NotObject } else { SkipReason::NotJson }
}

fn is_truncated(line: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

/// Splits into lines that keep their line ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// Hashes the identity of a document: the same in every run and for every way of reading it.
fn identity_hash(index: &str, id: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write_u64(crate::event::text::text_hash(index));
    hasher.write_u64(crate::event::text::text_hash(id));
    hasher.finish()
}
