//! Temporary files: data that does not fit in memory, and copies of data that cannot be read twice.
//! All are unnamed files in one directory, gone when the program ends, however it ends.

mod bytes;
mod columns;
mod log;
mod sorted_runs;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use bytes::{Compressed, Copied, Spool};
pub use columns::{Segment, SpillFile};
pub use log::Log;
pub use sorted_runs::{MergedRuns, SortedRuns};

/// Temporary data could not be written or read back.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot use {} for temporary files: {source}: free space there, or choose another directory with --spill-dir",
    folder.display()
)]
pub struct SpillError {
    /// The directory.
    pub folder: PathBuf,
    /// Error from the system.
    pub source: io::Error,
}

impl SpillError {
    /// Returns a conversion that adds the directory in which an error occurred.
    pub fn in_folder(folder: &Path) -> impl Fn(io::Error) -> SpillError + use<> {
        let folder = folder.to_owned();
        move |source| SpillError { folder: folder.clone(), source }
    }
}

/// Checks that temporary files can be created in `folder`.
///
/// # Errors
/// The reason why they cannot.
pub fn check_folder(folder: &Path) -> Result<(), SpillError> {
    unnamed_file(folder).map(drop).map_err(SpillError::in_folder(folder))
}

fn unnamed_file(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}

/// Writes one record: its length, then its JSON text. Returns the bytes written.
fn write_record(file: &mut impl Write, record: &impl Serialize) -> io::Result<u64> {
    let bytes = serde_json::to_vec(record)?;
    file.write_all(&u32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes())?;
    file.write_all(&bytes)?;
    Ok(4 + bytes.len() as u64)
}

/// Reads one record; `None` at the end.
fn read_record<T: DeserializeOwned>(reader: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    if reader.read(&mut head[..1])? == 0 {
        return Ok(None);
    }
    reader.read_exact(&mut head[1..])?;
    let mut bytes = vec![0; u32::from_le_bytes(head) as usize];
    reader.read_exact(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}
