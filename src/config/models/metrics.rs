//! `metrics`: a number computed from a field is beyond a frontier.

use super::trigger::Trigger;
use crate::config::field::FieldPath;
use crate::config::keys::Keys;
use crate::config::values::name_of;

/// Settings of `metrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// The field the metric is computed from.
    pub target: FieldPath,
    /// The fields that form the groups.
    pub aggregator: Vec<FieldPath>,
    /// The number computed from the target.
    pub metric: Metric,
    /// When it is an outlier.
    pub trigger: Trigger,
}

impl Metrics {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let target = keys.required("target", "name the field whose values are measured").map(FieldPath::new);
        let aggregator = keys.required_fields("aggregator");
        let metric = keys.required_named("metric", &Metric::NAMES);
        let trigger = Trigger::read(keys);
        Some(Self { target: target?, aggregator: aggregator?, metric: metric?, trigger: trigger? })
    }
}

/// Checks `[metrics]` of the main configuration. Its key is ignored: statistics cover the whole window.
pub(super) fn check_section(keys: &mut Keys<'_>) {
    keys.lenient(|keys| keys.count("metrics_batch_eval_size"));
}

/// The number `metrics` computes from the text of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The number the text is.
    NumericalValue,
    /// Its number of characters.
    Length,
    /// Its Shannon entropy, in bits per character.
    Entropy,
    /// Its divergence from the character frequencies of common domain names, in bits per character.
    RelativeEnglishEntropy,
    /// The length of the longest hexadecimal word in it.
    HexEncodedLength,
    /// The length of the longest text that is base64-encoded in it.
    Base64EncodedLength,
    /// The summed length of the URLs in it.
    UrlLength,
}

impl Metric {
    /// All metrics with the names the configuration gives them.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("numerical_value", Self::NumericalValue),
        ("length", Self::Length),
        ("entropy", Self::Entropy),
        ("relative_english_entropy", Self::RelativeEnglishEntropy),
        ("hex_encoded_length", Self::HexEncodedLength),
        ("base64_encoded_length", Self::Base64EncodedLength),
        ("url_length", Self::UrlLength),
    ];

    /// The name the configuration gives it.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_own_name() {
        assert_eq!(Metric::UrlLength.as_str(), "url_length");
    }
}
