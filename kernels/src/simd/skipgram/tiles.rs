//! Matrix products in tiles that stay in registers, the softmax of a row, and Adam.
//!
//! Rows of `x` are logits or exponentials of one centre over all words, [`Line`] after line; panels are 16 words each, `depth` lines
//! of them: one per dimension, then the biases.

#![expect(unsafe_code, reason = "vectors whose instructions not every machine has, and pointers in inner loops")]

use super::lanes::{Lanes, Line, max_of, sum_of};

/// Logits of `R` centres for `N` panels: `x[r][n] = sum over d of factors[d][r] * panels[n][d]`.
///
/// # Safety
///
/// `factors` has `depth * R` numbers, `panels` has `N * depth` lines, and `x` has `N` lines at each of `R` places `stride` apart.
#[inline(always)]
pub(crate) unsafe fn logits<L: Lanes, const R: usize, const N: usize>(
    factors: *const f32,
    panels: *const Line,
    depth: usize,
    x: *mut Line,
    stride: usize,
) {
    // SAFETY: the caller's promise.
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
            for (n, sum) in sums.iter().enumerate() {
                sum.store(x.add(r * stride + n));
            }
        }
    }
}

/// Adds to `sums[r][k]`, `R` centres and `K` dimensions, the products of `n_panels` lines of `x[r]` and of dimension `k` of as many panels.
///
/// # Safety
///
/// `x` has `n_panels` lines at each of `R` places `stride` apart, `panels` has `K` lines at each of `n_panels` places `depth`
/// apart, and `sums` has `K` lines at each of `R` places `sums_stride` apart.
#[inline(always)]
pub(crate) unsafe fn by_embeddings<L: Lanes, const R: usize, const K: usize>(
    x: *const Line,
    stride: usize,
    panels: *const Line,
    (depth, n_panels): (usize, usize),
    sums: *mut Line,
    sums_stride: usize,
) {
    // SAFETY: the caller's promise.
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
                let x = L::load(x.add(r * stride + p));
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

/// Gradients of `K` dimensions of `N` panels: `result[k][n] = sum over rows c of factors[c][k] * x[c][n]`.
///
/// # Safety
///
/// `x` has `N` lines at each of `n_rows` places `stride` apart, `factors` has `K` numbers at each of `n_rows` places
/// `factors_stride` apart.
#[inline(always)]
pub(crate) unsafe fn by_weights<L: Lanes, const K: usize, const N: usize>(
    x: *const Line,
    stride: usize,
    factors: *const f32,
    factors_stride: usize,
    n_rows: usize,
) -> [[L; N]; K] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [[L::splat(0.0); N]; K];
        for c in 0..n_rows {
            let mut row = [L::splat(0.0); N];
            for (n, line) in row.iter_mut().enumerate() {
                *line = L::load(x.add(c * stride + n));
            }
            for (k, acc) in acc.iter_mut().enumerate() {
                let factor = L::splat(*factors.add(c * factors_stride + k));
                for n in 0..N {
                    acc[n] = factor.mul_add(row[n], acc[n]);
                }
            }
        }
        acc
    }
}

/// The largest number of a row.
///
/// # Safety
///
/// As [`Lanes`].
#[inline(always)]
pub(crate) unsafe fn max<L: Lanes>(row: &[Line]) -> f32 {
    // SAFETY: the caller's promise; the pointers are of references.
    unsafe {
        let mut maxima = [L::splat(f32::NEG_INFINITY); 4];
        for (i, line) in row.iter().enumerate() {
            maxima[i % 4] = maxima[i % 4].max(L::load(line));
        }
        let mut line = Line::default();
        maxima[0].max(maxima[1]).max(maxima[2].max(maxima[3])).store(&raw mut line);
        max_of(&line)
    }
}

/// Replaces each number of a row by the exponential of its distance to `max`, the largest one, and gives their sum.
///
/// # Safety
///
/// As [`Lanes`].
#[inline(always)]
pub(crate) unsafe fn exponentials<L: Lanes>(row: &mut [Line], max: f32) -> f32 {
    // SAFETY: the caller's promise; the pointers are of references.
    unsafe {
        let max = L::splat(max);
        let mut sums = [L::splat(0.0); 4];
        let (quads, rest) = row.as_chunks_mut::<4>();
        for quad in quads {
            for (line, sum) in quad.iter_mut().zip(&mut sums) {
                let value = exp(L::load(line).sub(max));
                value.store(line);
                *sum = sum.add(value);
            }
        }
        for (line, sum) in rest.iter_mut().zip(&mut sums) {
            let value = exp(L::load(line).sub(max));
            value.store(line);
            *sum = sum.add(value);
        }
        let mut line = Line::default();
        sums[0].add(sums[1]).add(sums[2].add(sums[3])).store(&raw mut line);
        sum_of(&line)
    }
}

/// `e^x` of numbers that are not positive, to 1e-7 relative; 0 below -87, where `f32` loses its precision.
///
/// `x = n ln 2 + r`, and `e^r` is `1 + r + r^2 q(r)` with the polynomial `q` of least relative error where `|r| <= ln 2 / 2`, which
/// is 3e-9 (exchange algorithm of E. Ya. Remez).
#[inline(always)]
unsafe fn exp<L: Lanes>(x: L) -> L {
    // The upper part of ln 2 has few bits, so that n times it is exact.
    const LN_2_UPPER: f32 = 0.693_359_4;
    const LN_2_LOWER: f32 = -2.121_944_4e-4;
    const Q: [f32; 5] = [1.381_459_9e-3, 8.368_717e-3, 4.166_838_8e-2, 1.666_652_1e-1, 4.999_999_3e-1];
    // SAFETY: the caller's promise.
    unsafe {
        let limit = L::splat(-87.0);
        let inside = x.max(limit);
        let n = inside.mul(L::splat(std::f32::consts::LOG2_E)).round();
        let r = n.neg_mul_add(L::splat(LN_2_UPPER), inside);
        let r = n.neg_mul_add(L::splat(LN_2_LOWER), r);
        let mut q = L::splat(Q[0]);
        for &coefficient in &Q[1..] {
            q = q.mul_add(r, L::splat(coefficient));
        }
        let power = q.mul_add(r.mul(r), r).add(L::splat(1.0));
        power.mul(n.power_of_two()).zero_unless_at_least(x, limit)
    }
}

/// Adam at one step, as factors of the arithmetic below.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AdamFactors {
    /// What the first moment takes of a gradient: `1 - beta1`.
    pub(crate) intake1: f32,
    /// What the second moment keeps: `beta2`.
    pub(crate) keep2: f32,
    /// What the second moment takes of a squared gradient: `1 - beta2`.
    pub(crate) intake2: f32,
    /// Learning rate over the bias correction of the first moment.
    pub(crate) rate: f32,
    /// One over the root of the bias correction of the second moment.
    pub(crate) scale: f32,
    /// Added to the corrected root of the second moment.
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
    /// # Safety
    ///
    /// As [`Lanes`].
    #[inline(always)]
    pub(crate) unsafe fn new(factors: AdamFactors) -> Self {
        // SAFETY: the caller's promise.
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

    /// One step of 16 parameters and their moments.
    ///
    /// # Safety
    ///
    /// As [`Lanes`]; the pointers are good.
    #[inline(always)]
    pub(crate) unsafe fn step(self, gradient: L, parameters: *mut Line, first: *mut Line, second: *mut Line) {
        // SAFETY: the caller's promise.
        unsafe {
            let m = L::load(first);
            let m = gradient.sub(m).mul_add(self.intake1, m);
            let v = gradient.mul(gradient).mul_add(self.intake2, L::load(second).mul(self.keep2));
            m.store(first);
            v.store(second);
            let distance = m.mul(self.rate).mul(reciprocal(v.sqrt().mul_add(self.scale, self.epsilon)));
            L::load(parameters).sub(distance).store(parameters);
        }
    }
}

/// `1 / x` of positive numbers, to 1e-7 relative, at the cost of some multiplications: division would take longer than all the rest
/// of a step of Adam.
///
/// The bits of a number are close to its logarithm, so that a constant less those bits is a number close to the reciprocal (within 12
/// percent); each of three steps of Newton's method squares the error.
#[inline(always)]
pub(crate) unsafe fn reciprocal<L: Lanes>(x: L) -> L {
    // SAFETY: the caller's promise.
    unsafe {
        let one = L::splat(1.0);
        let mut guess = x.subtract_bits_from(0x7ef3_11c7);
        for _ in 0..3 {
            let error = x.neg_mul_add(guess, one);
            guess = guess.mul_add(error, guess);
        }
        guess
    }
}
