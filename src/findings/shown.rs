//! Findings for people: the first ones in an order, and groups of them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Finding, Findings, cut};
use crate::cli::{FindingGrouping, FindingOrder};
use crate::spill::SpillError;

/// Findings that are shown of a group.
const SHOWN_OF_GROUP: usize = 3;

/// Findings that have something in common.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingGroup {
    /// Text that they have in common.
    pub name: String,
    /// Highest score of a finding; of an asset, that of all evidence together.
    pub score: f64,
    /// Number of findings.
    pub n_findings: u64,
    /// Number of documents of each finding, added up.
    pub n_documents: u64,
    /// The findings with the highest scores.
    pub first: Vec<Finding>,
    /// Evidence of use cases, of an asset.
    pub evidence: Vec<super::AssetEvidence>,
}

/// The first findings in an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FirstFindings {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Number of findings between them that are not among them, because they are about the same
    /// events.
    pub n_folded: u64,
}

impl Findings {
    /// Returns the first findings in an order. Their texts are cut at `SHOWN_CHARS`.
    ///
    /// In the order of scores, a finding whose strongest event is that of a finding before it is
    /// left out: both have the score of that event, and the first one names the use case of the
    /// other. One with more documents is about more than that.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn first(&self, most: usize, order: FindingOrder) -> Result<FirstFindings, SpillError> {
        // sorting is stable, and scores decide between equals
        let sort: fn(&mut Vec<Finding>) = match order {
            FindingOrder::Score => return self.folded(most),
            FindingOrder::Time => |findings| findings.sort_by_key(|finding| Reverse(finding.last)),
            FindingOrder::Documents => |findings| findings.sort_by_key(|finding| Reverse(finding.documents)),
            FindingOrder::UseCase => |findings| findings.sort_by(|a, b| a.use_case.cmp(&b.use_case)),
        };
        let mut read = self.read()?;
        let mut first: Vec<Finding> = Vec::new();
        while let Some(mut finding) = read.next_if(|_| true)? {
            finding.cut();
            first.push(finding);
            if first.len() > 2 * most.max(64) {
                sort(&mut first);
                first.truncate(most);
            }
        }
        sort(&mut first);
        first.truncate(most);
        Ok(FirstFindings { findings: first, n_folded: 0 })
    }

    fn folded(&self, most: usize) -> Result<FirstFindings, SpillError> {
        let mut first = FirstFindings::default();
        let mut shown: HashMap<(String, String), u64> = HashMap::new();
        let mut read = self.read()?;
        while first.findings.len() < most
            && let Some(mut finding) = read.next_if(|_| true)?
        {
            match shown.entry((finding.index.clone(), finding.id.clone())) {
                Entry::Occupied(known) if finding.documents <= *known.get() => {
                    first.n_folded += 1;
                    continue;
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(place) => drop(place.insert(finding.documents)),
            }
            finding.cut();
            first.findings.push(finding);
        }
        Ok(first)
    }

    /// Returns the groups with the highest scores, and the number of all groups.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn grouped(&self, by: FindingGrouping, most: usize) -> Result<(Vec<FindingGroup>, u64), SpillError> {
        let mut groups = FindingGroups::default();
        if by == FindingGrouping::Asset {
            for asset in self.assets.iter().take(most) {
                let group = groups.open(&asset.asset);
                (group.score, group.evidence) = (asset.score, asset.use_cases.clone());
            }
        }
        let mut read = self.read()?;
        while let Some(mut finding) = read.next_if(|_| true)? {
            finding.cut();
            let one = [finding.use_case.clone()];
            let none = ["none named".to_owned()];
            match by {
                FindingGrouping::Asset => groups.add_to_open(&finding),
                FindingGrouping::UseCase => groups.add(&one, &finding),
                FindingGrouping::Technique if finding.techniques.is_empty() => groups.add(&none, &finding),
                FindingGrouping::Technique => groups.add(&finding.techniques, &finding),
            }
        }
        let n_groups = if by == FindingGrouping::Asset { self.n_assets } else { groups.groups.len() as u64 };
        groups.groups.truncate(most);
        Ok((groups.groups, n_groups))
    }
}

impl Finding {
    /// Cuts texts that are too long to be shown.
    pub(super) fn cut(&mut self) {
        let optional = [&mut self.aggregator, &mut self.target].into_iter().flatten();
        [&mut self.summary].into_iter().chain(optional).chain(&mut self.assets).for_each(cut);
    }
}

/// Groups in the order of their best findings.
#[derive(Default)]
struct FindingGroups {
    groups: Vec<FindingGroup>,
    idx_by_name: HashMap<String, usize>,
}

impl FindingGroups {
    fn open(&mut self, name: &str) -> &mut FindingGroup {
        let idx = *self.idx_by_name.entry(name.to_owned()).or_insert(self.groups.len());
        if idx == self.groups.len() {
            let (name, first, evidence) = (name.to_owned(), Vec::new(), Vec::new());
            self.groups.push(FindingGroup { name, score: 0.0, n_findings: 0, n_documents: 0, first, evidence });
        }
        &mut self.groups[idx]
    }

    fn add(&mut self, names: &[String], finding: &Finding) {
        for name in names {
            let group = self.open(name);
            group.score = finding.score.max(group.score);
            group.add(finding);
        }
    }

    /// Adds a finding to its assets among the groups that there are.
    fn add_to_open(&mut self, finding: &Finding) {
        let known = finding.assets.iter().filter_map(|asset| self.idx_by_name.get(asset));
        known.for_each(|&idx| self.groups[idx].add(finding));
    }
}

impl FindingGroup {
    fn add(&mut self, finding: &Finding) {
        self.n_findings += 1;
        self.n_documents += finding.documents;
        if self.first.len() < SHOWN_OF_GROUP {
            self.first.push(finding.clone());
        }
    }
}
