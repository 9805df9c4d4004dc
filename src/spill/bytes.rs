//! Copies of data that the source cannot provide twice, or only at a price: compressed chunks, and
//! documents uncompressed.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{SpillError, unnamed_file};

/// Fast enough not to slow down reading.
const LEVEL: i32 = 1;

/// Spill file for copies.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    /// The file and its end.
    file: Mutex<Option<(Arc<File>, u64)>>,
}

/// Place of a chunk's copy.
#[derive(Debug, Clone, Copy)]
pub struct Copied {
    start: u64,
    stored: usize,
    len: usize,
}

/// Compressed chunk, which may be built on any thread.
#[derive(Debug)]
pub struct Compressed {
    bytes: io::Result<Vec<u8>>,
    len: usize,
}

impl Compressed {
    /// Compresses a chunk.
    pub fn new(chunk: &[u8]) -> Self {
        Compressed { bytes: zstd::bulk::compress(chunk, LEVEL), len: chunk.len() }
    }
}

impl Spool {
    /// Creates an empty spool in `folder`; its file is created on the first append.
    pub fn new(folder: &Path) -> Self {
        Spool { folder: folder.to_owned(), file: Mutex::default() }
    }

    /// Appends a chunk.
    ///
    /// # Errors
    /// A file that cannot be created or written, or a chunk that could not be compressed.
    pub fn append(&self, chunk: Compressed) -> Result<Copied, SpillError> {
        let Compressed { bytes, len } = chunk;
        let bytes = bytes.map_err(SpillError::in_folder(&self.folder))?;
        Ok(Copied { start: self.append_plain(&bytes)?, stored: bytes.len(), len })
    }

    /// Reads a chunk back.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&self, copied: &Copied) -> Result<Vec<u8>, SpillError> {
        let stored = self.read_plain(copied.start, copied.stored)?;
        zstd::bulk::decompress(&stored, copied.len).map_err(SpillError::in_folder(&self.folder))
    }

    /// Appends uncompressed bytes, of which any part can be read; returns their offset.
    ///
    /// # Errors
    /// A file that cannot be created or written.
    pub fn append_plain(&self, bytes: &[u8]) -> Result<u64, SpillError> {
        self.write(bytes).map_err(SpillError::in_folder(&self.folder))
    }

    /// Reads `len` bytes appended by [`Self::append_plain`].
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read_plain(&self, start: u64, len: usize) -> Result<Vec<u8>, SpillError> {
        self.read_at(start, len).map_err(SpillError::in_folder(&self.folder))
    }

    /// Returns an error for data that is wrong after reading it back.
    pub fn error(&self, source: io::Error) -> SpillError {
        SpillError::in_folder(&self.folder)(source)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, end) = match &mut *guard {
            Some(open) => open,
            empty => empty.insert((Arc::new(unnamed_file(&self.folder)?), 0)),
        };
        (&**file).write_all(bytes)?;
        let start = *end;
        *end += bytes.len() as u64;
        Ok(start)
    }

    fn read_at(&self, start: u64, len: usize) -> io::Result<Vec<u8>> {
        let open = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(file, _)| Arc::clone(file));
        let file = open.ok_or_else(|| io::Error::other("nothing was copied"))?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }
}
