//! Delivery of a run in one transaction: which of its outliers are new to people, the notices of
//! them, and the findings that are kept.

use std::fmt;

use chrono::{DateTime, Utc};
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::super::error::StateError;
use super::StateStore;
use super::history::{FINDINGS_PER_BLOCK, KeptFinding};
use super::notices::{PendingNotice, put_pending};
use super::tables::{ANNOUNCED, FINDINGS, NOTICES, NUMBERS, PENDING, TOLD};
use super::told::ToldIds;
use super::values::{Entry, compress, pack, to_json, unpack};

/// Key of the number of the next notice.
const NEXT_NOTICE: &str = "next notice";

/// Run under which announcements are kept that later runs did not meet again.
const LEFT_OVER: u64 = 0;

/// Announced ids per value of the table.
const IDS_PER_BLOCK: usize = 4096;

/// Delivery of a run. Nothing of it counts until [`Self::commit`].
pub struct RunDelivery {
    store: StateStore,
    run: u64,
    now: DateTime<Utc>,
    transaction: WriteTransaction,
    next_notice: Option<u64>,
    n_kept: u64,
    n_blocks: u64,
    n_bytes: u64,
}

impl fmt::Debug for RunDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunDelivery").field("run", &self.run).finish_non_exhaustive()
    }
}

/// Days since 1970.
fn day_of(time: DateTime<Utc>) -> u32 {
    u32::try_from(time.timestamp().div_euclid(86_400)).unwrap_or_default()
}

impl StateStore {
    /// Begins the delivery of a run at the time `now`.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn deliver(&self, run: u64, now: DateTime<Utc>) -> Result<RunDelivery, StateError> {
        let transaction = self.begin_write()?;
        let store = self.clone();
        Ok(RunDelivery { store, run, now, transaction, next_notice: None, n_kept: 0, n_blocks: 0, n_bytes: 0 })
    }

    /// Records, before they are written to documents, the ids of outliers that are new to these.
    /// They are on disk afterwards.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn announce(&self, run: u64, block: u64, now: DateTime<Utc>, ids: &[[u8; 16]]) -> Result<(), StateError> {
        let day = day_of(now);
        let entries: Vec<Entry> = ids.iter().map(|id| Entry { id: *id, day }).collect();
        self.change(|transaction| {
            let mut announced = transaction.open_table(ANNOUNCED).map_err(self.failed())?;
            announced.insert((run, block), pack(&entries).as_slice()).map_err(self.failed())?;
            Ok(())
        })
    }

    /// True if there are ids that runs announced and did not deliver.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn has_announced(&self) -> Result<bool, StateError> {
        let transaction = self.begin_read()?;
        let announced = self.table(&transaction, ANNOUNCED)?;
        announced.map_or(Ok(false), |announced| announced.is_empty().map(|is_empty| !is_empty)).map_err(self.failed())
    }

    /// Calls `visit` with the ids that runs before `run` announced, and which no run has delivered;
    /// in no order.
    ///
    /// # Errors
    /// A store that cannot be read, and errors of `visit`.
    pub fn announced_before<E: From<StateError>>(
        &self,
        run: u64,
        mut visit: impl FnMut([u8; 16], u32) -> Result<(), E>,
    ) -> Result<(), E> {
        let transaction = self.begin_read()?;
        let Some(announced) = self.table(&transaction, ANNOUNCED)? else { return Ok(()) };
        for entry in announced.range(..(run, 0)).map_err(self.failed())? {
            let (_, value) = entry.map_err(self.failed())?;
            for Entry { id, day } in unpack(value.value()).map_err(self.bad_value())? {
                visit(id, day)?;
            }
        }
        Ok(())
    }
}

impl RunDelivery {
    /// Ids of the outliers that notices were made of. Those not seen for `days` are forgotten.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn told(&self, days: u32) -> Result<ToldIds<'_>, StateError> {
        let table = self.transaction.open_table(TOLD).map_err(self.store.failed())?;
        Ok(ToldIds::new(&self.store, table, day_of(self.now), days))
    }

    /// Stores a notice, as JSON, until a channel has told it.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn queue(&mut self, channel: &str, key: &str, notice: &str) -> Result<(), StateError> {
        let store = &self.store;
        let next = match self.next_notice {
            Some(next) => next,
            None => {
                let numbers = self.transaction.open_table(NUMBERS).map_err(store.failed())?;
                let known = numbers.get(NEXT_NOTICE).map_err(store.failed())?;
                known.map_or(1, |number| number.value())
            }
        };
        let pending = PendingNotice::new(next, channel, key, self.now);
        let mut table = self.transaction.open_table(PENDING).map_err(store.failed())?;
        put_pending(store, &mut table, &pending)?;
        let value = compress(notice.as_bytes()).map_err(store.bad_value())?;
        let mut notices = self.transaction.open_table(NOTICES).map_err(store.failed())?;
        notices.insert(next, value.as_slice()).map_err(store.failed())?;
        self.next_notice = Some(next + 1);
        Ok(())
    }

    /// Keeps findings of the run. Over all calls, the highest scores come first.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn keep(&mut self, findings: &[KeptFinding]) -> Result<(), StateError> {
        let store = &self.store;
        let mut table = self.transaction.open_table(FINDINGS).map_err(store.failed())?;
        for findings in findings.chunks(FINDINGS_PER_BLOCK) {
            let text = to_json(&findings).map_err(store.bad_value())?;
            let value = compress(&text).map_err(store.bad_value())?;
            table.insert((self.run, self.n_blocks), value.as_slice()).map_err(store.failed())?;
            self.n_blocks += 1;
            self.n_bytes += value.len() as u64;
        }
        self.n_kept += findings.len() as u64;
        Ok(())
    }

    /// Replaces all announcements by those that are left, because the run has not met them, of the
    /// last `days`. Entries are ids and the days on which they were announced.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn settle(&mut self, left: &[([u8; 16], u32)], days: u32) -> Result<(), StateError> {
        let store = &self.store;
        let oldest = day_of(self.now).saturating_sub(days);
        let mut table = self.transaction.open_table(ANNOUNCED).map_err(store.failed())?;
        table.retain(|_, _| false).map_err(store.failed())?;
        let kept = left.iter().filter(|(_, day)| *day >= oldest);
        let kept: Vec<Entry> = kept.map(|(id, day)| Entry { id: *id, day: *day }).collect();
        for (block, entries) in kept.chunks(IDS_PER_BLOCK).enumerate() {
            table.insert((LEFT_OVER, block as u64), pack(entries).as_slice()).map_err(store.failed())?;
        }
        Ok(())
    }

    /// Makes all of it count: it is on disk afterwards.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn commit(self) -> Result<(), StateError> {
        let store = &self.store;
        if let Some(next) = self.next_notice {
            let mut numbers = self.transaction.open_table(NUMBERS).map_err(store.failed())?;
            numbers.insert(NEXT_NOTICE, next).map_err(store.failed())?;
        }
        if let Some(mut record) = store.run_in(&self.transaction, self.run)? {
            record.n_kept += self.n_kept;
            record.n_bytes += self.n_bytes;
            store.put_run(&self.transaction, &record)?;
        }
        self.transaction.commit().map_err(store.failed())
    }
}
