//! Resources that the neural form may use, and the effort it took.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::device::TrainingDevice;
use crate::event::text::{FNV1A, fnv1a};

/// Resources for training the model of an aggregator.
#[derive(Debug)]
pub struct Training<'a> {
    /// Device to train on.
    pub device: &'a TrainingDevice,
    /// Memory limit of a model in bytes.
    pub memory_limit: usize,
    /// Saved model to start from and to replace at the end; `None` disables saving.
    pub saved: Option<SavedModel>,
}

impl<'a> Training<'a> {
    /// Trains on `device` without a memory limit and without a saved model.
    pub fn on(device: &'a TrainingDevice) -> Self {
        Training { device, memory_limit: usize::MAX, saved: None }
    }
}

/// Location of a saved model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedModel {
    /// File of the model.
    pub path: PathBuf,
    /// Identity of the model: use case, aggregator, and the settings that give its numbers their
    /// meaning.
    pub identity: String,
}

impl SavedModel {
    /// Location of the model with `identity` in `folder`. Two identities may happen to share a
    /// file; it then belongs to the one saved last.
    pub fn of(folder: &Path, identity: String) -> Self {
        SavedModel { path: folder.join(format!("{:016x}.safetensors", fnv1a(FNV1A, identity.as_bytes()))), identity }
    }
}

/// Effort spent on training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Number of pairs learned, over all epochs.
    pub pairs_learned: u64,
    /// Number of pairs skipped because training started from a saved model.
    pub pairs_saved: u64,
    /// Number of saved models that training started from.
    pub models_reused: u64,
    /// Number of saved files that could not be used because they are damaged or belong to another
    /// model.
    pub models_ignored: u64,
    /// Number of models that could not be saved for the next run.
    pub models_not_written: u64,
}

impl AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.pairs_learned += other.pairs_learned;
        self.pairs_saved += other.pairs_saved;
        self.models_reused += other.models_reused;
        self.models_ignored += other.models_ignored;
        self.models_not_written += other.models_not_written;
    }
}
