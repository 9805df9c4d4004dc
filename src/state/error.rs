//! Reasons why the memory cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use crate::spill::SpillError;

/// Reasons why the memory of earlier runs cannot be used. Nothing is forgotten because of one.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another run has the memory open.
    #[error(
        "{}: another run uses this state_dir: wait until it ends, or give this one a state_dir of its own",
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {act} {}: {source}: check `state_dir`, its owner and the space there", path.display())]
    Io {
        /// Operation that failed, such as `read` or `write`.
        act: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Error from the system.
        source: io::Error,
    },
    /// A file of the memory is not as it was written.
    #[error(
        "{}: damaged ({reason}): restore it from a backup, or remove the folder {} to start a new memory of its use case",
        path.display(),
        path.parent().unwrap_or(path).display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Damage that was found.
        reason: String,
    },
    /// The memory was written by a newer version of the program.
    #[error(
        "{}: version {version} of the memory, this program knows {known} only: update the program, or use another state_dir",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
        /// The newest version that is known.
        known: u64,
    },
    /// The state store cannot be used.
    #[error("{}: {reason}: end the program that uses it, and run `ee-outliers state verify`", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// Description of the problem.
        reason: String,
    },
    /// Tallies could not be spooled to disk.
    #[error(transparent)]
    Spill(#[from] SpillError),
}

impl StateError {
    pub(super) fn reading(path: &Path) -> impl Fn(io::Error) -> StateError + use<> {
        let path = path.to_owned();
        move |source| StateError::Io { act: "read", path: path.clone(), source }
    }

    pub(super) fn writing(path: &Path) -> impl Fn(io::Error) -> StateError + use<> {
        let path = path.to_owned();
        move |source| StateError::Io { act: "write", path: path.clone(), source }
    }

    pub(super) fn damaged(path: &Path, reason: impl ToString) -> StateError {
        StateError::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}
