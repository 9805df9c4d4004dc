//! `length`: number of characters.

use super::{Definition, NumberForm};

pub(super) const METRIC: Definition =
    Definition::new(|text| Some(outlier_kernels::text_length(text) as f64), NumberForm::Integer, "{} characters");
