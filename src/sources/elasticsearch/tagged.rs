//! Excludes documents that a use case tagged before from its events, for models that skip them.

use arrow::array::{AsArray, BooleanBufferBuilder, ListArray, RecordBatch};
use arrow::datatypes::UInt32Type;

use crate::config::ModelType;
use crate::event::FieldPath;
use crate::event::decode::ColumnKind;
use crate::models::method;
use crate::plan::{PlannedUseCase, TAGGED_BY, column_name};

/// Name and type of the model by which earlier outliers of a use case are recognised.
pub(super) type Tag = (String, ModelType);

/// Returns the tag of a use case; `None` if its earlier outliers are not excluded.
pub(super) fn tag_of(planned: &PlannedUseCase) -> Option<Tag> {
    let use_case = &planned.use_case;
    method(&use_case.model).skips_tagged().then(|| (use_case.model_name.clone(), use_case.model.model_type()))
}

/// Removes from each mask the rows that already have an outlier of its use case.
///
/// The names and types of a document's outliers are parallel lists: an outlier belongs to the use
/// case only if both match at the same position.
pub(super) fn take_out(masks: &mut [BooleanBufferBuilder], tags: &[Option<Tag>], columns: &RecordBatch) {
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
            let Some((own_name, own_type)) = tag else { continue };
            let is_own = |(name, model_type): (&String, &String)| name == own_name && model_type == own_type.as_str();
            if names.iter().zip(&types).any(is_own) {
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
