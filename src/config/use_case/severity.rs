//! `severity`: how much a use case's findings matter, whatever their number.

use crate::spelling::named_values;

named_values! {
    /// Severity of what a use case finds. The parameter is stored with outliers like any other; if
    /// it names a severity, it is also the least surprise of outliers that no statistic judges.
    FindingSeverity {
        /// Worth knowing.
        Informational = "informational",
        /// Seldom a problem.
        Low = "low",
        /// Often a problem.
        Medium = "medium",
        /// Mostly a problem.
        High = "high",
        /// Nearly always a problem.
        Critical = "critical",
    }
}

impl FindingSeverity {
    /// Severity that the parameters of a use case name.
    pub(super) fn of(parameters: &[(String, String)]) -> Option<Self> {
        let (_, named) = parameters.iter().find(|(key, _)| key == "severity")?;
        let is_named = |name: &str| name.eq_ignore_ascii_case(named.trim());
        Self::NAMES.iter().find(|(name, _)| is_named(name)).map(|(_, severity)| *severity)
    }

    /// Least surprise of its outliers, in bits: an event of the next severity is believed to be
    /// harmless a sixteenth as often.
    pub fn least_surprise(self) -> f64 {
        match self {
            Self::Informational => 0.0,
            Self::Low => 4.0,
            Self::Medium => 8.0,
            Self::High => 12.0,
            Self::Critical => 16.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_may_name_a_severity() {
        let severity = |value: &str| FindingSeverity::of(&[("severity".to_owned(), value.to_owned())]);
        assert_eq!(severity(" High"), Some(FindingSeverity::High));
        assert_eq!(severity("sev1"), None);
        assert_eq!(FindingSeverity::of(&[("level".to_owned(), "high".to_owned())]), None);
    }
}
