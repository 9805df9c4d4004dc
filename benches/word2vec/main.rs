//! Measures the neural form of `word2vec` next to torch, and the count-based form:
//! `cargo bench --bench word2vec -- EVENTS.ndjson [EPOCHS]`.
//!
//! The pairs come from command lines and are made as the program makes them; every tenth command
//! line is held out. With `PEER_PYTHON` (an interpreter with `torch` and `numpy`), torch runs on
//! one thread with the same initial parameters and the same pairs. Prints:
//!
//! 1. pairs learned per second of processor time and the loss of the held-out pairs, in steps of 16
//!    pairs, of the program's own size, and of 10,000, with the share of the processor's peak
//!    multiply-add rate;
//! 2. pairs scored per second of processor time;
//! 3. command lines judged by the count-based form per second of processor time.

mod lines;
#[path = "../../kernels/benches/kernels/peak.rs"]
mod peak;
mod peer;

use std::collections::HashSet;
use std::io::{self, Write};

use ee_outliers::config::Word2vec;
use ee_outliers::models::word2vec::bucket::judge_texts;
use ee_outliers::models::word2vec::corpus::Text;
use ee_outliers::models::word2vec::neural::batches::{Batches, FEW_PAIRS};
use ee_outliers::models::word2vec::neural::training::Training;
use ee_outliers::models::word2vec::neural::{Engine, SkipGram, TrainingDevice, initial_parameters, train};
use ee_outliers::report::Resources;
use outlier_kernels::skipgram::{InstructionSet, Pair, Shape};
use rayon::ThreadPoolBuilder;

use lines::{Learned, command_lines, settings};
use peer::Peer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Minimum number of pairs to learn; a few more may be used.
const N_PAIRS: u64 = 1_200_000;

/// Number of pairs in the large steps, which suit torch better.
const LARGE_BATCH: usize = 10_000;

/// Number of command lines judged by the count-based form.
const N_COUNTED: usize = 200_000;

/// Minimum processor time of one measurement in seconds.
const SECONDS: f64 = 3.0;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (events, n_epochs) = match arguments.as_slice() {
        [events] => (events, 1),
        [events, n_epochs] => (events, n_epochs.parse()?),
        _ => return Err("usage: cargo bench --bench word2vec -- EVENTS.ndjson [EPOCHS]".into()),
    };
    let mut out = io::stdout().lock();
    let word2vec = settings()?;
    let lines = command_lines(events)?;
    let learned = Learned::new(&word2vec, &lines, N_PAIRS)?;
    let Shape { n_words, n_dimensions } = learned.shape;
    let (n_learned, n_held_out) = (learned.pairs.len(), learned.held_out.len());
    let n_distinct = learned.table.pairs().len();
    writeln!(
        out,
        "{n_words} words, {n_dimensions} dimensions, {n_learned} pairs ({n_distinct} distinct), {n_held_out} held out"
    )?;
    let set = InstructionSet::default();
    let peak = peak::peak(set);
    writeln!(out, "{set:?}: {:.0} billion multiplications and additions per second at most", peak / 1e9)?;
    let parameters = initial_parameters(learned.shape, word2vec.seed);
    let peer = Peer::new(&learned, &parameters)?;
    if peer.is_none() {
        writeln!(out, "torch not measured: PEER_PYTHON is not set")?;
    }
    let bench = Bench { word2vec, learned, parameters, peak, n_epochs };
    bench.training(peer.as_ref(), &mut out)?;
    bench.scoring(peer.as_ref(), &mut out)?;
    counted(&bench.word2vec, &lines, &mut out)
}

struct Bench {
    word2vec: Word2vec,
    learned: Learned,
    parameters: Vec<f32>,
    peak: f64,
    n_epochs: u64,
}

impl Bench {
    fn training(&self, peer: Option<&Peer>, out: &mut impl Write) -> Result<()> {
        let own_choice = Batches::new(&self.word2vec, self.learned.pairs.len() as u64).size;
        let few = self.train(FEW_PAIRS, out)?;
        let chosen = self.train(own_choice, out)?;
        let large = self.train(LARGE_BATCH, out)?;
        let Some(peer) = peer else { return Ok(()) };
        let mut beside = |size: usize, learning_rate: f64, ours: &[(&str, f64, &[f64])]| -> Result<()> {
            let torch = peer.train(size, self.n_epochs, learning_rate)?;
            writeln!(
                out,
                "torch, steps of {size}: {:.2} k pairs/CPU-s, loss {:.4?} of what is held out",
                torch.rate / 1e3,
                torch.losses
            )?;
            for (name, rate, losses) in ours {
                let percent: Vec<f64> =
                    losses.iter().zip(&torch.losses).map(|(ours, theirs)| 100.0 * (ours / theirs - 1.0)).collect();
                writeln!(out, "  {name}: {:.1} times as fast, a loss {percent:+.2?} % higher", rate / torch.rate)?;
            }
            Ok(())
        };
        let learning_rate = self.word2vec.learning_rate;
        beside(
            FEW_PAIRS,
            learning_rate,
            &[("steps of 16", few.0, &few.1), ("the program's own steps", chosen.0, &chosen.1)],
        )?;
        let large_rate = self.batches(LARGE_BATCH).adam.learning_rate;
        beside(LARGE_BATCH, large_rate, &[("steps of 10,000", large.0, &large.1)])
    }

    /// Trains as the program does, starting with the order of the pairs. Returns the rate on one
    /// thread and the loss after each epoch.
    fn train(&self, size: usize, out: &mut impl Write) -> Result<(f64, Vec<f64>)> {
        let (rate, losses) = self.train_on(1, size)?;
        let (rate_on_all, losses_on_all) = self.train_on(0, size)?;
        if losses != losses_on_all {
            return Err(format!("{losses:?} on one thread and {losses_on_all:?} on all").into());
        }
        let n_pairs = self.learned.pairs.len();
        let per_pair = n_centres(&self.learned.pairs, size) as f64 / n_pairs as f64;
        let products = 6.0 * per_pair * (self.learned.shape.n_words * self.learned.shape.n_dimensions) as f64;
        writeln!(
            out,
            "steps of {size}: {:.1} k pairs/CPU-s on one thread, {:.1} % of the peak ({per_pair:.3} distinct centres per pair), {:.1} k \
             pairs/CPU-s on all threads; loss {losses:.4?} of what is held out",
            rate / 1e3,
            100.0 * rate * products / self.peak,
            rate_on_all / 1e3
        )?;
        Ok((rate, losses))
    }

    /// Trains on `n_threads` threads; 0 means all.
    fn train_on(&self, n_threads: usize, size: usize) -> Result<(f64, Vec<f64>)> {
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).build()?;
        let mut model = SkipGram::with_parameters(
            self.learned.shape,
            self.parameters.clone(),
            Engine::of(&TrainingDevice::CPU),
            &TrainingDevice::CPU,
        )?;
        let (mut seconds, mut losses) = (0.0, Vec::new());
        for epoch in 0..self.n_epochs {
            let word2vec =
                Word2vec { batch_size: Some(size), num_epochs: 1, seed: epoch as i64, ..self.word2vec.clone() };
            let n_pairs = self.learned.pairs.len() as u64;
            let start = cpu_seconds()?;
            pool.install(|| train(&word2vec, &mut model, &self.learned.table, n_pairs))?;
            seconds += cpu_seconds()? - start;
            let scores = model.log_probabilities(&self.learned.held_out)?;
            losses.push(-scores.iter().map(|&score| f64::from(score)).sum::<f64>() / scores.len() as f64);
        }
        Ok((self.n_epochs as f64 * self.learned.pairs.len() as f64 / seconds, losses))
    }

    fn batches(&self, size: usize) -> Batches {
        Batches::new(&Word2vec { batch_size: Some(size), ..self.word2vec.clone() }, self.learned.pairs.len() as u64)
    }

    fn scoring(&self, peer: Option<&Peer>, out: &mut impl Write) -> Result<()> {
        let model = SkipGram::with_parameters(
            self.learned.shape,
            self.parameters.clone(),
            Engine::of(&TrainingDevice::CPU),
            &TrainingDevice::CPU,
        )?;
        let rate_of = |pairs: &[Pair]| rate_of(pairs.len(), || Ok(model.log_probabilities(pairs)?));
        let (all, distinct) = (rate_of(&self.learned.pairs)?, rate_of(self.learned.table.pairs())?);
        writeln!(
            out,
            "scores: {:.0} k pairs/CPU-s of those of all texts, {:.0} k of the distinct ones",
            all / 1e3,
            distinct / 1e3
        )?;
        let Some(peer) = peer else { return Ok(()) };
        for size in [64, LARGE_BATCH] {
            let torch = peer.score(size)?;
            writeln!(
                out,
                "torch, {size} at a time: {:.0} k pairs/CPU-s; {:.1} times as fast, {:.1} with distinct ones",
                torch / 1e3,
                all / torch,
                distinct / torch
            )?;
        }
        Ok(())
    }
}

/// Measures the count-based form on command lines whose duplicates are not merged beforehand.
fn counted(word2vec: &Word2vec, lines: &[String], out: &mut impl Write) -> Result<()> {
    let texts: Vec<Text<'_>> = lines.iter().take(N_COUNTED).map(|text| Text { text, n: 1 }).collect();
    let word2vec = Word2vec { use_prob_model: true, ..word2vec.clone() };
    let training = Training::on(&TrainingDevice::CPU);
    let rate = rate_of(texts.len(), || Ok(judge_texts(&word2vec, &texts, &training)?))?;
    writeln!(out, "counted: {:.0} k command lines/CPU-s, each looked at by itself", rate / 1e3)?;
    Ok(())
}

/// Items per second of processor time, over as many calls as fill [`SECONDS`].
fn rate_of<T>(n_items: usize, mut call: impl FnMut() -> Result<T>) -> Result<f64> {
    let (start, mut n_calls) = (cpu_seconds()?, 0);
    while cpu_seconds()? - start < SECONDS {
        call()?;
        n_calls += 1;
    }
    Ok((n_calls * n_items) as f64 / (cpu_seconds()? - start))
}

fn cpu_seconds() -> Result<f64> {
    Ok(Resources::now().cpu_seconds.ok_or("the system does not tell processor time")?)
}

/// Number of distinct centres, summed over all batches of one random order of the pairs.
fn n_centres(pairs: &[Pair], batch_size: usize) -> usize {
    let mut centres: Vec<u32> = pairs.iter().map(|pair| pair.centre).collect();
    let mut state = 1_u64;
    for last in (1..centres.len()).rev() {
        // D. E. Knuth's MMIX constants
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        centres.swap(last, ((state >> 33) % (last as u64 + 1)) as usize);
    }
    centres.chunks(batch_size).map(|batch| batch.iter().collect::<HashSet<_>>().len()).sum()
}
