//! The state store: what is remembered of runs and of what people were told, in one file.
//!
//! * *Runs*: when they began and ended, their reports, the findings with the highest scores.
//! * *Notices* that wait until their channels have told them, and counts of the channels.
//! * *Told*: ids of the outliers that notices were made of, so that none is told twice.
//! * *Announced*: ids of the outliers that a run is about to write to documents. If the run is
//!   killed in between, the next one finds them in the documents, and still tells them.
//!
//! Everything that belongs together is written in one transaction, which is on disk when it ends.
//! Files that cannot be trusted are set aside under another name, never changed or removed.

mod delivered;
mod history;
mod inspect;
mod notices;
mod open;
mod tables;
mod told;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Database, Key, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction, ReadableDatabase, TableDefinition, TableError,
    Value, WriteTransaction,
};

use super::error::StateError;
use super::folder::{StateFolder, is_in_use};
use values::BadValue;

pub use delivered::RunDelivery;
pub use history::{HistoryLimits, KeptFinding, MOST_KEPT, RunEnd, RunOutcome, RunRecord};
pub use inspect::{ChannelSummary, StoreSummary, Verified, set_aside_files, verify};
pub use notices::{ChannelCounts, PendingNotice};
pub use told::ToldIds;

/// Store of runs and notices. Clones share one file.
#[derive(Clone)]
pub struct StateStore(Arc<Inner>);

struct Inner {
    database: OpenDatabase,
    /// The file; empty if the store is in memory.
    path: PathBuf,
    set_aside: Option<String>,
    /// Locked as long as the store is open for writing.
    folder: Option<StateFolder>,
}

enum OpenDatabase {
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

impl fmt::Debug for StateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateStore").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl StateStore {
    /// Opens the store in `folder`, which is locked for writing; makes one if there is none. A file
    /// that cannot be trusted is set aside first, see [`Self::set_aside`].
    ///
    /// # Errors
    /// A file that cannot be read, written or renamed.
    pub fn open(folder: &StateFolder) -> Result<Self, StateError> {
        let path = folder.path().join(open::NAME);
        let (database, set_aside) = open::open_or_set_aside(&path)?;
        Ok(StateStore::of(Inner {
            database: OpenDatabase::Writable(database),
            path,
            set_aside,
            folder: Some(folder.clone()),
        }))
    }

    /// Opens the store in `folder` for reading only, while others may write to it; `None` if there
    /// is none.
    ///
    /// # Errors
    /// A file that cannot be read or trusted.
    pub fn open_to_read(folder: &Path) -> Result<Option<Self>, StateError> {
        let path = folder.join(open::NAME);
        if !path.exists() {
            return Ok(None);
        }
        let database = open::open_to_read(folder, &path)?;
        Ok(Some(StateStore::of(Inner { database, path, set_aside: None, folder: None })))
    }

    /// A store that is gone with the program.
    ///
    /// # Errors
    /// Memory that cannot be had.
    pub fn in_memory() -> Result<Self, StateError> {
        let database = OpenDatabase::Writable(open::in_memory()?);
        Ok(StateStore::of(Inner { database, path: PathBuf::new(), set_aside: None, folder: None }))
    }

    fn of(inner: Inner) -> Self {
        StateStore(Arc::new(inner))
    }

    /// False if the store is gone with the program.
    pub fn remembers(&self) -> bool {
        !self.0.path.as_os_str().is_empty()
    }

    /// Explains that the file which was there could not be used, and where it is now.
    pub fn set_aside(&self) -> Option<&str> {
        self.0.set_aside.as_deref()
    }

    /// The file; empty for a store in memory.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Size of the file in bytes.
    pub fn n_bytes(&self) -> u64 {
        std::fs::metadata(&self.0.path).map_or(0, |found| found.len())
    }

    /// True if a program, such as this one, may write to the store.
    fn is_in_use(&self) -> Result<bool, StateError> {
        match (&self.0.database, self.0.path.parent()) {
            (OpenDatabase::ReadOnly(_), Some(folder)) => is_in_use(folder),
            _ => Ok(self.0.folder.is_some() || !self.remembers()),
        }
    }

    fn begin_write(&self) -> Result<WriteTransaction, StateError> {
        match &self.0.database {
            OpenDatabase::Writable(database) => database.begin_write().map_err(self.failed()),
            OpenDatabase::ReadOnly(_) => Err(self.bad("open for reading only")),
        }
    }

    fn begin_read(&self) -> Result<ReadTransaction, StateError> {
        match &self.0.database {
            OpenDatabase::Writable(database) => database.begin_read(),
            OpenDatabase::ReadOnly(database) => database.begin_read(),
        }
        .map_err(self.failed())
    }

    /// The table as it is now; `None` if nothing was ever stored in it.
    fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        transaction: &ReadTransaction,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<Option<ReadOnlyTable<K, V>>, StateError> {
        match transaction.open_table(definition) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(self.failed()(error)),
        }
    }

    /// Runs `change` in a transaction of its own, which is on disk afterwards.
    fn change<T>(&self, change: impl FnOnce(&WriteTransaction) -> Result<T, StateError>) -> Result<T, StateError> {
        let transaction = self.begin_write()?;
        let changed = change(&transaction)?;
        transaction.commit().map_err(self.failed())?;
        Ok(changed)
    }

    /// Conversion of the errors of the database.
    fn failed<E: Into<redb::Error>>(&self) -> impl Fn(E) -> StateError {
        move |error| open::state_error(&self.0.path, error.into())
    }

    /// Conversion of values that cannot be decoded.
    fn bad_value(&self) -> impl Fn(BadValue) -> StateError {
        move |error| self.bad(error.to_string())
    }

    fn bad(&self, reason: impl Into<String>) -> StateError {
        StateError::Store { path: self.0.path.clone(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests;
