//! `numerical_value`: the number that the text spells.

use super::{Definition, NumberForm};
use crate::python::parse_float;

pub(super) const METRIC: Definition = Definition::new(parse_float, NumberForm::Float, "a value of {}");
