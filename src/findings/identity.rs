//! Identity of findings and outliers: the same in every run that finds them.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::io;

use outlier_kernels::surprise::score;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::Finding;
use super::surprise::ordered;
use crate::outlier::{FindingKey, rounded};
use crate::spill::{FieldReader, FieldWriter, Record};

/// Hash of texts. Nobody can make an event whose identity is that of another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StableId(u128);

impl StableId {
    /// Number of digits that tell the findings of a run apart.
    pub const SHORT_DIGITS: usize = 8;

    /// Identity of a list of parts, each of which may be absent.
    pub fn of<'a>(parts: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // lengths keep lists apart whose parts are the same text together
            hash.update(part.map_or(0, |part| part.len() as u64 + 1).to_le_bytes());
            hash.update(part.unwrap_or_default());
        }
        Self::of_hash(hash)
    }

    fn of_hash(hash: Sha256) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        StableId(u128::from_be_bytes(bytes))
    }

    /// Identity of a finding of the use case with this name.
    pub fn of_finding(use_case: &str, finding: &FindingKey) -> Self {
        let (aggregator, target) = (finding.aggregator.as_deref(), finding.target.as_deref());
        Self::of([Some(use_case), aggregator, target].map(|text| text.map(str::as_bytes)))
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Its first [`Self::SHORT_DIGITS`] digits.
    pub fn short(self) -> String {
        let mut digits = self.to_string();
        digits.truncate(Self::SHORT_DIGITS);
        digits
    }

    /// Identity with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        StableId(u128::from_be_bytes(bytes))
    }

    /// Appends it to a record.
    pub fn encode(self, fields: &mut FieldWriter) {
        [self.0 >> 64, self.0].into_iter().for_each(|half| fields.number(half as u64));
    }

    /// Reads what [`Self::encode`] appended.
    ///
    /// # Errors
    /// Fields that end early.
    pub fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        Ok(StableId(u128::from(fields.number()?) << 64 | u128::from(fields.number()?)))
    }
}

impl fmt::Display for StableId {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Identity of a list of identities, to which they are added one by one.
#[derive(Debug, Clone, Default)]
pub struct ListIdentity(Sha256);

impl ListIdentity {
    /// Adds the next one.
    pub fn add(&mut self, id: StableId) {
        self.0.update(id.to_bytes());
    }

    /// Identity of all of them.
    pub fn finish(self) -> StableId {
        StableId::of_hash(self.0)
    }
}

impl<'de> Deserialize<'de> for StableId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = u128::from_str_radix(&text, 16).ok().filter(|_| text.len() == 32);
        digits.map(StableId).ok_or_else(|| serde::de::Error::custom(format!("not the id of a finding: `{text}`")))
    }
}

impl Serialize for StableId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Score of a finding, in the order of identities. Use cases may share a name, and then findings
/// an identity: the highest score comes first.
#[derive(Debug, Clone, Copy)]
pub struct FindingScore {
    /// The finding.
    pub finding: StableId,
    /// Surprise in bits.
    surprise: f64,
    /// Number of the finding in the order of use cases and names.
    number: u64,
}

impl FindingScore {
    pub(super) fn of(finding: &Finding, number: u64) -> Self {
        FindingScore { finding: finding.finding_id, surprise: finding.surprise, number }
    }

    /// Score of a finding that has none.
    pub fn lowest(finding: StableId) -> Self {
        FindingScore { finding, surprise: 0.0, number: u64::MAX }
    }

    /// Rank among all findings: the highest scores come first, then names decide. Findings are read
    /// in nearly the same order.
    pub fn rank(self) -> FindingRank {
        FindingRank(Reverse(ordered(self.surprise)), self.number)
    }

    /// The score, from 0 to 100.
    pub fn score(self) -> f64 {
        rounded(score(self.surprise))
    }
}

/// Rank of a finding; the first is the one with the highest score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingRank(Reverse<u64>, u64);

impl PartialEq for FindingScore {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FindingScore {}

impl PartialOrd for FindingScore {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FindingScore {
    fn cmp(&self, other: &Self) -> Ordering {
        self.finding.cmp(&other.finding).then(self.rank().cmp(&other.rank()))
    }
}

impl Record for FindingScore {
    fn encode(&self, fields: &mut FieldWriter) {
        self.finding.encode(fields);
        fields.number(self.surprise.to_bits());
        fields.number(self.number);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (finding, surprise) = (StableId::decode(fields)?, f64::from_bits(fields.number()?));
        Ok(FindingScore { finding, surprise, number: fields.number()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_alike_together_have_identities_of_their_own() {
        let of = |parts: &[Option<&str>]| StableId::of(parts.iter().map(|part| part.map(str::as_bytes)));
        let lists: [&[Option<&str>]; 7] = [
            &[],
            &[None],
            &[Some("")],
            &[Some("ab")],
            &[Some("a"), Some("b")],
            &[Some("a"), None, Some("b")],
            &[Some("a"), Some("b"), None],
        ];
        let mut identities: Vec<StableId> = lists.iter().map(|parts| of(parts)).collect();
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), lists.len());
        let shown = of(lists[3]).to_string();
        assert_eq!((shown.len(), StableId::from_bytes(of(lists[3]).to_bytes()).to_string()), (32, shown));
    }
}
