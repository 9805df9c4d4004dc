//! Comparison with an earlier benchmark.

use super::measure::{Measurement, median, noise};

/// Share of its time by which a setting must have changed.
const LEAST_CHANGE: f64 = 0.03;

/// Number of times that the change must exceed the noise of both measurements.
const NOISES: f64 = 3.0;

/// Settings that were measured before, too.
pub(super) struct Compared {
    /// A line per setting.
    pub(super) text: String,
    /// Number of settings that are slower.
    pub(super) n_slower: usize,
}

/// Compares settings by their median times. One is slower, or faster, if the difference is more
/// than 3 percent and more than three times the greater of the two median absolute deviations.
pub(super) fn compared(before: &[Measurement], now: &[Measurement]) -> Compared {
    let mut found = Compared { text: String::new(), n_slower: 0 };
    for now in now {
        let Some(before) = before.iter().find(|before| before.settings == now.settings) else { continue };
        let (old, new) = (median(&before.seconds), median(&now.seconds));
        let least = (LEAST_CHANGE * old).max(NOISES * noise(&before.seconds).max(noise(&now.seconds)));
        let verdict = match new - old {
            change if change > least => "slower",
            change if -change > least => "faster",
            _ => "as fast",
        };
        found.n_slower += usize::from(verdict == "slower");
        let ratio = new / old.max(1e-9);
        found.text += &format!("{}: {verdict} ({old:.2} s before, {new:.2} s now, {ratio:.2} times)\n", now.settings);
    }
    if found.text.is_empty() {
        found.text = "nothing to compare: no setting was measured before\n".to_owned();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::measure::measurement;
    use super::*;

    #[test]
    fn only_changes_beyond_noise_count() {
        let verdict = |before: &[f64], now: &[f64]| {
            let found = compared(&[measurement("1", before)], &[measurement("1", now)]);
            (found.text.split(" (").next().unwrap_or_default().to_owned(), found.n_slower)
        };
        let quiet = [1.0, 1.01, 1.0];
        assert_eq!(verdict(&quiet, &[1.02, 1.02, 1.02]), ("threads=1: as fast".to_owned(), 0));
        assert_eq!(verdict(&quiet, &[1.2, 1.2, 1.21]), ("threads=1: slower".to_owned(), 1));
        assert_eq!(verdict(&quiet, &[0.8, 0.8, 0.81]), ("threads=1: faster".to_owned(), 0));
        assert_eq!(verdict(&[1.0, 1.2, 1.1], &[1.2, 1.4, 1.3]), ("threads=1: as fast".to_owned(), 0));
        let other = compared(&[measurement("2", &quiet)], &[measurement("1", &quiet)]);
        assert!(other.text.starts_with("nothing to compare"));
    }
}
