//! Oracle of the order statistics: expand, sort, take the middle.

/// Median of unsorted values; `None` if there are none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let (lower, upper) = (*sorted.get(n.checked_sub(1)? / 2)?, *sorted.get(n / 2)?);
    Some(if n % 2 == 1 { upper } else { (lower + upper) / 2.0 })
}

/// Median absolute deviation from the median of unsorted values; `None` if there are none.
#[must_use]
pub fn mad(values: &[f64]) -> Option<f64> {
    let center = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    median(&deviations)
}
