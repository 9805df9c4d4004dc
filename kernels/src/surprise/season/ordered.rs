//! Weighted values in order, and their medians without one of them.

/// Weighted values in ascending order.
pub(super) struct Ordered {
    values: Vec<f64>,
    /// Weights up to and including each value.
    weights: Vec<u64>,
    /// Place of each value in that order.
    places: Vec<usize>,
}

impl Ordered {
    pub(super) fn new(values: &[f64], weights: &[u64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let mut places = vec![0; values.len()];
        order.iter().enumerate().for_each(|(place, &idx)| places[idx] = place);
        let mut sum = 0;
        let up_to = order.iter().map(|&idx| {
            sum += weights[idx];
            sum
        });
        Ordered { weights: up_to.collect(), values: order.iter().map(|&idx| values[idx]).collect(), places }
    }

    pub(super) fn total(&self) -> u64 {
        self.weights.last().copied().unwrap_or(0)
    }

    fn weight_of(&self, place: usize) -> u64 {
        self.weights[place] - place.checked_sub(1).map_or(0, |before| self.weights[before])
    }

    /// The value with index `idx`.
    pub(super) fn value(&self, idx: usize) -> f64 {
        self.values[self.places[idx]]
    }

    /// Its weight.
    pub(super) fn weight(&self, idx: usize) -> u64 {
        self.weight_of(self.places[idx])
    }

    /// Weight of all values but the one with index `idx`.
    pub(super) fn weight_without(&self, idx: usize) -> u64 {
        self.total() - self.weight_of(self.places[idx])
    }

    /// Weighted median of all values.
    pub(super) fn median(&self) -> f64 {
        let at = |twice: u64| self.values[self.weights.partition_point(|&up_to| 2 * up_to < twice)];
        middle(at(self.total()), at(self.total() + 1))
    }

    /// Weighted median of all values but the one with index `idx`; there must be others.
    pub(super) fn median_without(&self, idx: usize) -> f64 {
        let rest = self.weight_without(idx);
        middle(self.value_without(idx, rest.div_ceil(2)), self.value_without(idx, rest / 2 + 1))
    }

    /// Weighted upper quartile of all values.
    pub(super) fn upper_quartile(&self) -> f64 {
        let weight = (3 * self.total()).div_ceil(4);
        self.values[self.weights.partition_point(|&up_to| up_to < weight)]
    }

    /// Upper quartile of all values but the one with index `idx`; there must be others.
    pub(super) fn upper_quartile_without(&self, idx: usize) -> f64 {
        self.value_without(idx, (3 * self.weight_without(idx)).div_ceil(4))
    }

    /// The value at which the weights of all values but the one with index `idx` reach `weight`.
    fn value_without(&self, idx: usize, weight: u64) -> f64 {
        let place = self.places[idx];
        let own = self.weight_of(place);
        let (before, after) = (&self.weights[..place], &self.weights[place + 1..]);
        let first = before.partition_point(|&up_to| up_to < weight);
        let found = match first < place {
            true => first,
            false => place + 1 + after.partition_point(|&up_to| up_to - own < weight),
        };
        self.values[found]
    }
}

fn middle(a: f64, b: f64) -> f64 {
    if a == b { a } else { a / 2.0 + b / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn medians_without_one_value_are_those_of_the_others() {
        let mut random = Random(3);
        for n in 2..40 {
            let values: Vec<f64> = (0..n).map(|_| (random.uniform() * 10.0).floor()).collect();
            let weights: Vec<u64> = (0..n).map(|_| 1 + (random.uniform() * 5.0) as u64).collect();
            let ordered = Ordered::new(&values, &weights);
            for idx in 0..n {
                let others: Vec<(f64, u64)> =
                    (0..n).filter(|other| *other != idx).map(|i| (values[i], weights[i])).collect();
                let (values, weights): (Vec<f64>, Vec<u64>) = others.iter().copied().unzip();
                assert_eq!(ordered.median_without(idx), Ordered::new(&values, &weights).median(), "{n} {idx}");
                let mut repeated: Vec<f64> =
                    others.iter().flat_map(|&(value, n)| std::iter::repeat_n(value, n as usize)).collect();
                repeated.sort_by(f64::total_cmp);
                let (below, above) = (repeated[(repeated.len() - 1) / 2], repeated[repeated.len() / 2]);
                assert_eq!(ordered.median_without(idx), middle(below, above), "{n} {idx}");
                let quartile = repeated[(3 * repeated.len()).div_ceil(4) - 1];
                assert_eq!(ordered.upper_quartile_without(idx), quartile, "{n} {idx}");
                assert_eq!(Ordered::new(&values, &weights).upper_quartile(), quartile, "{n} {idx}");
            }
        }
    }
}
