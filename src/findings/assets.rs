//! Assets: the hosts, users and addresses that findings touch, ranked by all evidence about them.
//!
//! Surprise in bits adds over independent evidence. Different use cases look at different sides of
//! an asset, so the sum runs over them. Findings of one use case often have one cause: the highest
//! counts in full, the next one half, the next one a quarter, so that any number of equal findings
//! counts less than twice. The score of an asset is that of the sum.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use outlier_kernels::surprise::score;
use serde::Serialize;

use super::surprise::combined;
use super::{MAX_RANKED, MEMORY_BYTES, RollUpError, cut};
use crate::outlier::rounded;
use crate::spill::{FieldReader, FieldWriter, Record, SortedRuns};

/// Findings of one use case that count for an asset; a further one would add less than one part in
/// four thousand million.
const COUNTED_FINDINGS: usize = 32;

/// An asset with the evidence of all use cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedAsset {
    /// The asset, as outliers name it: `TYPE: VALUE`.
    pub asset: String,
    /// Score of its surprise, from 0 to 100.
    pub score: f64,
    /// Sum over its use cases, in bits.
    pub surprise: f64,
    /// Number of its findings.
    pub findings: u64,
    /// Evidence by use case, the strongest first.
    pub use_cases: Vec<AssetEvidence>,
}

/// Evidence of one use case about an asset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AssetEvidence {
    /// Name of the use case.
    pub use_case: String,
    /// Number of its findings about the asset.
    pub findings: u64,
    /// Share of the use case in the asset's surprise, in bits.
    pub surprise: f64,
}

/// Surprise of an asset in a finding. Several of the same asset and finding count as the highest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Touched {
    asset: String,
    use_case_idx: usize,
    finding_number: u64,
    /// Surprise in the form that has its order.
    surprise: u64,
}

impl Record for Touched {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.text(&self.asset);
        [self.use_case_idx as u64, self.finding_number, self.surprise].into_iter().for_each(|n| fields.number(n));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (asset, use_case_idx) = (fields.text()?, fields.small()?);
        Ok(Touched { asset, use_case_idx, finding_number: fields.number()?, surprise: fields.number()? })
    }
}

/// Evidence about assets, gathered from findings.
pub(super) struct AssetSums(SortedRuns<Touched>);

impl AssetSums {
    pub(super) fn new(spill_dir: &Path) -> Self {
        AssetSums(SortedRuns::new(spill_dir, MEMORY_BYTES))
    }

    /// Adds the highest surprise that each asset has in a finding.
    pub(super) fn add(
        &mut self,
        use_case_idx: usize,
        finding_number: u64,
        surprise_by_asset: BTreeMap<String, u64>,
    ) -> Result<(), RollUpError> {
        for (asset, surprise) in surprise_by_asset {
            let n_bytes = asset.len() + size_of::<Touched>();
            self.0.push(Touched { asset, use_case_idx, finding_number, surprise }, n_bytes)?;
        }
        Ok(())
    }

    /// Returns the number of assets, and those with the highest scores.
    pub(super) fn rank(self, names: &[String]) -> Result<(u64, Vec<RankedAsset>), RollUpError> {
        let mut touched = self.0.merge()?;
        let mut n_assets = 0;
        let mut ranked = Vec::new();
        while let Some(first) = touched.next_if(|_| true)? {
            n_assets += 1;
            let mut asset = OpenAsset::new(&first);
            asset.add(&first);
            while let Some(next) = touched.next_if(|next| next.asset == first.asset)? {
                asset.add(&next);
            }
            ranked.push(asset.finish(first.asset, names));
            if ranked.len() > 2 * MAX_RANKED {
                keep_highest(&mut ranked);
            }
        }
        keep_highest(&mut ranked);
        ranked.iter_mut().for_each(|ranked| cut(&mut ranked.asset));
        Ok((n_assets, ranked))
    }
}

fn keep_highest(assets: &mut Vec<RankedAsset>) {
    assets.sort_by(|a, b| b.surprise.total_cmp(&a.surprise).then_with(|| a.asset.cmp(&b.asset)));
    assets.truncate(MAX_RANKED);
}

/// An asset whose evidence is being read, by use case and finding.
struct OpenAsset {
    use_case_idx: usize,
    finding_number: u64,
    /// Surprise of the finding so far.
    surprise: u64,
    /// Highest surprises of the findings of the use case before that one.
    highest: Vec<u64>,
    /// Findings of the use case before that one.
    n_findings: u64,
    use_cases: Vec<(usize, u64, f64)>,
}

impl OpenAsset {
    fn new(first: &Touched) -> Self {
        let (use_case_idx, finding_number) = (first.use_case_idx, first.finding_number);
        let (highest, use_cases) = (Vec::new(), Vec::new());
        OpenAsset { use_case_idx, finding_number, surprise: 0, highest, n_findings: 0, use_cases }
    }

    fn add(&mut self, touched: &Touched) {
        let is_same_use_case = touched.use_case_idx == self.use_case_idx;
        if !is_same_use_case || touched.finding_number != self.finding_number {
            self.end_finding();
        }
        if !is_same_use_case {
            self.end_use_case();
        }
        (self.use_case_idx, self.finding_number) = (touched.use_case_idx, touched.finding_number);
        self.surprise = self.surprise.max(touched.surprise);
    }

    fn end_finding(&mut self) {
        self.n_findings += 1;
        let surprise = std::mem::take(&mut self.surprise);
        let place = self.highest.partition_point(|known| *known >= surprise);
        self.highest.insert(place, surprise);
        self.highest.truncate(COUNTED_FINDINGS);
    }

    fn end_use_case(&mut self) {
        let surprises: Vec<f64> = self.highest.drain(..).map(f64::from_bits).collect();
        self.use_cases.push((self.use_case_idx, std::mem::take(&mut self.n_findings), combined(surprises)));
    }

    fn finish(mut self, asset: String, names: &[String]) -> RankedAsset {
        self.end_finding();
        self.end_use_case();
        let evidence = |(use_case_idx, findings, surprise): (usize, u64, f64)| AssetEvidence {
            use_case: names[use_case_idx].clone(),
            findings,
            surprise: rounded(surprise),
        };
        let mut use_cases: Vec<AssetEvidence> = self.use_cases.into_iter().map(evidence).collect();
        use_cases.sort_by(|a, b| b.surprise.total_cmp(&a.surprise).then_with(|| a.use_case.cmp(&b.use_case)));
        let surprise = rounded(use_cases.iter().map(|use_case| use_case.surprise).sum());
        let findings = use_cases.iter().map(|use_case| use_case.findings).sum();
        RankedAsset { asset, score: rounded(score(surprise)), surprise, findings, use_cases }
    }
}
