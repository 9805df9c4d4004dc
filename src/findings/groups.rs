//! Findings: outliers of the same use case, aggregator and target.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use outlier_kernels::surprise::score;

use super::assets::AssetSums;
use super::found::Found;
use super::identity::{FindingScore, StableId};
use super::selection::{Reason, Selection};
use super::surprise::ordered;
use super::{Finding, Findings, MEMORY_BYTES, RollUp, RollUpError, RolledUp, UseCaseCounts};
use crate::config::{FindingSeverity, ModelType, UseCase};
use crate::outlier::{FindingKey, rounded};
use crate::spill::{FieldReader, FieldWriter, Record, SortedRuns, StoredRuns};

/// Upper limit on the assets that a finding names.
const NAMED_ASSETS: usize = 10;

/// Upper limit on the bytes of the assets of a finding that are held in memory.
const HELD_BYTES: usize = 1 << 20;

impl Finding {
    fn order(&self) -> impl Ord {
        let strength = (Reverse(ordered(self.surprise)), Reverse(ordered(self.own_surprise)));
        (strength, &self.use_case, &self.aggregator, &self.target)
    }

    fn n_bytes(&self) -> usize {
        let lists = self.assets.iter().chain(&self.supported_by).chain(&self.techniques);
        let texts = [&self.use_case, &self.summary, &self.index, &self.id].into_iter().chain(lists);
        let optional = [&self.aggregator, &self.target, &self.reason].into_iter().flatten();
        let n_bytes: usize = texts.chain(optional).map(String::len).sum();
        n_bytes
            + (self.assets.len() + self.supported_by.len() + self.techniques.len()) * size_of::<String>()
            + size_of::<Self>()
    }
}

impl Eq for Finding {}

impl PartialOrd for Finding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finding {
    /// Highest scores come first, then names decide. Use cases may share a name.
    fn cmp(&self, other: &Self) -> Ordering {
        let counts = |finding: &Self| (finding.documents, finding.outliers, finding.first, finding.last);
        // of two use cases with the same name, either may have more to say
        let facts = |finding: &Self| (finding.model.as_str(), finding.severity.map(FindingSeverity::as_str));
        let texts = (&self.summary, &self.reason, &self.index, &self.id);
        let texts_of_other = (&other.summary, &other.reason, &other.index, &other.id);
        let lists = (&self.assets, &self.supported_by, &self.techniques);
        let lists_of_other = (&other.assets, &other.supported_by, &other.techniques);
        self.order()
            .cmp(&other.order())
            .then_with(|| counts(self).cmp(&counts(other)))
            .then_with(|| texts.cmp(&texts_of_other))
            .then_with(|| lists.cmp(&lists_of_other))
            .then_with(|| facts(self).cmp(&facts(other)))
    }
}

impl Record for Finding {
    fn encode(&self, fields: &mut FieldWriter) {
        [self.surprise, self.own_surprise].into_iter().for_each(|bits| fields.number(bits.to_bits()));
        self.finding_id.encode(fields);
        [&self.use_case, &self.summary, &self.index, &self.id].into_iter().for_each(|text| fields.text(text));
        [self.model.as_str(), self.severity.map_or("", FindingSeverity::as_str)]
            .into_iter()
            .for_each(|name| fields.text(name));
        let optional = [&self.aggregator, &self.target, &self.reason];
        optional.into_iter().for_each(|text| fields.optional_text(text.as_deref()));
        [self.documents, self.outliers].into_iter().for_each(|number| fields.number(number));
        [self.first, self.last].into_iter().for_each(|time| fields.optional_number(time.map(i64::cast_unsigned)));
        [&self.assets, &self.supported_by, &self.techniques].into_iter().for_each(|texts| fields.texts(texts));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (surprise, own_surprise) = (f64::from_bits(fields.number()?), f64::from_bits(fields.number()?));
        let finding_id = StableId::decode(fields)?;
        let (use_case, summary, index, id) = (fields.text()?, fields.text()?, fields.text()?, fields.text()?);
        let unknown = || io::Error::from(io::ErrorKind::InvalidData);
        let model = ModelType::named(&fields.text()?).ok_or_else(unknown)?;
        let severity = FindingSeverity::named(&fields.text()?);
        let (aggregator, target, reason) = (fields.optional_text()?, fields.optional_text()?, fields.optional_text()?);
        let (documents, outliers) = (fields.number()?, fields.number()?);
        let mut time = || Ok::<_, io::Error>(fields.optional_number()?.map(u64::cast_signed));
        let (first, last) = (time()?, time()?);
        let assets = fields.texts()?;
        Ok(Finding {
            finding_id,
            score: rounded(score(surprise)),
            surprise,
            own_score: rounded(score(own_surprise)),
            own_surprise,
            use_case,
            model,
            severity,
            supported_by: fields.texts()?,
            techniques: fields.texts()?,
            aggregator,
            target,
            documents,
            outliers,
            first,
            last,
            summary,
            reason,
            assets,
            index,
            id,
        })
    }
}

/// Makes findings of the outliers that are kept, and adds their evidence up per asset.
pub(super) fn group(
    roll_up: &RollUp<'_>,
    found: &StoredRuns<Found>,
    mut selection: Selection,
) -> Result<RolledUp, RollUpError> {
    let mut groups = Groups {
        use_cases: roll_up.use_cases,
        names: roll_up.use_cases.iter().map(|use_case| use_case.id()).collect(),
        most_documents: roll_up.general.max_documents_per_finding.map_or(u64::MAX, std::num::NonZeroU64::get),
        findings: SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES),
        scores: roll_up.keeps_scores.then(|| SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES)),
        assets: AssetSums::new(roll_up.spill_dir),
        n_findings: vec![0; roll_up.use_cases.len()],
        open: None,
    };
    roll_up.for_each_kept(found, &mut selection, |found, selection| groups.add(found, selection))?;
    groups.close()?;
    let (n_assets, assets) = groups.assets.rank(&groups.names)?;
    let n_findings = groups.n_findings.iter().sum();
    let scores = groups.scores.unwrap_or_else(|| SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES)).store()?;
    let findings = Findings { n_findings, n_assets, assets, findings: groups.findings.store()?, scores };
    let Selection { withheld, left_out } = selection;
    let counts = |(findings, left_out)| UseCaseCounts { findings, left_out };
    Ok(RolledUp { findings, withheld, use_cases: groups.n_findings.into_iter().zip(left_out).map(counts).collect() })
}

struct Groups<'a> {
    use_cases: &'a [Arc<UseCase>],
    /// Names of the use cases.
    names: Vec<String>,
    /// Upper limit on the documents of a finding to which its outliers are written.
    most_documents: u64,
    findings: SortedRuns<Finding>,
    /// Their scores by identity, if these are kept.
    scores: Option<SortedRuns<FindingScore>>,
    assets: AssetSums,
    /// Number of findings by use case.
    n_findings: Vec<u64>,
    /// The finding whose outliers are being read.
    open: Option<Group>,
}

/// A finding of which some outliers were read.
struct Group {
    use_case_idx: usize,
    key: FindingKey,
    finding: Finding,
    /// Surprise of the strongest event, of all use cases and alone, [`ordered`].
    strongest: (u64, u64),
    /// Index and id of the last document, and the summary of the last outlier in it.
    last_document: (String, String),
    last_summary: Option<String>,
    /// Use cases that flagged that event.
    use_cases: Vec<usize>,
    named_assets: BTreeSet<String>,
    /// Highest surprise by asset.
    surprise_by_asset: BTreeMap<String, u64>,
    /// Bytes of these assets.
    n_asset_bytes: usize,
}

impl Groups<'_> {
    fn add(&mut self, found: Found, selection: &mut Selection) -> Result<(), RollUpError> {
        if !self.open.as_ref().is_some_and(|open| found.is_of_finding(open.use_case_idx, &open.key)) {
            self.close()?;
            self.n_findings[found.use_case_idx] += 1;
        }
        let number = self.n_findings.iter().sum();
        let (use_case, name) = (&self.use_cases[found.use_case_idx], &self.names[found.use_case_idx]);
        let (use_case_idx, outlier_number) = (found.use_case_idx, found.number);
        let group = self.open.get_or_insert_with(|| Group::new(&found, use_case, name));
        group.add(found);
        if group.finding.documents > self.most_documents {
            selection.leave_out(use_case_idx, outlier_number, Reason::NotWritten);
        }
        if group.n_asset_bytes > HELD_BYTES {
            group.n_asset_bytes = 0;
            let held = std::mem::take(&mut group.surprise_by_asset);
            self.assets.add(use_case_idx, number, held)?;
        }
        Ok(())
    }

    /// Ends the finding that is open.
    fn close(&mut self) -> Result<(), RollUpError> {
        let Some(group) = self.open.take() else { return Ok(()) };
        let number = self.n_findings.iter().sum();
        self.assets.add(group.use_case_idx, number, group.surprise_by_asset)?;
        let assets = group.named_assets.into_iter().collect();
        let [score, own_score] =
            [group.finding.surprise, group.finding.own_surprise].map(|surprise| rounded(score(surprise)));
        let others = group.use_cases.into_iter().filter(|idx| *idx != group.use_case_idx);
        let mut supported_by: Vec<String> = others.map(|idx| self.names[idx].clone()).collect();
        supported_by.sort_unstable();
        let finding = Finding { score, own_score, supported_by, assets, ..group.finding };
        if let Some(scores) = &mut self.scores {
            scores.push(FindingScore::of(&finding, number), size_of::<FindingScore>())?;
        }
        let n_bytes = finding.n_bytes();
        Ok(self.findings.push(finding, n_bytes)?)
    }
}

impl Group {
    /// Starts a finding with its first outlier, which is added like the others.
    fn new(first: &Found, use_case: &UseCase, name: &str) -> Self {
        let finding_id = StableId::of_finding(name, &first.finding);
        let FindingKey { aggregator, target } = first.finding.clone();
        let finding = Finding {
            finding_id,
            score: 0.0,
            surprise: 0.0,
            own_score: 0.0,
            own_surprise: 0.0,
            use_case: name.to_owned(),
            model: use_case.model.model_type(),
            severity: use_case.severity,
            techniques: use_case.techniques.clone(),
            supported_by: Vec::new(),
            aggregator,
            target,
            documents: 0,
            outliers: 0,
            first: None,
            last: None,
            summary: first.summary.clone(),
            reason: first.reason.clone(),
            assets: Vec::new(),
            index: first.index.clone(),
            id: first.id.clone(),
        };
        Group {
            use_case_idx: first.use_case_idx,
            key: first.finding.clone(),
            finding,
            strongest: (0, 0),
            last_document: Default::default(),
            last_summary: None,
            use_cases: first.use_cases.clone(),
            named_assets: BTreeSet::new(),
            surprise_by_asset: BTreeMap::new(),
            n_asset_bytes: 0,
        }
    }

    fn add(&mut self, found: Found) {
        let finding = &mut self.finding;
        let document = (found.index, found.id);
        // the outliers of a document come one after the other, and so do those with one summary, of
        // which it stores one
        let is_same_document = self.last_summary.is_some() && self.last_document == document;
        finding.documents += u64::from(!is_same_document);
        let is_same = is_same_document && self.last_summary.as_ref() == Some(&found.summary);
        finding.outliers += u64::from(!is_same);
        finding.own_surprise = f64::from_bits(found.surprise).max(finding.own_surprise);
        let strength = (found.evidence, found.surprise);
        if strength > self.strongest {
            self.strongest = strength;
            self.use_cases = found.use_cases;
            finding.surprise = f64::from_bits(found.evidence);
            (finding.summary, finding.reason) = (found.summary.clone(), found.reason);
            (finding.index, finding.id) = document.clone();
        }
        // in the order of time
        finding.first = finding.first.or(found.time);
        finding.last = found.time.or(finding.last);
        (self.last_document, self.last_summary) = (document, Some(found.summary));
        for asset in found.assets {
            if !self.named_assets.contains(&asset) {
                self.named_assets.insert(asset.clone());
                if self.named_assets.len() > NAMED_ASSETS {
                    self.named_assets.pop_last();
                }
            }
            if let Some(surprise) = self.surprise_by_asset.get_mut(&asset) {
                *surprise = found.surprise.max(*surprise);
            } else {
                self.n_asset_bytes += asset.len() + size_of::<(String, u64)>();
                self.surprise_by_asset.insert(asset, found.surprise);
            }
        }
    }
}
