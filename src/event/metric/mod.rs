//! Metrics: one number per target text.
//!
//! Each metric has a file of its name: the meaning of its number, the number's written form, and
//! the observations beside it. The numeric work is in `outlier-kernels`. A new metric needs its
//! file and its line in the list.

mod base64_encoded_length;
mod entropy;
mod hex_encoded_length;
mod length;
mod numerical_value;
mod relative_english_entropy;
mod url_length;

use serde_json::{Map, Number, Value};

use super::StoredKey;
use crate::spelling::named_values;

macro_rules! metrics {
    ($($(#[$about:meta])* $metric:ident = $name:literal in $definition:path,)+) => {
        named_values! {
            /// The number `metrics` computes from the text of its target.
            Metric { $($(#[$about])* $metric = $name,)+ }
        }

        fn definition(metric: Metric) -> &'static Definition {
            match metric {
                $(Metric::$metric => &$definition,)+
            }
        }
    };
}

metrics! {
    /// The text itself, as a number.
    NumericalValue = "numerical_value" in numerical_value::METRIC,
    /// Its number of characters.
    Length = "length" in length::METRIC,
    /// Its Shannon entropy, in bits per character.
    Entropy = "entropy" in entropy::METRIC,
    /// Its divergence from the characters of common domain names, in bits per character.
    RelativeEnglishEntropy = "relative_english_entropy" in relative_english_entropy::METRIC,
    /// The length of the longest hexadecimal word in it.
    HexEncodedLength = "hex_encoded_length" in hex_encoded_length::METRIC,
    /// The length of the longest text that is base64-encoded in it.
    Base64EncodedLength = "base64_encoded_length" in base64_encoded_length::METRIC,
    /// The summed length of the URLs in it.
    UrlLength = "url_length" in url_length::METRIC,
}

struct Definition {
    /// Number of a text; `None` if the text has none.
    value: fn(&str) -> Option<f64>,
    form: NumberForm,
    /// Words about the number, with `{}` in its place.
    phrase: &'static str,
    /// Keys that [`Self::observations`] writes.
    stored: &'static [StoredKey],
    observations: fn(&str) -> Vec<(StoredKey, Value)>,
}

impl Definition {
    /// Metric without observations.
    const fn new(value: fn(&str) -> Option<f64>, form: NumberForm, phrase: &'static str) -> Self {
        Definition { value, form, phrase, stored: &[], observations: |_| Vec::new() }
    }
}

/// Written form of the numbers of a metric.
#[derive(Clone, Copy)]
enum NumberForm {
    Integer,
    Float,
    /// Floating-point number; integer 0 for a text of which no character contributes.
    FloatOrZero {
        contributes: fn(char) -> bool,
    },
}

/// Computes the metric of `text`; `None` if the text has no such number. Numbers that are not
/// finite are dropped, because one of them would hide every outlier of its aggregator.
pub fn metric_value(metric: Metric, text: &str) -> Option<f64> {
    let value = (definition(metric).value)(text)?;
    // turns -0.0 into 0.0, so that both are one value
    value.is_finite().then_some(value + 0.0)
}

/// True if all numbers of `metric` are integers and are written as integers.
pub fn is_integer(metric: Metric) -> bool {
    matches!(definition(metric).form, NumberForm::Integer)
}

/// Turns `value`, the metric of `text`, into the number that is stored.
pub fn metric_number(metric: Metric, text: &str, value: f64) -> Number {
    let is_integer = match definition(metric).form {
        NumberForm::Integer => true,
        NumberForm::Float => false,
        NumberForm::FloatOrZero { contributes } => !text.chars().any(contributes),
    };
    if is_integer { Number::from(value as i64) } else { Number::from_f64(value).unwrap_or_else(|| Number::from(0)) }
}

/// Words about a number of `metric`, which is written as `number`: `412 characters`.
pub fn metric_phrase(metric: Metric, number: &str) -> String {
    definition(metric).phrase.replace("{}", number)
}

/// Returns the observations on `text` beside its number.
pub fn metric_observations(metric: Metric, text: &str) -> Map<String, Value> {
    let seen = (definition(metric).observations)(text);
    seen.into_iter().map(|(key, value)| (key.name.to_owned(), value)).collect()
}

/// Keys of [`metric_observations`], of all metrics.
pub fn stored_by_metrics() -> impl Iterator<Item = &'static StoredKey> {
    Metric::ALL.into_iter().flat_map(|metric| definition(metric).stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(metric: Metric, text: &str, expected: Option<&str>) {
        let number = metric_value(metric, text).map(|value| metric_number(metric, text, value).to_string());
        assert_eq!(number.as_deref(), expected, "{metric:?} of {text:?}");
    }

    #[test]
    fn numbers_are_written_as_existing_use_cases_expect() {
        check(Metric::Length, "é😀", Some("2"));
        check(Metric::Length, "", Some("0"));
        check(Metric::Entropy, "", Some("0"));
        check(Metric::Entropy, "€€€", Some("0"));
        check(Metric::Entropy, "aaaa", Some("0.0"));
        check(Metric::Entropy, "abcd", Some("2.0"));
        check(Metric::RelativeEnglishEntropy, "GOOGLE", Some("0"));
        check(Metric::NumericalValue, " 12 ", Some("12.0"));
        check(Metric::NumericalValue, "0x10", None);
        check(Metric::NumericalValue, "nan", None);
        check(Metric::NumericalValue, "inf", None);
        check(Metric::HexEncodedLength, "12c322adc020 12322029620", Some("12"));
        check(Metric::UrlLength, "why don't we go http://www.dance.com", Some("20"));
    }

    #[test]
    fn the_documentation_lists_all_metrics() {
        let documentation = include_str!("../../../docs/metrics.md");
        let rows = documentation.lines().filter(|line| line.starts_with("| `"));
        let documented: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        assert_eq!(documented, Metric::ALL.map(Metric::as_str));
    }

    #[test]
    fn observations_name_what_was_found() {
        let seen = metric_observations(Metric::HexEncodedLength, "x deadbeefdeadbeef");
        assert_eq!(seen["max_hex_encoded_word"], "deadbeefdeadbeef");
        assert!(metric_observations(Metric::HexEncodedLength, "none").is_empty());
        let text = "deadbeefdeadbeef aGVsbG8gd29ybGQgaGVsbG8= http://www.dance.com";
        let seen = Metric::NAMES.into_iter().flat_map(|(_, metric)| metric_observations(metric, text));
        let seen: Vec<String> = seen.map(|(key, _)| key).collect();
        assert_eq!(seen, stored_by_metrics().map(|key| key.name).collect::<Vec<_>>());
    }
}
