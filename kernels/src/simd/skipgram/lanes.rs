//! Vectors of 16 numbers on three instruction sets, chosen between at run time.
//!
//! All of them do the same operations in the same order on the same 16 numbers, so their results
//! are identical to the byte. The exception is [`Portable`]: it rounds between multiplication and
//! addition if the machine cannot fuse them.

#![expect(unsafe_code, reason = "vectors whose instructions not every machine has, and pointers in inner loops")]

use wide::f32x16;

/// 16 numbers, aligned to a cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; 16]);

/// Number of values in a [`Line`].
pub(crate) const LANES: usize = 16;

/// Vector of 16 numbers that kernels compute with.
///
/// # Safety
///
/// The methods may use instructions that not every machine has: call them only inside
/// [`Task::run`]. Pointers must be valid for the access.
pub(crate) trait Lanes: Copy {
    /// True if there are 32 registers of 16 numbers rather than 16 registers of 8.
    const IS_WIDE: bool;

    unsafe fn load(line: *const Line) -> Self;
    unsafe fn store(self, line: *mut Line);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once if the machine can fuse them.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `addend - self * factor`, rounded once if the machine can fuse them.
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// `self * factor - subtrahend`, rounded once if the machine can fuse them.
    unsafe fn mul_sub(self, factor: Self, subtrahend: Self) -> Self;
    /// Shifts the lowest bits of `self` into the exponent field; the fraction becomes 0.
    unsafe fn shift_to_exponent(self) -> Self;
    /// `self` where `key >= limit`, 0 elsewhere.
    unsafe fn zero_unless_at_least(self, key: Self, limit: Self) -> Self;
    /// Numbers whose bits are `magic` minus the bits of `self`, as integers.
    unsafe fn subtract_bits_from(self, magic: i32) -> Self;
}

/// A computation that is compiled for each instruction set.
pub(crate) trait Task {
    type Output;

    /// Runs the computation with the instructions of `L`.
    ///
    /// Must be `#[inline(always)]`, and so must everything it calls with `L`. Only then is it
    /// compiled for the instruction set.
    ///
    /// # Safety
    ///
    /// The machine must have the instructions of `L`.
    unsafe fn run<L: Lanes>(self) -> Self::Output;
}

/// Instruction sets with a kernel of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// AVX-512F: 32 registers of 16 numbers.
    Avx512,
    /// AVX2 with fused multiply-add: 16 registers of 8 numbers.
    Avx2,
    /// Instructions the compilation target guarantees: NEON on aarch64, SSE2 on x86-64.
    Portable,
}

impl InstructionSet {
    /// Instruction sets available on this machine, fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        [Self::Avx512, Self::Avx2, Self::Portable].into_iter().filter(|set| set.is_available()).collect()
    }

    #[cfg(target_arch = "x86_64")]
    fn is_available(self) -> bool {
        match self {
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Portable => true,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_available(self) -> bool {
        self == Self::Portable
    }

    /// Runs `task` with this instruction set.
    ///
    /// # Panics
    ///
    /// If the machine does not have the instruction set.
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        assert!(self.is_available(), "{self:?} on a machine without it");
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the machine has the instructions.
            Self::Avx512 => unsafe { super::x86::with_avx512(task) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx2 => unsafe { super::x86::with_avx2(task) },
            // SAFETY: the target has the instructions; sets without an arm here are never
            // available.
            _ => unsafe { task.run::<Portable>() },
        }
    }
}

impl Default for InstructionSet {
    /// Fastest instruction set of this machine.
    fn default() -> Self {
        let sets = [Self::Avx512, Self::Avx2];
        sets.into_iter().find(|set| set.is_available()).unwrap_or(Self::Portable)
    }
}

/// 16 numbers in the vectors that the target guarantees.
#[derive(Clone, Copy)]
pub(crate) struct Portable(f32x16);

// All operations are safe except for the pointer accesses, which the caller vouches for.
impl Lanes for Portable {
    const IS_WIDE: bool = false;

    #[inline(always)]
    unsafe fn load(line: *const Line) -> Self {
        // SAFETY: guaranteed by the caller.
        Self(f32x16::new(unsafe { (*line).0 }))
    }

    #[inline(always)]
    unsafe fn store(self, line: *mut Line) {
        // SAFETY: guaranteed by the caller.
        unsafe { (*line).0 = self.0.to_array() };
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(f32x16::splat(value))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_add(factor.0, addend.0))
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_neg_add(factor.0, addend.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(self.0.fast_max(other.0))
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }

    #[inline(always)]
    unsafe fn mul_sub(self, factor: Self, subtrahend: Self) -> Self {
        Self(self.0.mul_sub(factor.0, subtrahend.0))
    }

    #[inline(always)]
    unsafe fn shift_to_exponent(self) -> Self {
        Self(f32x16::new(self.0.to_array().map(|number| f32::from_bits(number.to_bits() << 23))))
    }

    #[inline(always)]
    unsafe fn zero_unless_at_least(self, key: Self, limit: Self) -> Self {
        let (values, keys, limits) = (self.0.to_array(), key.0.to_array(), limit.0.to_array());
        Self(f32x16::new(std::array::from_fn(|i| if keys[i] >= limits[i] { values[i] } else { 0.0 })))
    }

    #[inline(always)]
    unsafe fn subtract_bits_from(self, magic: i32) -> Self {
        Self(f32x16::new(self.0.to_array().map(|x| f32::from_bits(magic.wrapping_sub(x.to_bits() as i32) as u32))))
    }
}

/// Sum of 16 numbers, adding halves: the same order on every machine.
#[inline(always)]
pub(crate) fn sum_of(line: &Line) -> f32 {
    let mut numbers = line.0;
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            numbers[i] += numbers[i + half];
        }
    }
    numbers[0]
}

/// Largest of 16 numbers.
#[inline(always)]
pub(crate) fn max_of(line: &Line) -> f32 {
    line.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
}
