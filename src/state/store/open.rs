//! Opening the file of the store, and setting aside what cannot be trusted.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use redb::backends::InMemoryBackend;
use redb::{Builder, ConcurrencyMode, Database, DatabaseError, ReadableDatabase, StorageError, TableError};

use super::super::error::StateError;
use super::super::folder::{MemoryUse, StateFolder, sync};
use super::OpenDatabase;
use super::tables::{NUMBERS, VERSION, VERSION_KEY};

/// Name of the file.
pub(super) const NAME: &str = "state.redb";

/// Name of a file that is being made.
const NEW: &str = "state.redb.new";

/// Beginning of the names of files that were set aside.
pub(super) const SET_ASIDE: &str = "state.redb.set-aside-";

/// Upper limit on the memory for pages of the file.
const CACHE_BYTES: usize = 16 << 20;

/// Reasons why a file is not used.
enum Unusable {
    /// It is not, or no longer, a store that this program can trust.
    Untrusted(String),
    /// It could not be opened at all.
    Failed(StateError),
}

impl Unusable {
    /// The error of a file at `path` that is left where it is.
    fn into_error(self, path: &Path) -> StateError {
        match self {
            Unusable::Untrusted(reason) => StateError::Store { path: path.to_owned(), reason },
            Unusable::Failed(error) => error,
        }
    }
}

impl From<StateError> for Unusable {
    fn from(error: StateError) -> Self {
        Unusable::Failed(error)
    }
}

/// Opens the file; one that cannot be trusted is renamed first, and the message says so.
pub(super) fn open_or_set_aside(path: &Path) -> Result<(Database, Option<String>), StateError> {
    if !path.exists() {
        create(path)?;
    }
    let reason = match open_checked(path) {
        Ok(database) => return Ok((database, None)),
        Err(Unusable::Failed(error)) => return Err(error),
        Err(Unusable::Untrusted(reason)) => reason,
    };
    let aside = free_name(path);
    fs::rename(path, &aside).map_err(StateError::writing(path))?;
    create(path)?;
    let message = format!(
        "{}: {reason}: it is now {}, and a new store begins: notices that had not been told are only in the old one",
        path.display(),
        aside.display()
    );
    let database = open_checked(path).map_err(|unusable| unusable.into_error(path))?;
    Ok((database, Some(message)))
}

/// Opens the file without changing it, unless a program that was killed left work to be undone.
pub(super) fn open_to_read(folder: &Path, path: &Path) -> Result<OpenDatabase, StateError> {
    let untrusted = |unusable: Unusable| unusable.into_error(path);
    match builder().open_read_only(path) {
        Ok(database) => {
            check_version(&database).map_err(untrusted)?;
            Ok(OpenDatabase::ReadOnly(database))
        }
        Err(DatabaseError::RepairAborted) => {
            let _lock = StateFolder::lock(folder, MemoryUse::ReadAndAdd)?;
            open_checked(path).map(OpenDatabase::Writable).map_err(untrusted)
        }
        Err(error) => Err(untrusted(unusable(path, error))),
    }
}

/// Opens the file, checks every page of it, and brings it into order.
pub(super) fn check(path: &Path) -> Result<(), StateError> {
    open_checked(path).map(drop).map_err(|unusable| unusable.into_error(path))
}

/// A store without a file.
pub(super) fn in_memory() -> Result<Database, StateError> {
    let path = Path::new("");
    let database = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(InMemoryBackend::new());
    let database = database.map_err(|error| state_error(path, error.into()))?;
    initialise(path, &database)?;
    Ok(database)
}

/// Adds the file to an error of the database.
pub(super) fn state_error(path: &Path, error: redb::Error) -> StateError {
    match error {
        redb::Error::Io(source) => StateError::Io { act: "use", path: path.to_owned(), source },
        other => StateError::Store { path: path.to_owned(), reason: other.to_string() },
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // others may read while one program writes
    builder.set_concurrency_mode(ConcurrencyMode::SingleWriter).set_cache_size(CACHE_BYTES);
    builder
}

fn open_checked(path: &Path) -> Result<Database, Unusable> {
    let found = fs::metadata(path).map_err(StateError::reading(path))?;
    if found.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(StateError::writing(path))?;
    }
    let database = builder().set_check_integrity_on_open(true).open(path);
    let database = database.map_err(|error| unusable(path, error))?;
    check_version(&database)?;
    Ok(database)
}

fn check_version(database: &impl ReadableDatabase) -> Result<(), Unusable> {
    let unknown = |reason: String| Unusable::Untrusted(format!("not a state store of this program ({reason})"));
    let transaction = database.begin_read().map_err(|error| unknown(error.to_string()))?;
    let numbers = match transaction.open_table(NUMBERS) {
        Ok(numbers) => numbers,
        Err(TableError::TableDoesNotExist(_)) => return Err(unknown("it has no version".to_owned())),
        Err(error) => return Err(unknown(error.to_string())),
    };
    let version = numbers.get(VERSION_KEY).map_err(|error| unknown(error.to_string()))?;
    match version.map(|version| version.value()) {
        Some(VERSION) => Ok(()),
        Some(newer) if newer > VERSION => {
            Err(Unusable::Untrusted(format!("version {newer} of the store, this program knows {VERSION} only")))
        }
        other => Err(unknown(format!("version {other:?}"))),
    }
}

fn unusable(path: &Path, error: DatabaseError) -> Unusable {
    match error {
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() != io::ErrorKind::InvalidData => {
            Unusable::Failed(StateError::Io { act: "use", path: path.to_owned(), source })
        }
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            let folder = path.parent().unwrap_or(path).to_owned();
            Unusable::Failed(StateError::Locked { folder })
        }
        DatabaseError::UpgradeRequired(version) => Unusable::Untrusted(format!("its file format {version} is old")),
        other => Unusable::Untrusted(format!("damaged, or not a state store ({other})")),
    }
}

/// Makes an empty store, which appears under its name when it is complete.
fn create(path: &Path) -> Result<(), StateError> {
    let new = path.with_file_name(NEW);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StateError::writing(&new)(error)),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(StateError::writing(&new))?;
    let database = builder().create(&new).map_err(|error| state_error(&new, error.into()))?;
    initialise(&new, &database)?;
    drop(database);
    fs::rename(&new, path).map_err(StateError::writing(path))?;
    path.parent().map_or(Ok(()), sync)
}

fn initialise(path: &Path, database: &Database) -> Result<(), StateError> {
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(NUMBERS)?.insert(VERSION_KEY, VERSION)?;
        Ok(transaction.commit()?)
    };
    write().map_err(|error| state_error(path, error))
}

/// First name that no file has.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| path.with_file_name(format!("{SET_ASIDE}{number}"));
    let mut numbers = 1u32..;
    numbers.find(|number| fs::symlink_metadata(name(*number)).is_err()).map_or_else(|| name(0), name)
}
