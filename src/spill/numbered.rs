//! Records of one size, read by their numbers in any order. The first ones stay in memory, the rest
//! is on disk.

use std::io;
use std::path::Path;

use super::record::{self, FieldWriter, Record};
use super::{SpillError, Spool};

/// Target size of what is written at once.
const WRITTEN_BYTES: usize = 64 << 10;

/// Records, numbered from 0 in the order in which they are added.
#[derive(Debug)]
pub struct NumberedRecords<T> {
    in_memory: Vec<T>,
    most_in_memory: usize,
    spool: Spool,
    /// Records that are not written yet.
    pending: Vec<u8>,
    /// Bytes of a record on disk; 0 if there is none.
    record_bytes: usize,
    n: u64,
}

impl<T: Record + Clone> NumberedRecords<T> {
    /// Without records. More than `memory_bytes` of them go to `folder`.
    pub fn new(folder: &Path, memory_bytes: usize) -> Self {
        let most_in_memory = memory_bytes / size_of::<T>().max(1);
        let (spool, pending) = (Spool::new(folder), Vec::new());
        NumberedRecords { in_memory: Vec::new(), most_in_memory, spool, pending, record_bytes: 0, n: 0 }
    }

    /// Adds a record, and returns its number.
    ///
    /// # Errors
    /// A file that cannot be made or written, and a record of another size.
    pub fn push(&mut self, record: T) -> Result<u64, SpillError> {
        let number = self.n;
        self.n += 1;
        if self.in_memory.len() < self.most_in_memory {
            self.in_memory.push(record);
            return Ok(number);
        }
        let written = record::write(&mut self.pending, &record, &mut FieldWriter::default());
        let n_bytes = written.map_err(|error| self.spool.error(error))? as usize;
        if self.record_bytes != 0 && self.record_bytes != n_bytes {
            return Err(self.spool.error(io::Error::other("records of several sizes")));
        }
        self.record_bytes = n_bytes;
        if self.pending.len() >= WRITTEN_BYTES {
            self.write()?;
        }
        Ok(number)
    }

    /// Ends adding.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn store(mut self) -> Result<StoredRecords<T>, SpillError> {
        if !self.pending.is_empty() {
            self.write()?;
        }
        let NumberedRecords { in_memory, spool, record_bytes, .. } = self;
        Ok(StoredRecords { in_memory, spool, record_bytes })
    }

    fn write(&mut self) -> Result<(), SpillError> {
        self.spool.append_plain(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// Records that can be read.
#[derive(Debug)]
pub struct StoredRecords<T> {
    in_memory: Vec<T>,
    spool: Spool,
    record_bytes: usize,
}

impl<T: Record + Clone> StoredRecords<T> {
    /// Returns the record with this number.
    ///
    /// # Errors
    /// A file that cannot be read, and a number that no record has.
    pub fn get(&self, number: u64) -> Result<T, SpillError> {
        let n_in_memory = self.in_memory.len() as u64;
        let Some(on_disk) = number.checked_sub(n_in_memory) else {
            return Ok(self.in_memory[number as usize].clone());
        };
        let bytes = self.spool.read_plain(on_disk * self.record_bytes as u64, self.record_bytes)?;
        let found = record::read(&mut &bytes[..], &mut Vec::new()).map_err(|error| self.spool.error(error))?;
        found.ok_or_else(|| self.spool.error(io::ErrorKind::UnexpectedEof.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::Pair;
    use super::*;

    #[test]
    fn records_are_read_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let pair = |n: u64| (n, format!("{n:06}"));
        for memory_bytes in [0, 10 * size_of::<Pair>(), usize::MAX] {
            let mut records = NumberedRecords::new(folder.path(), memory_bytes);
            (0..5000).for_each(|n| assert_eq!(records.push(pair(n)).unwrap(), n));
            let stored = records.store().unwrap();
            for n in (0..5000).rev().chain([0, 4999, 9, 10]) {
                assert_eq!(stored.get(n).unwrap(), pair(n), "{memory_bytes}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let empty: StoredRecords<Pair> = NumberedRecords::new(folder.path(), 0).store().unwrap();
        assert!(empty.get(0).is_err());
        let mut records = NumberedRecords::new(folder.path(), 0);
        records.push((1, "one".to_owned())).unwrap();
        assert!(records.push((2, "three".to_owned())).is_err());
        assert!(records.store().unwrap().get(7).is_err());
    }
}
