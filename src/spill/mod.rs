//! Temporary files: data that does not fit in memory, and copies of data that cannot be read twice.
//! All are unnamed files in one directory, gone when the program ends, however it ends.

mod bytes;
mod columns;
mod numbered;
mod record;
mod sorted_runs;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

pub use bytes::{Compressed, Copied, Spool};
pub use columns::{Segment, SpillFile};
pub use numbered::{NumberedRecords, StoredRecords};
pub use record::{FieldReader, FieldWriter, Record};
pub use sorted_runs::{MergedRuns, SortedRuns, StoredRuns};

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
    pub fn in_folder(folder: &Path) -> impl Fn(io::Error) -> SpillError {
        move |source| SpillError { folder: folder.to_owned(), source }
    }
}

/// Checks that temporary files can be created in `folder`.
///
/// # Errors
/// The reason why they cannot.
pub fn check_folder(folder: &Path) -> Result<(), SpillError> {
    unnamed_file(folder).map(drop).map_err(SpillError::in_folder(folder))
}

/// Returns the error of the file below a Parquet writer, if it is one: it has the reason, such as a
/// full disk.
pub fn io_error_of(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

fn unnamed_file(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}
