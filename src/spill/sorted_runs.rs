//! Records in order, however many there are: an external sort. Records beyond the memory limit are
//! sorted and written to disk as a run; reading merges the runs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::record::{self, FieldWriter, Record};
use super::{SpillError, unnamed_file};

/// Upper limit on the size of the read buffer of each run.
const READ_AHEAD: usize = 64 << 10;

/// Target size of all read buffers together.
const ALL_READ_AHEAD: usize = 16 << 20;

/// Lower limit on the size of the read buffer of each run.
const LEAST_READ_AHEAD: usize = 4 << 10;

/// Records on their way into order.
#[derive(Debug)]
pub struct SortedRuns<T> {
    folder: PathBuf,
    memory_bytes: usize,
    records: Vec<T>,
    n_bytes: usize,
    file: Option<BufWriter<File>>,
    /// End of each run in the file.
    ends: Vec<u64>,
}

impl<T: Ord + Record + Send + Clone> SortedRuns<T> {
    /// Without records. More than `memory_bytes` of them go to `folder`.
    pub fn new(folder: &Path, memory_bytes: usize) -> Self {
        let folder = folder.to_owned();
        SortedRuns { folder, memory_bytes, records: Vec::new(), n_bytes: 0, file: None, ends: Vec::new() }
    }

    /// Adds a record that takes about `n_bytes` of memory.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn push(&mut self, record: T, n_bytes: usize) -> Result<(), SpillError> {
        self.n_bytes += n_bytes;
        self.records.push(record);
        if self.n_bytes <= self.memory_bytes {
            return Ok(());
        }
        self.write_run().map_err(SpillError::in_folder(&self.folder))
    }

    /// Returns the records in order.
    ///
    /// # Errors
    /// A file that cannot be made, written or read.
    pub fn merge(mut self) -> Result<MergedRuns<T>, SpillError> {
        self.records.par_sort_unstable();
        let in_memory = Run::InMemory(std::mem::take(&mut self.records).into_iter());
        let stored = self.into_stored()?;
        stored.merge_with(in_memory)
    }

    /// Keeps the records in order, to be read any number of times.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn store(mut self) -> Result<StoredRuns<T>, SpillError> {
        self.records.par_sort_unstable();
        self.into_stored()
    }

    /// Takes over the runs on disk, and the records in memory, which are sorted.
    fn into_stored(self) -> Result<StoredRuns<T>, SpillError> {
        let SortedRuns { folder, records, file, ends, .. } = self;
        let whole = |file: BufWriter<File>| file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = file.map(whole).transpose().map_err(SpillError::in_folder(&folder))?.map(Arc::new);
        Ok(StoredRuns { folder, records: Arc::new(records), file, ends })
    }

    fn write_run(&mut self) -> io::Result<()> {
        // on this thread only: callers hold locks, and a rayon thread that waits takes other work
        self.records.sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(unnamed_file(&self.folder)?)),
        };
        let mut end = self.ends.last().copied().unwrap_or_default();
        let mut buffer = FieldWriter::default();
        for record in self.records.drain(..) {
            end += record::write(file, &record, &mut buffer)?;
        }
        self.ends.push(end);
        self.n_bytes = 0;
        Ok(())
    }
}

/// Records in order that can be read more than once.
#[derive(Debug)]
pub struct StoredRuns<T> {
    folder: PathBuf,
    records: Arc<Vec<T>>,
    file: Option<Arc<File>>,
    /// End of each run in the file.
    ends: Vec<u64>,
}

impl<T: Ord + Record + Send + Clone> StoredRuns<T> {
    /// Returns the records in order.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&self) -> Result<MergedRuns<T>, SpillError> {
        self.merge_with(Run::Kept(Arc::clone(&self.records), 0))
    }

    fn merge_with(&self, in_memory: Run<T>) -> Result<MergedRuns<T>, SpillError> {
        let mut runs = vec![in_memory];
        if let Some(file) = &self.file {
            let read_ahead = (ALL_READ_AHEAD / self.ends.len().max(1)).clamp(LEAST_READ_AHEAD, READ_AHEAD);
            let starts = [0].into_iter().chain(self.ends.iter().copied());
            for (at, &end) in starts.zip(&self.ends) {
                let section = Section { file: Arc::clone(file), at, end };
                runs.push(Run::OnDisk(BufReader::with_capacity(read_ahead, section), Vec::new()));
            }
        }
        let mut merge = MergedRuns { folder: self.folder.clone(), runs, heads: BinaryHeap::new() };
        let in_folder = SpillError::in_folder(&self.folder);
        (0..merge.runs.len()).try_for_each(|run_idx| merge.advance(run_idx)).map_err(in_folder)?;
        Ok(merge)
    }
}

/// Sorted records, one after the other.
#[derive(Debug)]
pub struct MergedRuns<T> {
    folder: PathBuf,
    runs: Vec<Run<T>>,
    /// Next record of each run.
    heads: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: Ord + Record + Send + Clone> MergedRuns<T> {
    /// Returns the next record if `is_wanted` accepts it, which stays the next one otherwise.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_if(&mut self, is_wanted: impl FnOnce(&T) -> bool) -> Result<Option<T>, SpillError> {
        let Some(mut head) = self.heads.peek_mut().filter(|head| is_wanted(&head.0.0)) else { return Ok(None) };
        let following = self.runs[head.0.1].next_record().map_err(SpillError::in_folder(&self.folder))?;
        Ok(Some(match following {
            // takes the place of the head: of a single run, nothing is sorted
            Some(following) => std::mem::replace(&mut head.0.0, following),
            None => PeekMut::pop(head).0.0,
        }))
    }

    fn advance(&mut self, run_idx: usize) -> io::Result<()> {
        if let Some(record) = self.runs[run_idx].next_record()? {
            self.heads.push(Reverse((record, run_idx)));
        }
        Ok(())
    }
}

#[derive(Debug)]
enum Run<T> {
    InMemory(std::vec::IntoIter<T>),
    /// Records that are read again, and the index of the next one.
    Kept(Arc<Vec<T>>, usize),
    /// With a buffer for one record.
    OnDisk(BufReader<Section>, Vec<u8>),
}

impl<T: Record + Clone> Run<T> {
    fn next_record(&mut self) -> io::Result<Option<T>> {
        match self {
            Run::InMemory(records) => Ok(records.next()),
            Run::Kept(records, next) => {
                *next += 1;
                Ok(records.get(*next - 1).cloned())
            }
            Run::OnDisk(reader, buffer) => record::read(reader, buffer),
        }
    }
}

/// A part of a file that others read as well.
#[derive(Debug)]
struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n_read = self.file.read_at(&mut buffer[..left], self.at)?;
        self.at += n_read as u64;
        Ok(n_read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spill::record::tests::Pair;

    #[test]
    fn records_come_in_order_from_memory_and_disk() {
        let folder = tempfile::tempdir().unwrap();
        for memory_bytes in [usize::MAX, 500, 0] {
            let mut sorted: SortedRuns<Pair> = SortedRuns::new(folder.path(), memory_bytes);
            for n in 0..100u64 {
                sorted.push((n * 37 % 100, format!("record {n}")), 20).unwrap();
            }
            let mut merge = sorted.merge().unwrap();
            let mut numbers = Vec::new();
            while let Some((number, text)) = merge.next_if(|_| true).unwrap() {
                assert_eq!(text, format!("record {}", number * 73 % 100));
                numbers.push(number);
            }
            assert_eq!(numbers, (0..100).collect::<Vec<_>>(), "{memory_bytes}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn stored_records_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        for memory_bytes in [usize::MAX, 500, 0] {
            let mut sorted: SortedRuns<Pair> = SortedRuns::new(folder.path(), memory_bytes);
            (0..100u64).for_each(|n| sorted.push((n * 37 % 100, String::new()), 20).unwrap());
            let stored = sorted.store().unwrap();
            let numbers = |mut merge: MergedRuns<Pair>| -> Vec<u64> {
                std::iter::from_fn(move || merge.next_if(|_| true).unwrap()).map(|(number, _)| number).collect()
            };
            // two readers at the same time
            let [first, second] = [stored.read().unwrap(), stored.read().unwrap()];
            for merge in [first, second, stored.read().unwrap()] {
                assert_eq!(numbers(merge), (0..100).collect::<Vec<_>>(), "{memory_bytes}");
            }
        }
    }

    #[test]
    fn a_record_that_is_not_wanted_stays_the_next() {
        let pair = |n: u64| (n, String::new());
        let mut sorted: SortedRuns<Pair> = SortedRuns::new(Path::new("."), 100);
        [3, 1, 2].into_iter().for_each(|n| sorted.push(pair(n), 8).unwrap());
        let mut merge = sorted.merge().unwrap();
        assert_eq!(merge.next_if(|next| *next == pair(1)).unwrap(), Some(pair(1)));
        assert_eq!(merge.next_if(|next| *next == pair(1)).unwrap(), None);
        assert_eq!(merge.next_if(|next| *next == pair(2)).unwrap(), Some(pair(2)));
        let nothing: SortedRuns<Pair> = SortedRuns::new(Path::new("."), 100);
        assert_eq!(nothing.merge().unwrap().next_if(|_| true).unwrap(), None);
    }
}
