//! Settings that determine the pairs of a use case: with other events or other fields, it starts
//! anew.

use std::collections::BTreeMap;

use crate::config::{Model, UseCase};
use crate::event::FieldPath;
use crate::event::text::{FNV1A, fnv1a};

/// Settings that determine the pairs that a use case remembers, by name.
pub(super) type PairKeys = BTreeMap<String, String>;

/// Returns what determines the pairs of `use_case`.
pub(super) fn pair_keys(use_case: &UseCase) -> PairKeys {
    let fields = |fields: &[FieldPath]| fields.iter().map(FieldPath::as_str).collect::<Vec<_>>().join(",");
    let (aggregator, target) = match &use_case.model {
        Model::SuddenAppearance(model) => (fields(&model.aggregator), fields(&model.target)),
        Model::Terms(model) => (fields(&model.aggregator), fields(&model.target)),
        Model::Metrics(model) => (fields(&model.aggregator), format!("{} of {}", model.metric.as_str(), model.target)),
        // they remember nothing
        Model::SimpleQuery(_) | Model::Word2vec(_) | Model::Beacon(_) | Model::Travel(_) => Default::default(),
    };
    let derived: Vec<String> = use_case
        .derived_fields
        .iter()
        .map(|written| format!("{}={}", written.field.source, written.field.pattern))
        .collect();
    let texts = [
        ("model", use_case.model.model_type().as_str().to_owned()),
        ("aggregator", aggregator),
        ("target", target),
        ("query", use_case.query.recorded.clone()),
        ("timestamp_field", use_case.timestamp_field.as_str().to_owned()),
        ("timestamp_format", use_case.timestamp_format.to_string()),
        ("es_index", use_case.es_index.clone().unwrap_or_default()),
        ("derived_fields", derived.join("\n")),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Name of the folder for the pairs of a use case, without the hash of its keys.
pub(super) fn folder_start(id: &str) -> String {
    /// Names of files are limited to 255 bytes.
    const MOST_BYTES: usize = 120;
    let mut name = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    if name.len() > MOST_BYTES {
        name = format!("{}%{:016x}", &name[..MOST_BYTES], fnv1a(FNV1A, id.as_bytes()));
    }
    name + "."
}

/// Name of the folder for the pairs of a use case.
pub(super) fn folder_name(id: &str, keys: &PairKeys) -> String {
    let texts = keys.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    let hash = texts.fold(FNV1A, |hash, text| fnv1a(fnv1a(hash, text.as_bytes()), &[0]));
    format!("{}{hash:016x}", folder_start(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_are_safe_and_distinct() {
        assert_eq!(folder_start("terms_a-b"), "terms_a-b.");
        assert_eq!(folder_start("terms_../é"), "terms_%2e%2e%2f%c3%a9.");
        let long = |end: &str| folder_start(&("x".repeat(300) + end));
        assert_ne!(long("a"), long("b"));
        assert!(long("a").len() < 150);
    }
}
