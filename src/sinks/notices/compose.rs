//! From noted outliers to the notices of each channel.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::found::{Announced, FoundOutlier, OfFinding};
use super::tally::{NewFinding, Tally};
use super::{MEMORY_BYTES, Noted, Route};
use crate::config::UseCase;
use crate::delivery::{
    DIGEST_NAMES, DOCUMENT_BYTES, DeliveryError, Digest, DigestFinding, DigestUseCase, FindingNotice, Notice,
    NoticeDocument,
};
use crate::elastic::{DocumentVersion, Lookup, StoredDocument};
use crate::findings::{Finding, FindingScore, Findings, ListIdentity, StableId};
use crate::outlier::{FileDocument, GatheredOutlier, Outlier, StoredOutliers};
use crate::sources::Documents;
use crate::spill::{MergedRuns, SortedRuns, SpillError};
use crate::state::{RunDelivery, RunRecord, StateStore};

/// Days for which outliers are remembered that are not seen again.
const REMEMBERED_DAYS: u32 = 400;

/// Documents of examples that are read at once.
const READ_AT_ONCE: usize = 8;

/// Material of notices.
#[derive(Debug)]
pub struct Notices<'a> {
    /// The store.
    pub store: &'a StateStore,
    /// The run.
    pub run: &'a RunRecord,
    /// Time of the delivery.
    pub now: DateTime<Utc>,
    /// Channels.
    pub routes: &'a [Route],
    /// Use cases, by their number in the run.
    pub use_cases: &'a [Arc<UseCase>],
    /// Findings of the run, with their scores.
    pub findings: &'a Findings,
    /// Outliers of the run.
    pub outliers: &'a StoredOutliers,
    /// Documents of the run.
    pub documents: &'a dyn Documents,
    /// Directory for temporary files.
    pub spill_dir: &'a Path,
}

/// An outlier as an example, with its document.
#[derive(Debug)]
struct Example {
    outlier: Outlier,
    document: Option<NoticeDocument>,
}

impl Notices<'_> {
    /// Makes notices of the outliers that were `noted` and that people were not told of, and stores
    /// them. Returns their number.
    ///
    /// # Errors
    /// A store or temporary files that cannot be used.
    pub fn store(&self, noted: &Noted, delivery: &mut RunDelivery) -> Result<u64, DeliveryError> {
        let new = self.sift(noted, delivery)?;
        let mut tallies = self.tally(new)?;
        tallies.retain(|tally| tally.n_findings > 0);
        let findings = self.findings_of(&mut tallies)?;
        let examples = self.examples_of(&mut tallies)?;
        let mut n_notices = 0;
        for tally in &mut tallies {
            let channel = &tally.route.channel;
            let notices = if tally.is_digest() {
                vec![Notice::Digest(self.digest(tally, &findings))]
            } else {
                self.notices(tally, &findings, &examples)
            };
            for notice in notices {
                delivery.queue(channel, notice.key(), &serde_json::to_string(&notice)?)?;
                n_notices += 1;
            }
        }
        Ok(n_notices)
    }

    /// Returns the outliers that people were not told of, and remembers that they are.
    fn sift(&self, noted: &Noted, delivery: &mut RunDelivery) -> Result<MergedRuns<OfFinding>, DeliveryError> {
        let mut announced = self.announced()?;
        let mut found = noted.take(self.spill_dir).merge()?;
        let mut new = SortedRuns::new(self.spill_dir, MEMORY_BYTES);
        let mut left = Vec::new();
        let mut told = delivery.told(REMEMBERED_DAYS)?;
        while let Some(first) = found.next_if(|_| true)? {
            while found.next_if(|next| next.identity == first.identity)?.is_some() {}
            while let Some(older) = announced.next_if(|announced| announced.identity < first.identity)? {
                left.push(older);
            }
            let mut is_new = !first.is_known;
            while announced.next_if(|announced| announced.identity == first.identity)?.is_some() {
                is_new = true;
            }
            if is_new && (!self.store.remembers() || told.add(first.identity.to_bytes())?) {
                new.push(OfFinding(first), size_of::<OfFinding>())?;
            }
        }
        told.close()?;
        drop(told);
        while let Some(rest) = announced.next_if(|_| true)? {
            left.push(rest);
        }
        if self.store.has_announced()? {
            let left: Vec<([u8; 16], u32)> = left.iter().map(|left| (left.identity.to_bytes(), left.day)).collect();
            delivery.settle(&left, REMEMBERED_DAYS)?;
        }
        Ok(new.merge()?)
    }

    fn announced(&self) -> Result<MergedRuns<Announced>, DeliveryError> {
        let mut announced = SortedRuns::new(self.spill_dir, MEMORY_BYTES);
        // those of this run are among the new ones that were noted
        self.store.announced_before(self.run.number, |id, day| {
            let identity = StableId::from_bytes(id);
            announced.push(Announced { identity, day }, size_of::<Announced>()).map_err(DeliveryError::from)
        })?;
        Ok(announced.merge()?)
    }

    fn tally(&self, mut new: MergedRuns<OfFinding>) -> Result<Vec<Tally<'_>>, DeliveryError> {
        let pending = self.store.pending()?;
        let n_pending = |route: &Route| pending.iter().filter(|pending| pending.channel == route.channel).count();
        let mut tallies: Vec<Tally<'_>> = self.routes.iter().map(|route| Tally::new(route, n_pending(route))).collect();
        let mut scores = self.findings.scores()?;
        while let Some(OfFinding(first)) = new.next_if(|_| true)? {
            let score = score_of(&mut scores, first.finding)?;
            let finding = new_finding(first, score, &mut new)?;
            tallies.iter_mut().for_each(|tally| tally.add(&finding));
        }
        Ok(tallies)
    }

    /// Returns the findings that notices name.
    fn findings_of(&self, tallies: &mut [Tally<'_>]) -> Result<HashMap<StableId, Finding>, DeliveryError> {
        let named = tallies.iter_mut().flat_map(|tally| tally.best().iter().map(|new| new.finding).collect::<Vec<_>>());
        let mut wanted: Vec<StableId> = named.collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = HashMap::new();
        let mut findings = self.findings.read()?;
        while found.len() < wanted.len()
            && let Some(finding) = findings.next_if(|_| true)?
        {
            let identity = finding.finding_id;
            if wanted.binary_search(&identity).is_ok() {
                found.entry(identity).or_insert(finding);
            }
        }
        Ok(found)
    }

    /// Returns the strongest new outliers, by number, of the findings that are told one by one.
    fn examples_of(&self, tallies: &mut [Tally<'_>]) -> Result<HashMap<u64, Example>, DeliveryError> {
        let told = tallies.iter_mut().filter(|tally| !tally.is_digest());
        let mut numbers: Vec<u64> =
            told.flat_map(|tally| tally.best().iter().map(|new| new.strongest).collect::<Vec<_>>()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut examples = HashMap::new();
        let mut block = Vec::new();
        let mut outliers = self.outliers.read()?;
        let mut wanted = numbers.iter().peekable();
        while wanted.peek().is_some()
            && let Some((number, outlier)) = outliers.next_outlier()?
        {
            if wanted.next_if(|next| **next == number).is_some() {
                block.push((number, outlier));
            }
            if block.len() == READ_AT_ONCE {
                self.read_examples(std::mem::take(&mut block), &mut examples)?;
            }
        }
        self.read_examples(block, &mut examples)?;
        Ok(examples)
    }

    fn read_examples(
        &self,
        block: Vec<(u64, GatheredOutlier)>,
        examples: &mut HashMap<u64, Example>,
    ) -> Result<(), DeliveryError> {
        let keys: Vec<_> = block.iter().map(|(_, outlier)| outlier.document.clone()).collect();
        let documents = if keys.is_empty() { Vec::new() } else { self.documents.read(&keys)? };
        for ((number, outlier), lookup) in block.into_iter().zip(documents) {
            let document = match lookup {
                Lookup::Found(document) => Some(notice_document(document)),
                Lookup::Gone | Lookup::Failed(_) => None,
            };
            examples.insert(number, Example { outlier: serde_json::from_str(&outlier.outlier)?, document });
        }
        Ok(())
    }

    fn notices(
        &self,
        tally: &mut Tally<'_>,
        findings: &HashMap<StableId, Finding>,
        examples: &HashMap<u64, Example>,
    ) -> Vec<Notice> {
        let notice = |new: &NewFinding| {
            let (finding, example) = (findings.get(&new.finding)?, examples.get(&new.strongest)?);
            Some(Notice::Finding(Box::new(self.finding_notice(new, finding, example))))
        };
        tally.best().iter().filter_map(notice).collect()
    }

    fn finding_notice(&self, new: &NewFinding, finding: &Finding, example: &Example) -> FindingNotice {
        let use_case = &self.use_cases[new.use_case_idx];
        let fields = example.outlier.fields();
        let texts = |key: &str| {
            let values = fields.get(key).and_then(Value::as_array);
            values.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let parameter = |key: &str| use_case.arbitrary.iter().find(|(name, _)| name == key).map(|(_, text)| text);
        FindingNotice {
            key: new.key.to_string(),
            finding_id: new.finding.to_string(),
            run_id: self.run.id.clone(),
            found_at: self.now,
            use_case: use_case.id(),
            outlier_type: texts("type"),
            reason: texts("reason"),
            summary: example.outlier.unwrapped_summary().to_owned(),
            description: parameter("description").cloned(),
            score: new.score,
            severity: use_case.severity,
            techniques: use_case.techniques.clone(),
            supported_by: finding.supported_by.clone(),
            aggregator: finding.aggregator.clone(),
            target: finding.target.clone(),
            n_documents: new.n_outliers,
            first: new.first,
            last: new.last,
            assets: finding.assets.clone(),
            example: example.document.clone(),
            observations: bounded(fields),
        }
    }

    fn digest(&self, tally: &mut Tally<'_>, findings: &HashMap<StableId, Finding>) -> Digest {
        let finding = |new: &NewFinding| {
            let finding = findings.get(&new.finding)?;
            Some(DigestFinding {
                finding_id: new.finding.to_string(),
                use_case: finding.use_case.clone(),
                summary: finding.summary.clone(),
                score: new.score,
                n_outliers: new.n_outliers,
                assets: finding.assets.clone(),
            })
        };
        let best = tally.best().iter().filter_map(finding).collect();
        let of_use_case = |(idx, sums): (&usize, &super::tally::UseCaseTally)| DigestUseCase {
            use_case: self.use_cases[*idx].id(),
            n_findings: sums.n_findings,
            n_outliers: sums.n_outliers,
            highest_score: sums.highest_score,
        };
        let mut use_cases: Vec<DigestUseCase> = tally.use_cases.iter().map(of_use_case).collect();
        use_cases.sort_by(|a, b| b.n_findings.cmp(&a.n_findings).then_with(|| a.use_case.cmp(&b.use_case)));
        use_cases.truncate(DIGEST_NAMES);
        Digest {
            key: tally.key().to_string(),
            run_id: self.run.id.clone(),
            found_at: self.now,
            n_findings: tally.n_findings,
            n_outliers: tally.n_outliers,
            n_use_cases: tally.use_cases.len() as u64,
            use_cases,
            best,
        }
    }
}

/// Fields up to [`DOCUMENT_BYTES`] together; what does not fit is left out.
fn bounded(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut left = DOCUMENT_BYTES;
    let fits = |(name, value): &(&String, &Value)| {
        let n_bytes = name.len() + value.to_string().len();
        let is_fitting = n_bytes <= left;
        left -= if is_fitting { n_bytes } else { 0 };
        is_fitting
    };
    fields.iter().filter(fits).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Score of a finding. Findings come in the order of their identities.
fn score_of(scores: &mut MergedRuns<FindingScore>, finding: StableId) -> Result<FindingScore, SpillError> {
    while scores.next_if(|score| score.finding < finding)?.is_some() {}
    Ok(scores.next_if(|score| score.finding == finding)?.unwrap_or_else(|| FindingScore::lowest(finding)))
}

/// Reads the other new outliers of the finding of `first`.
fn new_finding(
    first: FoundOutlier,
    score: FindingScore,
    new: &mut MergedRuns<OfFinding>,
) -> Result<NewFinding, SpillError> {
    let mut strongest = (first.surprise, first.number);
    let (mut earliest, mut latest) = (first.time, first.time);
    let mut key = ListIdentity::default();
    key.add(first.finding);
    key.add(first.identity);
    let mut n_outliers = 1;
    while let Some(OfFinding(next)) = new.next_if(|next| next.0.finding == first.finding)? {
        n_outliers += 1;
        key.add(next.identity);
        if next.surprise > strongest.0 || next.surprise == strongest.0 && next.number < strongest.1 {
            strongest = (next.surprise, next.number);
        }
        earliest = [earliest, next.time].into_iter().flatten().min();
        latest = latest.max(next.time);
    }
    let time = |micros: Option<i64>| micros.and_then(DateTime::from_timestamp_micros);
    Ok(NewFinding {
        finding: first.finding,
        use_case_idx: first.use_case_idx,
        score: score.score(),
        rank: score.rank(),
        n_outliers,
        first: time(earliest),
        last: time(latest),
        strongest: strongest.1,
        key: key.finish(),
    })
}

/// The document, without outliers of its own if it is from a file.
fn notice_document(document: StoredDocument) -> NoticeDocument {
    let StoredDocument { id, version, source } = document;
    let source = if version == DocumentVersion::NONE {
        FileDocument::new(source).ok().map(|document| document.text)
    } else {
        Some(source)
    };
    NoticeDocument { index: id.index, id: id.id, source: source.filter(|source| source.len() <= DOCUMENT_BYTES) }
}
