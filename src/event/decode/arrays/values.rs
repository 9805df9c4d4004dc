//! Values of one field of a batch, ready to become cells.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, RecordBatch, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowTimestampType, DataType, Int32Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;

use super::lines::Objects;
use crate::event::decode::ColumnKind;

/// First second of the year 10,000.
const YEAR_10000: i64 = 253_402_300_800;

/// First second of 1980. Before it, some zones were a part of a minute off, which times as text do
/// not have.
const YEAR_1980: i64 = 315_532_800;

/// Values of a field.
#[derive(Debug)]
pub(super) enum Values {
    /// Texts.
    Texts(Texts),
    /// Lists of texts.
    Lists(Lists),
    /// Microseconds since 1970.
    Times(Int64Array),
    /// JSON texts; missing values are empty.
    Json(Objects),
}

/// A text per row.
#[derive(Debug)]
pub(super) struct Texts {
    /// Number of the text of each row; without them, the number of the row.
    keys: Option<ScalarBuffer<i32>>,
    pub(super) texts: StringArray,
    nulls: Option<NullBuffer>,
}

/// A list of texts per row.
#[derive(Debug)]
pub(super) struct Lists {
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
    pub(super) elements: Texts,
}

impl Values {
    /// The values at `path`, for a column of this kind.
    pub(super) fn new(batch: &RecordBatch, path: &[usize], kind: ColumnKind) -> Result<Self, ArrowError> {
        let (array, nulls) = leaf(batch, path)?;
        if kind == ColumnKind::Time
            && let Some(times) = times(&array, nulls.as_ref())
        {
            return Ok(Values::Times(times));
        }
        if kind != ColumnKind::Points
            && let Some(texts) = Texts::new(&array, nulls.as_ref())?
        {
            return Ok(Values::Texts(texts));
        }
        if matches!(kind, ColumnKind::Elements | ColumnKind::Leaves | ColumnKind::FormLeaves)
            && let Some(lists) = array.as_list_opt::<i32>()
            && let Some(elements) = Texts::new(lists.values(), None)?
        {
            let nulls = NullBuffer::union(nulls.as_ref(), lists.nulls());
            return Ok(Values::Lists(Lists { offsets: lists.offsets().clone(), nulls, elements }));
        }
        let is_there = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        Ok(Values::Json(Objects::of_values(&array, is_there)?))
    }
}

/// Returns the array at `path`, and the rows in which one of the structs around it is NULL.
fn leaf(batch: &RecordBatch, path: &[usize]) -> Result<(ArrayRef, Option<NullBuffer>), ArrowError> {
    let lost = || ArrowError::SchemaError("the rows of a table have other columns than the table".to_owned());
    let (root, below) = path.split_first().ok_or_else(lost)?;
    let mut array = batch.columns().get(*root).ok_or_else(lost)?;
    let mut nulls: Option<NullBuffer> = None;
    for idx in below {
        let parent = array.as_struct_opt().ok_or_else(lost)?;
        nulls = NullBuffer::union(nulls.as_ref(), parent.nulls());
        array = parent.columns().get(*idx).ok_or_else(lost)?;
    }
    Ok((ArrayRef::clone(array), nulls))
}

impl Texts {
    /// `None` if the array does not hold texts.
    fn new(array: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<Option<Self>, ArrowError> {
        let is_text =
            |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>()
            && let Some(texts) = dictionary.values().as_string_opt::<i32>().filter(|texts| texts.null_count() == 0)
        {
            let (keys, nulls) = (dictionary.keys(), NullBuffer::union(nulls, dictionary.nulls()));
            return Ok(Some(Texts { keys: Some(keys.values().clone()), texts: texts.clone(), nulls }));
        }
        let holds_text = match array.data_type() {
            DataType::Dictionary(_, values) => is_text(values),
            data_type => is_text(data_type),
        };
        if !holds_text {
            return Ok(None);
        }
        let texts = cast(array, &DataType::Utf8)?;
        let nulls = NullBuffer::union(nulls, texts.nulls());
        Ok(Some(Texts { keys: None, texts: texts.as_string::<i32>().clone(), nulls }))
    }

    /// True if rows share their texts.
    pub(super) fn are_shared(&self) -> bool {
        self.keys.is_some()
    }

    /// Number of the text of a row.
    pub(super) fn at(&self, row: usize) -> Option<usize> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        Some(self.keys.as_ref().map_or(row, |keys| keys[row] as usize))
    }
}

impl Lists {
    /// The elements of the list of a row.
    pub(super) fn at(&self, row: usize) -> Option<Range<usize>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        Some(self.offsets[row] as usize..self.offsets[row + 1] as usize)
    }
}

/// Converts timestamps to microseconds; `None` if some of them must be read as text.
fn times(array: &ArrayRef, nulls: Option<&NullBuffer>) -> Option<Int64Array> {
    let DataType::Timestamp(unit, zone) = array.data_type() else { return None };
    let first = if zone.is_none() { 0 } else { YEAR_1980 };
    match unit {
        TimeUnit::Second => micros(array.as_primitive::<TimestampSecondType>(), nulls, first),
        TimeUnit::Millisecond => micros(array.as_primitive::<TimestampMillisecondType>(), nulls, first),
        TimeUnit::Microsecond => micros(array.as_primitive::<TimestampMicrosecondType>(), nulls, first),
        TimeUnit::Nanosecond => micros(array.as_primitive::<TimestampNanosecondType>(), nulls, first),
    }
}

fn micros<T: ArrowTimestampType>(
    times: &PrimitiveArray<T>,
    nulls: Option<&NullBuffer>,
    first: i64,
) -> Option<Int64Array> {
    /// Microseconds per unit, or units per microsecond.
    const fn scale(unit: TimeUnit) -> (i64, i64) {
        match unit {
            TimeUnit::Second => (1_000_000, 1),
            TimeUnit::Millisecond => (1_000, 1),
            TimeUnit::Microsecond => (1, 1),
            TimeUnit::Nanosecond => (1, 1_000),
        }
    }
    let (factor, divisor) = scale(T::UNIT);
    let nulls = NullBuffer::union(nulls, times.nulls());
    let is_there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let per_second = 1_000_000 / factor * divisor;
    let known = first * per_second..YEAR_10000.saturating_mul(per_second);
    let is_known = |(row, time): (usize, &i64)| known.contains(time) || !is_there(row);
    if !times.values().iter().enumerate().all(is_known) {
        return None;
    }
    let micros = times.values().iter().map(|time| time.wrapping_mul(factor) / divisor);
    Some(Int64Array::new(micros.collect(), nulls))
}

/// Codes of the texts of a dictionary, each looked up when it is first needed. Batches mostly share
/// their dictionary with the next one.
#[derive(Debug, Default)]
pub(super) struct Codes {
    of: Option<StringArray>,
    codes: Vec<u32>,
}

impl Codes {
    const UNKNOWN: u32 = u32::MAX;

    /// Forgets the codes if they are those of other texts.
    pub(super) fn start(&mut self, texts: &StringArray) {
        let place = |texts: &StringArray| (texts.value_data().as_ptr(), texts.value_offsets().as_ptr(), texts.len());
        if self.of.as_ref().map(place) != Some(place(texts)) {
            self.codes.clear();
            self.codes.resize(texts.len(), Self::UNKNOWN);
            // as long as they are kept, no other texts are in their place
            self.of = Some(texts.clone());
        }
    }

    pub(super) fn get(&mut self, text_idx: usize, look_up: impl FnOnce() -> u32) -> u32 {
        let code = &mut self.codes[text_idx];
        if *code == Self::UNKNOWN {
            *code = look_up();
        }
        *code
    }
}
