//! Records in the order in which they were added, in memory while they are few and on disk beyond.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek};
use std::path::{Path, PathBuf};

use super::record::{self, FieldWriter, Record};
use super::{SpillError, unnamed_file};

/// A sequence of records.
#[derive(Debug)]
pub struct Log<T> {
    folder: PathBuf,
    memory_bytes: usize,
    records: VecDeque<T>,
    n_bytes: usize,
    file: Option<BufWriter<File>>,
    buffer: FieldWriter,
}

impl<T: Record> Log<T> {
    /// Without records. Once there are more than `memory_bytes` of them, all go to `folder`.
    pub fn new(folder: &Path, memory_bytes: usize) -> Self {
        Log {
            folder: folder.to_owned(),
            memory_bytes,
            records: VecDeque::new(),
            n_bytes: 0,
            file: None,
            buffer: FieldWriter::default(),
        }
    }

    /// Adds a record that takes about `n_bytes` of memory.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn push(&mut self, record: T, n_bytes: usize) -> Result<(), SpillError> {
        self.n_bytes += n_bytes;
        self.records.push_back(record);
        if self.n_bytes <= self.memory_bytes {
            return Ok(());
        }
        self.write().map_err(SpillError::in_folder(&self.folder))
    }

    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(unnamed_file(&self.folder)?)),
        };
        for record in self.records.drain(..) {
            record::write(file, &record, &mut self.buffer)?;
        }
        Ok(())
    }

    /// Hands all records to `take`, in their order.
    ///
    /// # Errors
    /// A file that cannot be read, and those of `take`.
    pub fn drain<E: From<SpillError>>(mut self, mut take: impl FnMut(T) -> Result<(), E>) -> Result<(), E> {
        let in_folder = SpillError::in_folder(&self.folder);
        if let Some(file) = self.file.take() {
            let mut file = file.into_inner().map_err(|error| in_folder(error.into_error()))?;
            file.rewind().map_err(&in_folder)?;
            let (mut reader, mut buffer) = (BufReader::new(file), Vec::new());
            while let Some(record) = record::read(&mut reader, &mut buffer).map_err(&in_folder)? {
                take(record)?;
            }
        }
        self.records.into_iter().try_for_each(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spill::record::tests::Pair;

    #[test]
    fn records_come_back_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        for memory_bytes in [usize::MAX, 100, 0] {
            let mut log: Log<Pair> = Log::new(folder.path(), memory_bytes);
            (0..50u64).for_each(|n| log.push((n, "x".repeat(n as usize)), 9).unwrap());
            let mut numbers = Vec::new();
            let taken: Result<(), SpillError> = log.drain(|(n, text)| {
                assert_eq!(text.len(), n as usize);
                numbers.push(n);
                Ok(())
            });
            taken.unwrap();
            assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "{memory_bytes}");
        }
    }

    #[test]
    fn an_error_of_the_taker_ends_it() {
        let mut log: Log<Pair> = Log::new(Path::new("."), 100);
        (0..3u64).for_each(|n| log.push((n, String::new()), 8).unwrap());
        let error = || SpillError { folder: PathBuf::new(), source: io::ErrorKind::Other.into() };
        assert!(log.drain(|(n, _)| if n < 2 { Ok(()) } else { Err(error()) }).is_err());
    }
}
