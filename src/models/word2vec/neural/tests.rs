//! Compares both engines with the oracle, which computes pair by pair, and with candle's own
//! layers, loss, gradients and optimiser.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use outlier_kernels::scalar::skipgram as oracle;
use outlier_kernels::skipgram::{Adam, Moments, Pair, Parameters, ParametersMut, Shape};
use rayon::ThreadPoolBuilder;

use super::super::ModelError;
use super::super::bucket::{JudgedTexts, judge_texts};
use super::super::corpus::Corpus;
use super::super::judge::{Seen, TextVerdict};
use super::super::tests::{settings, texts};
use super::batches::FEW_PAIRS;
use super::kernel::n_parameters;
use super::random::Random;
use super::tensors::{Batch, View};
use super::*;
use crate::config::{TriggerFocus, TriggerScore};

const ENGINES: [Engine; 2] = [Engine::Kernel, Engine::Tensors];

fn shape(n_words: usize, n_dimensions: usize) -> Shape {
    Shape { n_words, n_dimensions }
}

/// Pairs of words; a few words occur often, most of them rarely.
fn pairs(shape: Shape, n: usize) -> Vec<Pair> {
    let mut random = Random::new(3, 9);
    let mut word = || {
        let fraction = f64::from(random.uniform(0.5)) + 0.5;
        ((shape.n_words as f64).powf(fraction) - 1.0) as u32
    };
    (0..n).map(|_| Pair { centre: word(), context: word() }).collect()
}

fn model(shape: Shape, engine: Engine) -> SkipGram {
    SkipGram::new(shape, 42, engine, &TrainingDevice::CPU).unwrap()
}

/// Checks that every difference is at most `tolerance` times the largest expected magnitude.
fn check_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= tolerance * largest, "{what}[{i}]: {got} for {expected}, largest {largest}");
    }
}

/// Checks embeddings, weights and biases separately, each relative to its own magnitude.
fn check_parts(what: &str, shape: Shape, got: &[f32], expected: &[f32], tolerance: f32) {
    let n = shape.n_words * shape.n_dimensions;
    for (name, range) in [("embeddings", 0..n), ("weights", n..2 * n), ("biases", 2 * n..n_parameters(shape))] {
        check_close(&format!("{what}, {name}"), &got[range.clone()], &expected[range], tolerance);
    }
}

fn parts(shape: Shape, numbers: &[f32]) -> Parameters<'_> {
    let n = shape.n_words * shape.n_dimensions;
    Parameters { embeddings: &numbers[..n], weights: &numbers[n..2 * n], biases: &numbers[2 * n..] }
}

fn parts_mut(shape: Shape, numbers: &mut [f32]) -> ParametersMut<'_> {
    let (embeddings, rest) = numbers.split_at_mut(shape.n_words * shape.n_dimensions);
    let (weights, biases) = rest.split_at_mut(shape.n_words * shape.n_dimensions);
    ParametersMut { embeddings, weights, biases }
}

/// Parameters and mean loss after the oracle has trained pair by pair.
fn trained_by_oracle(shape: Shape, mut parameters: Vec<f32>, pairs: &[Pair], batch_size: usize) -> (Vec<f32>, f64) {
    let (mut first, mut second) = (vec![0.0; parameters.len()], vec![0.0; parameters.len()]);
    let mut moments =
        Moments { first: parts_mut(shape, &mut first), second: parts_mut(shape, &mut second), n_steps: 0 };
    let mut trained = parts_mut(shape, &mut parameters);
    let loss = oracle::train(shape, &mut trained, &mut moments, &Adam::default(), pairs, batch_size);
    (parameters, loss)
}

#[test]
fn fifty_steps_agree_with_the_oracle() {
    for (shape, batch_size) in [(shape(300, 40), 16), (shape(40, 8), 10_000)] {
        let pairs = pairs(shape, 50 * batch_size);
        let start = model(shape, Engine::Kernel).parameters().unwrap();
        let (expected, expected_loss) = trained_by_oracle(shape, start.clone(), &pairs, batch_size);
        for engine in ENGINES {
            let mut model = model(shape, engine);
            let loss = model.train(&pairs, batch_size, &Adam::default()).unwrap();
            let parameters = model.parameters().unwrap();
            check_parts(&format!("{engine:?}, batches of {batch_size}"), shape, &parameters, &expected, 1e-4);
            assert!((loss / expected_loss - 1.0).abs() < 1e-4, "{engine:?}: {loss} {expected_loss}");
            assert_ne!(parameters, start);
        }
    }
}

#[test]
fn loss_after_an_epoch_agrees_with_the_oracle() {
    let shape = shape(120, 20);
    let pairs = pairs(shape, 16_005);
    let start = model(shape, Engine::Kernel).parameters().unwrap();
    let (after, _) = trained_by_oracle(shape, start.clone(), &pairs, FEW_PAIRS);
    let loss = |parameters: &[f32]| oracle::loss_and_gradients(shape, parts(shape, parameters), &pairs).0;
    let (before, expected) = (loss(&start), loss(&after));
    assert!(expected < 0.95 * before, "{before} {expected}");
    for engine in ENGINES {
        let mut model = model(shape, engine);
        // several calls make up one training
        for pairs in pairs.chunks(100 * FEW_PAIRS) {
            model.train(pairs, FEW_PAIRS, &Adam::default()).unwrap();
        }
        let got = loss(&model.parameters().unwrap());
        assert!((got / expected - 1.0).abs() < 1e-3, "{engine:?}: {got} {expected}");
    }
}

#[test]
fn distinct_centres_have_the_gradient_of_all_pairs() {
    let shape = shape(90, 12);
    let parameters = model(shape, Engine::Tensors).parameters().unwrap();
    for n in [1, 16, 1000] {
        let pairs = pairs(shape, n);
        let (loss, exact) = oracle::loss_and_gradients(shape, parts(shape, &parameters), &pairs);
        let mut expected = vec![0.0; parameters.len()];
        exact.round_to(&mut parts_mut(shape, &mut expected));
        let numbers = Tensor::new(parameters.as_slice(), &Device::Cpu).unwrap();
        let view = View::new(shape, &numbers).unwrap();
        let (got_loss, got) = Batch::new(shape, &pairs).loss_and_gradient(shape, &view).unwrap();
        check_parts(&format!("{n} pairs"), shape, &got.to_vec1::<f32>().unwrap(), &expected, 1e-5);
        let got_loss = f64::from(got_loss.to_scalar::<f32>().unwrap()) / n as f64;
        assert!((got_loss / loss - 1.0).abs() < 1e-5, "{got_loss} {loss}");
    }
}

/// Trains the textbook form of the model: separate layers, the loss of all pairs, automatic
/// differentiation, and candle's optimiser.
fn trained_by_layers(shape: Shape, parameters: &[f32], pairs: &[Pair], batch_size: usize) -> Vec<f32> {
    let var = |numbers: &[f32], dims: &[usize]| Var::from_slice(numbers, dims, &Device::Cpu).unwrap();
    let Parameters { embeddings, weights, biases } = parts(shape, parameters);
    let embeddings = var(embeddings, &[shape.n_words, shape.n_dimensions]);
    let weights = var(weights, &[shape.n_words, shape.n_dimensions]);
    let biases = var(biases, &[shape.n_words]);
    let settings = ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..ParamsAdamW::default() };
    let vars = vec![embeddings.clone(), weights.clone(), biases.clone()];
    let mut optimiser = AdamW::new(vars.clone(), settings).unwrap();
    let layer = candle_nn::Linear::new(weights.as_tensor().clone(), Some(biases.as_tensor().clone()));
    let embedding = candle_nn::Embedding::new(embeddings.as_tensor().clone(), shape.n_dimensions);
    for pairs in pairs.chunks(batch_size) {
        let words = |word: fn(&Pair) -> u32| {
            Tensor::from_iter(pairs.iter().map(word), &Device::Cpu).unwrap().to_dtype(DType::U32).unwrap()
        };
        let centres = candle_nn::Module::forward(&embedding, &words(|pair| pair.centre)).unwrap();
        let logits = candle_nn::Module::forward(&layer, &centres).unwrap();
        let loss = candle_nn::loss::cross_entropy(&logits, &words(|pair| pair.context)).unwrap();
        optimiser.backward_step(&loss).unwrap();
    }
    vars.iter().flat_map(|var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
}

#[test]
fn steps_agree_with_candle_layers_and_optimiser() {
    let shape = shape(60, 10);
    let pairs = pairs(shape, 50 * 16);
    let start = model(shape, Engine::Kernel).parameters().unwrap();
    let expected = trained_by_layers(shape, &start, &pairs, 16);
    for engine in ENGINES {
        let mut model = model(shape, engine);
        model.train(&pairs, 16, &Adam::default()).unwrap();
        check_parts(&format!("{engine:?}"), shape, &model.parameters().unwrap(), &expected, 1e-4);
    }
}

#[test]
fn scores_agree_with_the_oracle() {
    let shape = shape(50, 11);
    let pairs = pairs(shape, 500);
    let (mut expected, mut expected_logits) = (vec![0.0; pairs.len()], vec![0.0; pairs.len()]);
    let parameters = model(shape, Engine::Kernel).parameters().unwrap();
    oracle::log_probabilities(shape, parts(shape, &parameters), &pairs, &mut expected);
    oracle::logits(shape, parts(shape, &parameters), &pairs, &mut expected_logits);
    for engine in ENGINES {
        let model = model(shape, engine);
        check_close("log probabilities", &model.log_probabilities(&pairs).unwrap(), &expected, 1e-6);
        check_close("logits", &model.logits(&pairs).unwrap(), &expected_logits, 1e-6);
        assert_eq!(model.log_probabilities(&[]).unwrap(), [0.0; 0]);
    }
}

/// Program paths, one of which has a part in an unusual place.
fn paths() -> Vec<(String, u64)> {
    let mut paths: Vec<(String, u64)> = (0..40)
        .map(|idx| (format!("C:\\Windows\\System{}\\tool{}.exe", idx % 2, idx % 10), 5 + idx % 3))
        .chain((0..40).map(|idx| (format!("D:\\Users\\user{}\\notes{}.txt", idx % 5, idx % 4), 4)))
        .collect();
    paths.push(("D:\\Users\\System1\\tool3.exe".to_owned(), 1));
    paths.sort();
    paths.dedup_by(|a, b| a.0 == b.0);
    paths
}

fn judge_paths(change: impl FnOnce(&mut Word2vec)) -> Result<JudgedTexts, ModelError> {
    let paths = paths();
    let borrowed: Vec<(&str, u64)> = paths.iter().map(|(path, n)| (path.as_str(), *n)).collect();
    let word2vec = settings(|word2vec| {
        word2vec.use_prob_model = false;
        word2vec.trigger_focus = TriggerFocus::Text;
        word2vec.trigger_score = TriggerScore::Total;
        word2vec.trigger.sensitivity = 1.5;
        word2vec.num_epochs = 40;
        word2vec.learning_rate = 0.01;
        change(word2vec);
    });
    judge_texts(&word2vec, &texts(&borrowed), &Training::on(&TrainingDevice::CPU))
}

#[test]
fn finds_the_text_that_is_out_of_place() {
    let judged = judge_paths(|_| {}).unwrap();
    let found: Vec<String> = judged.flagged.iter().map(|text| paths()[text.text_idx].0.clone()).collect();
    assert_eq!(found, ["D:\\Users\\System1\\tool3.exe"]);
    let Seen::Text(TextVerdict { score, frontier }) = judged.flagged[0].seen else { panic!("{judged:?}") };
    assert!(0.0 < score && score < frontier, "{score} {frontier}");
    let words = judge_paths(|word2vec| word2vec.trigger_focus = TriggerFocus::Word).unwrap();
    let odd = words.flagged.iter().find(|text| paths()[text.text_idx].0 == "D:\\Users\\System1\\tool3.exe");
    assert!(matches!(&odd.unwrap().seen, Seen::Words(words) if words.iter().any(|word| &*word.word == "System1")));
}

#[test]
fn raw_values_are_logits() {
    let paths = paths();
    let borrowed: Vec<(&str, u64)> = paths.iter().map(|(path, n)| (path.as_str(), *n)).collect();
    let outputs = |output_prob| {
        let word2vec = settings(|word2vec| (word2vec.use_prob_model, word2vec.output_prob) = (false, output_prob));
        let corpus = Corpus::new(&word2vec, &texts(&borrowed));
        let table = PairTable::new(&corpus, 2);
        let outputs =
            super::outputs(&word2vec, corpus.vocabulary(), &table, &Training::on(&TrainingDevice::CPU)).unwrap().0;
        table.pairs().iter().copied().zip(outputs).collect::<Vec<_>>()
    };
    let (probabilities, logits) = (outputs(true), outputs(false));
    // they differ by the term that makes the probabilities of a centre sum to 1
    let rest: Vec<(u32, f64)> =
        probabilities.iter().zip(&logits).map(|((pair, p), (_, z))| (pair.centre, z - p.ln())).collect();
    for of_centre in rest.chunk_by(|a, b| a.0 == b.0) {
        assert!(of_centre.iter().all(|(_, rest)| (rest - of_centre[0].1).abs() < 1e-4), "{of_centre:?}");
    }
    assert!(probabilities.iter().all(|(_, p)| (0.0..=1.0).contains(p)));
    assert!(logits.iter().any(|(_, z)| *z > 1.0) && logits.iter().any(|(_, z)| *z < 0.0));
}

#[test]
fn results_do_not_depend_on_threads_or_the_order_of_texts() {
    let judge = |n_threads| {
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| judge_paths(|word2vec| word2vec.trigger.sensitivity = 0.5).unwrap().flagged)
    };
    let expected = judge(1);
    assert!(expected.len() > 3, "{expected:?}");
    for n_threads in [2, 8] {
        assert_eq!(judge(n_threads), expected, "{n_threads} threads");
    }
    let paths = paths();
    let borrowed: Vec<(&str, u64)> = paths.iter().rev().map(|(path, n)| (path.as_str(), *n)).collect();
    let outputs = |distinct: &[(&str, u64)]| {
        let word2vec = settings(|word2vec| word2vec.use_prob_model = false);
        let corpus = Corpus::new(&word2vec, &texts(distinct));
        let table = PairTable::new(&corpus, word2vec.size_window);
        super::outputs(&word2vec, corpus.vocabulary(), &table, &Training::on(&TrainingDevice::CPU)).unwrap().0
    };
    let back = outputs(&borrowed);
    let forth: Vec<(&str, u64)> = borrowed.into_iter().rev().collect();
    assert_eq!(outputs(&forth), back);
}

/// Distinct texts with six words from one of twenty topics. In each topic a few words occur often
/// and most rarely.
fn topics(n_texts: usize, n_words: usize, purpose: u64) -> Vec<String> {
    let mut random = Random::new(11, purpose);
    let mut below = move |n: usize| ((f64::from(random.uniform(0.5)) + 0.5) * n as f64) as usize;
    let mut text = |idx: usize| {
        let topic = below(20);
        let mut word = || {
            let most = below(n_words);
            below(1 + most) * 20 + topic
        };
        let words = (0..6).map(|_| word());
        words.fold(format!("{idx}"), |text, word| format!("{text}\\w{word}"))
    };
    (0..n_texts).map(&mut text).collect()
}

/// Mean loss of held-out pairs after each of three epochs, and the size of the batches.
fn held_out_losses(word2vec: &Word2vec) -> (Vec<f64>, usize) {
    let (learned, held) = (topics(6000, 12, 1), topics(1500, 12, 2));
    let distinct: Vec<(&str, u64)> = learned.iter().chain(&held).map(|text| (text.as_str(), 1)).collect();
    let (learned, held) = distinct.split_at(learned.len());
    let corpus = Corpus::new(word2vec, &texts(learned));
    let table = PairTable::new(&corpus, 2);
    // the words are the same, but their numbers come from different counts
    let number_of: BTreeMap<&str, u32> =
        (0..corpus.vocabulary().len() as u32).map(|word| (corpus.vocabulary().text(word), word)).collect();
    let other = Corpus::new(word2vec, &texts(held));
    let number = |word: u32| number_of[other.vocabulary().text(word)];
    let pairs = PairTable::new(&other, 2);
    let pairs = pairs.pairs().iter().zip(pairs.counts()).flat_map(|(pair, &n)| std::iter::repeat_n(*pair, n as usize));
    let pairs: Vec<Pair> =
        pairs.map(|pair| Pair { centre: number(pair.centre), context: number(pair.context) }).collect();
    let shape = shape(corpus.vocabulary().len(), word2vec.embedding_size);
    let mut model = model(shape, Engine::Kernel);
    let mut losses = Vec::new();
    for epoch in 0..3 {
        let word2vec = Word2vec { seed: epoch, ..word2vec.clone() };
        train(&word2vec, &mut model, &table, table.n_occurrences()).unwrap();
        let scores = model.log_probabilities(&pairs).unwrap();
        losses.push(-scores.into_iter().map(f64::from).sum::<f64>() / pairs.len() as f64);
    }
    (losses, Batches::new(word2vec, table.n_occurrences()).size)
}

#[test]
fn large_batches_generalise_as_well_as_small_ones() {
    for (learning_rate, expected_size) in [(0.001, 64), (0.01, 320)] {
        let losses = |batch_size| {
            held_out_losses(&settings(|word2vec| {
                // the number of a text occurs in no other text
                word2vec.min_uniq_word_occurrence = 2;
                word2vec.embedding_size = 40;
                (word2vec.learning_rate, word2vec.batch_size) = (learning_rate, batch_size);
            }))
        };
        let ((few, _), (many, size)) = (losses(Some(FEW_PAIRS)), losses(None));
        assert_eq!(size, expected_size);
        for (few, many) in few.iter().zip(&many) {
            assert!(*many <= 1.001 * few, "{learning_rate}: {few:?} {many:?}");
        }
        assert!(many[2] < few[2], "{learning_rate}: {few:?} {many:?}");
        // guessing among 240 equally probable words would give ln 240 = 5.5
        assert!(many[2] < 3.0, "{many:?}");
    }
}

#[test]
fn large_batches_do_not_depend_on_threads() {
    let texts_of_topics = topics(3000, 100, 3);
    let distinct: Vec<(&str, u64)> = texts_of_topics.iter().map(|text| (text.as_str(), 1)).collect();
    let word2vec = settings(|word2vec| {
        word2vec.use_prob_model = false;
        word2vec.embedding_size = 6;
        word2vec.learning_rate = 0.01;
        word2vec.min_uniq_word_occurrence = 2;
        word2vec.batch_size = Some(4096);
    });
    let outputs = |n_threads| {
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let corpus = Corpus::new(&word2vec, &texts(&distinct));
            // enough distinct centres for several threads
            assert!(corpus.vocabulary().len() > 1000);
            let table = PairTable::new(&corpus, 2);
            super::outputs(&word2vec, corpus.vocabulary(), &table, &Training::on(&TrainingDevice::CPU)).unwrap()
        })
    };
    let expected = outputs(1);
    for n_threads in [2, 8] {
        assert_eq!(outputs(n_threads), expected, "{n_threads} threads");
    }
}

#[test]
fn both_engines_use_the_same_batches() {
    let learned = topics(1000, 8, 4);
    let distinct: Vec<(&str, u64)> = learned.iter().map(|text| (text.as_str(), 1)).collect();
    let word2vec = settings(|word2vec| (word2vec.embedding_size, word2vec.batch_size) = (6, Some(500)));
    let corpus = Corpus::new(&word2vec, &texts(&distinct[..300]));
    let table = PairTable::new(&corpus, 2);
    let shape = shape(corpus.vocabulary().len(), 6);
    let trained = ENGINES.map(|engine| {
        let mut model = model(shape, engine);
        train(&word2vec, &mut model, &table, table.n_occurrences()).unwrap();
        model.parameters().unwrap()
    });
    check_parts("both engines", shape, &trained[1], &trained[0], 1e-4);
}

#[test]
fn a_model_beyond_the_memory_limit_is_an_error() {
    let of = |memory_limit, batch_size| {
        let word2vec = settings(|word2vec| (word2vec.use_prob_model, word2vec.batch_size) = (false, batch_size));
        let training = Training { memory_limit, ..Training::on(&TrainingDevice::CPU) };
        judge_texts(&word2vec, &texts(&[("a\\b\\c", 1 << 14)]), &training).map(|_| ())
    };
    assert!(of(1 << 20, None).is_ok());
    for (memory_limit, batch_size) in [(1 << 10, None), (1 << 20, Some(1 << 16))] {
        let error = of(memory_limit, batch_size).unwrap_err().to_string();
        assert!(error.contains("batch_size") && error.contains("--memory-limit"), "{error}");
    }
}

#[test]
fn results_depend_on_the_seed() {
    let flagged = |seed| judge_paths(|word2vec| word2vec.seed = seed).unwrap().flagged;
    assert_eq!(flagged(0), flagged(0));
    assert_ne!(flagged(0), flagged(1));
}

#[test]
fn a_learning_rate_that_is_too_large_is_an_error() {
    let error = judge_paths(|word2vec| word2vec.learning_rate = 1e30).unwrap_err();
    assert!(error.to_string().contains("learning_rate=1"), "{error}");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_missing_gpu_is_an_error() {
    use crate::cli::DeviceChoice;
    let error = TrainingDevice::open(DeviceChoice::Cuda(1)).unwrap_err().to_string();
    assert_eq!(
        error,
        "--device cuda:1: this build has no GPU support: build with --features cuda, or use --device cpu"
    );
    assert_eq!(TrainingDevice::open(DeviceChoice::Auto).unwrap().name(), "cpu");
}

/// Needs a GPU, as does any build with this feature.
#[cfg(feature = "cuda")]
#[test]
fn a_gpu_ranks_pairs_like_the_processor() {
    use crate::cli::DeviceChoice;
    let gpu = TrainingDevice::open(DeviceChoice::Cuda(0)).unwrap();
    let shape = shape(500, 40);
    let pairs = pairs(shape, 32_000);
    let scores = |mut model: SkipGram| {
        model.train(&pairs, FEW_PAIRS, &Adam::default()).unwrap();
        model.log_probabilities(&pairs).unwrap()
    };
    let on_gpu = scores(SkipGram::new(shape, 42, Engine::Tensors, &gpu).unwrap());
    let on_cpu = scores(model(shape, Engine::Kernel));
    check_close("scores", &on_gpu, &on_cpu, 1e-3);
    let ranks = |scores: &[f32]| {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(pairs[a].cmp(&pairs[b])));
        let mut ranks = vec![0.0; scores.len()];
        order.into_iter().enumerate().for_each(|(rank, place)| ranks[place] = rank as f64);
        ranks
    };
    let distances: f64 = ranks(&on_gpu).iter().zip(ranks(&on_cpu)).map(|(a, b)| (a - b).powi(2)).sum();
    let n = pairs.len() as f64;
    let spearman = 1.0 - 6.0 * distances / (n * (n * n - 1.0));
    assert!(spearman >= 0.999, "{spearman}");
}
