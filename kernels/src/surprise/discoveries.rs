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
}
