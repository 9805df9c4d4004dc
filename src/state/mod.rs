//! What is kept between runs, in the folder that `state_dir` names.

mod error;
mod folder;
mod pairs;

pub use error::StateError;
pub use pairs::{
    Adding, Bin, Counted, Looked, Memories, Memory, MemorySize, MemoryUse, Pending, Sketch, Stretch, Tallies, Tally,
    TallyColumns,
};
