//! The state of earlier runs, open for writing: once per process.

use tracing::error;

use super::error::RunError;
use crate::config::MainConfig;
use crate::notifiers;
use crate::outbox::Outbox;
use crate::runtime::Interrupt;
use crate::state::{MemoryUse, StateFolder, StateStore};

/// The folder that `state_dir` names, locked, and the store in it.
#[derive(Debug, Clone)]
pub(super) struct OpenState {
    pub(super) folder: StateFolder,
    pub(super) store: StateStore,
}

impl OpenState {
    /// Opens the state; `None` without `state_dir`.
    ///
    /// # Errors
    /// A folder that cannot be used, or that another program uses.
    pub(super) fn open(main: &MainConfig) -> Result<Option<Self>, RunError> {
        let Some(path) = &main.general.state_dir else { return Ok(None) };
        let folder = StateFolder::lock(path, MemoryUse::ReadAndAdd)?;
        let store = StateStore::open(&folder)?;
        if let Some(message) = store.set_aside() {
            error!("{message}");
        }
        Ok(Some(OpenState { folder, store }))
    }
}

/// Opens the channels of the configuration, and what `store` has for them.
///
/// # Errors
/// Channels that cannot be used.
pub(super) fn open_outbox(store: &StateStore, main: &MainConfig, interrupt: &Interrupt) -> Result<Outbox, RunError> {
    Ok(Outbox::new(store, notifiers::open(main, interrupt)?, &main.notifiers))
}
