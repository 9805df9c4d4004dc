//! The folder that holds what is kept between runs: one program at a time writes to it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::StateError;

/// Name of the file whose lock a run holds.
const LOCK: &str = "lock";

/// Locks a folder, which is made if there is none, against all other runs.
pub(super) fn lock_for_writing(folder: &Path) -> Result<File, StateError> {
    let path = folder.join(LOCK);
    fs::create_dir_all(folder).map_err(StateError::writing(folder))?;
    let open = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(StateError::writing(&path))?;
    locked(file.try_lock(), folder, &path)?;
    Ok(file)
}

/// Locks a folder against runs that write; `None` if there is nothing to read.
pub(super) fn lock_for_reading(folder: &Path) -> Result<Option<File>, StateError> {
    let path = folder.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StateError::reading(&path)(error)),
    };
    locked(file.try_lock_shared(), folder, &path)?;
    Ok(Some(file))
}

fn locked(result: Result<(), TryLockError>, folder: &Path, path: &Path) -> Result<(), StateError> {
    match result {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StateError::Locked { folder: PathBuf::from(folder) }),
        Err(TryLockError::Error(source)) => Err(StateError::writing(path)(source)),
    }
}
