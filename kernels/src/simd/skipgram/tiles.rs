//! Matrix products in tiles that stay in registers, the softmax, and Adam.
//!
//! `x` holds logits or exponentials of some centres over all words: one [`Line`] per panel and
//! centre. The lines of a panel are adjacent, so that every product reads `x` as one stream. A
//! panel covers 16 words and has `depth` lines: one per dimension, then the biases.

#![expect(unsafe_code, reason = "vectors whose instructions not every machine has, and pointers in inner loops")]

use super::lanes::{Lanes, Line};

/// Logits of `R` centres for `N` panels: `x[n][r] = sum over d of factors[d][r] * panels[n][d]`.
/// `maxima[r]` holds the largest values so far.
///
/// # Safety
///
/// `factors` has `depth * R` numbers, `panels` has `N * depth` lines, `maxima` has `R` lines, and
/// `x` has `R` lines at each of `N` places that are `n_rows` lines apart.
#[inline(always)]
pub(crate) unsafe fn logits<L: Lanes, const R: usize, const N: usize>(
    factors: *const f32,
    panels: *const Line,
    depth: usize,
    (x, n_rows): (*mut Line, usize),
    maxima: *mut Line,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let mut sums = [[L::splat(0.0); N]; R];
        for d in 0..depth {
            let mut words = [L::splat(0.0); N];
            for (n, words) in words.iter_mut().enumerate() {
                *words = L::load(panels.add(n * depth + d));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = L::splat(*factors.add(d * R + r));
                for n in 0..N {
                    sums[n] = factor.mul_add(words[n], sums[n]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let mut max = L::load(maxima.add(r));
            for (n, sum) in sums.iter().enumerate() {
                sum.store(x.add(n * n_rows + r));
                max = max.max(*sum);
            }
            max.store(maxima.add(r));
        }
    }
}

/// Adds products to `sums[r][k]` for `R` centres and `K` dimensions: the sum over `n_panels` panels
/// `p` of `x[p][r]` times dimension `k` of panel `p`.
///
/// # Safety
///
/// `x` has `R` lines at each of `n_panels` places that are `n_rows` lines apart, `panels` has `K`
/// lines at each of `n_panels` places that are `depth` lines apart, and `sums` has `K` lines at
/// each of `R` places that are `sums_stride` lines apart.
#[inline(always)]
pub(crate) unsafe fn by_embeddings<L: Lanes, const R: usize, const K: usize>(
    (x, n_rows): (*const Line, usize),
    panels: *const Line,
    (depth, n_panels): (usize, usize),
    sums: *mut Line,
    sums_stride: usize,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let mut acc = [[L::splat(0.0); K]; R];
        for (r, acc) in acc.iter_mut().enumerate() {
            for (k, sum) in acc.iter_mut().enumerate() {
                *sum = L::load(sums.add(r * sums_stride + k));
            }
        }
        for p in 0..n_panels {
            let mut words = [L::splat(0.0); K];
            for (k, words) in words.iter_mut().enumerate() {
                *words = L::load(panels.add(p * depth + k));
            }
            for (r, acc) in acc.iter_mut().enumerate() {
                let x = L::load(x.add(p * n_rows + r));
                for k in 0..K {
                    acc[k] = x.mul_add(words[k], acc[k]);
                }
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            for (k, sum) in acc.iter().enumerate() {
                sum.store(sums.add(r * sums_stride + k));
            }
        }
    }
}

/// Gradients of `K` dimensions for `N` panels:
/// `result[k][n] = sum over centres c of factors[c][k] * x[n][c]`.
///
/// # Safety
///
/// `x` has `N * n_rows` lines, and `factors` has `K` numbers at each of `n_rows` places that are
/// `depth` numbers apart.
#[inline(always)]
pub(crate) unsafe fn by_weights<L: Lanes, const K: usize, const N: usize>(
    (x, n_rows): (*const Line, usize),
    factors: *const f32,
    depth: usize,
) -> [[L; N]; K] {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let mut acc = [[L::splat(0.0); N]; K];
        for c in 0..n_rows {
            let mut row = [L::splat(0.0); N];
            for (n, line) in row.iter_mut().enumerate() {
                *line = L::load(x.add(n * n_rows + c));
            }
            for (k, acc) in acc.iter_mut().enumerate() {
                let factor = L::splat(*factors.add(c * depth + k));
                for n in 0..N {
                    acc[n] = factor.mul_add(row[n], acc[n]);
                }
            }
        }
        acc
    }
}

/// Replaces the logits `z` of one panel by `exp(z - max)`, with `max` from `maxima`, and adds the
/// results to `sums`.
///
/// # Safety
///
/// As for [`Lanes`]; the slices must have the same length.
#[inline(always)]
pub(crate) unsafe fn exponentials<L: Lanes>(x: &mut [Line], maxima: &[Line], sums: &mut [Line]) {
    for ((line, max), sum) in x.iter_mut().zip(maxima).zip(sums) {
        // SAFETY: guaranteed by the caller; the pointers come from references.
        unsafe {
            let value = exp(L::load(line).sub(L::load(max)));
            value.store(line);
            L::load(sum).add(value).store(sum);
        }
    }
}

/// `e^x` for `x <= 0`, with a relative error of at most `1.5e-7 - 2e-8 x` (`1.5e-7 - 1.3e-7 x` if
/// the machine rounds between multiplication and addition). The result is 0 below -87, where `f32`
/// loses its precision.
///
/// `x / ln 2 = n + f` with an integer `n`. `2^f` is a polynomial with the constant term 1 and the
/// least relative error for `|f| <= 1/2`: 3e-9 (exchange algorithm of E. Ya. Remez).
#[inline(always)]
unsafe fn exp<L: Lanes>(x: L) -> L {
    const COEFFICIENTS: [f32; 6] =
        [1.546_146_8e-4, 1.340_045_5e-3, 9.618_057e-3, 5.550_327e-2, 0.240_226_5, std::f32::consts::LN_2];
    // Added to a small number, this leaves an integer in the lower bits, offset by the exponent
    // bias.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    // SAFETY: guaranteed by the caller.
    unsafe {
        let scale = L::splat(std::f32::consts::LOG2_E);
        let shifted = x.mul_add(scale, L::splat(ROUND));
        let n = shifted.sub(L::splat(ROUND));
        let f = x.mul_sub(scale, n);
        let mut power = L::splat(COEFFICIENTS[0]);
        for &coefficient in &COEFFICIENTS[1..] {
            power = power.mul_add(f, L::splat(coefficient));
        }
        let power = power.mul_add(f, L::splat(1.0));
        power.mul(shifted.shift_to_exponent()).zero_unless_at_least(x, L::splat(-87.0))
    }
}

/// Factors of Adam in one step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AdamFactors {
    /// Weight of a new gradient in the first moment: `1 - beta1`.
    pub(crate) intake1: f32,
    /// Decay of the second moment: `beta2`.
    pub(crate) keep2: f32,
    /// Weight of a new squared gradient in the second moment: `1 - beta2`.
    pub(crate) intake2: f32,
    /// Learning rate / bias correction of the first moment.
    pub(crate) rate: f32,
    /// 1 / square root of the bias correction of the second moment.
    pub(crate) scale: f32,
    /// Added to the corrected square root of the second moment.
    pub(crate) epsilon: f32,
}

/// [`AdamFactors`] in registers.
#[derive(Clone, Copy)]
pub(crate) struct AdamLanes<L> {
    intake1: L,
    keep2: L,
    intake2: L,
    rate: L,
    scale: L,
    epsilon: L,
}

impl<L: Lanes> AdamLanes<L> {
    /// Copies the factors into registers.
    ///
    /// # Safety
    ///
    /// As for [`Lanes`].
    #[inline(always)]
    pub(crate) unsafe fn new(factors: AdamFactors) -> Self {
        // SAFETY: guaranteed by the caller.
        unsafe {
            Self {
                intake1: L::splat(factors.intake1),
                keep2: L::splat(factors.keep2),
                intake2: L::splat(factors.intake2),
                rate: L::splat(factors.rate),
                scale: L::splat(factors.scale),
                epsilon: L::splat(factors.epsilon),
            }
        }
    }

    /// Applies one step to 16 parameters and their moments.
    ///
    /// # Safety
    ///
    /// As for [`Lanes`]; the pointers must be valid.
    #[inline(always)]
    pub(crate) unsafe fn step(self, gradient: L, parameters: *mut Line, first: *mut Line, second: *mut Line) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            // Load everything before the first store: the processor mistakes arrays at the same
            // page offset for the same memory.
            let (p, m, v) = (L::load(parameters), L::load(first), L::load(second));
            let m = gradient.sub(m).mul_add(self.intake1, m);
            let v = gradient.mul(gradient).mul_add(self.intake2, v.mul(self.keep2));
            m.store(first);
            v.store(second);
            let inverse = reciprocal(v.sqrt().mul_add(self.scale, self.epsilon));
            m.mul(self.rate).neg_mul_add(inverse, p).store(parameters);
        }
    }
}

/// `1 / x` for positive numbers, with a relative error of at most 1e-7, at the cost of a few
/// multiplications. A division would take longer than the rest of an Adam step.
///
/// The bits of a number approximate its logarithm, so a constant minus those bits approximates the
/// reciprocal, to within 5.1 percent. A step with the square of the error leaves its third power,
/// and a Newton step leaves the square of that.
#[inline(always)]
pub(crate) unsafe fn reciprocal<L: Lanes>(x: L) -> L {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let one = L::splat(1.0);
        let guess = x.subtract_bits_from(0x7ef3_11c7);
        let error = x.neg_mul_add(guess, one);
        let guess = error.mul_add(error, error).mul_add(guess, guess);
        let error = x.neg_mul_add(guess, one);
        error.mul_add(guess, guess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::skipgram::lanes::{InstructionSet, LANES, Task};

    /// `exp` and `reciprocal` of 16 numbers.
    struct Functions(Line);

    impl Task for Functions {
        type Output = (Line, Line);

        #[inline(always)]
        unsafe fn run<L: Lanes>(self) -> (Line, Line) {
            let (mut power, mut inverse) = (Line::default(), Line::default());
            // SAFETY: guaranteed by the caller; the pointers come from references.
            unsafe {
                let numbers = L::load(&raw const self.0);
                exp(numbers).store(&raw mut power);
                reciprocal(L::splat(0.0).sub(numbers)).store(&raw mut inverse);
            }
            (power, inverse)
        }
    }

    fn of(numbers: [f32; LANES], set: InstructionSet) -> ([f32; LANES], [f32; LANES]) {
        let (power, inverse) = set.run(Functions(Line(numbers)));
        (power.0, inverse.0)
    }

    #[test]
    fn functions_are_accurate() {
        for set in InstructionSet::available() {
            let is_fused = set != InstructionSet::Portable || cfg!(target_arch = "aarch64");
            let per_distance = if is_fused { 2e-8 } else { 1.3e-7 };
            let mut start = -1e-9_f32;
            while start > -87.0 {
                let numbers: [f32; LANES] = std::array::from_fn(|i| (start * (1.0 + i as f32 / 1000.0)).max(-87.0));
                let (powers, inverses) = of(numbers, set);
                for ((&x, &power), &inverse) in numbers.iter().zip(&powers).zip(&inverses) {
                    let exact = f64::from(x).exp();
                    let tolerance = 1.5e-7 - per_distance * f64::from(x);
                    assert!((f64::from(power) / exact - 1.0).abs() < tolerance, "{set:?}: exp({x}) = {power}");
                    assert!((f64::from(-x) * f64::from(inverse) - 1.0).abs() < 1.5e-7, "{set:?}: 1 / {x}");
                }
                start *= 1.0137;
            }
        }
    }

    #[test]
    fn exponentials_at_the_limits() {
        for set in InstructionSet::available() {
            let numbers = [0.0, -87.01, -1e4, -1e30, f32::MIN, f32::NEG_INFINITY].map(|x| [x; LANES]);
            let ends = numbers.map(|numbers| of(numbers, set).0[0]);
            assert_eq!(ends, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], "{set:?}");
        }
    }

    #[test]
    fn reciprocals_from_the_smallest_epsilon_to_the_largest_root() {
        for set in InstructionSet::available() {
            for x in [1e-30_f32, 1e-8, 0.75, 1.0, 1e10, 1.8e19, 1e30] {
                let inverse = of([-x; LANES], set).1[0];
                assert!((f64::from(inverse) * f64::from(x) - 1.0).abs() < 1.5e-7, "{set:?}: 1 / {x} = {inverse}");
            }
        }
    }
}
