//! Matrix products of a block of centres, cut into tiles.

#![expect(unsafe_code, reason = "vectors whose instructions not every machine has, and pointers in inner loops")]

use super::lanes::{LANES, Lanes, Line, Task};
use super::tiles::{self, AdamFactors, AdamLanes};

/// Runs `$body` with a constant `$name` equal to `$size`, which must be one of the listed values.
macro_rules! with_constant {
    ($size:expr, $name:ident of [$($value:literal)+], $body:expr) => {
        match $size {
            $($value => { const $name: usize = $value; $body })+
            other => unreachable!("no tile of size {other}"),
        }
    };
}

/// Cuts `n` into as few parts of at most `max` as possible, of nearly equal length. Yields (start,
/// length).
fn tiles_of(n: usize, max: usize) -> impl Iterator<Item = (usize, usize)> {
    let n_tiles = n.div_ceil(max);
    (0..n_tiles).map(move |tile| {
        let (start, end) = (tile * n / n_tiles, (tile + 1) * n / n_tiles);
        (start, end - start)
    })
}

/// Logits of some centres, and the largest logit of each centre in each of the 16 lanes.
pub(crate) struct Logits<'a> {
    /// Embeddings of the centres, each followed by 1: `depth` numbers per row.
    pub(crate) embeddings: &'a [f32],
    /// Scratch space of the same length.
    pub(crate) scratch: &'a mut [f32],
    /// All panels.
    pub(crate) panels: &'a [Line],
    /// Number of lines in a panel.
    pub(crate) depth: usize,
    /// Output: one line per panel and centre.
    pub(crate) x: &'a mut [Line],
    /// Output: one line per centre.
    pub(crate) maxima: &'a mut [Line],
}

impl Task for Logits<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { embeddings, scratch, panels, depth, x, maxima } = self;
        let (n_rows, n_panels) = (embeddings.len() / depth, panels.len() / depth);
        assert!(scratch.len() >= n_rows * depth && x.len() >= n_rows * n_panels && maxima.len() >= n_rows);
        maxima.fill(Line([f32::NEG_INFINITY; LANES]));
        let max_rows = if L::IS_WIDE { 12 } else { 6 };
        for (start, n) in tiles_of(n_rows, max_rows) {
            for r in 0..n {
                for d in 0..depth {
                    scratch[start * depth + d * n + r] = embeddings[(start + r) * depth + d];
                }
            }
        }
        let mut panel = 0;
        while panel < n_panels {
            let is_double = L::IS_WIDE && panel + 1 < n_panels;
            for (start, n) in tiles_of(n_rows, max_rows) {
                let (factors, words) = (scratch[start * depth..].as_ptr(), panels[panel * depth..].as_ptr());
                let x = (x[panel * n_rows + start..].as_mut_ptr(), n_rows);
                let maxima = maxima[start..].as_mut_ptr();
                // SAFETY: the lengths were checked above, and the tile ends at the last row and
                // panel.
                unsafe {
                    if is_double {
                        with_constant!(n, R of [1 2 3 4 5 6 7 8 9 10 11 12],
                            tiles::logits::<L, R, 2>(factors, words, depth, x, maxima));
                    } else {
                        with_constant!(n, R of [1 2 3 4 5 6 7 8 9 10 11 12],
                            tiles::logits::<L, R, 1>(factors, words, depth, x, maxima));
                    }
                }
            }
            panel += if is_double { 2 } else { 1 };
        }
    }
}

/// Replaces each logit `z` of a centre by `exp(z - max)`, where `max` is the largest logit of the
/// centre.
pub(crate) struct Exponentials<'a> {
    /// One line per panel and centre.
    pub(crate) x: &'a mut [Line],
    /// One line per centre: its largest logit in all 16 lanes.
    pub(crate) maxima: &'a [Line],
    /// Output, one line per centre: 16 partial sums of the exponentials.
    pub(crate) sums: &'a mut [Line],
}

impl Task for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        self.sums.fill(Line::default());
        for x in self.x.chunks_exact_mut(self.maxima.len().max(1)) {
            // SAFETY: guaranteed by the caller.
            unsafe { tiles::exponentials::<L>(x, self.maxima, self.sums) };
        }
    }
}

/// Adds products of exponentials and weights: the gradient with respect to the embeddings, as 16
/// partial sums per number.
pub(crate) struct ByEmbeddings<'a> {
    /// One line per panel and centre.
    pub(crate) x: &'a [Line],
    /// All panels.
    pub(crate) panels: &'a [Line],
    /// Number of lines in a panel.
    pub(crate) depth: usize,
    /// Panels covered by this call.
    pub(crate) range: std::ops::Range<usize>,
    /// One row per centre with one line per dimension (`depth - 1` lines).
    pub(crate) sums: &'a mut [Line],
}

impl Task for ByEmbeddings<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { x, panels, depth, range, sums } = self;
        let (n_panels, n_dimensions) = (panels.len() / depth, depth - 1);
        let n_rows = x.len() / n_panels;
        assert!(range.end <= n_panels && sums.len() >= n_rows * n_dimensions);
        let (max_rows, max_dimensions) = if L::IS_WIDE { (4, 6) } else { (2, 3) };
        for (d, k) in tiles_of(n_dimensions, max_dimensions) {
            for (row, n) in tiles_of(n_rows, max_rows) {
                let x = (x[range.start * n_rows + row..].as_ptr(), n_rows);
                let words = panels[range.start * depth + d..].as_ptr();
                let sums = sums[row * n_dimensions + d..].as_mut_ptr();
                let size = (depth, range.len());
                // SAFETY: the lengths were checked above, and the tile ends at the last row, panel
                // and dimension.
                unsafe {
                    with_constant!(n, R of [1 2 3 4], with_constant!(k, K of [1 2 3 4 5 6],
                        tiles::by_embeddings::<L, R, K>(x, words, size, sums, n_dimensions)));
                }
            }
        }
    }
}

/// Use of the gradients of a tile of weights.
pub(crate) trait GradientUse {
    /// Number of panels per tile on a machine with many registers.
    const N_PANELS: usize;

    /// Consumes 16 gradients; `line` is their index among the lines of all panels.
    ///
    /// # Safety
    ///
    /// As for [`Lanes`]; `line` must be below the number of lines in all panels.
    unsafe fn take<L: Lanes>(&mut self, gradient: L, line: usize);
}

/// Computes the gradients of weights and biases panel by panel and hands them to `gradient_use`.
pub(crate) struct ByWeights<'a, U> {
    /// One line per panel and centre.
    pub(crate) x: &'a [Line],
    /// Embeddings of the centres, times the factor that turns an exponential into a gradient:
    /// `depth` numbers per row.
    pub(crate) factors: &'a [f32],
    /// Number of lines in a panel.
    pub(crate) depth: usize,
    /// Panels covered by this call.
    pub(crate) range: std::ops::Range<usize>,
    pub(crate) gradient_use: U,
}

impl<U: GradientUse> Task for ByWeights<'_, U> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { x, factors, depth, range, mut gradient_use } = self;
        let n_rows = factors.len() / depth;
        assert!(x.len() >= n_rows * range.end);
        let mut panel = range.start;
        while panel < range.end {
            let is_double = L::IS_WIDE && U::N_PANELS > 1 && panel + 1 < range.end;
            let max_dimensions = if L::IS_WIDE { 12 } else { 6 };
            for (d, k) in tiles_of(depth, max_dimensions) {
                let (factors, line) = (factors[d..].as_ptr(), panel * depth + d);
                let x = (x[panel * n_rows..].as_ptr(), n_rows);
                // SAFETY: the lengths were checked above, and the tile ends at the last panel and
                // dimension.
                unsafe {
                    if is_double {
                        with_constant!(k, K of [1 2 3 4 5 6 7 8 9 10 11 12], {
                            let tile = tiles::by_weights::<L, K, 2>(x, factors, depth);
                            for (k, gradients) in tile.into_iter().enumerate() {
                                gradient_use.take(gradients[0], line + k);
                                gradient_use.take(gradients[1], line + depth + k);
                            }
                        });
                    } else {
                        with_constant!(k, K of [1 2 3 4 5 6 7 8 9 10 11 12], {
                            let tile = tiles::by_weights::<L, K, 1>(x, factors, depth);
                            for (k, [gradient]) in tile.into_iter().enumerate() {
                                gradient_use.take(gradient, line + k);
                            }
                        });
                    }
                }
            }
            panel += if is_double { 2 } else { 1 };
        }
    }
}

/// Adds gradients to the sums so far.
pub(crate) struct Accumulate<'a>(pub(crate) &'a mut [Line]);

impl GradientUse for Accumulate<'_> {
    const N_PANELS: usize = 2;

    #[inline(always)]
    unsafe fn take<L: Lanes>(&mut self, gradient: L, line: usize) {
        let sum = &raw mut self.0[line];
        // SAFETY: the pointer comes from a reference.
        unsafe { gradient.add(L::load(sum)).store(sum) };
    }
}

/// Applies Adam to the parameters as soon as their gradients are known.
pub(crate) struct Move<'a> {
    adam: AdamFactors,
    panels: &'a mut [Line],
    first: &'a mut [Line],
    second: &'a mut [Line],
}

impl<'a> Move<'a> {
    /// Takes all panels and their moments.
    pub(crate) fn new(
        adam: AdamFactors,
        panels: &'a mut [Line],
        first: &'a mut [Line],
        second: &'a mut [Line],
    ) -> Self {
        assert!(first.len() == panels.len() && second.len() == panels.len());
        Self { adam, panels, first, second }
    }
}

impl GradientUse for Move<'_> {
    // Small tiles let the processor overlap the additions of one tile with the square roots of the
    // previous one.
    const N_PANELS: usize = 1;

    #[inline(always)]
    unsafe fn take<L: Lanes>(&mut self, gradient: L, line: usize) {
        debug_assert!(line < self.panels.len());
        // SAFETY: the caller guarantees that `line` is below the length of all three.
        unsafe {
            let (panels, first, second) = (
                self.panels.as_mut_ptr().add(line),
                self.first.as_mut_ptr().add(line),
                self.second.as_mut_ptr().add(line),
            );
            AdamLanes::<L>::new(self.adam).step(gradient, panels, first, second);
        }
    }
}

/// Applies Adam to some panels with the sum of several gradients.
pub(crate) struct AdamOfSums<'a> {
    pub(crate) adam: AdamFactors,
    /// One slice per slot, each as long as `panels`.
    pub(crate) gradients: &'a [&'a [Line]],
    pub(crate) panels: &'a mut [Line],
    pub(crate) first: &'a mut [Line],
    pub(crate) second: &'a mut [Line],
}

impl Task for AdamOfSums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: guaranteed by the caller; the pointers come from references.
        unsafe {
            let adam = AdamLanes::<L>::new(self.adam);
            for (i, panel) in self.panels.iter_mut().enumerate() {
                let mut sum = L::splat(0.0);
                for gradient in self.gradients {
                    sum = sum.add(L::load(&raw const gradient[i]));
                }
                adam.step(sum, panel, &raw mut self.first[i], &raw mut self.second[i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tiles_of;

    #[test]
    fn tiles_cover_everything_once_and_evenly() {
        for max in [2, 3, 4, 6, 12] {
            for n in 0..60 {
                let tiles: Vec<_> = tiles_of(n, max).collect();
                assert_eq!(tiles.iter().map(|(_, length)| length).sum::<usize>(), n);
                assert!(tiles.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
                let lengths: Vec<_> = tiles.iter().map(|(_, length)| *length).collect();
                let (least, most) = (lengths.iter().min(), lengths.iter().max());
                assert!(most.is_none_or(|most| *most <= max && most - least.unwrap() <= 1), "{n} by {max}: {tiles:?}");
            }
        }
    }
}
