//! Excludes documents that a simplequery use case has already tagged.

use arrow::array::{AsArray, BooleanBufferBuilder, ListArray, RecordBatch};
use arrow::datatypes::UInt32Type;

use crate::config::{FieldPath, ModelType};
use crate::event::decode::ColumnKind;
use crate::plan::{PlannedUseCase, TAGGED_BY, column_name};

/// Returns the model name that marks earlier outliers of a use case; `None` if they are not
/// excluded.
pub(super) fn tag_of(planned: &PlannedUseCase) -> Option<String> {
    let use_case = &planned.use_case;
    (use_case.model_type == ModelType::SimpleQuery).then(|| use_case.model_name.clone())
}

/// Removes from each mask the rows that already have an outlier of its use case.
///
/// The names and types of a document's outliers are parallel lists: an outlier belongs to the use
/// case only if both match at the same position.
pub(super) fn take_out(masks: &mut [BooleanBufferBuilder], tags: &[Option<String>], columns: &RecordBatch) {
    let lists =
        TAGGED_BY.map(|field| columns.column_by_name(&column_name(ColumnKind::Elements, &FieldPath::new(field))));
    let [Some(names), Some(types)] = lists else { return };
    let (names, types) = (names.as_list::<i32>(), types.as_list::<i32>());
    for row in 0..columns.num_rows() {
        if names.value_length(row) == 0 {
            continue;
        }
        let (names, types) = (texts(names, row), texts(types, row));
        for (mask, tag) in masks.iter_mut().zip(tags) {
            let is_own = |(name, model_type): (&String, &String)| {
                Some(name) == tag.as_ref() && model_type == ModelType::SimpleQuery.as_str()
            };
            if tag.is_some() && names.iter().zip(&types).any(is_own) {
                mask.set_bit(row, false);
            }
        }
    }
}

fn texts(list: &ListArray, row: usize) -> Vec<String> {
    let values = list.value(row);
    let dictionary = values.as_dictionary::<UInt32Type>();
    let distinct = dictionary.values().as_string::<i32>();
    dictionary.keys().values().iter().map(|&code| distinct.value(code as usize).to_owned()).collect()
}
