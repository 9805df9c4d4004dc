//! State that is kept between runs, in the folder that `state_dir` names.

mod error;
mod folder;
mod pairs;
mod store;

pub use error::StateError;
pub use folder::{MemoryUse, StateFolder};
pub use pairs::{
    Adding, Bin, Counted, Looked, Memories, Memory, MemorySize, MemorySummary, Pairs, Pending, Sketch, Stretch,
    Tallies, Tally, TallyColumns, Window, export_memories, survey_memories,
};
pub use store::{
    ChannelCounts, ChannelSummary, HistoryLimits, KeptFinding, MOST_KEPT, PendingNotice, RunDelivery, RunEnd,
    RunOutcome, RunRecord, StateStore, StoreSummary, ToldIds, Verified, set_aside_files, verify,
};
