//! Values of events as text, which is what keys, placeholders, whitelists and stored outliers show.
//! Existing use cases rely on the form of Python's `str` and `repr`.

use serde_json::Value;

use super::sentences::SEPARATOR;
use crate::python::to_str;

/// Text of a value for keys and targets; `None` for null, objects, and lists that hold lists or
/// objects. The elements of a list are joined by " - ".
pub fn flatten(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Array(elements) => {
            let is_scalar = |element: &Value| !element.is_array() && !element.is_object();
            elements.iter().all(is_scalar).then(|| {
                let texts: Vec<String> = elements.iter().map(to_str).collect();
                texts.join(SEPARATOR)
            })
        }
        scalar => Some(to_str(scalar)),
    }
}

/// Lower-cases character by character, as Lucene does: one character never becomes two.
pub fn lower_case(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// Initial value of [`fnv1a`].
pub const FNV1A: u64 = 0xcbf2_9ce4_8422_2325;

/// Goes on with a hash over more bytes: FNV-1a, 64 bits (G. Fowler, L. C. Noll, K.-P. Vo), the same
/// in every run and version.
pub fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Hash that is the same in every run and on every machine. Ties are broken by it, and results must
/// not change from run to run. Equal hashes never merge texts, because the texts themselves are
/// compared.
pub fn text_hash(text: &str) -> u64 {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    for word in text.as_bytes().chunks(8) {
        let mut bytes = [0u8; 8];
        bytes[..word.len()].copy_from_slice(word);
        hasher.write_u64(u64::from_le_bytes(bytes));
    }
    hasher.write_u64(text.len() as u64);
    hasher.finish()
}

/// Spreads a hash evenly over all numbers (the finalizer of MurmurHash3, A. Appleby).
pub fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        let check = |value: Value, text: &str, flat: Option<&str>| {
            assert_eq!(to_str(&value), text);
            assert_eq!(flatten(&value).as_deref(), flat, "{value}");
        };
        check(json!(null), "None", None);
        check(json!(true), "True", Some("True"));
        check(json!(" a "), " a ", Some(" a "));
        check(json!(["p", null, 1]), "['p', None, 1]", Some("p - None - 1"));
        check(json!([]), "[]", Some(""));
        check(json!([["a"]]), "[['a']]", None);
        check(json!({"k": "v", "l": [1.0]}), "{'k': 'v', 'l': [1.0]}", None);
        check(
            json!(["it's", "say \"it's\"", "\u{1b}\\é"]),
            r#"["it's", 'say "it\'s"', '\x1b\\é']"#,
            Some("it's - say \"it's\" - \u{1b}\\é"),
        );
        check(
            serde_json::from_str("100000000000000000000").unwrap(),
            "100000000000000000000",
            Some("100000000000000000000"),
        );
        check(serde_json::from_str("1.50").unwrap(), "1.5", Some("1.5"));
        check(serde_json::from_str("1E400").unwrap(), "inf", Some("inf"));
        check(serde_json::from_str("-0").unwrap(), "0", Some("0"));
    }
}
