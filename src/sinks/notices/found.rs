//! Outliers on their way into notices, as records that are sorted twice: by their own identity, to
//! find out which are new, and by finding.

use std::cmp::{Ordering, Reverse};
use std::io;

use crate::findings::StableId;
use crate::spill::{FieldReader, FieldWriter, Record};

/// An outlier of a run. It is one with others of the same document, use case and finding.
#[derive(Debug, Clone)]
pub(super) struct FoundOutlier {
    /// Identity of its document, use case and finding.
    pub(super) identity: StableId,
    /// Its finding.
    pub(super) finding: StableId,
    /// Number of the use case in the run.
    pub(super) use_case_idx: usize,
    /// Number among the outliers of the run.
    pub(super) number: u64,
    /// Surprise in bits.
    pub(super) surprise: f64,
    /// Time of its event in microseconds since 1970, if it is known.
    pub(super) time: Option<i64>,
    /// True if the document had it already.
    pub(super) is_known: bool,
}

impl FoundOutlier {
    /// New ones come first, and of these the strongest.
    fn order(&self) -> impl Ord + use<> {
        (self.identity, self.is_known, Reverse(self.surprise.to_bits()), self.number)
    }
}

impl PartialEq for FoundOutlier {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FoundOutlier {}

impl PartialOrd for FoundOutlier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FoundOutlier {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl Record for FoundOutlier {
    fn encode(&self, fields: &mut FieldWriter) {
        self.identity.encode(fields);
        self.finding.encode(fields);
        fields.number(self.use_case_idx as u64);
        fields.number(self.number);
        fields.number(self.surprise.to_bits());
        fields.optional_number(self.time.map(i64::cast_unsigned));
        fields.number(u64::from(self.is_known));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (identity, finding) = (StableId::decode(fields)?, StableId::decode(fields)?);
        let (use_case_idx, number) = (fields.small()?, fields.number()?);
        let surprise = f64::from_bits(fields.number()?);
        let time = fields.optional_number()?.map(u64::cast_signed);
        Ok(FoundOutlier { identity, finding, use_case_idx, number, surprise, time, is_known: fields.number()? == 1 })
    }
}

/// A new outlier, in the order of findings.
#[derive(Debug, Clone)]
pub(super) struct OfFinding(pub(super) FoundOutlier);

impl PartialEq for OfFinding {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for OfFinding {}

impl PartialOrd for OfFinding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OfFinding {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.finding.cmp(&other.0.finding).then_with(|| self.0.cmp(&other.0))
    }
}

impl Record for OfFinding {
    fn encode(&self, fields: &mut FieldWriter) {
        self.0.encode(fields);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        FoundOutlier::decode(fields).map(OfFinding)
    }
}

/// An outlier that an earlier run announced and never delivered, and the day of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Announced {
    pub(super) identity: StableId,
    pub(super) day: u32,
}

impl Record for Announced {
    fn encode(&self, fields: &mut FieldWriter) {
        self.identity.encode(fields);
        fields.number(u64::from(self.day));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        Ok(Announced { identity: StableId::decode(fields)?, day: fields.small()? })
    }
}
