//! Surprise of an outlier, from its model and from how seldom its use case flags anything.

use outlier_kernels::surprise::bits;

use crate::config::FindingSeverity;

/// Share of the events that a use case flags.
#[derive(Debug)]
pub struct BaseRate {
    /// Number of events that it flags.
    pub n_flagged: u64,
    /// Number of events in its window.
    pub n_events: u64,
    /// Severity of its findings.
    pub severity: Option<FindingSeverity>,
}

impl BaseRate {
    /// Surprise of an outlier, in bits, from that which its model found, if it has a population.
    /// That the use case flags an event at all is as improbable as its share of the events says.
    /// The smaller of two probabilities counts twice, because it was chosen as the smaller one.
    pub fn surprise(&self, of_model: Option<f64>) -> f64 {
        let n_flagged = self.n_flagged.max(1);
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
        let base = BaseRate { n_flagged: 8, n_events: 1024, severity: Some(FindingSeverity::Critical) };
        assert_eq!([20.0, 5.0].map(|bits| base.surprise(Some(bits))), [19.0, 6.0]);
        let always = BaseRate { n_flagged: 2000, ..base };
        assert_eq!([0.0, 0.5, 3.0].map(|bits| always.surprise(Some(bits))), [0.0, 0.0, 2.0]);
    }

    #[test]
    fn without_a_population_the_severity_is_the_least() {
        let surprise = |n_flagged, severity| BaseRate { n_flagged, n_events: 1024, severity }.surprise(None);
        assert_eq!(surprise(1, None), 10.0);
        assert_eq!(surprise(1024, None), 0.0);
        assert_eq!(surprise(1024, Some(FindingSeverity::High)), 12.0);
        assert_eq!(surprise(1, Some(FindingSeverity::Low)), 10.0);
    }
}
