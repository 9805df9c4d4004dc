//! Identity of a row of a view.

/// Identifies one row of a view: batch, event in the batch, sentence of the event. Elements are
/// ordered as events were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element(pub u64);

impl Element {
    /// Bits for the sentence: target sentences x aggregator sentences of one event.
    pub const SENTENCE_BITS: u32 = 24;
    /// Bits for the event in its batch.
    const ROW_BITS: u32 = 20;

    /// Upper limit on the events of one batch.
    pub const MAX_ROWS: usize = 1 << Self::ROW_BITS;

    pub(super) fn new(chunk_idx: usize, row: usize, sentence_idx: usize) -> Self {
        debug_assert!(row < Self::MAX_ROWS && sentence_idx < 1 << Self::SENTENCE_BITS);
        let event = (chunk_idx as u64) << Self::ROW_BITS | row as u64;
        Element(event << Self::SENTENCE_BITS | sentence_idx as u64)
    }

    /// Number of the event: equal for all rows of one event, ordered as read.
    pub fn event(self) -> u64 {
        self.0 >> Self::SENTENCE_BITS
    }

    /// Index of the event's batch.
    pub fn chunk_idx(self) -> usize {
        (self.event() >> Self::ROW_BITS) as usize
    }

    /// Row of the event in its batch.
    pub fn row(self) -> usize {
        (self.event() & ((1 << Self::ROW_BITS) - 1)) as usize
    }
}
