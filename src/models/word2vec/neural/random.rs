//! Random numbers that are the same in every run.

/// Generator of 64-bit numbers (SplitMix64: G. L. Steele, D. Lea, C. H. Flood, 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Creates the generator of `seed` for one of several purposes.
    pub(super) fn new(seed: i64, purpose: u64) -> Self {
        Random(mix(seed as u64) ^ mix(purpose.wrapping_mul(STEP)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Number between 0 and 1, both excluded.
    fn fraction(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Number from the uniform distribution between `-width` and `width`.
    pub(super) fn uniform(&mut self, width: f64) -> f32 {
        (width * (2.0 * self.fraction() - 1.0)) as f32
    }

    /// Two numbers from the normal distribution with mean 0 and standard deviation 1 (G. E. P. Box,
    /// M. E. Muller, 1958).
    pub(super) fn normal(&mut self) -> [f32; 2] {
        let radius = (-2.0 * self.fraction().ln()).sqrt();
        let (sin, cos) = (2.0 * std::f64::consts::PI * self.fraction()).sin_cos();
        [(radius * cos) as f32, (radius * sin) as f32]
    }
}

/// Difference between consecutive states of [`Random`].
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Final step of SplitMix64: every bit of the result depends on all bits of `state`.
pub(super) fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_moments_of_their_distribution() {
        let mut random = Random::new(0, 1);
        let normal: Vec<f64> = (0..50_000).flat_map(|_| random.normal()).map(f64::from).collect();
        let uniform: Vec<f64> = (0..100_000).map(|_| f64::from(random.uniform(0.5))).collect();
        let moments = |numbers: &[f64]| {
            let n = numbers.len() as f64;
            let mean = numbers.iter().sum::<f64>() / n;
            (mean, numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
        };
        let ((mean, variance), (mean_of_uniform, variance_of_uniform)) = (moments(&normal), moments(&uniform));
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!(mean_of_uniform.abs() < 0.01 && (variance_of_uniform - 1.0 / 12.0).abs() < 0.002);
        assert!(uniform.iter().all(|x| x.abs() <= 0.5));
        assert!(normal.iter().any(|x| x.abs() > 3.5));
    }

    #[test]
    fn seeds_and_purposes_differ() {
        let first = |seed, purpose| Random::new(seed, purpose).next();
        assert_eq!(first(0, 1), first(0, 1));
        assert_ne!(first(0, 1), first(1, 1));
        assert_ne!(first(0, 1), first(0, 2));
        assert_ne!(first(-1, 1), first(1, 1));
    }
}
