//! The folder that holds what is kept between runs: one program at a time writes to it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::StateError;

/// Time for which a program that looks whether the folder is in use may hold its lock.
const LOOKING: Duration = Duration::from_millis(200);

/// Name of the file whose lock a run holds.
const LOCK: &str = "lock";

/// Use of the folder by a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryUse {
    /// The run adds what it sees.
    ReadAndAdd,
    /// The run leaves everything as it is.
    ReadOnly,
}

/// The folder, locked against other programs until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: PathBuf,
    usage: MemoryUse,
    /// `None` if there is nothing to read.
    _lock: Option<Arc<File>>,
}

impl StateFolder {
    /// Locks the folder. To write, it is made if there is none, for the eyes of its owner only.
    ///
    /// # Errors
    /// A folder that cannot be used, or that another program uses.
    pub fn lock(path: &Path, usage: MemoryUse) -> Result<Self, StateError> {
        let lock = match usage {
            MemoryUse::ReadAndAdd => Some(lock_for_writing(path)?),
            MemoryUse::ReadOnly => lock_for_reading(path)?,
        };
        Ok(StateFolder { path: path.to_owned(), usage, _lock: lock.map(Arc::new) })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Use of the folder.
    pub fn usage(&self) -> MemoryUse {
        self.usage
    }
}

/// True if a program holds the folder to write to it.
pub(super) fn is_in_use(folder: &Path) -> Result<bool, StateError> {
    match lock_for_reading(folder) {
        Ok(_) => Ok(false),
        Err(StateError::Locked { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Locks a folder, which is made if there is none, against all other runs.
fn lock_for_writing(folder: &Path) -> Result<File, StateError> {
    let path = folder.join(LOCK);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(StateError::writing(folder))?;
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = open.map_err(StateError::writing(&path))?;
    let started = Instant::now();
    let mut result = file.try_lock();
    while matches!(result, Err(TryLockError::WouldBlock)) && started.elapsed() < LOOKING {
        std::thread::sleep(LOOKING / 20);
        result = file.try_lock();
    }
    locked(result, folder, &path)?;
    Ok(file)
}

/// Locks a folder against runs that write; `None` if there is nothing to read.
fn lock_for_reading(folder: &Path) -> Result<Option<File>, StateError> {
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

/// Paths in `folder`, sorted; none if it does not exist.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, StateError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StateError::reading(folder))?,
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

/// Makes the names of files in `folder` durable.
pub(super) fn sync(folder: &Path) -> Result<(), StateError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(StateError::writing(folder))
}

#[test]
fn a_run_that_starts_while_somebody_looks_at_the_folder_gets_it() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let lock = || StateFolder::lock(scratch.path(), MemoryUse::ReadAndAdd);
    drop(lock().expect("free"));
    let looking = lock_for_reading(scratch.path()).expect("free");
    let gone = std::thread::spawn(move || {
        std::thread::sleep(LOOKING / 4);
        drop(looking);
    });
    let held = lock().expect("free in a moment");
    gone.join().expect("no panic");
    assert!(is_in_use(scratch.path()).expect("readable"));
    assert!(matches!(lock(), Err(StateError::Locked { .. })));
    drop(held);
    assert!(!is_in_use(scratch.path()).expect("readable"));
}
