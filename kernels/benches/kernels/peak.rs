//! Peak multiply-add rate of one core: the upper limit that matrix products are measured against.

use std::hint::black_box;
use std::time::Instant;

use outlier_kernels::skipgram::InstructionSet;

/// Floating-point operations per second of one core that only multiplies and adds in registers.
pub(super) fn peak(set: InstructionSet) -> f64 {
    const N_ROUNDS: u32 = 2_000_000;
    let best = |run: &dyn Fn(u32) -> u32| {
        let mut best = 0.0_f64;
        for _ in 0..5 {
            let start = Instant::now();
            let n_flops = f64::from(run(black_box(N_ROUNDS))) * f64::from(N_ROUNDS);
            best = best.max(n_flops / start.elapsed().as_secs_f64());
        }
        best
    };
    match set {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => best(&x86::avx512),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => best(&x86::avx2),
        _ => best(&portable),
    }
}

/// Runs 10 independent chains of 4 numbers each and returns the operations per round.
fn portable(n_rounds: u32) -> u32 {
    let (factor, addend) = (black_box([0.999_f32; 4]), black_box([0.001_f32; 4]));
    let mut sums = [[1.0_f32; 4]; 10];
    for _ in 0..n_rounds {
        for sum in &mut sums {
            for i in 0..4 {
                sum[i] = sum[i] * factor[i] + addend[i];
            }
        }
    }
    black_box(sums);
    80
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(unsafe_code, reason = "instructions that not every machine has")]

    use std::arch::x86_64::{__m256, __m512, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps};
    use std::hint::black_box;

    pub(super) fn avx512(n_rounds: u32) -> u32 {
        // SAFETY: called only for available instruction sets.
        unsafe { avx512_rounds(n_rounds) };
        12 * 32
    }

    pub(super) fn avx2(n_rounds: u32) -> u32 {
        // SAFETY: called only for available instruction sets.
        unsafe { avx2_rounds(n_rounds) };
        12 * 16
    }

    #[target_feature(enable = "avx512f")]
    fn avx512_rounds(n_rounds: u32) {
        let (factor, addend) = (black_box(_mm512_set1_ps(0.999)), black_box(_mm512_set1_ps(0.001)));
        let mut sums: [__m512; 12] = [_mm512_set1_ps(1.0); 12];
        for _ in 0..n_rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, addend);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2_rounds(n_rounds: u32) {
        let (factor, addend) = (black_box(_mm256_set1_ps(0.999)), black_box(_mm256_set1_ps(0.001)));
        let mut sums: [__m256; 12] = [_mm256_set1_ps(1.0); 12];
        for _ in 0..n_rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, addend);
            }
        }
        black_box(sums);
    }
}
