//! `hex_encoded_length`: length of the longest hexadecimal word; 0 without one.

use outlier_kernels::hex_encoded_length;
use serde_json::Value;

use super::{Definition, NumberForm};
use crate::event::{PerOutlier, StoredKey, StoredKind};

const LENGTH: StoredKey = StoredKey::new("max_hex_encoded_length", StoredKind::Number, PerOutlier::UpToOne);
const WORD: StoredKey = StoredKey::new("max_hex_encoded_word", StoredKind::Dynamic, PerOutlier::UpToOne);

pub(super) const METRIC: Definition = Definition {
    stored: &[LENGTH, WORD],
    observations,
    ..Definition::new(
        |text| Some(hex_encoded_length(text).map_or(0.0, |(length, _)| length as f64)),
        NumberForm::Integer,
        "{} hexadecimal digits in a row",
    )
};

fn observations(text: &str) -> Vec<(StoredKey, Value)> {
    let Some((length, range)) = hex_encoded_length(text) else { return Vec::new() };
    vec![(LENGTH, length.into()), (WORD, text[range].into())]
}
