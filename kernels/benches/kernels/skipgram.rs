//! The skip-gram model with a large vocabulary: pairs per second, and the share of the machine's
//! peak multiply-add rate.
//!
//! Times cover all the work on a pair, including finding the distinct centres and converting the
//! parameters to the internal layout and back. The floating-point rate counts only the three matrix
//! products over the distinct centres.

use std::collections::HashSet;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use outlier_kernels::skipgram::{
    Adam, InstructionSet, Moments, Pair, Parameters, ParametersMut, Shape, Workspace, log_probabilities, train,
};
use rayon::ThreadPoolBuilder;

use super::peak::peak;
use super::{Bench, Random};

const SHAPE: Shape = Shape { n_words: 6001, n_dimensions: 40 };

/// Minimum duration of one measurement in seconds.
const SECONDS: f64 = 0.7;

pub(super) fn skipgram(bench: &Bench) -> io::Result<()> {
    for set in InstructionSet::available() {
        let peak = peak(set);
        if bench.wants(&format!("skipgram/peak/{set:?}")) {
            writeln!(io::stdout().lock(), "{:36} {:8.1} GF/s", format!("skipgram/peak/{set:?}"), peak / 1e9)?;
        }
        for n_threads in [1, 2] {
            for (batch_size, n_steps) in [(16, 500), (10_000, 3)] {
                training(bench, set, n_threads, (batch_size, n_steps), peak)?;
            }
            scoring(bench, set, n_threads, peak)?;
        }
    }
    Ok(())
}

fn training(
    bench: &Bench,
    set: InstructionSet,
    n_threads: usize,
    (batch_size, n_steps): (usize, usize),
    peak: f64,
) -> io::Result<()> {
    let pairs = pairs(batch_size * n_steps);
    let n_rows: usize = pairs.chunks(batch_size).map(n_centres).sum();
    let (mut parameters, mut first, mut second) = (Numbers::random(), Numbers::zeros(), Numbers::zeros());
    let (mut workspace, mut n_done) = (Workspace::with_instructions(set), 0);
    let name = format!("skipgram/train {batch_size}/{set:?}/{n_threads} threads");
    measure(bench, &name, n_threads, pairs.len(), 6 * n_rows, peak, || {
        let mut moments = Moments { first: first.write(), second: second.write(), n_steps: n_done };
        let adam = Adam::default();
        black_box(train(SHAPE, &mut parameters.write(), &mut moments, &adam, &pairs, batch_size, &mut workspace));
        n_done = moments.n_steps;
    })
}

fn scoring(bench: &Bench, set: InstructionSet, n_threads: usize, peak: f64) -> io::Result<()> {
    let (parameters, mut workspace) = (Numbers::random(), Workspace::with_instructions(set));
    for n_pairs in [10_000, 200_000] {
        let pairs = pairs(n_pairs);
        let mut scores = vec![0.0; n_pairs];
        let name = format!("skipgram/score {n_pairs}/{set:?}/{n_threads} threads");
        measure(bench, &name, n_threads, n_pairs, 2 * n_centres(&pairs), peak, || {
            log_probabilities(SHAPE, parameters.read(), &pairs, &mut scores, &mut workspace);
            black_box(&scores);
        })?;
    }
    Ok(())
}

/// `n_products` is the number of multiplications and additions per weight in one call.
fn measure(
    bench: &Bench,
    name: &str,
    n_threads: usize,
    n_pairs: usize,
    n_products: usize,
    peak: f64,
    mut call: impl FnMut() + Send,
) -> io::Result<()> {
    if !bench.wants(name) {
        return Ok(());
    }
    let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().map_err(io::Error::other)?;
    let (wall, cpu) = pool.install(|| {
        call();
        let (start, cpu_start, mut times) = (Instant::now(), cpu_seconds(), Vec::new());
        while start.elapsed().as_secs_f64() < SECONDS || times.len() < 5 {
            let start = Instant::now();
            call();
            times.push(start.elapsed().as_secs_f64());
        }
        let cpu = (cpu_seconds() - cpu_start) / times.len() as f64;
        times.sort_by(f64::total_cmp);
        (times[times.len() / 2], cpu)
    });
    let flops = (n_products * SHAPE.n_words * SHAPE.n_dimensions) as f64;
    let cpu = if cpu > 0.0 { cpu } else { wall * n_threads as f64 };
    writeln!(
        io::stdout().lock(),
        "{name:44} {:9.1} k pairs/s {:9.1} k pairs/CPU-s {:7.1} GF/CPU-s {:5.1} % of the peak",
        n_pairs as f64 / wall / 1e3,
        n_pairs as f64 / cpu / 1e3,
        flops / cpu / 1e9,
        flops / cpu / peak * 100.0
    )
}

/// CPU time of all threads of this process so far, to 10 ms; 0 if the system does not report it.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    after_name.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

/// Pairs of words that follow Zipf's law (G. K. Zipf): word `i` occurs in proportion to
/// `1 / (i + 1)`.
fn pairs(n: usize) -> Vec<Pair> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=SHAPE.n_words).map(|i| (sum += 1.0 / i as f64, sum).1).collect();
    let mut random = Random(5);
    let mut word = || {
        let at = random.below(1 << 31) as f64 / (1_u64 << 31) as f64 * sum;
        sums.partition_point(|&end| end <= at).min(SHAPE.n_words - 1) as u32
    };
    (0..n).map(|_| Pair { centre: word(), context: word() }).collect()
}

fn n_centres(pairs: &[Pair]) -> usize {
    pairs.iter().map(|pair| pair.centre).collect::<HashSet<_>>().len()
}

struct Numbers {
    embeddings: Vec<f32>,
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Numbers {
    fn zeros() -> Self {
        let n = SHAPE.n_words * SHAPE.n_dimensions;
        Self { embeddings: vec![0.0; n], weights: vec![0.0; n], biases: vec![0.0; SHAPE.n_words] }
    }

    fn random() -> Self {
        let (mut numbers, mut random) = (Self::zeros(), Random(6));
        let mut signed = |width: f32| (random.below(1 << 24) as f32 / (1 << 23) as f32 - 1.0) * width;
        numbers.embeddings.iter_mut().for_each(|x| *x = signed(1.7));
        numbers.weights.iter_mut().chain(&mut numbers.biases).for_each(|x| *x = signed(0.158));
        numbers
    }

    fn read(&self) -> Parameters<'_> {
        Parameters { embeddings: &self.embeddings, weights: &self.weights, biases: &self.biases }
    }

    fn write(&mut self) -> ParametersMut<'_> {
        ParametersMut { embeddings: &mut self.embeddings, weights: &mut self.weights, biases: &mut self.biases }
    }
}
