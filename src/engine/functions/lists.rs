//! List columns with one list per group.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field};

/// Type of a column of lists.
pub(super) fn list_type(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, false)))
}

/// Column of lists of these lengths, which hold `items` one after the other.
pub(super) fn lists(lengths: impl IntoIterator<Item = usize>, items: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), false));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), items, None))
}

/// Column with one list per group.
pub(super) fn lists_of<T: ArrowPrimitiveType>(groups: &[Vec<T::Native>]) -> ArrayRef {
    let items = PrimitiveArray::<T>::from_iter_values(groups.iter().flatten().copied());
    lists(groups.iter().map(Vec::len), Arc::new(items))
}

/// Items of the list in row `row`.
pub(super) fn items<T: ArrowPrimitiveType>(lists: &ListArray, row: usize) -> &[T::Native] {
    let offsets = lists.value_offsets();
    &lists.values().as_primitive::<T>().values()[offsets[row] as usize..offsets[row + 1] as usize]
}
