//! Upper limits on the size of the rows of a batch as JSON text.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowNativeType, DataType};

use crate::event::decode::{MAX_LINE_BYTES, MAX_VALUE_BYTES, MAX_VALUES};

/// Upper limit on the text of numbers, times and booleans.
const SCALAR_BYTES: usize = 128;

/// Upper limit on the bytes that a byte of a text takes as JSON.
const ESCAPED_BYTES: usize = 6;

/// Upper limit on the size of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    bytes: usize,
    values: usize,
    /// Bytes of the longest text in it.
    longest: usize,
}

impl Bound {
    const NOTHING: Self = Bound { bytes: 2, values: 1, longest: 0 };

    fn of_text(length: usize) -> Self {
        let longest = length.saturating_mul(ESCAPED_BYTES);
        Bound { bytes: longest.saturating_add(2), values: 1, longest }
    }

    fn and(self, other: Self) -> Self {
        Bound {
            bytes: self.bytes.saturating_add(other.bytes).saturating_add(1),
            values: self.values.saturating_add(other.values),
            longest: self.longest.max(other.longest),
        }
    }

    fn times(self, n: usize) -> Self {
        Bound {
            bytes: self.bytes.saturating_add(1).saturating_mul(n).saturating_add(2),
            values: self.values.saturating_mul(n).saturating_add(1),
            longest: self.longest,
        }
    }
}

/// False if no row of the batch can be beyond a limit on events.
pub(super) fn may_be_too_large(batch: &RecordBatch) -> bool {
    let schema = batch.schema();
    let columns = schema.fields().iter().map(|field| field.name().as_str()).zip(batch.columns());
    let Some(bound) = of_members(columns.map(|(name, column)| (name, &**column))) else { return true };
    bound.bytes > MAX_LINE_BYTES || bound.values > MAX_VALUES || bound.longest > MAX_VALUE_BYTES
}

fn of_members<'a>(members: impl Iterator<Item = (&'a str, &'a dyn Array)>) -> Option<Bound> {
    members.into_iter().try_fold(Bound::NOTHING, |bound, (name, array)| {
        Some(bound.and(Bound::of_text(name.len())).and(of_values(array)?))
    })
}

/// Upper limit on the values of an array; `None` if it is not known.
fn of_values(array: &dyn Array) -> Option<Bound> {
    Some(match array.data_type() {
        DataType::Utf8 => Bound::of_text(longest(array.as_string::<i32>().offsets())),
        DataType::LargeUtf8 => Bound::of_text(longest(array.as_string::<i64>().offsets())),
        DataType::Binary => Bound::of_text(longest(array.as_binary::<i32>().offsets())),
        DataType::LargeBinary => Bound::of_text(longest(array.as_binary::<i64>().offsets())),
        DataType::Utf8View => Bound::of_text(longest_view(array.as_string_view().views())),
        DataType::BinaryView => Bound::of_text(longest_view(array.as_binary_view().views())),
        DataType::FixedSizeBinary(length) => Bound::of_text(*length as usize),
        DataType::Dictionary(_, _) => of_values(array.as_any_dictionary().values())?,
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            of_values(lists.values())?.times(longest(lists.offsets()))
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            of_values(lists.values())?.times(longest(lists.offsets()))
        }
        DataType::FixedSizeList(_, length) => of_values(array.as_fixed_size_list().values())?.times(*length as usize),
        DataType::Map(_, _) => {
            let maps = array.as_map();
            of_values(maps.entries())?.times(longest(maps.offsets()))
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            of_members(columns.map(|(field, column)| (field.name().as_str(), &**column)))?
        }
        DataType::RunEndEncoded(_, _) => return None,
        data_type if data_type.is_nested() => return None,
        _ => Bound { bytes: SCALAR_BYTES, values: 1, longest: SCALAR_BYTES },
    })
}

fn longest<O: ArrowNativeType>(offsets: &OffsetBuffer<O>) -> usize {
    offsets.windows(2).map(|pair| pair[1].as_usize() - pair[0].as_usize()).max().unwrap_or(0)
}

/// The length of a text is the lowest part of its view.
fn longest_view(views: &[u128]) -> usize {
    views.iter().map(|view| *view as u32).max().unwrap_or(0) as usize
}
