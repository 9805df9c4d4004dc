//! Contents of the store: for people, for checks, and as lines of JSON.

use std::path::Path;

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::error::StateError;
use super::super::folder::{MemoryUse, StateFolder, entries};
use super::history::RunRecord;
use super::notices::ChannelCounts;
use super::tables::{ANNOUNCED, RUNS, TOLD, VERSION};
use super::values::unpack;
use super::{StateStore, open};

/// Contents of a store.
#[derive(Debug, Clone, Serialize)]
pub struct StoreSummary {
    /// Version of its tables.
    pub version: u64,
    /// Size of its file in bytes.
    pub bytes: u64,
    /// Number of runs.
    pub runs: u64,
    /// The last run.
    pub last_run: Option<RunRecord>,
    /// Ids of outliers that notices were made of.
    pub told: u64,
    /// Ids of outliers that a run was about to write when it ended.
    pub announced: u64,
    /// Channels, by name.
    pub channels: Vec<ChannelSummary>,
}

/// Notices of a channel in a store.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelSummary {
    /// Name of the channel.
    pub name: String,
    /// Notices that wait.
    pub pending: u64,
    /// Notices that it told so far.
    #[serde(flatten)]
    pub counts: ChannelCounts,
}

impl StateStore {
    /// Sums over all tables.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn summary(&self) -> Result<StoreSummary, StateError> {
        let transaction = self.begin_read()?;
        let runs = self.table(&transaction, RUNS)?.map_or(Ok(0), |runs| runs.len()).map_err(self.failed())?;
        Ok(StoreSummary {
            version: VERSION,
            bytes: self.n_bytes(),
            runs,
            last_run: self.runs()?.pop(),
            told: self.n_entries(&transaction, TOLD)?,
            announced: self.n_entries(&transaction, ANNOUNCED)?,
            channels: self.channel_summaries()?,
        })
    }

    /// Channels with what waits for them, by name.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn channel_summaries(&self) -> Result<Vec<ChannelSummary>, StateError> {
        let summary = |(name, counts)| ChannelSummary { name, pending: 0, counts };
        let mut channels: Vec<ChannelSummary> = self.channels()?.into_iter().map(summary).collect();
        for pending in self.pending()? {
            match channels.iter_mut().find(|channel| channel.name == pending.channel) {
                Some(channel) => channel.pending += 1,
                None => {
                    let counts = ChannelCounts::default();
                    channels.push(ChannelSummary { name: pending.channel, pending: 1, counts });
                }
            }
        }
        channels.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(channels)
    }

    fn n_entries<K: redb::Key + 'static>(
        &self,
        transaction: &ReadTransaction,
        table: redb::TableDefinition<'_, K, &'static [u8]>,
    ) -> Result<u64, StateError> {
        let mut n_entries = 0;
        self.for_each_value(transaction, table, |value| {
            n_entries += unpack(value).map_err(self.bad_value())?.len() as u64;
            Ok(())
        })?;
        Ok(n_entries)
    }

    fn for_each_value<K: redb::Key + 'static>(
        &self,
        transaction: &ReadTransaction,
        table: redb::TableDefinition<'_, K, &'static [u8]>,
        mut visit: impl FnMut(&[u8]) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let Some(table) = self.table(transaction, table)? else { return Ok(()) };
        for entry in table.iter().map_err(self.failed())? {
            visit(entry.map_err(self.failed())?.1.value())?;
        }
        Ok(())
    }

    /// Decodes every value, and checks that those which belong together are there.
    fn check_values(&self) -> Result<(), StateError> {
        for run in &self.runs()? {
            self.report(run.number)?;
            let n_found = self.findings(run.number)?.len() as u64;
            if n_found != run.n_kept {
                return Err(self.bad(format!("run {} has {n_found} findings instead of {}", run.number, run.n_kept)));
            }
        }
        for pending in self.pending()? {
            let notice = self.notice(pending.number)?;
            let notice = notice.ok_or_else(|| self.bad(format!("notice {} has no text", pending.number)))?;
            serde_json::from_str::<Value>(&notice).map_err(|error| self.bad(error.to_string()))?;
        }
        self.summary().map(drop)
    }

    /// Calls `line` with everything in the store, one object after the other; each has a `kind`.
    ///
    /// # Errors
    /// A store that cannot be read, and errors of `line`.
    pub fn export<E: From<StateError>>(&self, mut line: impl FnMut(Value) -> Result<(), E>) -> Result<(), E> {
        line(json!({"kind": "store", "version": VERSION}))?;
        for run in self.runs()? {
            let report = self.report(run.number)?.map(|report| serde_json::from_str::<Value>(&report)).transpose();
            let report = report.map_err(|error| self.bad(error.to_string()))?;
            line(json!({"kind": "run", "run": run, "report": report}))?;
            for finding in self.findings(run.number)? {
                line(json!({"kind": "finding", "run": run.number, "finding": finding}))?;
            }
        }
        for pending in self.pending()? {
            let notice = self.notice(pending.number)?.map(|notice| serde_json::from_str::<Value>(&notice)).transpose();
            let notice = notice.map_err(|error| self.bad(error.to_string()))?;
            line(json!({"kind": "notice", "pending": pending, "notice": notice}))?;
        }
        for (name, counts) in self.channels()? {
            line(json!({"kind": "channel", "name": name, "counts": counts}))?;
        }
        self.export_ids("told", TOLD, &mut line)?;
        self.export_ids("announced", ANNOUNCED, &mut line)
    }

    fn export_ids<K: redb::Key + 'static, E: From<StateError>>(
        &self,
        kind: &str,
        table: redb::TableDefinition<'_, K, &'static [u8]>,
        line: &mut impl FnMut(Value) -> Result<(), E>,
    ) -> Result<(), E> {
        let transaction = self.begin_read()?;
        let Some(table) = self.table(&transaction, table)? else { return Ok(()) };
        for entry in table.iter().map_err(self.failed())? {
            let (_, value) = entry.map_err(self.failed())?;
            for entry in unpack(value.value()).map_err(self.bad_value())? {
                let id = format!("{:032x}", u128::from_be_bytes(entry.id));
                let day = chrono::DateTime::from_timestamp(i64::from(entry.day) * 86_400, 0);
                line(json!({"kind": kind, "id": id, "last_seen": day.map(|day| day.date_naive().to_string())}))?;
            }
        }
        Ok(())
    }
}

/// Extent of the check of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// There is no store.
    Nothing,
    /// All values were decoded. The pages were not checked, because a program has the store open.
    Values,
    /// All pages were checked, and all values decoded.
    Everything,
}

/// Checks the store in `folder`.
///
/// # Errors
/// Description of the problem.
pub fn verify(folder: &Path) -> Result<Verified, StateError> {
    let path = folder.join(open::NAME);
    if !path.exists() {
        return Ok(Verified::Nothing);
    }
    let verified = match StateFolder::lock(folder, MemoryUse::ReadAndAdd) {
        Ok(_lock) => open::check(&path).map(|()| Verified::Everything)?,
        Err(StateError::Locked { .. }) => Verified::Values,
        Err(error) => return Err(error),
    };
    match StateStore::open_to_read(folder)? {
        Some(store) => store.check_values().map(|()| verified),
        None => Ok(Verified::Nothing),
    }
}

/// Names of the files in `folder` that were set aside, because they could not be trusted.
///
/// # Errors
/// A folder that cannot be read.
pub fn set_aside_files(folder: &Path) -> Result<Vec<String>, StateError> {
    let paths = entries(folder)?;
    let names = paths.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    Ok(names.filter(|name| name.starts_with(open::SET_ASIDE)).collect())
}
