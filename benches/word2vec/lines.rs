//! Command lines of events, split into pairs to learn and pairs held out.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::iter::repeat_n;

use ee_outliers::config::{Model, Word2vec};
use ee_outliers::models::word2vec::corpus::{Corpus, Text};
use ee_outliers::models::word2vec::pairs::PairTable;
use outlier_kernels::skipgram::{Pair, Shape};
use serde_json::Value;

use super::Result;

/// One of this many command lines is held out.
const HELD_OUT: usize = 10;

/// Minimum number of words: fewer would not measure a large vocabulary.
const LEAST_WORDS: usize = 5500;

/// Loads the settings in `benches/use_cases/word2vec.conf`.
pub(super) fn settings() -> Result<Word2vec> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/use_cases/word2vec.conf");
    let settings = ee_outliers::config::load(&[], &[path.to_owned()]);
    match settings.use_cases.into_iter().map(|use_case| use_case.model).next() {
        Some(Model::Word2vec(word2vec)) => Ok(*word2vec),
        _ => Err(format!("{path} has no valid use case of word2vec").into()),
    }
}

/// Reads command lines in lower case, with non-alphanumeric characters trimmed at both ends.
pub(super) fn command_lines(events: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for line in BufReader::new(File::open(events)?).lines() {
        let event: Value = serde_json::from_str(&line?)?;
        if let Some(text) = event["process"]["command_line"].as_str() {
            let text = text.to_ascii_lowercase();
            lines.push(text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned());
        }
    }
    Ok(lines)
}

/// Distinct texts with their counts, sorted by text.
pub(super) fn distinct<'t>(lines: impl Iterator<Item = &'t String>) -> Vec<Text<'t>> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    lines.for_each(|line| *counts.entry(line).or_default() += 1);
    let mut texts: Vec<Text<'t>> = counts.into_iter().map(|(text, n)| Text { text, n }).collect();
    texts.sort_unstable_by_key(|text| text.text);
    texts
}

/// Pairs to learn, and pairs to test with.
pub(super) struct Learned {
    pub(super) shape: Shape,
    pub(super) table: PairTable,
    /// All occurrences of the pairs in `table`.
    pub(super) pairs: Vec<Pair>,
    /// Pairs from held-out command lines.
    pub(super) held_out: Vec<Pair>,
}

impl Learned {
    /// Uses the first command lines that give `n_pairs` pairs to learn.
    pub(super) fn new(word2vec: &Word2vec, lines: &[String], n_pairs: u64) -> Result<Self> {
        let n_lines = first_lines(word2vec, lines, n_pairs)?;
        let is_held_out = |&(idx, _): &(usize, &String)| idx % HELD_OUT == 0;
        let numbered = || lines[..n_lines].iter().enumerate();
        let texts = distinct(numbered().filter(|line| !is_held_out(line)).map(|(_, line)| line));
        let corpus = Corpus::new(word2vec, &texts);
        let table = PairTable::new(&corpus, word2vec.size_window);
        let n_words = corpus.vocabulary().len();
        if n_words < LEAST_WORDS {
            return Err(format!("{n_words} words in {n_lines} command lines: give events with more").into());
        }
        let others = distinct(numbered().filter(is_held_out).map(|(_, line)| line));
        Ok(Learned {
            shape: Shape { n_words, n_dimensions: word2vec.embedding_size },
            pairs: occurrences(&table).collect(),
            held_out: renumbered(word2vec, &corpus, &others),
            table,
        })
    }
}

/// Number of command lines that give `n_pairs` pairs to learn.
fn first_lines(word2vec: &Word2vec, lines: &[String], n_pairs: u64) -> Result<usize> {
    let mut n_lines = lines.len().min(1000);
    loop {
        let learned = lines[..n_lines].iter().enumerate().filter(|(idx, _)| idx % HELD_OUT != 0);
        let texts = distinct(learned.map(|(_, line)| line));
        let found = PairTable::new(&Corpus::new(word2vec, &texts), word2vec.size_window).n_occurrences();
        if found >= n_pairs {
            return Ok(n_lines);
        }
        if n_lines == lines.len() {
            return Err(format!("{found} pairs in {n_lines} command lines: give more events").into());
        }
        // slightly more than the ratio so far suggests
        let wanted = n_lines as f64 * n_pairs as f64 / found.max(1) as f64 * 1.001;
        n_lines = lines.len().min((wanted.ceil() as usize).clamp(n_lines + 1, 20 * n_lines));
    }
}

/// Repeats every pair as often as it occurs.
fn occurrences(table: &PairTable) -> impl Iterator<Item = Pair> + '_ {
    table.pairs().iter().zip(table.counts()).flat_map(|(&pair, &n)| repeat_n(pair, n as usize))
}

/// Pairs of other texts in the word numbers of `corpus`; words that are missing there become
/// unknown.
fn renumbered(word2vec: &Word2vec, corpus: &Corpus<'_>, texts: &[Text<'_>]) -> Vec<Pair> {
    let known = corpus.vocabulary();
    let numbers: BTreeMap<&str, u32> = (0..known.len() as u32).map(|word| (known.text(word), word)).collect();
    let every_word = Word2vec { min_uniq_word_occurrence: 1, ..word2vec.clone() };
    let other = Corpus::new(&every_word, texts);
    let number = |word: u32| numbers.get(other.vocabulary().text(word)).copied().unwrap_or(known.unknown());
    let table = PairTable::new(&other, word2vec.size_window);
    occurrences(&table).map(|pair| Pair { centre: number(pair.centre), context: number(pair.context) }).collect()
}
