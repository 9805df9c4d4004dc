//! Means of the outputs for pairs: geometric for probabilities, arithmetic for raw values.

/// Running mean.
pub(super) trait Mean: Copy {
    /// Mean of no values.
    const EMPTY: Self;

    fn push(&mut self, value: f64);

    /// Returns the mean; `n` is the number of values added.
    fn of(self, n: u64) -> f64;
}

/// Geometric mean: the `n`-th root of a product of numbers from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometric {
    product: f64,
    /// Exponent of the power of two by which the product has been scaled up.
    exponent: u64,
}

impl Geometric {
    /// Numbers below this are scaled up before they are multiplied: long products would underflow
    /// to 0.
    const SMALL: f64 = 1e-120;

    /// Exponent of the scaling factor. A power of two makes scaling exact.
    const STEP: i32 = 512;

    fn enlarged(&mut self, number: f64) -> f64 {
        if number >= Self::SMALL || number <= 0.0 || number.is_nan() {
            return number;
        }
        self.exponent += Self::STEP as u64;
        number * 2.0_f64.powi(Self::STEP)
    }
}

impl Mean for Geometric {
    const EMPTY: Self = Geometric { product: 1.0, exponent: 0 };

    fn push(&mut self, value: f64) {
        let value = self.enlarged(value);
        self.product = self.enlarged(self.product * value);
    }

    fn of(self, n: u64) -> f64 {
        let root = self.product.powf(1.0 / n as f64);
        if self.exponent == 0 { root } else { root * (-(self.exponent as f64) / n as f64).exp2() }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Arithmetic(f64);

impl Mean for Arithmetic {
    const EMPTY: Self = Arithmetic(0.0);

    fn push(&mut self, value: f64) {
        self.0 += value;
    }

    fn of(self, n: u64) -> f64 {
        self.0 / n as f64
    }
}

/// Mean of `values`.
pub(super) fn mean_of<M: Mean>(values: impl Iterator<Item = f64>) -> f64 {
    let (mut mean, mut n) = (M::EMPTY, 0);
    for value in values {
        mean.push(value);
        n += 1;
    }
    mean.of(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_few_values() {
        assert_eq!(mean_of::<Geometric>([0.25, 1.0].into_iter()), 0.5);
        assert_eq!(mean_of::<Geometric>([0.5, 0.0].into_iter()), 0.0);
        assert_eq!(mean_of::<Arithmetic>([-1.0, -2.0].into_iter()), -1.5);
    }

    #[test]
    fn a_long_product_does_not_vanish() {
        for n in [100, 1000, 100_000] {
            let got = mean_of::<Geometric>((0..n).map(|idx| if idx % 2 == 0 { 1e-3 } else { 1e-5 }));
            assert!((got / 1e-4 - 1.0).abs() < 1e-9, "{n} values: {got}");
        }
        let tiny = mean_of::<Geometric>([1e-300, 1e-300, 1e-300].into_iter());
        assert!((tiny / 1e-300 - 1.0).abs() < 1e-9, "{tiny}");
    }
}
