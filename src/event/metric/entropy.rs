//! `entropy`: Shannon entropy in bits per character. Only characters up to U+00FF contribute.

use super::{Definition, NumberForm};

pub(super) const METRIC: Definition = Definition::new(
    |text| Some(outlier_kernels::entropy(text)),
    NumberForm::FloatOrZero { contributes: |character| u32::from(character) <= 0xff },
    "entropy of {} bits per character",
);
