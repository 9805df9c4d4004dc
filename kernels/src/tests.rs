//! Production versions compared with their oracles.

use proptest::prelude::*;

use crate::scalar::{self, char_class::CharSet};
use crate::{ExactSum, Multiset};

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,80}",
        "[a-zA-Z0-9+/= .]{0,200}",
        "[0-9a-f+ ]{0,80}",
        "([A-Za-z0-9+/]{4}){0,12}={0,2}",
        "[é€😀ÿ\u{80}a]{0,60}",
        // longer than the entropy table covers, with frequent characters
        "[ab0.é]{400,700}",
    ]
}

proptest! {
    #[test]
    fn text_metrics_agree(text in texts()) {
        let bytes = text.as_bytes();
        prop_assert_eq!(crate::entropy(&text).to_bits(), scalar::entropy::entropy(&text).to_bits());
        prop_assert_eq!(
            crate::relative_english_entropy(&text).to_bits(),
            scalar::english_entropy::relative_english_entropy(&text).to_bits()
        );
        prop_assert_eq!(crate::text_length(&text), text.chars().count());
        prop_assert_eq!(crate::hex_encoded_length(&text).map(|(_, word)| word), scalar::encoded::hex_word(bytes));
        prop_assert_eq!(
            crate::base64_encoded_length(&text).map(|(_, decoded)| decoded),
            scalar::encoded::base64_word(bytes).and_then(|word| scalar::encoded::decode(&bytes[word]))
        );
    }

    #[test]
    fn character_classes_agree(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for set in [CharSet::Hex, CharSet::Base64] {
            let (mut fast, mut plain) = (vec![u64::MAX; 5], vec![u64::MAX; 5]);
            crate::char_class(set, &bytes, &mut fast);
            scalar::char_class::char_class(set, &bytes, &mut plain);
            prop_assert_eq!(fast, plain);
        }
    }

    #[test]
    fn exact_sums_agree(values in prop::collection::vec(prop_oneof![-1e300..1e300f64, -10.0..10.0f64, -1e-300..1e-300f64], 0..40)) {
        let mut sum = ExactSum::new();
        values.iter().for_each(|&value| sum.add(value));
        let expected = scalar::exact_sum::exact_sum(&values);
        prop_assert_eq!(sum.sum(), expected);
        let mut halves = [ExactSum::new(), ExactSum::new()];
        values.iter().rev().enumerate().for_each(|(idx, &value)| halves[idx % 2].add(value));
        let [mut left, right] = halves;
        left.merge(&right);
        prop_assert_eq!(left.sum(), expected);
    }

    #[test]
    fn multisets_do_not_depend_on_order_or_merges(values in prop::collection::vec(-30i32..30, 0..400), split in 0usize..400) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let mut whole: Multiset = values.iter().copied().collect();
        let (left, right) = values.split_at(split.min(values.len()));
        let mut merged: Multiset = right.iter().rev().copied().collect();
        merged.merge(left.iter().copied().collect());
        let mut from_runs = Multiset::new();
        let mut left: Multiset = left.iter().copied().collect();
        from_runs.extend_from_slice(right);
        from_runs.extend_from_runs(left.finish());
        prop_assert_eq!(whole.finish(), merged.finish());
        prop_assert_eq!(whole.finish(), from_runs.finish());
        prop_assert_eq!(whole.len(), values.len() as u64);
    }
}
