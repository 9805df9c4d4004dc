//! Sensitivities of triggers: the number of a use case that decides how much it finds.

use super::{BeaconMethod, Model, Trigger, TriggerMethod, TriggerOn};

/// Factors between the sensitivities that are tried, besides the one in use.
const FACTORS: [f64; 8] = [0.125, 0.25, 0.5, 0.75, 1.5, 2.0, 4.0, 8.0];

/// Sensitivities that are tried where factors would change nothing.
const FROM_ZERO: [f64; 6] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0];

/// Sensitivity of a use case, and its meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sensitivity {
    /// The number in use.
    pub value: f64,
    scale: Scale,
}

/// Numbers that a sensitivity may be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    /// Any number.
    Number,
    /// A share between 0 and 1, exclusive.
    Share,
    /// A percentile: the outliers are below it.
    Below,
    /// A percentile: the outliers are above it.
    Above,
}

impl Sensitivity {
    fn of_trigger(trigger: &Trigger) -> Option<Self> {
        let scale = match (trigger.method, trigger.on) {
            (TriggerMethod::CoeffOfVariation, _) => return None,
            (TriggerMethod::Fdr, _) => Scale::Share,
            (TriggerMethod::Percentile, TriggerOn::High) => Scale::Above,
            (TriggerMethod::Percentile, TriggerOn::Low) => Scale::Below,
            _ => Scale::Number,
        };
        Some(Sensitivity { value: trigger.sensitivity, scale })
    }

    /// Returns the one in use and others around it, in ascending order, each once.
    pub fn around(self) -> Vec<f64> {
        let by_factors = || FACTORS.iter().map(|factor| factor * self.value);
        let mut values: Vec<f64> = match self.scale {
            Scale::Number if self.value == 0.0 => FROM_ZERO.to_vec(),
            Scale::Number => by_factors().collect(),
            Scale::Share => by_factors().filter(|share| *share < 1.0).collect(),
            Scale::Below => by_factors().map(|percentile| percentile.min(100.0)).collect(),
            Scale::Above => FACTORS.iter().map(|factor| (100.0 - factor * (100.0 - self.value)).max(0.0)).collect(),
        };
        values = values.into_iter().map(rounded).collect();
        values.push(self.value);
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        values
    }
}

/// Six significant digits: people copy these numbers.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

impl Model {
    /// Sensitivity of its trigger; `None` if it has none.
    pub fn sensitivity(&self) -> Option<Sensitivity> {
        match self {
            Model::SimpleQuery(_) => None,
            Model::Metrics(metrics) => Sensitivity::of_trigger(&metrics.trigger),
            Model::Terms(terms) => Sensitivity::of_trigger(&terms.trigger),
            Model::Word2vec(word2vec) => Sensitivity::of_trigger(&word2vec.trigger),
            Model::SuddenAppearance(model) => model.rate.map(|value| Sensitivity { value, scale: Scale::Share }),
            Model::Beacon(beacon) => {
                let scale = match beacon.trigger.method {
                    BeaconMethod::Fdr => Scale::Share,
                    BeaconMethod::Float | BeaconMethod::Percentile => Scale::Above,
                };
                Some(Sensitivity { value: beacon.trigger.sensitivity, scale })
            }
            Model::Travel(travel) => Some(Sensitivity { value: travel.max_speed, scale: Scale::Number }),
        }
    }

    /// Returns the same model with another sensitivity; one without any stays as it is.
    #[must_use]
    pub fn with_sensitivity(&self, value: f64) -> Self {
        let mut model = self.clone();
        match &mut model {
            Model::SimpleQuery(_) => {}
            Model::Metrics(metrics) => metrics.trigger.sensitivity = value,
            Model::Terms(terms) => terms.trigger.sensitivity = value,
            Model::Word2vec(word2vec) => word2vec.trigger.sensitivity = value,
            Model::SuddenAppearance(model) => model.rate = Some(value),
            Model::Beacon(beacon) => beacon.trigger.sensitivity = value,
            Model::Travel(travel) => travel.max_speed = value,
        }
        model
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitivities_around_one_stay_within_their_meaning() {
        let check = |value: f64, scale: Scale, expected: &[f64]| {
            assert_eq!(Sensitivity { value, scale }.around(), expected, "{value} {scale:?}");
        };
        check(4.0, Scale::Number, &[0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0]);
        check(-4.0, Scale::Number, &[-32.0, -16.0, -8.0, -6.0, -4.0, -3.0, -2.0, -1.0, -0.5]);
        check(0.0, Scale::Number, &[0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0]);
        check(0.3, Scale::Share, &[0.0375, 0.075, 0.15, 0.225, 0.3, 0.45, 0.6]);
        check(99.0, Scale::Above, &[92.0, 96.0, 98.0, 98.5, 99.0, 99.25, 99.5, 99.75, 99.875]);
        check(100.0, Scale::Above, &[100.0]);
        check(60.0, Scale::Below, &[7.5, 15.0, 30.0, 45.0, 60.0, 90.0, 100.0]);
    }
}
