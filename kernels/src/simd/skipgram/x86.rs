//! [`Lanes`] for x86-64, and the functions compiled for them.

#![expect(unsafe_code, reason = "vectors whose instructions not every machine has, and pointers in inner loops")]

use std::arch::x86_64::{
    __m256, __m512, _CMP_GE_OQ, _mm256_add_ps, _mm256_and_ps, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps,
    _mm256_fmadd_ps, _mm256_fmsub_ps, _mm256_fnmadd_ps, _mm256_load_ps, _mm256_max_ps, _mm256_mul_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_sqrt_ps, _mm256_store_ps, _mm256_sub_epi32,
    _mm256_sub_ps, _mm512_add_ps, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps,
    _mm512_fmsub_ps, _mm512_fnmadd_ps, _mm512_load_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi32, _mm512_sqrt_ps, _mm512_store_ps, _mm512_sub_epi32,
    _mm512_sub_ps,
};

use super::lanes::{Lanes, Line, Task};

/// Runs `task` with AVX-512.
///
/// # Safety
///
/// The machine must have AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn with_avx512<T: Task>(task: T) -> T::Output {
    // SAFETY: guaranteed by the caller.
    unsafe { task.run::<Avx512>() }
}

/// Runs `task` with AVX2.
///
/// # Safety
///
/// The machine must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn with_avx2<T: Task>(task: T) -> T::Output {
    // SAFETY: guaranteed by the caller.
    unsafe { task.run::<Avx2>() }
}

#[derive(Clone, Copy)]
struct Avx512(__m512);

// SAFETY of each block: the trait requires that the machine has the instructions and that pointers
// are valid.
impl Lanes for Avx512 {
    const IS_WIDE: bool = true;

    #[inline(always)]
    unsafe fn load(line: *const Line) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_load_ps(line.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, line: *mut Line) {
        // SAFETY: see above.
        unsafe { _mm512_store_ps(line.cast(), self.0) };
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_fnmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    unsafe fn mul_sub(self, factor: Self, subtrahend: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_fmsub_ps(self.0, factor.0, subtrahend.0) })
    }

    #[inline(always)]
    unsafe fn shift_to_exponent(self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.0)))) }
    }

    #[inline(always)]
    unsafe fn zero_unless_at_least(self, key: Self, limit: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(key.0, limit.0), self.0)) }
    }

    #[inline(always)]
    unsafe fn subtract_bits_from(self, magic: i32) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(magic), _mm512_castps_si512(self.0)))) }
    }
}

#[derive(Clone, Copy)]
struct Avx2(__m256, __m256);

/// Shifts the bits of each number into the exponent field.
///
/// # Safety
///
/// The machine must have AVX2.
#[inline(always)]
unsafe fn shift(number: __m256) -> __m256 {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(number))) }
}

/// Subtracts the bits of each number from `magic`.
///
/// # Safety
///
/// The machine must have AVX2.
#[inline(always)]
unsafe fn subtract_bits(x: __m256, magic: i32) -> __m256 {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_set1_epi32(magic), _mm256_castps_si256(x))) }
}

// SAFETY of each block: as for AVX-512.
impl Lanes for Avx2 {
    const IS_WIDE: bool = false;

    #[inline(always)]
    unsafe fn load(line: *const Line) -> Self {
        let first: *const f32 = line.cast();
        // SAFETY: see above.
        unsafe { Self(_mm256_load_ps(first), _mm256_load_ps(first.add(8))) }
    }

    #[inline(always)]
    unsafe fn store(self, line: *mut Line) {
        let first: *mut f32 = line.cast();
        // SAFETY: see above.
        unsafe {
            _mm256_store_ps(first, self.0);
            _mm256_store_ps(first.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        let all = unsafe { _mm256_set1_ps(value) };
        Self(all, all)
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0), _mm256_fmadd_ps(self.1, factor.1, addend.1)) }
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_fnmadd_ps(self.0, factor.0, addend.0), _mm256_fnmadd_ps(self.1, factor.1, addend.1)) }
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)) }
    }

    #[inline(always)]
    unsafe fn mul_sub(self, factor: Self, subtrahend: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self(_mm256_fmsub_ps(self.0, factor.0, subtrahend.0), _mm256_fmsub_ps(self.1, factor.1, subtrahend.1))
        }
    }

    #[inline(always)]
    unsafe fn shift_to_exponent(self) -> Self {
        // SAFETY: see above.
        unsafe { Self(shift(self.0), shift(self.1)) }
    }

    #[inline(always)]
    unsafe fn zero_unless_at_least(self, key: Self, limit: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self(
                _mm256_and_ps(self.0, _mm256_cmp_ps::<_CMP_GE_OQ>(key.0, limit.0)),
                _mm256_and_ps(self.1, _mm256_cmp_ps::<_CMP_GE_OQ>(key.1, limit.1)),
            )
        }
    }

    #[inline(always)]
    unsafe fn subtract_bits_from(self, magic: i32) -> Self {
        // SAFETY: see above.
        unsafe { Self(subtract_bits(self.0, magic), subtract_bits(self.1, magic)) }
    }
}
