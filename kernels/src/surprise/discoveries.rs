//! False discovery rates of tests with probabilities of their own.

/// The q-values of Benjamini and Hochberg: for each of `ascending` probabilities, the smallest rate
/// of false discoveries at which its test is a discovery. The others of `n_tests` tests have the
/// probability 1.
#[must_use]
pub fn q_values(ascending: &[f64], n_tests: f64) -> Vec<f64> {
    debug_assert!(ascending.is_sorted(), "probabilities ascend");
    let mut least = 1.0_f64;
    let mut found: Vec<f64> = Vec::with_capacity(ascending.len());
    for (idx, p) in ascending.iter().enumerate().rev() {
        least = least.min(p * n_tests / (idx + 1) as f64);
        found.push(least);
    }
    found.reverse();
    found
}

/// Least surprise, in bits, of the tests that are discoveries at a false discovery rate of `rate`
/// among `n_tests` tests, of which the others have less surprise than all of `surprises`; `None` if
/// nothing is discovered.
#[must_use]
pub fn least_discovered(surprises: &[f64], n_tests: u64, rate: f64) -> Option<f64> {
    let mut descending = surprises.to_vec();
    descending.sort_unstable_by(|a, b| b.total_cmp(a));
    let probabilities: Vec<f64> = descending.iter().map(|surprise| (-surprise).exp2()).collect();
    let n_discovered = q_values(&probabilities, n_tests as f64).partition_point(|q| *q <= rate);
    n_discovered.checked_sub(1).map(|last| descending[last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_all_tests() {
        // 4 tests of 4 at 0.5, 3 at 0.04 * 4 / 3
        let expected = [0.004, 0.024, 0.16 / 3.0, 0.5];
        let found = q_values(&[0.001, 0.012, 0.04, 0.5], 4.0);
        assert!(found.iter().zip(expected).all(|(q, expected)| (q - expected).abs() < 1e-12), "{found:?}");
        assert_eq!(q_values(&[0.001, 0.012], 100.0), [0.1, 0.6]);
        assert_eq!(q_values(&[0.02, 0.02, 1.0], 3.0), [0.03, 0.03, 1.0], "equal ones are discovered together");
        assert_eq!(q_values(&[], 5.0), [0.0; 0]);
    }

    #[test]
    fn discoveries_are_those_of_benjamini_and_hochberg() {
        assert_eq!(least_discovered(&[], 10, 0.05), None);
        assert_eq!(least_discovered(&[3.0, 4.0], 10, 0.05), None);
        // 2 * 0.05 / 10 is 6.6 bits, 1 * 0.05 / 10 is 7.6 bits
        assert_eq!(least_discovered(&[3.0, 7.0], 10, 0.05), None);
        assert_eq!(least_discovered(&[3.0, 7.0, 6.7], 10, 0.05), Some(6.7));
        assert_eq!(least_discovered(&[3.0, 8.0], 10, 0.05), Some(8.0));
        assert_eq!(least_discovered(&[3.0, 8.0], 10, 0.5), Some(8.0));
        assert_eq!(least_discovered(&[3.4, 8.0], 10, 0.5), Some(3.4));
    }
}
