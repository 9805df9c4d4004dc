//! `trigger_on`, `trigger_method` and `trigger_sensitivity`: when a value is an outlier.

use crate::config::keys::Keys;
use crate::config::template_key::{TemplateKey, names_of};
use crate::spelling::named_values;

const ON: &str = "trigger_on";
const METHOD: &str = "trigger_method";
const SENSITIVITY: &str = "trigger_sensitivity";
const SENSITIVITY_HELP: &str = "write a number; what it means depends on trigger_method";

/// When a value is an outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trigger {
    /// The side of the frontier.
    pub on: TriggerOn,
    /// Method that computes the frontier.
    pub method: TriggerMethod,
    /// The method's parameter; never NaN, between 0 and 100 for [`TriggerMethod::Percentile`], and
    /// between 0 and 1, exclusive, for [`TriggerMethod::Fdr`].
    pub sensitivity: f64,
}

impl Trigger {
    /// Side of outliers, as a template explains it.
    pub(super) const TEMPLATE_ON: TemplateKey =
        TemplateKey::set(ON, "high", "which side of the limit is unusual").one_of(|| names_of(&TriggerOn::NAMES));

    /// Method for the frontier, likewise.
    pub(super) const TEMPLATE_METHOD: TemplateKey =
        TemplateKey::set(METHOD, "mad", "how the limit is computed").one_of(|| names_of(&TriggerMethod::NAMES));

    /// Parameter of the method, likewise.
    pub(super) const TEMPLATE_SENSITIVITY: TemplateKey = TemplateKey::set(
        SENSITIVITY,
        "5",
        "parameter of the method; run --sweep trigger_sensitivity=1..20 compares some",
    );

    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let on = keys.required_named(ON, &TriggerOn::NAMES);
        let method = keys.required_named(METHOD, &TriggerMethod::NAMES);
        let sensitivity = keys.required(SENSITIVITY, SENSITIVITY_HELP).and_then(|_| keys.float(SENSITIVITY));
        Self { on: on?, method: method?, sensitivity: sensitivity? }.checked(keys)
    }

    /// Reads the trigger of `word2vec`: low scores by default, and no sensitivity is needed for a
    /// coefficient of variation.
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
        if method == TriggerMethod::Fdr {
            keys.error(METHOD, "word2vec knows no false discovery rate", "use percentile or another method");
            return None;
        }
        Self { on, method, sensitivity }.checked(keys)
    }

    /// Reads the rate of false discoveries of a model that knows no other method: `Some(None)` if
    /// there is none.
    pub(super) fn read_rate(keys: &mut Keys<'_>) -> Option<Option<f64>> {
        let method = keys.filled(METHOD);
        let has_sensitivity = keys.entry(SENSITIVITY).is_some();
        let sensitivity = keys.float(SENSITIVITY);
        if method.is_some_and(|method| method != TriggerMethod::Fdr.as_str()) {
            keys.error(METHOD, "this model knows fdr only", "write fdr, or remove the key: then all are outliers");
            return None;
        }
        match (method, has_sensitivity) {
            (None, false) => Some(None),
            (None, true) => {
                keys.error(SENSITIVITY, "has no meaning without trigger_method", "write trigger_method = fdr as well");
                None
            }
            (Some(_), false) => {
                keys.missing(SENSITIVITY, "write a number between 0 and 1, such as 0.05");
                None
            }
            (Some(_), true) => {
                let trigger = Self { on: TriggerOn::High, method: TriggerMethod::Fdr, sensitivity: sensitivity? };
                trigger.checked(keys).map(|trigger| Some(trigger.sensitivity))
            }
        }
    }

    fn checked(self, keys: &mut Keys<'_>) -> Option<Self> {
        if self.method == TriggerMethod::Percentile && !(0.0..=100.0).contains(&self.sensitivity) {
            keys.error(SENSITIVITY, "not a percentile", "write a number from 0 to 100");
            return None;
        }
        if self.method == TriggerMethod::Fdr && !(self.sensitivity > 0.0 && self.sensitivity < 1.0) {
            keys.error(SENSITIVITY, "not a false discovery rate", "write a number between 0 and 1, such as 0.05");
            return None;
        }
        Some(self)
    }
}

named_values! {
    /// Which side of the decision frontier is an outlier.
    TriggerOn {
        /// Strictly above.
        High = "high",
        /// Strictly below.
        Low = "low",
    }
}

named_values! {
    /// Method that computes the decision frontier.
    TriggerMethod {
        /// A percentile of the distinct values.
        Percentile = "percentile",
        /// A percentage of the greatest value.
        PctOfMaxValue = "pct_of_max_value",
        /// A percentage of the median.
        PctOfMedianValue = "pct_of_median_value",
        /// A percentage of the mean.
        PctOfAvgValue = "pct_of_avg_value",
        /// The median plus or minus a number of median absolute deviations.
        Mad = "mad",
        /// The same, but never below 0.
        Madpos = "madpos",
        /// The mean plus or minus a number of standard deviations.
        Stdev = "stdev",
        /// The sensitivity itself.
        Float = "float",
        /// The standard deviation divided by the mean.
        CoeffOfVariation = "coeff_of_variation",
        /// The value at which at most this share of all outliers is expected to be found by chance.
        Fdr = "fdr",
    }
}
