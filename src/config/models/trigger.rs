//! `trigger_on`, `trigger_method` and `trigger_sensitivity`: when a value is an outlier.

use crate::config::keys::Keys;
use crate::config::values::name_of;

const ON: &str = "trigger_on";
const METHOD: &str = "trigger_method";
const SENSITIVITY: &str = "trigger_sensitivity";
const SENSITIVITY_HELP: &str = "write a number; what it means depends on trigger_method";

/// When a value is an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trigger {
    /// The side of the frontier.
    pub on: TriggerOn,
    /// How the frontier is computed.
    pub method: TriggerMethod,
    /// The method's parameter; never NaN, and between 0 and 100 for [`TriggerMethod::Percentile`].
    pub sensitivity: f64,
}

impl Trigger {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let on = keys.required_named(ON, &TriggerOn::NAMES);
        let method = keys.required_named(METHOD, &TriggerMethod::NAMES);
        let sensitivity = keys.required(SENSITIVITY, SENSITIVITY_HELP).and_then(|_| keys.float(SENSITIVITY));
        Self { on: on?, method: method?, sensitivity: sensitivity? }.checked(keys)
    }

    /// Reads the trigger of `word2vec`: it is on low scores unless written otherwise, and a coefficient
    /// of variation needs no sensitivity.
    pub(super) fn read_of_word2vec(keys: &mut Keys<'_>) -> Option<Self> {
        let on = keys.named(ON, &TriggerOn::NAMES).unwrap_or(TriggerOn::Low);
        let method = keys.required_named(METHOD, &TriggerMethod::NAMES);
        let has_sensitivity = keys.entry(SENSITIVITY).is_some();
        let method = method?;
        if !has_sensitivity && method != TriggerMethod::CoeffOfVariation {
            keys.missing(SENSITIVITY, SENSITIVITY_HELP);
            return None;
        }
        let sensitivity = keys.float(SENSITIVITY).unwrap_or(0.0);
        Self { on, method, sensitivity }.checked(keys)
    }

    fn checked(self, keys: &mut Keys<'_>) -> Option<Self> {
        if self.method == TriggerMethod::Percentile && !(0.0..=100.0).contains(&self.sensitivity) {
            keys.error(SENSITIVITY, "not a percentile", "write a number from 0 to 100");
            return None;
        }
        Some(self)
    }
}

/// Which side of the decision frontier is an outlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerOn {
    /// Strictly above.
    High,
    /// Strictly below.
    Low,
}

impl TriggerOn {
    /// Both sides with their names.
    pub const NAMES: [(&'static str, Self); 2] = [("high", Self::High), ("low", Self::Low)];

    /// The name the configuration gives it.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

/// How the decision frontier is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerMethod {
    /// A percentile of the distinct values.
    Percentile,
    /// A percentage of the greatest value.
    PctOfMaxValue,
    /// A percentage of the median.
    PctOfMedianValue,
    /// A percentage of the mean.
    PctOfAvgValue,
    /// The median plus or minus a number of median absolute deviations.
    Mad,
    /// The same, but never below 0.
    Madpos,
    /// The mean plus or minus a number of standard deviations.
    Stdev,
    /// The sensitivity itself.
    Float,
    /// The standard deviation divided by the mean.
    CoeffOfVariation,
}

impl TriggerMethod {
    /// All methods with the names the configuration gives them.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("percentile", Self::Percentile),
        ("pct_of_max_value", Self::PctOfMaxValue),
        ("pct_of_median_value", Self::PctOfMedianValue),
        ("pct_of_avg_value", Self::PctOfAvgValue),
        ("mad", Self::Mad),
        ("madpos", Self::Madpos),
        ("stdev", Self::Stdev),
        ("float", Self::Float),
        ("coeff_of_variation", Self::CoeffOfVariation),
    ];

    /// The name the configuration gives it, also stored as `trigger_method`.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_own_name() {
        assert_eq!(TriggerMethod::Madpos.as_str(), "madpos");
        assert_eq!(TriggerOn::Low.as_str(), "low");
    }
}
