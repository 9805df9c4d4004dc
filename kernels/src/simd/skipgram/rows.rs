//! Adam over the rows of the embeddings, each brought up to date when it is needed.
//!
//! In a step most embeddings have no gradient, yet Adam moves them: the moments decay and the
//! parameters follow. The distance depends only on the number of steps. A row is therefore brought
//! up to date when a batch contains its word, and all rows at the end. `k` steps without a gradient
//! move a parameter by the sum over `i = 1..=k` of
//! `rate_i beta1^i m / (root(beta2^i v) scale_i + epsilon)`. The terms decrease like `beta1^i`.
//! Terms below 1e-10 of the first are skipped, which is less than the rounding error of one step.

#![expect(unsafe_code, reason = "vectors whose instructions not every machine has, and pointers in inner loops")]

use super::lanes::{LANES, Lanes, Line, Task};
use super::tiles::{AdamFactors, AdamLanes, reciprocal};
use crate::scalar::skipgram::Adam;

/// Terms below this share of the first term are skipped.
const NEGLIGIBLE: f64 = 1e-10;

/// Last update of each row, and the factors needed to move it further.
#[derive(Debug, Default)]
pub(crate) struct RowClock {
    /// Number of steps each row has seen; [`AT_REST`] if both moments are 0.
    n_steps_of: Vec<u64>,
    /// Number of steps before the first entry of `rates`.
    n_steps_before: u64,
    /// Rate and scale of each step since then.
    rates: Vec<(f32, f32)>,
    /// `beta1^i` and the square root of `beta2^i` for `i` from 1.
    decays: Vec<(f64, f64)>,
    /// Number of steps without a gradient after which a row stops moving.
    max_steps: usize,
    /// Factors of the steps to catch up on.
    missed: Vec<(f32, f32)>,
}

/// Marks a row without moments: it does not move until a batch contains its word.
const AT_REST: u64 = u64::MAX;

/// A row and its moments.
pub(crate) struct Row<'a> {
    pub(crate) parameters: &'a mut [f32],
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
}

impl RowClock {
    /// Starts after `n_steps` steps with all rows up to date; `first` and `second` are their
    /// moments.
    pub(crate) fn start(&mut self, adam: &Adam, n_steps: u64, first: &[f32], second: &[f32], n_dimensions: usize) {
        self.n_steps_before = n_steps;
        self.rates.clear();
        self.decays.clear();
        // If the first moment decays no faster than the root of the second, the terms do not
        // decrease.
        let falls = adam.beta1 < adam.beta2.sqrt();
        let n_terms = if adam.beta1 > 0.0 { (NEGLIGIBLE.ln() / adam.beta1.ln()).ceil() } else { 1.0 };
        self.max_steps = if falls { n_terms as usize } else { usize::MAX };
        self.n_steps_of.clear();
        let rows = first.chunks_exact(n_dimensions.max(1)).zip(second.chunks_exact(n_dimensions.max(1)));
        self.n_steps_of.extend(rows.map(|(first, second)| {
            let at_rest = first.iter().chain(second).all(|&moment| moment == 0.0);
            if at_rest { AT_REST } else { n_steps }
        }));
    }

    /// Counts one more step and returns its factors.
    pub(crate) fn next_step(&mut self, adam: &Adam) -> AdamFactors {
        let factors = factors(adam, self.n_steps() + 1);
        self.rates.push((factors.rate, factors.scale));
        factors
    }

    /// Number of steps so far.
    pub(crate) fn n_steps(&self) -> u64 {
        self.n_steps_before + self.rates.len() as u64
    }

    /// Records that the row of `word` has seen the latest step.
    pub(crate) fn saw(&mut self, word: usize) {
        self.n_steps_of[word] = self.n_steps();
    }

    /// True if the row of `word` is not up to date.
    pub(crate) fn is_behind(&self, word: usize) -> bool {
        let seen = self.n_steps_of[word];
        seen != AT_REST && seen < self.n_steps()
    }

    /// Returns the steps that the row of `word` missed and marks it as up to date.
    pub(crate) fn missed<'a>(&'a mut self, adam: &Adam, word: usize, row: Row<'a>) -> MissedSteps<'a> {
        let n_steps = self.n_steps();
        let seen = std::mem::replace(&mut self.n_steps_of[word], n_steps);
        let n_missed = if seen == AT_REST { 0 } else { n_steps - seen };
        let n_terms = (n_missed as usize).min(self.max_steps);
        while self.decays.len() < n_terms {
            let (first, second) = self.decays.last().copied().unwrap_or((1.0, 1.0));
            self.decays.push((first * adam.beta1, second * adam.beta2.sqrt()));
        }
        self.missed.clear();
        if n_missed > 0 {
            let rates = &self.rates[(seen - self.n_steps_before) as usize..];
            let terms = self.decays[..n_terms].iter().zip(rates);
            self.missed.extend(terms.map(|((d1, d2), (rate, scale))| (*d1 as f32 * rate, *d2 as f32 * scale)));
        }
        MissedSteps {
            row,
            terms: &self.missed,
            epsilon: adam.epsilon as f32,
            decay1: adam.beta1.powf(n_missed as f64) as f32,
            decay2: adam.beta2.powf(n_missed as f64) as f32,
        }
    }
}

/// Factors of Adam in step `n`, counted from 1.
fn factors(adam: &Adam, n: u64) -> AdamFactors {
    let correction = |beta: f64| 1.0 - beta.powf(n as f64);
    AdamFactors {
        intake1: (1.0 - adam.beta1) as f32,
        keep2: adam.beta2 as f32,
        intake2: (1.0 - adam.beta2) as f32,
        rate: (adam.learning_rate / correction(adam.beta1)) as f32,
        scale: (1.0 / correction(adam.beta2).sqrt()) as f32,
        epsilon: adam.epsilon as f32,
    }
}

/// Applies several steps without a gradient at once.
pub(crate) struct MissedSteps<'a> {
    row: Row<'a>,
    terms: &'a [(f32, f32)],
    epsilon: f32,
    decay1: f32,
    decay2: f32,
}

impl Task for MissedSteps<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        if self.terms.is_empty() {
            return;
        }
        let (mut row, epsilon) = (self.row, self.epsilon);
        for start in row.starts() {
            let [mut parameters, mut first, mut second] = row.load(start);
            // SAFETY: guaranteed by the caller; the pointers come from references.
            unsafe {
                let (m, root) = (L::load(&raw const first), L::load(&raw const second).sqrt());
                let mut distance = L::splat(0.0);
                for &(rate, scale) in self.terms {
                    let inverse = reciprocal(root.mul_add(L::splat(scale), L::splat(epsilon)));
                    distance = m.mul(L::splat(rate)).mul_add(inverse, distance);
                }
                L::load(&raw const parameters).sub(distance).store(&raw mut parameters);
                m.mul(L::splat(self.decay1)).store(&raw mut first);
                L::load(&raw const second).mul(L::splat(self.decay2)).store(&raw mut second);
            }
            row.store(start, [parameters, first, second]);
        }
    }
}

/// Applies a step with a gradient.
pub(crate) struct RowStep<'a> {
    pub(crate) row: Row<'a>,
    pub(crate) adam: AdamFactors,
    pub(crate) gradient: &'a [f32],
}

impl Task for RowStep<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { mut row, adam, gradient } = self;
        for start in row.starts() {
            let [mut parameters, mut first, mut second] = row.load(start);
            let gradient = line_at(gradient, start);
            // SAFETY: guaranteed by the caller; the pointers come from references.
            unsafe {
                let gradient = L::load(&raw const gradient);
                AdamLanes::<L>::new(adam).step(gradient, &raw mut parameters, &raw mut first, &raw mut second);
            }
            row.store(start, [parameters, first, second]);
        }
    }
}

impl Row<'_> {
    /// Start index of each line of the row.
    fn starts(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.parameters.len()).step_by(LANES)
    }

    /// 16 parameters and their moments; the last line is padded with 0.
    #[inline(always)]
    fn load(&self, start: usize) -> [Line; 3] {
        [line_at(self.parameters, start), line_at(self.first, start), line_at(self.second, start)]
    }

    #[inline(always)]
    fn store(&mut self, start: usize, lines: [Line; 3]) {
        let n = LANES.min(self.parameters.len() - start);
        let places = [&mut *self.parameters, &mut *self.first, &mut *self.second];
        for (place, line) in places.into_iter().zip(lines) {
            place[start..start + n].copy_from_slice(&line.0[..n]);
        }
    }
}

/// 16 numbers of a row; the last line is padded with 0.
#[inline(always)]
fn line_at(numbers: &[f32], start: usize) -> Line {
    let mut line = Line::default();
    let n = LANES.min(numbers.len() - start);
    line.0[..n].copy_from_slice(&numbers[start..start + n]);
    line
}
