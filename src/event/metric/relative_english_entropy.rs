//! `relative_english_entropy`: divergence from the character frequencies of common domain names, in
//! bits per character.

use outlier_kernels::{has_english_frequency, relative_english_entropy};

use super::{Definition, NumberForm};

pub(super) const METRIC: Definition = Definition::new(
    |text| Some(relative_english_entropy(text)),
    NumberForm::FloatOrZero { contributes: has_english_frequency },
    "unlike common names by {} bits per character",
);
