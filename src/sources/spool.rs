//! Copies of what cannot be read again from its source, or only at a price: chunks, compressed, and documents, as they are, in an unnamed file
//! of the spill folder.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Fast enough not to be the limit of reading.
const LEVEL: i32 = 1;

/// The file of copies.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    /// The file and its end.
    file: Mutex<Option<(Arc<File>, u64)>>,
}

/// Place of a chunk's copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied {
    start: u64,
    stored: usize,
    len: usize,
}

/// A chunk as it is stored.
pub(super) fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
}

impl Spool {
    pub(super) fn new(folder: &Path) -> Self {
        Spool { folder: folder.to_owned(), file: Mutex::default() }
    }

    /// Adds a chunk of `len` bytes that [`compress`] made small.
    pub(super) fn append(&self, compressed: &[u8], len: usize) -> io::Result<Copied> {
        Ok(Copied { start: self.append_plain(compressed)?, stored: compressed.len(), len })
    }

    /// The chunk.
    pub(super) fn read(&self, copied: &Copied) -> io::Result<Vec<u8>> {
        zstd::bulk::decompress(&self.read_plain(copied.start, copied.stored)?, copied.len)
    }

    /// Adds bytes as they are, to be read in any parts; where they start.
    pub(super) fn append_plain(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, end) = match &mut *guard {
            Some(open) => open,
            empty => empty.insert((Arc::new(tempfile::tempfile_in(&self.folder)?), 0)),
        };
        (&**file).write_all(bytes)?;
        let start = *end;
        *end += bytes.len() as u64;
        Ok(start)
    }

    /// `len` bytes that [`Self::append_plain`] added.
    pub(super) fn read_plain(&self, start: u64, len: usize) -> io::Result<Vec<u8>> {
        let open = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(file, _)| Arc::clone(file));
        let file = open.ok_or_else(|| io::Error::other("nothing was copied"))?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }
}
