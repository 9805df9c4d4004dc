//! Tables of the store. Values are JSON, compressed where they are long, or packed entries.

use redb::TableDefinition;

/// Version of the tables and their values. It grows when older programs would misread them.
pub(super) const VERSION: u64 = 1;

/// Numbers of the store itself, by name.
pub(super) const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// Key of [`VERSION`] in [`NUMBERS`].
pub(super) const VERSION_KEY: &str = "version";

/// Runs by number, without their reports.
pub(super) const RUNS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("runs");

/// Reports of runs by number.
pub(super) const REPORTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("reports");

/// Findings by run and block.
pub(super) const FINDINGS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("findings");

/// Entries of outliers that notices were made of, by the first bits of their ids.
pub(super) const TOLD: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("told");

/// Entries of outliers that a run is about to write, by run and block.
pub(super) const ANNOUNCED: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("announced");

/// State of the notices that are to be told, by number.
pub(super) const PENDING: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("pending");

/// Notices that are to be told, by number.
pub(super) const NOTICES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("notices");

/// Counts of channels, by name.
pub(super) const CHANNELS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("channels");
