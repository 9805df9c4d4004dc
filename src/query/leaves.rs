//! DataFusion function for queries: `any_leaf_matches` over a column of leaves.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, ListArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, UInt32Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use super::predicate::{Predicate, ValueRef};

/// Type of a column of leaves.
pub(super) fn leaves_type() -> DataType {
    let texts = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    DataType::List(Arc::new(Field::new_list_field(texts, false)))
}

/// Returns the function that is true for rows in which some leaf passes the test.
pub(super) fn any_leaf_matches(predicate: Predicate) -> ScalarUDF {
    let function = move |columns: &[ColumnarValue]| match columns {
        [ColumnarValue::Array(leaves)] => match leaves.as_list_opt() {
            Some(lists) => Ok(ColumnarValue::Array(Arc::new(matching_rows(lists, &predicate)?))),
            None => internal_err!("leaves are not lists"),
        },
        _ => internal_err!("any_leaf_matches without a column"),
    };
    let name = "any_leaf_matches";
    create_udf(name, vec![leaves_type()], DataType::Boolean, Volatility::Immutable, Arc::new(function))
}

/// Tests each distinct leaf once.
fn matching_rows(lists: &ListArray, predicate: &Predicate) -> Result<BooleanArray> {
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
        return Ok(BooleanArray::new(BooleanBuffer::new_unset(lists.len()), None));
    }
    let codes = leaves.keys().values();
    let offsets = lists.value_offsets();
    let rows = BooleanBuffer::collect_bool(lists.len(), |row| {
        let leaves = offsets[row] as usize..offsets[row + 1] as usize;
        lists.is_valid(row) && codes[leaves].iter().any(|&code| passes[code as usize])
    });
    Ok(BooleanArray::new(rows, None))
}
