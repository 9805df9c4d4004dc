//! Tests on columns of leaves.

use arrow::array::{Array, AsArray, ListArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::UInt32Type;
use datafusion::common::internal_err;
use datafusion::error::Result;

use super::predicate::{Predicate, ValueRef};

/// Returns the rows in which some leaf passes the test. Tests each distinct leaf once.
pub(super) fn matching_rows(lists: &ListArray, predicate: &Predicate) -> Result<BooleanBuffer> {
    let Some(leaves) = lists.values().as_dictionary_opt::<UInt32Type>() else {
        return internal_err!("leaves are not a dictionary");
    };
    let Some(distinct) = leaves.values().as_string_opt::<i32>() else {
        return internal_err!("leaves are not text");
    };
    let passes: Vec<bool> = distinct
        .iter()
        .map(|text| text.and_then(ValueRef::of_tagged).is_some_and(|value| predicate.matches(value)))
        .collect();
    // of the many names that a field may have, most occur in no event of a batch
    if !passes.contains(&true) {
        return Ok(BooleanBuffer::new_unset(lists.len()));
    }
    let codes = leaves.keys().values();
    let offsets = lists.value_offsets();
    Ok(BooleanBuffer::collect_bool(lists.len(), |row| {
        let leaves = offsets[row] as usize..offsets[row + 1] as usize;
        lists.is_valid(row) && codes[leaves].iter().any(|&code| passes[code as usize])
    }))
}
