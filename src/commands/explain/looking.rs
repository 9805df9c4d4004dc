//! Looks at a run: for the document of a finding, or for the rows of a document.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use outlier_kernels::surprise::score;
use rustc_hash::FxHashSet;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::error::RunError;
use super::super::run::Onlooker;
use crate::config::{ModelType, WhitelistNote};
use crate::detection::{DetectionError, document_places};
use crate::findings::{Findings, StableId};
use crate::models::{Depth, Evidence};
use crate::outlier::{Outlier, StoredOutliers, rounded};
use crate::query::MatchedField;
use crate::scan_group::{
    GroupError, GroupResult, Question, ReadGroup, ScanGroup, explain_rows, matched_fields, rows_of_documents,
};
use crate::state::KeptFinding;
use crate::table::Element;

/// Rows of a document that are explained for one use case; a document may have any number of them.
const MOST_ROWS: usize = 16;

/// Findings that are looked up; two are too many.
const MOST_PLACES: usize = 2;

/// Observations that say what was compared with what.
const STORED: [&str; 6] =
    ["metric", "term_count", "adjusted_value", "q_value", "decision_frontier", "num_target_value_in_window"];

/// Outlier or document that is looked for.
#[derive(Debug)]
pub(super) enum Sought {
    /// Finding whose id begins with this.
    Finding(String),
    /// Document with this `_index` and `_id`, with a slash between them.
    Document(String),
}

/// Place of a finding.
#[derive(Debug)]
pub(super) struct FindingPlace {
    pub(super) id: String,
    pub(super) use_case: String,
    /// Index and id of the document of its strongest event, with a slash between them.
    pub(super) document: String,
}

/// Explanation of the verdict of a use case about a row of the document.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    /// Name of the use case.
    pub(super) use_case: String,
    /// Model of the use case.
    pub(super) model: &'static str,
    pub(super) verdict: Verdict,
    /// Its finding, if it is one of its outliers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finding: Option<ExplainedFinding>,
    /// Entries of the whitelist that accept it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) accepted_by: Vec<AcceptingEntry>,
    /// Values of the event that the query looks for, as far as they are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) matched: Vec<MatchedField>,
    /// Observations of the stored outlier that say what was compared with what.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) stored: Map<String, Value>,
    /// True if they are the value and the frontier, so that the document alone tells the verdict.
    pub(super) recomputable: bool,
    #[serde(flatten)]
    pub(super) evidence: Evidence,
    /// Number of the use case in the run.
    #[serde(skip)]
    use_case_idx: usize,
    /// Least score of its outliers.
    #[serde(skip)]
    min_score: Option<f64>,
    /// Number of rows of the document that are not explained.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) more_rows: usize,
}

impl Explanation {
    /// Explanation of a finding that an earlier run kept with its evidence.
    pub(super) fn of_kept(finding: &KeptFinding, evidence: Evidence) -> Self {
        let model = finding.model.map(ModelType::as_str).unwrap_or_default();
        let stored = stored(finding.outlier.clone().unwrap_or_default(), model);
        Explanation {
            use_case: finding.use_case.clone(),
            model,
            verdict: Verdict::Outlier,
            finding: Some(ExplainedFinding { id: finding.id.clone(), own_score: finding.own_score }),
            accepted_by: Vec::new(),
            matched: Vec::new(),
            recomputable: is_recomputable(&stored, &evidence),
            stored,
            evidence,
            use_case_idx: 0,
            min_score: None,
            more_rows: 0,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Verdict about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The run reports it.
    Outlier,
    /// The model flags it, and limits of the use case or the run leave it out.
    LeftOut,
    /// The model flags it, and an entry of the whitelist accepts it.
    Whitelisted,
    /// The model does not flag it.
    Ordinary,
}

/// Finding of an explained outlier.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ExplainedFinding {
    pub(super) id: String,
    /// Score of the outlier alone, from 0 to 100.
    pub(super) own_score: f64,
}

/// Entry of a whitelist.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AcceptingEntry {
    pub(super) name: String,
    /// Section that it is in.
    pub(super) section: String,
    pub(super) place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl AcceptingEntry {
    fn of(note: &WhitelistNote) -> Self {
        let WhitelistNote { name, section, location, owner, reason, .. } = note.clone();
        AcceptingEntry { name, section, place: location.to_string(), owner, reason }
    }
}

/// Finding that a flagged row became.
struct Told {
    id: StableId,
    own_score: f64,
    stored: Map<String, Value>,
}

/// Onlooker of a run.
#[derive(Debug)]
pub(super) struct Looking {
    sought: Sought,
    explanations: Mutex<Vec<Explanation>>,
    places: Mutex<Vec<FindingPlace>>,
}

impl Looking {
    pub(super) fn new(sought: Sought) -> Self {
        Looking { sought, explanations: Mutex::default(), places: Mutex::default() }
    }

    /// Explanations of the rows of the document, by use case: outliers come first.
    pub(super) fn into_explanations(self) -> Vec<Explanation> {
        let mut found = self.explanations.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by(|a, b| {
            let order = |explanation: &Explanation| {
                let score = explanation.finding.as_ref().map_or(-1.0, |finding| finding.own_score);
                (explanation.verdict as u8, -score)
            };
            let (a_order, b_order) = (order(a), order(b));
            a_order.0.cmp(&b_order.0).then(a_order.1.total_cmp(&b_order.1)).then_with(|| a.use_case.cmp(&b.use_case))
        });
        found
    }

    /// Places of the finding: none or several if the id names none or several.
    pub(super) fn into_places(self) -> Vec<FindingPlace> {
        self.places.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn explain(
        &self,
        document: &str,
        group: &ScanGroup<'_>,
        read: &ReadGroup,
        result: &GroupResult,
    ) -> Result<(), GroupError> {
        let is_meant = |id: &crate::elastic::DocumentId| {
            let rest = document.strip_prefix(&id.index).and_then(|rest| rest.strip_prefix('/'));
            rest == Some(&id.id)
        };
        for (mask_idx, rows) in rows_of_documents(group, read, is_meant)?.into_iter().enumerate() {
            let Ok(detected) = &result.use_cases[mask_idx].outcome else { continue };
            if rows.is_empty() {
                continue;
            }
            let (n_rows, mut rows) = (rows.len(), rows.into_iter().collect::<Vec<u64>>());
            rows.sort_unstable();
            rows.truncate(MOST_ROWS);
            let question = Question { mask_idx, detected, rows: rows.into_iter().collect(), depth: Depth::Changes };
            let explained = explain_rows(group, read, &question)?;
            let use_case = &group.plan.use_cases[mask_idx].use_case;
            let more_rows = n_rows - explained.len();
            let first = explained.first().map(|evidence| Element(evidence.element));
            let place = document_places(&read.ingested.table, first.into_iter()).map_err(DetectionError::from)?;
            let matched = place.first().map(|place| matched_fields(group, mask_idx, *place)).transpose()?;
            let matched = matched.unwrap_or_default();
            let accepting = |evidence: &Evidence| {
                let notes = detected.accepted.get(&evidence.element).into_iter().flatten();
                notes.map(|note| AcceptingEntry::of(note)).collect()
            };
            self.explanations.lock().unwrap_or_else(PoisonError::into_inner).extend(explained.into_iter().map(
                |evidence| Explanation {
                    use_case: use_case.id(),
                    model: use_case.model.model_type().as_str(),
                    // until it is known what became of it
                    verdict: if evidence.flagged { Verdict::Whitelisted } else { Verdict::Ordinary },
                    finding: None,
                    accepted_by: accepting(&evidence),
                    matched: matched.clone(),
                    stored: Map::new(),
                    recomputable: false,
                    evidence,
                    use_case_idx: group.n_before + mask_idx,
                    min_score: use_case.min_score,
                    more_rows,
                },
            ));
        }
        Ok(())
    }

    /// Finds out what became of the rows that were flagged.
    fn settle(&self, document: &str, findings: &Findings, outliers: &StoredOutliers) -> Result<(), RunError> {
        let mut explanations = self.explanations.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: FxHashSet<(usize, u64)> =
            explanations.iter().map(|explanation| (explanation.use_case_idx, explanation.evidence.element)).collect();
        let mut found: BTreeMap<(usize, u64), Told> = BTreeMap::new();
        let mut reader = outliers.read()?;
        while let Some((_, outlier)) = reader.next_outlier()? {
            let key = (outlier.use_case_idx, outlier.element);
            let id = &outlier.document.id;
            if !wanted.contains(&key) || format!("{}/{}", id.index, id.id) != document {
                continue;
            }
            let explanation = explanations.iter().find(|explanation| explanation.use_case_idx == key.0);
            let Some(Explanation { use_case, model, .. }) = explanation else { continue };
            let fields = serde_json::from_str::<Outlier>(&outlier.outlier).map(|outlier| outlier.fields().clone());
            let fields = fields.map_err(|error| RunError::Internal(error.to_string()))?;
            let id = StableId::of_finding(use_case, &outlier.finding);
            found.insert(key, Told { id, own_score: rounded(score(outlier.surprise)), stored: stored(fields, model) });
        }
        let standing = standing(findings, &found.values().map(|told| told.id).collect())?;
        for explanation in explanations.iter_mut() {
            let key = (explanation.use_case_idx, explanation.evidence.element);
            let Some(Told { id, own_score, stored }) = found.remove(&key) else { continue };
            let is_low = explanation.min_score.is_some_and(|min_score| own_score < min_score);
            let stands = standing.contains(&id) && !is_low;
            explanation.verdict = if stands { Verdict::Outlier } else { Verdict::LeftOut };
            explanation.finding = Some(ExplainedFinding { id: id.to_string(), own_score });
            explanation.recomputable = is_recomputable(&stored, &explanation.evidence);
            explanation.stored = stored;
        }
        Ok(())
    }

    fn look_up(&self, prefix: &str, findings: &Findings) -> Result<(), RunError> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = findings.read()?;
        while places.len() < MOST_PLACES
            && let Some(finding) = read.next_if(|_| true)?
        {
            let id = finding.finding_id.to_string();
            if id.starts_with(prefix) {
                let document = format!("{}/{}", finding.index, finding.id);
                places.push(FindingPlace { id, use_case: finding.use_case, document });
            }
        }
        Ok(())
    }
}

impl Onlooker for Looking {
    fn judged(&self, group: &ScanGroup<'_>, read: &ReadGroup, result: &GroupResult) -> Result<(), RunError> {
        match &self.sought {
            Sought::Document(document) => Ok(self.explain(document, group, read, result)?),
            Sought::Finding(_) => Ok(()),
        }
    }

    fn found(&self, findings: &Findings, outliers: &StoredOutliers) -> Result<(), RunError> {
        match &self.sought {
            Sought::Document(document) => self.settle(document, findings, outliers),
            Sought::Finding(prefix) => self.look_up(prefix, findings),
        }
    }
}

/// Observations that say what was compared with what.
fn stored(fields: Map<String, Value>, model: &str) -> Map<String, Value> {
    // all outliers have scores; these models compare them
    let is_value = |name: &str| STORED.contains(&name) || name == "score" && model == "word2vec";
    fields.into_iter().filter(|(name, _)| is_value(name)).collect()
}

/// True if the value and the frontier of the evidence are stored.
fn is_recomputable(stored: &Map<String, Value>, evidence: &Evidence) -> bool {
    let number = |name: &str| stored.get(name).and_then(Value::as_f64);
    let values = ["metric", "term_count", "score", "adjusted_value"];
    evidence.is_beyond()
        && number("decision_frontier") == evidence.frontier
        && values.iter().any(|name| number(name).is_some() && number(name) == evidence.value)
}

/// Those of `wanted` that stand.
fn standing(findings: &Findings, wanted: &FxHashSet<StableId>) -> Result<FxHashSet<StableId>, RunError> {
    let mut found = FxHashSet::default();
    let mut read = findings.read()?;
    while found.len() < wanted.len()
        && let Some(finding) = read.next_if(|_| true)?
    {
        let id = finding.finding_id;
        if wanted.contains(&id) {
            found.insert(id);
        }
    }
    Ok(found)
}
