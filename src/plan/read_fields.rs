//! Fields that a use case reads.

use crate::config::UseCase;
use crate::models::{Columns, method};
use crate::query::named_fields;

/// Fields that a use case reads to find outliers, as it names them, each once: those of its model,
/// then those of its query.
pub fn read_fields(use_case: &UseCase) -> Vec<String> {
    let Columns { aggregator, target, value, size, source, destination, peer, label, .. } =
        method(&use_case.model).columns();
    let keys = [aggregator, target, source, destination, peer].into_iter().flatten();
    let of_model = keys.flat_map(|key| key.fields).chain(value.map(|(_, field)| field)).chain(size).chain(&label);
    let of_model: Vec<String> = of_model.map(ToString::to_string).collect();
    let of_query = named_fields(&use_case.query).into_iter().map(|field| field.name);
    let mut fields: Vec<String> = Vec::new();
    for field in of_model.into_iter().chain(of_query) {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    fields
}
