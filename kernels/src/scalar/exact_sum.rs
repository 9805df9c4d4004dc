//! Oracle of exact sums: a list of non-overlapping partial sums.

/// Sum of `values`, rounded once to the nearest `f64`.
///
/// J. R. Shewchuk, "Adaptive precision floating-point arithmetic and fast robust geometric
/// predicates", 1997: each addition keeps its rounding error as a separate partial sum. The values
/// must be finite and their partial sums must not overflow.
#[must_use]
pub fn exact_sum(values: &[f64]) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for &value in values {
        let mut rest = value;
        let mut kept = Vec::with_capacity(partials.len() + 1);
        for partial in partials {
            let (total, error) = two_sum(rest, partial);
            if error != 0.0 {
                kept.push(error);
            }
            rest = total;
        }
        kept.push(rest);
        partials = kept;
    }
    round(&partials)
}

/// Rounded sum `a + b` and its error (D. E. Knuth, "The art of computer programming", volume 2).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let total = a + b;
    let part_of_b = total - a;
    (total, (a - (total - part_of_b)) + (b - part_of_b))
}

/// Rounds partial sums (ascending in magnitude, non-overlapping) once. The first inexact addition
/// decides; the sign of the next smaller partial breaks a tie.
fn round(partials: &[f64]) -> f64 {
    let mut rest = partials.iter().rev().copied();
    let mut total = rest.next().unwrap_or(0.0);
    let mut error = 0.0;
    for partial in rest.by_ref() {
        (total, error) = two_sum(total, partial);
        if error != 0.0 {
            break;
        }
    }
    let below = rest.find(|&partial| partial != 0.0).unwrap_or(0.0);
    let doubled = error * 2.0;
    let moved = total + doubled;
    let is_tie = moved - total == doubled;
    let same_side = (error > 0.0 && below > 0.0) || (error < 0.0 && below < 0.0);
    if is_tie && same_side { moved } else { total }
}

#[cfg(test)]
mod tests {
    use super::exact_sum;

    #[test]
    fn rounds_once() {
        let cases: [(&[f64], f64); 6] = [
            (&[], 0.0),
            (&[1e100, 1.0, -1e100], 1.0),
            (&[0.1; 10], 1.0),
            (&[1.0, 1e-16, 1e-16], 1.000_000_000_000_000_2),
            (&[9_007_199_254_740_992.0, 1.0], 9_007_199_254_740_992.0), // tie to even
            // tie broken from below
            (&[9_007_199_254_740_992.0, 1.0, 1e-30], 9_007_199_254_740_994.0),
        ];
        for (values, expected) in cases {
            assert_eq!(exact_sum(values), expected, "{values:?}");
        }
    }
}
