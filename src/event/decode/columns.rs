//! Builders of Arrow columns. They keep their memory from batch to batch.

use std::hash::BuildHasher;
use std::mem;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, ListArray, StringArray, TimestampMicrosecondArray, UInt32Array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::UInt32Type;
use arrow::error::ArrowError;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::kind::{ColumnKind, entry_field};
use super::values::timestamp;
use crate::event::time::TimeFormats;

/// Texts of one column of one batch, each stored once.
#[derive(Debug, Default)]
struct Interner {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    text: String,
    ends: Vec<usize>,
    last: Option<u32>,
}

impl Interner {
    fn code(&mut self, text: &str) -> u32 {
        // neighbouring events often hold the same text
        if let Some(last) = self.last
            && stored(&self.text, &self.ends, last) == text
        {
            return last;
        }
        let hash = self.hasher.hash_one(text);
        let Self { table, hasher, text: all, ends, last } = self;
        let code = match table.find(hash, |code| stored(all, ends, *code) == text) {
            Some(code) => *code,
            None => {
                let code = ends.len() as u32;
                all.push_str(text);
                ends.push(all.len());
                table.insert_unique(hash, code, |code| hasher.hash_one(stored(all, ends, *code)));
                code
            }
        };
        *last = Some(code);
        code
    }

    fn take(&mut self) -> Result<StringArray, ArrowError> {
        let offsets = offsets(&self.ends)?;
        let values = StringArray::try_new(offsets, Buffer::from_slice_ref(self.text.as_bytes()), None)?;
        self.table.clear();
        self.text.clear();
        self.ends.clear();
        self.last = None;
        Ok(values)
    }
}

fn stored<'a>(text: &'a str, ends: &[usize], code: u32) -> &'a str {
    let code = code as usize;
    let start = if code == 0 { 0 } else { ends[code - 1] };
    &text[start..ends[code]]
}

/// Turns end positions into Arrow offsets.
fn offsets(ends: &[usize]) -> Result<OffsetBuffer<i32>, ArrowError> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    for end in ends {
        let end = i32::try_from(*end).map_err(|_| ArrowError::OffsetOverflowError(*end))?;
        offsets.push(end);
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
}

/// A list of texts per row.
#[derive(Debug, Default)]
pub(super) struct ListColumn {
    texts: Interner,
    codes: Vec<u32>,
    ends: Vec<usize>,
    present: Vec<bool>,
}

impl ListColumn {
    pub(super) fn push(&mut self, text: &str) {
        self.codes.push(self.texts.code(text));
    }

    /// Code of a text for [`Self::push_code`], until the column is taken.
    pub(super) fn code(&mut self, text: &str) -> u32 {
        self.texts.code(text)
    }

    pub(super) fn push_code(&mut self, code: u32) {
        self.codes.push(code);
    }

    pub(super) fn end_row(&mut self, present: bool) {
        self.ends.push(self.codes.len());
        self.present.push(present);
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let entries = dictionary(UInt32Array::from(self.codes.clone()), self.texts.take()?)?;
        let nulls = self.present.contains(&false).then(|| NullBuffer::from(self.present.as_slice()));
        let list = ListArray::try_new(entry_field(), offsets(&self.ends)?, entries, nulls)?;
        self.codes.clear();
        self.ends.clear();
        self.present.clear();
        Ok(Arc::new(list))
    }
}

/// One text per row, or null.
#[derive(Debug, Default)]
pub(super) struct TextColumn {
    texts: Interner,
    codes: Vec<Option<u32>>,
}

impl TextColumn {
    pub(super) fn push(&mut self, text: Option<&str>) {
        let code = text.map(|text| self.texts.code(text));
        self.codes.push(code);
    }

    /// Code of a text for [`Self::push_code`], until the column is taken.
    pub(super) fn code(&mut self, text: &str) -> u32 {
        self.texts.code(text)
    }

    pub(super) fn push_code(&mut self, code: Option<u32>) {
        self.codes.push(code);
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let keys: UInt32Array = self.codes.drain(..).collect();
        dictionary(keys, self.texts.take()?)
    }
}

fn dictionary(keys: UInt32Array, texts: StringArray) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(texts))?))
}

/// A time per row, in microseconds since 1970, or null.
#[derive(Debug, Default)]
pub(super) struct TimeColumn {
    times: Vec<Option<i64>>,
    /// last value, as written, and its time
    last: (String, Option<i64>),
}

impl TimeColumn {
    pub(super) fn push(&mut self, raw: Option<&str>, formats: &TimeFormats, scratch: &mut String) {
        let Some(raw) = raw else { return self.push_time(None) };
        // neighbouring events often have the same time
        let (text, time) = &mut self.last;
        if text != raw {
            *time = timestamp(raw, formats, scratch);
            text.clear();
            text.push_str(raw);
        }
        self.times.push(*time);
    }

    pub(super) fn push_time(&mut self, time: Option<i64>) {
        self.times.push(time);
    }
}

#[derive(Debug)]
pub(super) enum Column {
    Lists(ListColumn),
    Texts(TextColumn),
    Times(TimeColumn),
}

impl Column {
    pub(super) fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Elements | ColumnKind::Points | ColumnKind::Leaves | ColumnKind::FormLeaves => {
                Self::Lists(ListColumn::default())
            }
            ColumnKind::Joined | ColumnKind::Strings => Self::Texts(TextColumn::default()),
            ColumnKind::Time => Self::Times(TimeColumn::default()),
        }
    }

    /// True if no row has a cell yet.
    pub(super) fn is_untouched(&self) -> bool {
        match self {
            Self::Lists(list) => list.ends.is_empty(),
            Self::Texts(texts) => texts.codes.is_empty(),
            Self::Times(column) => column.times.is_empty(),
        }
    }

    /// Adds rows without a value until there are `n_rows`. Most fields occur in few events.
    pub(super) fn pad(&mut self, n_rows: usize, kind: ColumnKind) {
        match self {
            Self::Lists(list) => {
                list.ends.resize(n_rows, list.codes.len());
                // leaves are lists, which may be empty
                list.present.resize(n_rows, matches!(kind, ColumnKind::Leaves | ColumnKind::FormLeaves));
            }
            Self::Texts(texts) => texts.codes.resize(n_rows, None),
            Self::Times(column) => column.times.resize(n_rows, None),
        }
    }

    /// Returns the finished column and leaves the builder empty.
    pub(super) fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Lists(list) => list.take(),
            Self::Texts(texts) => texts.take(),
            Self::Times(column) => Ok(Arc::new(TimestampMicrosecondArray::from(mem::take(&mut column.times)))),
        }
    }
}
