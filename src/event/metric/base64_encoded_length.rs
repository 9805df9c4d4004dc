//! `base64_encoded_length`: length of the longest text that is base64-encoded in a text; 0 without
//! one.
//!
//! Existing use cases rely on what a *base64 word* of `outlier-kernels` is: a whole run of
//! `A-Z a-z 0-9 + / =`, with its padding, for at least 5 bytes of ASCII. Base64 also hides in parts
//! of such runs, behind `=` and `/` (`?q=aGVsbG8=`), and without padding. Parts have to encode
//! printable text, because ordinary words and paths are full of them:
//!
//! * from the start of a run, `=` or `/` to the end of the run, `=` or `/`: at least
//!   [`MIN_PADDED`] bytes with correct padding, [`MIN_UNPADDED`] without, or [`MIN_SLASHED`] if it
//!   has a `/` inside;
//! * from anywhere to padding at the end of a run: at least [`MIN_TAIL`] bytes.
//!
//! These limits leave no ordinary word in 110,000 distinct texts of Windows and Zeek logs.
//!
//! Two kinds of parts are left out because existing use cases rely on their absence: pieces of
//! base64 in the alphabet with `-` and `_`, and the settings in JSON that browsers pass to their
//! own processes (`--settings=eyJ...`).
//!
//! The time is linear in the length of the text.

use std::ops::Range;

use outlier_kernels::base64_encoded_length;
use outlier_kernels::scalar::encoded::value;
use serde_json::Value;

use super::{Definition, NumberForm};
use crate::event::{PerOutlier, StoredKey, StoredKind};

const LENGTH: StoredKey = StoredKey::new("max_base64_decoded_length", StoredKind::Number, PerOutlier::UpToOne);
const WORD: StoredKey = StoredKey::new("max_base64_decoded_word", StoredKind::Dynamic, PerOutlier::UpToOne);

/// Bytes that a part with padding encodes at least.
const MIN_PADDED: usize = 5;
/// Bytes that a part without padding encodes at least.
const MIN_UNPADDED: usize = 8;
/// Bytes that a part without padding encodes at least if it has a `/` inside, as paths have.
const MIN_SLASHED: usize = 24;
/// Bytes that the end of a part encodes at least.
const MIN_TAIL: usize = 12;

pub(super) const METRIC: Definition = Definition {
    stored: &[LENGTH, WORD],
    observations,
    ..Definition::new(
        |text| Some(longest(text).map_or(0.0, |(length, _)| length as f64)),
        NumberForm::Integer,
        "{} characters encoded as base64",
    )
};

fn observations(text: &str) -> Vec<(StoredKey, Value)> {
    let Some((length, word)) = longest(text) else { return Vec::new() };
    vec![(LENGTH, length.into()), (WORD, word.into())]
}

/// Returns the longest decoded text and its length; of equally long ones, a whole word.
fn longest(text: &str) -> Option<(usize, String)> {
    let word = base64_encoded_length(text);
    let n_known = word.as_ref().map_or(0, |(length, _)| *length);
    match longest_part(text.as_bytes()).map(|part| decode(&text.as_bytes()[part])) {
        Some(part) if part.len() > n_known => Some((part.len(), part)),
        _ => word,
    }
}

/// A maximal run of base64 characters.
struct Run<'a> {
    characters: &'a [u8],
    before: Option<u8>,
    after: Option<u8>,
}

/// Returns the digits of the longest part that encodes printable text.
fn longest_part(text: &[u8]) -> Option<Range<usize>> {
    let is_in_run = |byte: &u8| *byte == b'=' || value(*byte).is_some();
    let mut longest = 0..0;
    let mut start = 0;
    while start < text.len() {
        let end = start + text[start..].iter().take_while(|byte| is_in_run(byte)).count();
        // shorter runs encode too little
        if end - start > MIN_PADDED {
            let before = start.checked_sub(1).map(|before| text[before]);
            let run = Run { characters: &text[start..end], before, after: text.get(end).copied() };
            let part = run.longest_part();
            if part.len() > longest.len() {
                longest = start + part.start..start + part.end;
            }
        }
        start = end + 1;
    }
    (!longest.is_empty()).then_some(longest)
}

impl Run<'_> {
    fn longest_part(&self) -> Range<usize> {
        let mut longest = Some(tail(self.characters)).filter(|tail| !self.is_settings(tail)).unwrap_or_default();
        // A part is read four digits at a time. One that begins inside another part that was read,
        // at the same digit of four, is the end of it.
        let mut read_until = [0; 4];
        for start in 0..self.characters.len() {
            let is_start = start == 0 || matches!(self.characters[start - 1], b'=' | b'/');
            if is_start && start >= read_until[start % 4] {
                let (part, read) = self.part_from(start);
                read_until[start % 4] = read;
                if part.len() > longest.len() && !self.is_settings(&part) {
                    longest = part;
                }
            }
        }
        longest
    }

    /// Returns the digits of the longest part that begins at `start`, and the end of what was read.
    fn part_from(&self, start: usize) -> (Range<usize>, usize) {
        let run = self.characters;
        let mut end = start;
        let mut quad = start;
        let mut n_words = 0;
        let mut has_slash = false;
        loop {
            for n_digits in [0, 2, 3] {
                let at = quad + n_digits;
                let is_end = at <= run.len() && matches!(run.get(at), None | Some(b'=' | b'/'));
                let least = match has_slash {
                    _ if is_padded(run, at, n_digits) => MIN_PADDED,
                    _ if self.may_go_on(start, at) => usize::MAX,
                    false => MIN_UNPADDED,
                    true => MIN_SLASHED,
                };
                if is_end && n_bytes(at - start) >= least {
                    let n_more = printable(&run[quad..at]);
                    let is_part = n_more.is_some_and(|n_more| has_words(n_words + n_more, at - start));
                    end = if is_part { at } else { end };
                }
            }
            match run.get(quad..quad + 4).and_then(printable) {
                Some(n_more) => n_words += n_more,
                None => return (start..end, quad),
            }
            // only the last digit of four can be a slash: the other bytes would not be ASCII
            has_slash |= run[quad + 3] == b'/';
            quad += 4;
        }
    }

    /// True if a part may be a piece of base64 in the other alphabet, with `-` and `_`.
    fn may_go_on(&self, start: usize, end: usize) -> bool {
        let is_digit = |byte: Option<u8>| matches!(byte, Some(b'-' | b'_'));
        (start == 0 && is_digit(self.before)) || (end == self.characters.len() && is_digit(self.after))
    }

    /// True for JSON behind the name of an option, `-name=eyJ...`.
    fn is_settings(&self, part: &Range<usize>) -> bool {
        let is_json = self.characters[part.clone()].starts_with(b"eyJ");
        is_json && self.before == Some(b'-') && self.characters[..part.start].ends_with(b"=")
    }
}

/// Returns the digits before the padding at the end of a run, as far back as they are printable.
fn tail(run: &[u8]) -> Range<usize> {
    let end = run.len() - run.iter().rev().take_while(|byte| **byte == b'=').count();
    let n_digits = match run.len() - end {
        1 => 3,
        2 => 2,
        _ => return 0..0,
    };
    let Some(mut start) = end.checked_sub(n_digits) else { return 0..0 };
    let Some(mut n_words) = printable(&run[start..end]) else { return 0..0 };
    while let Some(n_more) = start.checked_sub(4).and_then(|quad| printable(&run[quad..start])) {
        n_words += n_more;
        start -= 4;
    }
    let is_part = n_bytes(end - start) >= MIN_TAIL && has_words(n_words, end - start);
    if is_part { start..end } else { 0..0 }
}

/// True if the digits before `at`, of which the last group has `n_digits`, are padded as they have
/// to be.
fn is_padded(run: &[u8], at: usize, n_digits: usize) -> bool {
    let rest = run.get(at..).unwrap_or_default();
    let n_padding = rest.iter().take(3).take_while(|byte| **byte == b'=').count();
    // `key=value` has no padding
    n_digits > 0 && n_padding == 4 - n_digits && matches!(rest.get(n_padding), None | Some(b'/'))
}

fn n_bytes(n_digits: usize) -> usize {
    n_digits * 3 / 4
}

/// Returns the number of bytes other than 0 that up to four digits encode; `None` if one of them is
/// not text, or if an unused bit of the last digit is set.
fn printable(digits: &[u8]) -> Option<usize> {
    let (bits, n_bits) = bits(digits)?;
    let n_unused = n_bits % 8;
    let bytes = (bits >> n_unused).to_be_bytes();
    let bytes = &bytes[4 - n_bits / 8..];
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0);
    let is_printable = bits & ((1 << n_unused) - 1) == 0 && bytes.iter().all(is_text);
    is_printable.then(|| bytes.iter().filter(|byte| **byte != 0).count())
}

/// True if at least half of the bytes are not 0: in UTF-16, every other byte is.
fn has_words(n_words: usize, n_digits: usize) -> bool {
    n_words * 2 >= n_bytes(n_digits)
}

/// The bits of up to four digits, and their number; `None` if one is not a digit.
fn bits(digits: &[u8]) -> Option<(u32, usize)> {
    let add = |bits: u32, digit: &u8| Some(bits << 6 | u32::from(value(*digit)?));
    Some((digits.iter().try_fold(0, add)?, digits.len() * 6))
}

/// Decodes digits that encode ASCII.
fn decode(digits: &[u8]) -> String {
    let mut text = String::with_capacity(n_bytes(digits.len()));
    for quad in digits.chunks(4) {
        let Some((bits, n_bits)) = bits(quad) else { break };
        text.extend((1..=n_bits / 8).map(|idx| char::from((bits >> (n_bits - 8 * idx)) as u8)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(longest(text).map(|(_, word)| word).as_deref(), expected, "{text}");
    }

    #[test]
    fn whole_words_are_found_as_ever() {
        check("houston we have a cHJvYmxlbQ==", Some("problem"));
        check("cHJvYmxlbQ", None);
        check("cHJvYmxlbQ== aGVsbG8gd29ybGQ=", Some("hello world"));
        check("QUJDRA==", None);
        check("password", None);
        check("cABvAHcAZQByAA==", Some("p\0o\0w\0e\0r\0"));
        check("AQIDBAUGBwgJCgsM", Some("\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\t\n\u{b}\u{c}"));
    }

    #[test]
    fn parts_of_words_are_found() {
        check("?q=aGVsbG8=", Some("hello"));
        check("?q=aGVsbG8gd29ybGQ", Some("hello world"));
        check("aGVsbG8gd29ybGQ", Some("hello world"));
        check("/api/aGVsbG8gd29ybGQ/next", Some("hello world"));
        check("/a=aGVsbG8gd29ybGQh/b", Some("hello world!"));
        check("x=1/aGVsbG8gd29ybGQ=&y=1", Some("hello world"));
        check("q=d2hhdD8/PyBubw==", Some("what??? no"));
        check("q=d2hhdD8/PyBubywgbm90aGluZyBvZiB0aGUga2luZA", Some("what??? no, nothing of the kind"));
        check("q=SGVsbG8gd29ybGQhIFRoaXM%3D", Some("Hello world! This"));
        check("xSGVsbG8gd29ybGQhIFRoaXM=", Some("Hello world! This"));
        check("-enc=cABvAHcAZQByAHMAaABlAGwAbAA", Some("p\0o\0w\0e\0r\0s\0h\0e\0l\0l\0"));
        check("--data=aGVsbG8gd29ybGQ=", Some("hello world"));
        check("?token=eyJzdWIiOiJhbm4ifQ==", Some("{\"sub\":\"ann\"}"));
        check("cHJvYmxlbQ== d=aGVsbG8gd29ybGQ", Some("hello world"));
        check("YWJjZGU=YWJjZGU=", Some("abcde"));
    }

    #[test]
    fn ordinary_words_are_not_base64() {
        for text in [
            "/usr/local/share/applications/Signals/RUNONCE",
            "https://example.org/Visuals?session=SERVICE&PURPOSE=flpydisk",
            "d41d8cd98f00b204e9800998ecf8427e",
            "hash=E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "/AAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "C:\\Windows\\System32\\WindowsPowerShell",
            "key=cHJvYmxlbQ",
            "/Visuals=1",
            "/Signals/RUNONCE",
            "--settings=eyJjci5jb21wYW55IjoiRWxlY3Ryb24ifQ==",
            "SGVsbG8gd29ybGQhIFRoaXM-IGlzPyBhIGxvbmcgdGV4dA",
            "a===========b",
            "====",
            "////////////",
            "=",
            "",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn long_texts_take_linear_time() {
        let started = std::time::Instant::now();
        for text in ["SGV/", "SGU/", "SGVs=", "=", "/", "S/", "aGVsbG8gd29ybGQ/", "IFRoaXM=", "S"] {
            longest(&text.repeat(100_000));
        }
        // quadratic behaviour would need minutes
        assert!(started.elapsed().as_secs() < 20);
    }
}
