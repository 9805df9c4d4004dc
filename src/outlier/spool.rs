//! Spool of outliers on their way to the sinks: runs of encoded outliers, sorted by event. Small
//! runs stay in memory, longer ones are spilled to disk.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use tempfile::SpooledTempFile;

use crate::spill::SpillError;
use crate::table::Element;

/// Upper limit on a run in memory; longer runs are spilled to disk.
const MEMORY_BYTES: usize = 1 << 20;

/// One outlier of one use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpooledOutlier {
    /// Row that the outlier stands for.
    pub element: Element,
    /// Aggregator; the outliers of an aggregator that is evaluated again are dropped.
    pub aggregator: u32,
    /// The encoded outlier.
    pub bytes: Vec<u8>,
}

/// Outliers of one round of evaluation, in the order of their elements.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    file: SpooledTempFile,
    dropped: FxHashSet<u32>,
}

impl Run {
    /// Returns an empty run that spills to `folder`.
    pub fn new(folder: &Path) -> Self {
        let file = tempfile::spooled_tempfile_in(MEMORY_BYTES, folder);
        Run { folder: folder.to_owned(), file, dropped: FxHashSet::default() }
    }

    /// Adds an outlier; elements must not decrease.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn push(&mut self, outlier: &SpooledOutlier) -> Result<(), SpillError> {
        self.write(outlier).map_err(SpillError::in_folder(&self.folder))
    }

    fn write(&mut self, outlier: &SpooledOutlier) -> io::Result<()> {
        let mut head = [0; 16];
        head[..8].copy_from_slice(&outlier.element.0.to_le_bytes());
        head[8..12].copy_from_slice(&outlier.aggregator.to_le_bytes());
        head[12..].copy_from_slice(&(outlier.bytes.len() as u32).to_le_bytes());
        self.file.write_all(&head)?;
        self.file.write_all(&outlier.bytes)
    }

    /// Drops the outliers of these aggregators.
    pub fn drop_aggregators(&mut self, aggregators: &FxHashSet<u32>) {
        self.dropped.extend(aggregators);
    }

    fn into_reader(self) -> Result<RunReader, SpillError> {
        let Run { folder, mut file, dropped } = self;
        file.seek(SeekFrom::Start(0)).map_err(SpillError::in_folder(&folder))?;
        Ok(RunReader { folder, file: BufReader::new(file), dropped })
    }
}

struct RunReader {
    folder: PathBuf,
    file: BufReader<SpooledTempFile>,
    dropped: FxHashSet<u32>,
}

impl RunReader {
    fn read(&mut self) -> Result<Option<SpooledOutlier>, SpillError> {
        self.next_outlier().map_err(SpillError::in_folder(&self.folder))
    }

    fn next_outlier(&mut self) -> io::Result<Option<SpooledOutlier>> {
        loop {
            let mut head = [0; 16];
            if self.file.read(&mut head[..1])? == 0 {
                return Ok(None);
            }
            self.file.read_exact(&mut head[1..])?;
            let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let element = Element(u64::from(word(0)) | u64::from(word(4)) << 32);
            let mut bytes = vec![0; word(12) as usize];
            self.file.read_exact(&mut bytes)?;
            let aggregator = word(8);
            if !self.dropped.contains(&aggregator) {
                return Ok(Some(SpooledOutlier { element, aggregator, bytes }));
            }
        }
    }
}

/// All outliers of one event, in the order of the use cases and then of the event's sentences.
#[derive(Debug, PartialEq, Eq)]
pub struct EventOutliers {
    /// One of the rows of the event.
    pub element: Element,
    /// Index of the use case, and encoded outlier.
    pub outliers: Vec<(usize, Vec<u8>)>,
}

/// Merges the runs of all use cases, event by event.
pub struct Merged {
    readers: Vec<(usize, RunReader)>,
    heads: BinaryHeap<Reverse<Head>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    event: u64,
    use_case_idx: usize,
    element: u64,
    reader_idx: usize,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Merged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merged").field("n_runs", &self.readers.len()).finish_non_exhaustive()
    }
}

impl Merged {
    /// Merges `runs`, each with the index of its use case.
    pub fn new(runs: Vec<(usize, Run)>) -> Result<Self, SpillError> {
        let mut merged = Merged { readers: Vec::with_capacity(runs.len()), heads: BinaryHeap::new() };
        for (reader_idx, (use_case_idx, run)) in runs.into_iter().enumerate() {
            merged.readers.push((use_case_idx, run.into_reader()?));
            let head = merged.head(reader_idx)?;
            merged.heads.extend(head.map(Reverse));
        }
        Ok(merged)
    }

    /// Returns the next event, or `None` after the last one.
    pub fn next_event(&mut self) -> Result<Option<EventOutliers>, SpillError> {
        let Some(Reverse(first)) = self.heads.peek() else { return Ok(None) };
        let (event, element) = (first.event, Element(first.element));
        let mut outliers = Vec::new();
        while let Some(Reverse(head)) = self.heads.peek_mut().filter(|top| top.0.event == event).map(PeekMut::pop) {
            let next = self.head(head.reader_idx)?;
            self.heads.extend(next.map(Reverse));
            outliers.push((head.use_case_idx, head.bytes));
        }
        Ok(Some(EventOutliers { element, outliers }))
    }

    fn head(&mut self, reader_idx: usize) -> Result<Option<Head>, SpillError> {
        let (use_case_idx, reader) = &mut self.readers[reader_idx];
        let head = reader.read()?.map(|outlier| Head {
            event: outlier.element.event(),
            use_case_idx: *use_case_idx,
            element: outlier.element.0,
            reader_idx,
            bytes: outlier.bytes,
        });
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(event: u64, sentence: u64) -> Element {
        Element(event << Element::SENTENCE_BITS | sentence)
    }

    fn run(outliers: &[(u64, u64, u32, &str)]) -> Run {
        let mut run = Run::new(&std::env::temp_dir());
        for &(event, sentence, aggregator, text) in outliers {
            let outlier = SpooledOutlier { element: element(event, sentence), aggregator, bytes: text.into() };
            run.push(&outlier).unwrap();
        }
        run
    }

    fn check(runs: Vec<(usize, Run)>, expected: &[(u64, &[(usize, &str)])]) {
        let mut merged = Merged::new(runs).unwrap();
        let mut actual = Vec::new();
        while let Some(event) = merged.next_event().unwrap() {
            let outliers: Vec<(usize, String)> =
                event.outliers.into_iter().map(|(idx, bytes)| (idx, String::from_utf8(bytes).unwrap())).collect();
            actual.push((event.element.event(), outliers));
        }
        let expected: Vec<(u64, Vec<(usize, String)>)> = expected
            .iter()
            .map(|(event, outliers)| (*event, outliers.iter().map(|(idx, text)| (*idx, (*text).to_owned())).collect()))
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn events_come_in_order_with_the_outliers_of_all_use_cases() {
        let runs = vec![
            (1, run(&[(3, 0, 0, "c"), (3, 1, 0, "d"), (9, 0, 0, "f")])),
            (0, run(&[(3, 5, 0, "b"), (4, 0, 0, "e")])),
            (0, run(&[(1, 0, 0, "a")])),
        ];
        check(runs, &[(1, &[(0, "a")]), (3, &[(0, "b"), (1, "c"), (1, "d")]), (4, &[(0, "e")]), (9, &[(1, "f")])]);
    }

    #[test]
    fn dropped_aggregators_give_no_outliers() {
        let mut first = run(&[(1, 0, 7, "a"), (2, 0, 8, "b")]);
        first.drop_aggregators(&[7].into_iter().collect());
        check(vec![(0, first), (0, run(&[(1, 0, 7, "again")]))], &[(1, &[(0, "again")]), (2, &[(0, "b")])]);
        check(vec![], &[]);
    }

    #[test]
    fn a_long_run_is_spilled_and_read_back() {
        let text = "x".repeat(1000);
        let outliers: Vec<(u64, u64, u32, &str)> = (0..2000).map(|event| (event, 0, 0, text.as_str())).collect();
        let mut merged = Merged::new(vec![(0, run(&outliers))]).unwrap();
        let mut n = 0;
        while let Some(event) = merged.next_event().unwrap() {
            assert_eq!((event.element.event(), event.outliers[0].1.len()), (n, 1000));
            n += 1;
        }
        assert_eq!(n, 2000);
    }
}
