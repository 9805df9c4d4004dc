//! Pseudorandom numbers that follow from their place: the generator SplitMix64.

/// Difference between consecutive states of the generator.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Number that the generator gives in this state: every bit depends on all bits of the state.
pub(crate) fn mixed(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(STEP);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Sequence of numbers for tests, from this state on.
#[cfg(test)]
pub(crate) struct Random(pub(crate) u64);

#[cfg(test)]
impl Random {
    /// Uniform on 0 to 1, neither of which is reached.
    pub(crate) fn uniform(&mut self) -> f64 {
        let number = mixed(self.0);
        self.0 = self.0.wrapping_add(STEP);
        ((number >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }
}
