//! Tails of null distributions: upper bounds, as natural logarithms.

/// Up to this many uniform numbers, the distribution of their sum is computed exactly.
const EXACT: usize = 16;

/// Greatest parameter of a Chernoff bound that is tried.
const STEEPEST: f64 = 16.0;

/// Logarithm of an upper bound on P(sum of `n` independent numbers, uniform on 0 to 1, <= `sum`).
///
/// Exact for few numbers (Irwin-Hall), else the Chernoff bound, which is about sqrt(2 pi n) times
/// too large. Sums from the mean on have the bound 1.
pub(super) fn ln_uniform_sum(n: usize, sum: f64) -> f64 {
    if sum >= n as f64 / 2.0 {
        return 0.0;
    }
    if sum <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if n <= EXACT { exact_uniform_sum(n, sum) } else { chernoff_uniform_sum(n as f64, sum) }
}

/// 1 / n! * sum of (-1)^j * C(n, j) * (sum - j)^n over j < sum.
pub(super) fn exact_uniform_sum(n: usize, sum: f64) -> f64 {
    let (mut total, mut sign_and_binomial) = (0.0, 1.0);
    let mut j = 0;
    while j <= n && (j as f64) < sum {
        total += sign_and_binomial * (sum - j as f64).powi(n as i32);
        sign_and_binomial *= -((n - j) as f64) / (j + 1) as f64;
        j += 1;
    }
    let ln_factorial: f64 = (2..=n).map(|k| (k as f64).ln()).sum();
    (total.ln() - ln_factorial).min(0.0)
}

/// Minimum over theta of n * ln((1 - exp(-theta)) / theta) + theta * sum: every theta is a bound.
pub(super) fn chernoff_uniform_sum(n: f64, sum: f64) -> f64 {
    let mean = sum / n;
    // mean of a tilted uniform number, which falls from 1/2 to 0
    let tilted = |theta: f64| 1.0 / theta - 1.0 / theta.exp_m1();
    let (mut low, mut high) = (1e-9, 1.0 / mean + 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if tilted(middle) > mean { low = middle } else { high = middle }
    }
    let theta = f64::midpoint(low, high);
    (n * (-(-theta).exp_m1() / theta).ln() + theta * sum).min(0.0)
}

/// Logarithm of the Chernoff bound on P(sum of n independent numbers >= `sum`), whose n
/// distributions add up to `weights`: pairs of a value and the expected number of times that it
/// occurs.
///
/// The distributions may differ: ln is concave, so n times the logarithm of the mean of their
/// generating functions is at least the sum of the logarithms.
pub(super) fn ln_weighted_sum(weights: &[(f64, f64)], sum: f64) -> f64 {
    let n: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let most = weights.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
    if weights.iter().map(|(value, weight)| value * weight).sum::<f64>() >= sum {
        return 0.0;
    }
    // generating function and its derivative, divided by exp(theta * most)
    let tilted = |theta: f64| {
        weights.iter().fold((0.0, 0.0), |(total, mean), (value, weight)| {
            let part = weight * (theta * (value - most)).exp();
            (total + part, mean + value * part)
        })
    };
    let (mut low, mut high) = (0.0, STEEPEST);
    for _ in 0..30 {
        let theta = f64::midpoint(low, high);
        let (total, mean) = tilted(theta);
        if n * mean < sum * total { low = theta } else { high = theta }
    }
    (n * ((tilted(low).0 / n).ln() + low * most) - low * sum).min(0.0)
}
