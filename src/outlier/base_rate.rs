//! Surprise of an outlier, from its model and from how seldom its use case flags anything.

use outlier_kernels::surprise::{Tail, TailHistogram, bits};

use crate::config::FindingSeverity;

/// Counts what a use case flags.
#[derive(Debug)]
pub struct BaseRate {
    /// Surprises that the model found.
    flagged: TailHistogram,
    n_unjudged: u64,
    n_events: u64,
    severity: Option<FindingSeverity>,
}

impl BaseRate {
    /// Nothing flagged among `n_events` events in the window.
    pub fn new(n_events: u64, severity: Option<FindingSeverity>) -> Self {
        BaseRate { flagged: TailHistogram::default(), n_unjudged: 0, n_events, severity }
    }

    /// Counts a flagged event with the surprise that its model found, if it finds any.
    pub fn add(&mut self, of_model: Option<f64>) {
        self.flagged.push(of_model.unwrap_or(0.0));
    }

    /// Counts flagged events that may be as surprising as any other.
    pub fn add_unjudged(&mut self, n: u64) {
        self.n_unjudged += n;
    }

    /// Ends counting.
    pub fn finish(self) -> Surprises {
        let BaseRate { flagged, n_unjudged, n_events, severity } = self;
        Surprises { flagged: Tail::of(&flagged), n_unjudged, n_events, severity }
    }
}

/// Surprises of the outliers of a use case.
#[derive(Debug)]
pub struct Surprises {
    flagged: Tail,
    n_unjudged: u64,
    n_events: u64,
    severity: Option<FindingSeverity>,
}

impl Surprises {
    /// Surprise of an outlier, in bits. That the use case flags an event as surprising as this one
    /// at all is as improbable as the share of such events says. The smaller of two probabilities
    /// counts twice, because it was chosen as the smaller one.
    pub fn of(&self, of_model: Option<f64>) -> f64 {
        let n_flagged = (self.flagged.n_from(of_model.unwrap_or(0.0)) + self.n_unjudged).max(1);
        let flagged = bits(n_flagged as f64 / self.n_events.max(n_flagged) as f64);
        match of_model {
            Some(of_model) => (flagged.max(of_model) - 1.0).max(0.0),
            None => flagged.max(self.severity.map_or(0.0, FindingSeverity::least_surprise)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_surprise_counts_less_one_bit() {
        let mut base = BaseRate::new(1024, Some(FindingSeverity::Critical));
        [3.0, 5.0, 5.0, 20.0].into_iter().for_each(|bits| base.add(Some(bits)));
        let surprises = base.finish();
        // 1 of 1024 events, 3 and 4 of them
        let expected = [19.0, (1024.0_f64 / 3.0).log2() - 1.0, 7.0];
        assert_eq!([20.0, 5.0, 3.0].map(|bits| surprises.of(Some(bits))), expected);
        let mut always = BaseRate::new(2, None);
        (0..5).for_each(|_| always.add(Some(0.5)));
        assert_eq!(always.finish().of(Some(0.5)), 0.0);
    }

    #[test]
    fn outliers_of_earlier_rounds_may_be_as_surprising() {
        let mut base = BaseRate::new(1024, None);
        base.add_unjudged(15);
        base.add(Some(2.0));
        assert_eq!(base.finish().of(Some(2.0)), 5.0);
    }

    #[test]
    fn without_a_population_the_severity_is_the_least() {
        let surprise = |n_flagged: u64, severity| {
            let mut base = BaseRate::new(1024, severity);
            (0..n_flagged).for_each(|_| base.add(None));
            base.finish().of(None)
        };
        assert_eq!(surprise(1, None), 10.0);
        assert_eq!(surprise(1024, None), 0.0);
        assert_eq!(surprise(1024, Some(FindingSeverity::High)), 12.0);
        assert_eq!(surprise(1, Some(FindingSeverity::Low)), 10.0);
    }
}
