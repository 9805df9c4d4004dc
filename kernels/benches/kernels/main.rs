//! Compares the plain and the production version of each kernel:
//! `cargo bench -p outlier-kernels -- [part of a name]`.
//!
//! Prints the median time per text or number, and the bytes or numbers per second. It uses no
//! benchmark package: those turn on features of shared dependencies, which would then all be
//! compiled twice.

use std::hint::black_box;
use std::io::{self, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use outlier_kernels::simd::entropy::Histogram;
use outlier_kernels::{ExactSum, Multiset, moments, scalar, simd, text_length};

/// Number of measurements per kernel; the median is reported.
const N_SAMPLES: usize = 11;

/// Minimum duration of one measurement.
const SAMPLE: Duration = Duration::from_millis(10);

mod json;
mod peak;
mod skipgram;

fn main() -> io::Result<()> {
    let bench =
        Bench { filter: std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default() };
    for (name, texts) in [("short", texts(19)), ("long", texts(119)), ("script", texts(2000))] {
        text_kernels(&bench, name, &texts)?;
    }
    let mut random = Random(1);
    let distinct: Vec<f64> = (0..20_000).map(|_| random.below(1 << 40) as f64 / 1e6).collect();
    let repeated: Vec<f64> = (0..20_000).map(|_| random.below(200) as f64).collect();
    number_kernels(&bench, "distinct", &distinct)?;
    number_kernels(&bench, "repeated", &repeated)?;
    json::json(&bench)?;
    skipgram::skipgram(&bench)
}

fn text_kernels(bench: &Bench, texts_name: &str, texts: &[String]) -> io::Result<()> {
    let n_bytes = texts.iter().map(String::len).sum();
    let compare = |name: &str, kernel: &mut dyn FnMut(&str) -> f64| {
        bench.measure(&format!("{texts_name}/{name}"), texts.len(), n_bytes, || {
            texts.iter().map(|text| kernel(black_box(text))).sum()
        })
    };
    let length = |word: Option<Range<usize>>| word.map_or(0.0, |word| word.len() as f64);
    let mut histogram = Histogram::default();
    compare("entropy/scalar", &mut scalar::entropy::entropy)?;
    compare("entropy/simd", &mut |text| simd::entropy::entropy(text, &mut histogram))?;
    compare("english_entropy/scalar", &mut scalar::english_entropy::relative_english_entropy)?;
    compare("english_entropy/simd", &mut simd::english_entropy::relative_english_entropy)?;
    compare("hex/scalar", &mut |text| length(scalar::encoded::hex_word(text.as_bytes())))?;
    compare("hex/simd", &mut |text| length(simd::encoded::hex_word(text.as_bytes())))?;
    compare("base64/scalar", &mut |text| length(scalar::encoded::base64_word(text.as_bytes())))?;
    compare("base64/simd", &mut |text| length(simd::encoded::base64_word(text.as_bytes())))?;
    compare("text_length", &mut |text| text_length(text) as f64)
}

fn number_kernels(bench: &Bench, values_name: &str, values: &[f64]) -> io::Result<()> {
    let measure = |name: &str, kernel: &mut dyn FnMut(&[f64]) -> f64| {
        bench.measure(&format!("{values_name}/{name}"), values.len(), values.len(), || kernel(black_box(values)))
    };
    measure("exact_sum/scalar", &mut scalar::exact_sum::exact_sum)?;
    measure("exact_sum/simd", &mut |values| {
        let mut sum = ExactSum::new();
        values.iter().for_each(|&value| sum.add(value));
        sum.sum()
    })?;
    measure("multiset", &mut |values| values.iter().copied().collect::<Multiset>().finish().n() as f64)?;
    measure("multiset/groups of 3", &mut |values| {
        values.chunks(3).map(|few| Multiset::from_iter(few.iter().copied()).finish().n() as f64).sum()
    })?;
    measure("mean_stdev/groups of 3", &mut |values| {
        values.chunks(3).filter_map(moments::mean_stdev_of).map(|(_, stdev)| stdev).sum()
    })
}

struct Bench {
    /// Only kernels whose name contains this are measured.
    filter: String,
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    fn measure(&self, name: &str, n_items: usize, n_units: usize, mut kernel: impl FnMut() -> f64) -> io::Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let mut samples: Vec<f64> = (0..N_SAMPLES).map(|_| sample(&mut kernel)).collect();
        samples.sort_by(f64::total_cmp);
        let seconds = samples[N_SAMPLES / 2];
        let (nanoseconds, giga) = (seconds / n_items as f64 * 1e9, n_units as f64 / seconds / 1e9);
        writeln!(io::stdout().lock(), "{name:36} {nanoseconds:10.1} ns {giga:8.3} G/s")
    }
}

/// Seconds per call, averaged over as many calls as fill [`SAMPLE`].
fn sample(kernel: &mut impl FnMut() -> f64) -> f64 {
    let start = Instant::now();
    let mut n_calls = 0;
    while start.elapsed() < SAMPLE {
        black_box(kernel());
        n_calls += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(n_calls)
}

/// Generates 1000 texts of about `length` characters that resemble command lines: words, digits and
/// some base64.
fn texts(length: u64) -> Vec<String> {
    const ALPHABET: &[u8] = b"etaoin shrdlucmfwypvbgkjqxz ETAOIN0123456789+/=._\\-:";
    let mut random = Random(length);
    let mut text = || {
        let n_characters = length / 2 + random.below(length);
        (0..n_characters).map(|_| char::from(ALPHABET[random.below(ALPHABET.len() as u64) as usize])).collect()
    };
    (0..1000).map(|_| text()).collect()
}

/// Linear congruential generator (D. E. Knuth's MMIX constants), so every run gets the same texts.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
