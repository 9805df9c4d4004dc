//! Inputs made of other inputs. The same seed gives the same inputs.

use std::ops::Range;

/// Texts that readers treat in their own way.
const TOKENS: &[&str] = &[
    "\n",
    "\r\n",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\t",
    "\0",
    "\u{feff}",
    "\\u0000",
    "\\ud800",
    "1e400",
    "-0",
    "NaN",
    "18446744073709551616",
    "0.1",
    "null",
    "true",
    "*",
    "?",
    "~",
    "^",
    "/",
    "(",
    ")",
    "AND",
    "NOT",
    "TO",
    "#fields\t",
    "#types\t",
    "_source",
    "Records",
    "2024-05-01T10:00:00Z",
    "2024-W19-3",
    "24:00",
    "%{",
    "}",
    "(?",
    "{1,100}",
    "=",
    "%",
    "'",
    "\u{202e}",
    "é",
    "😀",
];

/// Largest input; larger ones only take longer.
const MAX_BYTES: usize = 1 << 16;

/// A stream of random numbers: SplitMix64.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        start..start + self.below((length - start).min(64) + 1)
    }
}

/// Makes an input of one of `corpus`, with one to eight changes.
pub(super) fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(8) {
        change(&mut input, corpus, random);
    }
    input.truncate(MAX_BYTES);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let range = random.range(input.len());
    match random.below(8) {
        0 => drop(input.drain(range)),
        1 => {
            let copied = input[range.clone()].repeat(1 + random.below(20));
            input.splice(range.start..range.start, copied);
        }
        2 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
        3 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] = random.next() as u8;
        }
        4 => {
            let other = &corpus[random.below(corpus.len())];
            let part = other[random.range(other.len())].to_vec();
            input.splice(range, part);
        }
        5 => input.truncate(range.start),
        6 => input[range].reverse(),
        _ => {
            let token = TOKENS[random.below(TOKENS.len())];
            input.splice(range.start..range.start, token.bytes());
        }
    }
}
