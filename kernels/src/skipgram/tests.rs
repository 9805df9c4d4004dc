//! Compares the production version with its oracle, on every instruction set of the machine and for
//! several numbers of threads.

use rayon::ThreadPoolBuilder;

use super::*;
use crate::scalar::skipgram as oracle;

/// Owned parameters, also used for moments and gradients.
#[derive(Clone, Debug, PartialEq)]
struct Numbers {
    embeddings: Vec<f32>,
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Numbers {
    fn zeros(shape: Shape) -> Self {
        let n = shape.n_words * shape.n_dimensions;
        Self { embeddings: vec![0.0; n], weights: vec![0.0; n], biases: vec![0.0; shape.n_words] }
    }

    /// Embeddings between -2 and 2, weights and biases between ±1 / sqrt(`D`), all times `scale`.
    fn random(shape: Shape, random: &mut Random, scale: f32) -> Self {
        let mut numbers = Self::zeros(shape);
        let width = 1.0 / (shape.n_dimensions as f32).sqrt();
        numbers.embeddings.iter_mut().for_each(|number| *number = 2.0 * scale * random.signed());
        numbers.weights.iter_mut().for_each(|number| *number = width * scale * random.signed());
        numbers.biases.iter_mut().for_each(|number| *number = width * scale * random.signed());
        numbers
    }

    fn read(&self) -> Parameters<'_> {
        Parameters { embeddings: &self.embeddings, weights: &self.weights, biases: &self.biases }
    }

    fn write(&mut self) -> ParametersMut<'_> {
        ParametersMut { embeddings: &mut self.embeddings, weights: &mut self.weights, biases: &mut self.biases }
    }

    fn parts(&self) -> [(&'static str, &[f32]); 3] {
        [("embeddings", &self.embeddings), ("weights", &self.weights), ("biases", &self.biases)]
    }
}

/// A model during training.
#[derive(Clone, Debug, PartialEq)]
struct Trained {
    parameters: Numbers,
    first: Numbers,
    second: Numbers,
    n_steps: u64,
}

impl Trained {
    fn new(shape: Shape, parameters: Numbers) -> Self {
        Self { parameters, first: Numbers::zeros(shape), second: Numbers::zeros(shape), n_steps: 0 }
    }

    fn train(&mut self, by: impl FnOnce(&mut ParametersMut<'_>, &mut Moments<'_>) -> f64) -> f64 {
        let mut moments = Moments { first: self.first.write(), second: self.second.write(), n_steps: self.n_steps };
        let loss = by(&mut self.parameters.write(), &mut moments);
        self.n_steps = moments.n_steps;
        loss
    }

    fn parts(&self) -> impl Iterator<Item = (String, &[f32])> {
        let named = [("parameters", &self.parameters), ("first", &self.first), ("second", &self.second)];
        named.into_iter().flat_map(|(of, numbers)| numbers.parts().map(|(name, part)| (format!("{of}: {name}"), part)))
    }
}

/// Linear congruential generator (D. E. Knuth's MMIX constants), so every run gets the same
/// numbers.
struct Random(u64);

impl Random {
    /// Between 0 and 1.
    fn unsigned(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn signed(&mut self) -> f32 {
        (2.0 * self.unsigned() - 1.0) as f32
    }

    /// A few words occur often, most of them rarely.
    fn word(&mut self, shape: Shape) -> u32 {
        ((shape.n_words as f64).powf(self.unsigned()) - 1.0) as u32
    }

    fn pairs(&mut self, shape: Shape, n: usize) -> Vec<Pair> {
        (0..n).map(|_| Pair { centre: self.word(shape), context: self.word(shape) }).collect()
    }
}

fn shape(n_words: usize, n_dimensions: usize) -> Shape {
    Shape { n_words, n_dimensions }
}

/// Checks that every difference is at most `tolerance` times the largest expected magnitude.
fn check_close(what: &str, got: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |largest, x| largest.max(f64::from(x.abs())));
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let difference = (f64::from(got) - f64::from(expected)).abs();
        assert!(difference <= tolerance * largest, "{what}[{i}]: {got} for {expected}, largest {largest}");
    }
}

/// Checks gradients, loss and scores of one batch on every instruction set.
fn check_batch(shape: Shape, parameters: &Numbers, pairs: &[Pair]) {
    let (expected_loss, exact) = oracle::loss_and_gradients(shape, parameters.read(), pairs);
    let mut expected = Numbers::zeros(shape);
    exact.round_to(&mut expected.write());
    let mut expected_scores = vec![f32::NAN; pairs.len()];
    oracle::log_probabilities(shape, parameters.read(), pairs, &mut expected_scores);
    for set in InstructionSet::available() {
        let what = format!("{shape:?}, {} pairs, {set:?}", pairs.len());
        let mut workspace = Workspace::with_instructions(set);
        // A second call on the same workspace must not be affected by the first.
        for _ in 0..2 {
            let mut got = Numbers::zeros(shape);
            got.embeddings.fill(f32::NAN);
            let loss = loss_and_gradients(shape, parameters.read(), pairs, &mut got.write(), &mut workspace);
            assert!(
                (loss - expected_loss).abs() <= 1e-6 * expected_loss.abs().max(1.0),
                "{what}: {loss} {expected_loss}"
            );
            for ((name, got), (_, expected)) in got.parts().into_iter().zip(expected.parts()) {
                check_close(&format!("{what}, gradient by {name}"), got, expected, 1e-5);
            }
            let mut scores = vec![f32::NAN; pairs.len()];
            log_probabilities(shape, parameters.read(), pairs, &mut scores, &mut workspace);
            check_close(&format!("{what}, log-probabilities"), &scores, &expected_scores, 1e-6);
        }
    }
}

/// Trains `n_steps` steps from the same start and checks parameters, moments and loss.
fn check_training(shape: Shape, batch_size: usize, n_steps: usize, scale: f32) {
    let mut random = Random(7);
    let start = Trained::new(shape, Numbers::random(shape, &mut random, scale));
    let pairs = random.pairs(shape, batch_size * n_steps);
    let adam = Adam { learning_rate: 0.01, ..Adam::default() };
    let mut expected = start.clone();
    let expected_loss =
        expected.train(|parameters, moments| oracle::train(shape, parameters, moments, &adam, &pairs, batch_size));
    let mut bytes: Vec<Trained> = Vec::new();
    for set in InstructionSet::available() {
        let mut workspace = Workspace::with_instructions(set);
        let mut got = start.clone();
        let loss = got
            .train(|parameters, moments| train(shape, parameters, moments, &adam, &pairs, batch_size, &mut workspace));
        assert_eq!(got.n_steps, n_steps as u64);
        assert!((loss - expected_loss).abs() <= 1e-4 * expected_loss, "{set:?}: {loss} for {expected_loss}");
        for ((name, got), (_, expected)) in got.parts().zip(expected.parts()) {
            check_close(&format!("{shape:?} by {batch_size}, {set:?}, {name}"), got, expected, 1e-4);
        }
        bytes.push(got);
    }
    // All sets but the last give identical bytes; the last one does not fuse on this architecture.
    bytes.pop();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "instruction sets differ");
}

#[test]
fn odd_shapes() {
    for n_words in [1, 2, 15, 16, 17, 33, 500] {
        for n_dimensions in [1, 7, 40, 64, 100] {
            let (shape, mut random) = (shape(n_words, n_dimensions), Random(3));
            let parameters = Numbers::random(shape, &mut random, 1.0);
            for n_pairs in [0, 1, 2, 16, 300] {
                check_batch(shape, &parameters, &random.pairs(shape, n_pairs));
            }
        }
    }
}

#[test]
fn a_full_vocabulary() {
    let (shape, mut random) = (shape(6001, 40), Random(4));
    let parameters = Numbers::random(shape, &mut random, 1.0);
    check_batch(shape, &parameters, &random.pairs(shape, 16));
    check_batch(shape, &parameters, &random.pairs(shape, 700));
}

#[test]
fn many_blocks_of_centres() {
    let (shape, mut random) = (shape(900, 20), Random(5));
    let parameters = Numbers::random(shape, &mut random, 1.0);
    check_batch(shape, &parameters, &random.pairs(shape, 10_000));
}

#[test]
fn fifty_steps_of_16() {
    check_training(shape(1000, 40), 16, 50, 1.0);
}

#[test]
fn fifty_steps_of_10_000() {
    check_training(shape(230, 12), 10_000, 50, 1.0);
}

#[test]
fn steps_of_a_full_vocabulary() {
    check_training(shape(6001, 40), 16, 6, 1.0);
    check_training(shape(6001, 7), 600, 3, 1.0);
}

#[test]
fn rows_untouched_for_hundreds_of_steps() {
    // Long enough that terms are skipped.
    check_training(shape(300, 3), 2, 900, 1.0);
}

#[test]
fn training_resumes_where_it_stopped() {
    let (shape, mut random, adam) = (shape(70, 9), Random(8), Adam::default());
    let start = Trained::new(shape, Numbers::random(shape, &mut random, 1.0));
    let pairs = random.pairs(shape, 640);
    let (mut at_once, mut in_parts) = (start.clone(), start.clone());
    let mut workspace = Workspace::new();
    at_once.train(|parameters, moments| train(shape, parameters, moments, &adam, &pairs, 16, &mut workspace));
    for pairs in pairs.chunks(160) {
        in_parts.train(|parameters, moments| train(shape, parameters, moments, &adam, pairs, 16, &mut workspace));
    }
    assert_eq!(in_parts.n_steps, 40);
    for ((name, got), (_, expected)) in in_parts.parts().zip(at_once.parts()) {
        check_close(&name, got, expected, 1e-6);
    }
    let before = in_parts.clone();
    let loss = in_parts.train(|parameters, moments| train(shape, parameters, moments, &adam, &[], 16, &mut workspace));
    assert_eq!((loss, in_parts), (0.0, before), "no pairs, no step");
}

#[test]
fn first_moments_that_outlive_the_second() {
    let (shape, mut random) = (shape(60, 5), Random(9));
    let adam = Adam { beta1: 0.95, beta2: 0.5, ..Adam::default() };
    let mut expected = Trained::new(shape, Numbers::random(shape, &mut random, 1.0));
    let mut got = expected.clone();
    let pairs = random.pairs(shape, 60);
    expected.train(|parameters, moments| oracle::train(shape, parameters, moments, &adam, &pairs, 2));
    got.train(|parameters, moments| train(shape, parameters, moments, &adam, &pairs, 2, &mut Workspace::new()));
    for ((name, got), (_, expected)) in got.parts().zip(expected.parts()) {
        check_close(&name, got, expected, 1e-4);
    }
}

#[test]
fn huge_logits() {
    for scale in [30.0, 3000.0] {
        let (shape, mut random) = (shape(333, 24), Random(10));
        let parameters = Numbers::random(shape, &mut random, scale);
        let pairs = random.pairs(shape, 500);
        for set in InstructionSet::available() {
            let (mut got, mut workspace) = (Numbers::zeros(shape), Workspace::with_instructions(set));
            let loss = loss_and_gradients(shape, parameters.read(), &pairs, &mut got.write(), &mut workspace);
            let (expected, _) = oracle::loss_and_gradients(shape, parameters.read(), &pairs);
            assert!((loss - expected).abs() <= 1e-5 * expected, "{set:?}: {loss} for {expected}");
            assert!(got.parts().iter().all(|(_, part)| part.iter().all(|x| x.is_finite())));
            let mut scores = vec![f32::NAN; pairs.len()];
            log_probabilities(shape, parameters.read(), &pairs, &mut scores, &mut workspace);
            assert!(scores.iter().all(|score| score.is_finite() && *score <= 0.0));
            let mut trained = Trained::new(shape, parameters.clone());
            trained.train(|parameters, moments| {
                train(shape, parameters, moments, &Adam::default(), &pairs, 16, &mut workspace)
            });
            assert!(trained.parts().all(|(_, part)| part.iter().all(|x| x.is_finite())));
        }
    }
}

#[test]
fn same_bytes_on_any_number_of_threads() {
    let (shape, mut random) = (shape(2000, 10), Random(11));
    let start = Trained::new(shape, Numbers::random(shape, &mut random, 1.0));
    let pairs = random.pairs(shape, 12_000);
    for batch_size in [16, 1000, 12_000] {
        let mut results = Vec::new();
        for n_threads in [1, 2, 8] {
            let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
            results.push(pool.install(|| {
                let (mut trained, mut workspace) = (start.clone(), Workspace::new());
                let n = pairs.len().min(batch_size * 40);
                let loss = trained.train(|parameters, moments| {
                    train(shape, parameters, moments, &Adam::default(), &pairs[..n], batch_size, &mut workspace)
                });
                let mut scores = vec![0.0; n];
                log_probabilities(shape, trained.parameters.read(), &pairs[..n], &mut scores, &mut workspace);
                let mut gradients = Numbers::zeros(shape);
                let parameters = trained.parameters.read();
                loss_and_gradients(shape, parameters, &pairs[..n], &mut gradients.write(), &mut workspace);
                (loss.to_bits(), scores, gradients, trained)
            }));
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "batches of {batch_size}");
    }
}

#[test]
fn the_order_within_a_batch_does_not_matter() {
    let (shape, mut random) = (shape(80, 6), Random(12));
    let start = Trained::new(shape, Numbers::random(shape, &mut random, 1.0));
    let mut pairs = random.pairs(shape, 200);
    let (mut forth, mut back, mut workspace) = (start.clone(), start, Workspace::new());
    forth.train(|p, m| train(shape, p, m, &Adam::default(), &pairs, 200, &mut workspace));
    pairs.reverse();
    back.train(|p, m| train(shape, p, m, &Adam::default(), &pairs, 200, &mut workspace));
    assert_eq!(forth, back);
}

#[test]
fn workspace_size_estimate_holds() {
    for (shape, batch_size) in [
        (shape(300, 40), 16),
        (shape(300, 40), 5000),
        (shape(2000, 8), 64),
        (shape(2000, 8), 700),
        (shape(2000, 8), 8192),
    ] {
        let mut random = Random(3);
        let pairs = random.pairs(shape, 3 * batch_size);
        let mut model = Trained::new(shape, Numbers::random(shape, &mut random, 1.0));
        let mut workspace = Workspace::new();
        model.train(|parameters, moments| {
            train(shape, parameters, moments, &Adam::default(), &pairs, batch_size, &mut workspace)
        });
        let mut scores = vec![0.0; batch_size];
        log_probabilities(shape, model.parameters.read(), &pairs[..batch_size], &mut scores, &mut workspace);
        let (held, said) = (workspace.memory.bytes(), workspace_bytes(shape, batch_size));
        assert!(held <= said && said <= 3 * held, "{shape:?}, {batch_size}: {held} bytes held, {said} said");
    }
    assert_eq!(workspace_bytes(shape(6001, usize::MAX), usize::MAX), usize::MAX);
}

#[test]
fn logits_agree_with_the_oracle() {
    let (shape, mut random) = (shape(50, 11), Random(13));
    let parameters = Numbers::random(shape, &mut random, 1.0);
    let pairs = random.pairs(shape, 100);
    let (mut got, mut expected) = (vec![0.0; 100], vec![1.0; 100]);
    logits(shape, parameters.read(), &pairs, &mut got);
    oracle::logits(shape, parameters.read(), &pairs, &mut expected);
    assert_eq!(got, expected);
}

#[test]
#[should_panic(expected = "vocabulary of 5 words")]
fn rejects_a_word_outside_the_vocabulary() {
    let shape = shape(5, 2);
    let parameters = Numbers::zeros(shape);
    log_probabilities(shape, parameters.read(), &[Pair { centre: 0, context: 5 }], &mut [0.0], &mut Workspace::new());
}

#[test]
#[should_panic(expected = "lengths of embeddings, weights and biases")]
fn rejects_slices_of_the_wrong_length() {
    let parameters = Numbers::zeros(shape(5, 2));
    log_probabilities(shape(6, 2), parameters.read(), &[], &mut [], &mut Workspace::new());
}
