//! Lines that gave no event: counts by reason and a few samples. The result does not depend on the
//! order of reading.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::terminal::escape_controls;

/// Upper limit on the samples per reason.
const MAX_SAMPLES: usize = 5;
/// Upper limit on the characters of a sample's text; `…` stands for the rest.
const SAMPLE_CHARS: usize = 120;

/// Reason for skipping a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// The last line of a file ends in the middle of its JSON.
    Truncated,
    /// Not JSON.
    NotJson,
    /// JSON, but not an object.
    NotObject,
    /// Not UTF-8.
    InvalidUtf8,
    /// Nested deeper than [`super::MAX_DEPTH`].
    TooDeep,
    /// Longer than [`super::MAX_LINE_BYTES`].
    TooLong,
    /// With a text longer than [`super::MAX_VALUE_BYTES`].
    ValueTooLong,
    /// With more than [`super::MAX_VALUES`] values.
    TooManyValues,
    /// A row of a table that has more or fewer cells than its header has columns.
    CellCount,
    /// A cell of a table that begins with a quote and does not end with one.
    OpenQuote,
    /// A part of a binary file that cannot be read.
    Damaged,
}

impl SkipReason {
    /// Name of the reason in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated last line",
            Self::NotJson => "not JSON",
            Self::NotObject => "not a JSON object",
            Self::InvalidUtf8 => "not UTF-8",
            Self::TooDeep => "nested too deep",
            Self::TooLong => "line too long",
            Self::ValueTooLong => "value too long",
            Self::TooManyValues => "too many values",
            Self::CellCount => "not as many cells as the header has columns",
            Self::OpenQuote => "quoted cell without an end",
            Self::Damaged => "damaged record",
        }
    }
}

impl SkipReason {
    /// Cure of such lines.
    pub fn cure(self) -> &'static str {
        match self {
            Self::Truncated => "export the file again, or wait until it is written",
            Self::NotJson | Self::NotObject => "write one JSON object per line",
            Self::InvalidUtf8 => "convert the file with `iconv -t UTF-8`",
            Self::TooDeep | Self::TooLong | Self::ValueTooLong | Self::TooManyValues => {
                "shorten the event where it is made"
            }
            Self::CellCount => "give each record a cell per column; quote cells with separators in them",
            Self::OpenQuote => "close the quote, or double it if it belongs to the text",
            Self::Damaged => "export the log again where it was made",
        }
    }
}

/// One line that gave no event. Samples are ordered by file, then line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkippedSample {
    /// name of the file
    pub file: Arc<str>,
    /// 0-based number of the line in its file
    pub line: u64,
    /// start of the line, with control characters escaped
    pub text: String,
}

/// Lines that gave no event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedLines {
    reasons: BTreeMap<SkipReason, Skipped>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Skipped {
    count: u64,
    samples: Vec<SkippedSample>,
}

impl SkippedLines {
    /// Counts a line of `file` and keeps it as a sample if it is among the first.
    pub fn add(&mut self, reason: SkipReason, file: &Arc<str>, line: u64, bytes: &[u8]) {
        let skipped = self.reasons.entry(reason).or_default();
        skipped.count += 1;
        let place = (file.as_ref(), line);
        let wanted = skipped.samples.len() < MAX_SAMPLES
            || skipped.samples.last().is_some_and(|last| place < (last.file.as_ref(), last.line));
        if wanted {
            let text = escaped_start(bytes);
            skipped.keep(SkippedSample { file: Arc::clone(file), line, text });
        }
    }

    /// Adds the counts of `other` and keeps the first samples of both.
    pub fn merge(&mut self, other: SkippedLines) {
        for (reason, from) in other.reasons {
            let into = self.reasons.entry(reason).or_default();
            into.count += from.count;
            from.samples.into_iter().for_each(|sample| into.keep(sample));
        }
    }

    /// Total number of skipped lines.
    pub fn total(&self) -> u64 {
        self.reasons.values().map(|skipped| skipped.count).sum()
    }

    /// True if no line was skipped.
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Returns count and first samples of each reason that occurred.
    pub fn reasons(&self) -> impl Iterator<Item = (SkipReason, u64, &[SkippedSample])> {
        self.reasons.iter().map(|(reason, skipped)| (*reason, skipped.count, skipped.samples.as_slice()))
    }
}

impl Skipped {
    fn keep(&mut self, sample: SkippedSample) {
        let at = self.samples.partition_point(|kept| *kept <= sample);
        self.samples.insert(at, sample);
        self.samples.truncate(MAX_SAMPLES);
    }
}

fn escaped_start(bytes: &[u8]) -> String {
    // a character takes at most four bytes, so a cut inside the last one stays out of the sample
    let start = &bytes[..bytes.len().min(SAMPLE_CHARS * 4)];
    let text = String::from_utf8_lossy(start);
    let shown = escape_controls(&text.chars().take(SAMPLE_CHARS).collect::<String>());
    if text.chars().nth(SAMPLE_CHARS).is_some() { shown + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(numbers: &[(u8, u64)]) -> SkippedLines {
        let mut skipped = SkippedLines::default();
        for (file, line) in numbers {
            let reason = if line % 2 == 0 { SkipReason::NotJson } else { SkipReason::TooDeep };
            skipped.add(reason, &Arc::from(format!("f{file}")), *line, b"x");
        }
        skipped
    }

    proptest! {
        #[test]
        fn order_and_split_do_not_change_the_counts(numbers in prop::collection::vec((0..3u8, 0..40u64), 0..40), cut in 0..40usize) {
            let cut = cut.min(numbers.len());
            let mut merged = lines(&numbers[cut..]);
            merged.merge(lines(&numbers[..cut]));
            prop_assert_eq!(&merged, &lines(&numbers));
            let mut sorted = numbers.clone();
            sorted.sort();
            prop_assert_eq!(merged, lines(&sorted));
        }
    }

    #[test]
    fn samples_are_short_and_escaped() {
        let mut skipped = SkippedLines::default();
        let hostile = format!("\u{1b}[2J\u{202e}\r\n{}", "é".repeat(500));
        skipped.add(SkipReason::NotJson, &Arc::from("f"), 7, hostile.as_bytes());
        skipped.add(SkipReason::NotJson, &Arc::from("f"), 8, b"\xff{");
        let (_, count, samples) = skipped.reasons().next().unwrap();
        assert_eq!(count, 2);
        assert!(samples[0].text.starts_with("\\u{1b}[2J\\u{202e}\\r\\né"), "{}", samples[0].text);
        assert_eq!(samples[0].text.matches('é').count(), 120 - 7);
        assert!(samples[0].text.ends_with("é…"));
        assert_eq!(samples[1].text, "\u{fffd}{");
    }
}
