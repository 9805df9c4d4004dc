//! What the neural form may use, and what it used.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::neural::TrainingDevice;

/// What the training of an aggregator may use.
#[derive(Debug)]
pub struct Training<'a> {
    /// Where it runs.
    pub device: &'a TrainingDevice,
    /// Bytes that a model may need.
    pub memory_limit: usize,
    /// Where the model of the last run is and this one is left for the next; `None`: nowhere.
    pub saved: Option<SavedModel>,
}

impl<'a> Training<'a> {
    /// On `device`, without a limit, and without what earlier runs have learned.
    pub fn on(device: &'a TrainingDevice) -> Self {
        Training { device, memory_limit: usize::MAX, saved: None }
    }
}

/// The place of a saved model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedModel {
    /// Its file.
    pub path: PathBuf,
    /// Whose model it is: use case, aggregator, and the settings that give its numbers their meaning.
    pub identity: String,
}

impl SavedModel {
    /// The model of `identity` in `folder`. Different ones may, by accident, have one file; it then is that of the last one.
    pub fn of(folder: &Path, identity: String) -> Self {
        SavedModel { path: folder.join(format!("{:016x}.safetensors", hash(identity.as_bytes()))), identity }
    }
}

/// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo): the same in every run and version.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// What training took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Pairs that were learned, in all epochs.
    pub pairs_learned: u64,
    /// Pairs that were not, because a model of an earlier run knew most of them.
    pub pairs_saved: u64,
    /// Models of earlier runs that training started from.
    pub models_reused: u64,
    /// Files of earlier runs that could not be used: damaged, or of another origin.
    pub models_ignored: u64,
    /// Models that could not be written for the next run.
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
