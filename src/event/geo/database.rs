//! Files in the format of MaxMind: records by network. The only place that knows the format.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{PathElement, Reader};
use serde::Deserialize;

use crate::runtime::contained;

/// Upper limit on the size of a database, which is held in memory. The largest that are sold have a
/// tenth of it.
const MAX_BYTES: u64 = 4 << 30;

/// Database of addresses.
pub(super) struct Database {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
}

/// Reason why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file is larger than a database can be.
    #[error("larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// The file is of another kind.
    #[error("not a database in the format of MaxMind (.mmdb): {0}")]
    OfAnotherKind(String),
    /// The file was a database.
    #[error("damaged: {0}")]
    Damaged(String),
}

/// Contents of a database, as its name of its own type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseContents {
    /// Networks and who runs them.
    Networks,
    /// Anything else.
    Others,
}

impl Database {
    /// Opens the database at `path`. Everything in it is checked, so that no lookup fails later.
    ///
    /// # Errors
    /// A file that cannot be read, or is not a whole database.
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a file").into());
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(DatabaseError::TooLarge);
        }
        let reader = contained(|| Reader::from_source(bytes)).map_err(DatabaseError::OfAnotherKind)?;
        let reader = reader.map_err(|error| DatabaseError::OfAnotherKind(error.to_string()))?;
        contained(|| reader.verify())
            .map_err(DatabaseError::Damaged)?
            .map_err(|error| DatabaseError::Damaged(error.to_string()))?;
        Ok(Database { path: path.to_owned(), reader })
    }

    /// Contents of the database.
    pub(super) fn contents(&self) -> DatabaseContents {
        let kind = self.reader.metadata().database_type.to_ascii_lowercase();
        if kind.contains("asn") { DatabaseContents::Networks } else { DatabaseContents::Others }
    }

    /// The value at `path` in the record of an address; `None` if there is none of this type.
    pub(super) fn value<T>(&self, address: IpAddr, path: &[PathElement<'_>]) -> Option<T>
    where
        T: for<'de> Deserialize<'de>,
    {
        // a database of IPv4 addresses has no others, and a value of another type is not meant
        self.reader.lookup(address).ok()?.decode_path(path).ok()?
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.path).finish()
    }
}
