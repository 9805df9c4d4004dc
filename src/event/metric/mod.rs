//! Metrics: one number per target text.
//!
//! The numeric work is in `outlier-kernels`. This module defines the meaning of each number, its
//! text form, and the observations beside it.

mod url;

use serde_json::{Map, Number, Value};

use crate::config::Metric;
use crate::python::parse_float;

/// Computes the metric of `text`; `None` if the text has no such number. Numbers that are not
/// finite are dropped, because one of them would hide every outlier of its aggregator.
pub fn metric_value(metric: Metric, text: &str) -> Option<f64> {
    let value = match metric {
        Metric::NumericalValue => parse_float(text)?,
        Metric::Length => outlier_kernels::text_length(text) as f64,
        Metric::Entropy => outlier_kernels::entropy(text),
        Metric::RelativeEnglishEntropy => outlier_kernels::relative_english_entropy(text),
        Metric::HexEncodedLength => outlier_kernels::hex_encoded_length(text).map_or(0.0, |(length, _)| length as f64),
        Metric::Base64EncodedLength => {
            outlier_kernels::base64_encoded_length(text).map_or(0.0, |(length, _)| length as f64)
        }
        Metric::UrlLength => url::url_length(text).map_or(0.0, |(length, _)| length as f64),
    };
    // turns -0.0 into 0.0, so that both are one value
    value.is_finite().then_some(value + 0.0)
}

/// True if all numbers of `metric` are integers and are written as integers.
pub fn is_integer(metric: Metric) -> bool {
    match metric {
        Metric::Length | Metric::HexEncodedLength | Metric::Base64EncodedLength | Metric::UrlLength => true,
        Metric::NumericalValue | Metric::Entropy | Metric::RelativeEnglishEntropy => false,
    }
}

/// Turns `value` into the number that is stored. Integers have no fraction; neither has an entropy
/// to which no character contributed.
pub fn metric_number(metric: Metric, text: &str, value: f64) -> Number {
    let is_integer = match metric {
        Metric::Entropy => !text.chars().any(|character| u32::from(character) <= 0xff),
        Metric::RelativeEnglishEntropy => !text.chars().any(outlier_kernels::has_english_frequency),
        _ => is_integer(metric),
    };
    if is_integer { Number::from(value as i64) } else { Number::from_f64(value).unwrap_or_else(|| Number::from(0)) }
}

/// Returns the observations on `text` beside its number.
pub fn metric_observations(metric: Metric, text: &str) -> Map<String, Value> {
    let mut seen = Map::new();
    match metric {
        Metric::HexEncodedLength => {
            if let Some((length, range)) = outlier_kernels::hex_encoded_length(text) {
                seen.insert("max_hex_encoded_length".to_owned(), length.into());
                seen.insert("max_hex_encoded_word".to_owned(), text[range].into());
            }
        }
        Metric::Base64EncodedLength => {
            if let Some((length, word)) = outlier_kernels::base64_encoded_length(text) {
                seen.insert("max_base64_decoded_length".to_owned(), length.into());
                seen.insert("max_base64_decoded_word".to_owned(), word.into());
            }
        }
        Metric::UrlLength => {
            if let Some((length, urls)) = url::url_length(text) {
                seen.insert("extracted_urls_length".to_owned(), length.into());
                seen.insert("extracted_urls".to_owned(), urls.into());
            }
        }
        Metric::NumericalValue | Metric::Length | Metric::Entropy | Metric::RelativeEnglishEntropy => {}
    }
    seen
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
    fn observations_name_what_was_found() {
        let seen = metric_observations(Metric::HexEncodedLength, "x deadbeefdeadbeef");
        assert_eq!(seen["max_hex_encoded_word"], "deadbeefdeadbeef");
        assert!(metric_observations(Metric::HexEncodedLength, "none").is_empty());
    }
}
