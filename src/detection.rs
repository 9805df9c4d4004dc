//! The loop: evaluate -> describe -> whitelist -> evaluate again without the accepted rows.
//!
//! A round judges the population, describes its candidates from their whole documents and tests
//! them against the whitelist. Rows that are whitelisted leave the population; aggregators that
//! lost rows are judged again, the outliers of the others stand. Each round with whitelisted rows
//! makes the population smaller, so the loop ends.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

use crate::config::{Asset, UseCase};
use crate::event::Document;
use crate::event::derived::DerivedFields;
use crate::models::{self, Candidate, Evaluation, EvaluationError, Inputs, Refinement, Statistics, WholeEvent};
use crate::outlier::{Description, Gathered, GatheredOutlier, Outlier, describe};
use crate::runtime::Interrupt;
use crate::sources::{DocRef, EventSource, RawDocument, SourceError};
use crate::spill::SpillError;
use crate::table::{Population, TableError, View};
use crate::whitelist::Whitelist;

/// Candidates whose documents are read and described at once.
const BLOCK: usize = 4096;

/// One use case to detect outliers with.
#[derive(Debug)]
pub struct Detection<'a> {
    /// The use case.
    pub use_case: &'a UseCase,
    /// Its rows.
    pub view: View,
    /// Source of whole documents.
    pub source: &'a dyn EventSource,
    /// Its derived fields.
    pub derived: Option<&'a DerivedFields>,
    /// Whitelist of accepted outliers.
    pub whitelist: Whitelist,
    /// Fields that name assets.
    pub assets: &'a [Asset],
    /// Destination of its outliers.
    pub gathered: &'a Gathered,
    /// Number of the use case in the run.
    pub use_case_idx: usize,
    /// Ends it early with [`SourceError::Cancelled`].
    pub interrupt: &'a Interrupt,
}

/// Result of a detection.
#[derive(Debug, Default)]
pub struct Detected {
    /// Outliers without the whitelisted ones.
    pub outliers: u64,
    /// Whitelisted rows.
    pub whitelisted: u64,
    /// Number of evaluations.
    pub rounds: u32,
    /// Regexps of whitelists and separators that were given up because a text made them too slow;
    /// each counts as no match.
    pub regexps_given_up: u64,
    /// Figures of the model, from the last round.
    pub statistics: Statistics,
    /// Candidates whose documents were deleted since they were read, counted in every round.
    pub gone: u64,
    /// Time in models.
    pub evaluating: Duration,
    /// Time in descriptions and whitelist.
    pub describing: Duration,
}

/// Reasons why a detection failed.
#[derive(Debug, thiserror::Error)]
pub enum DetectionError {
    /// The model could not judge the events.
    #[error(transparent)]
    Model(#[from] EvaluationError),
    /// Whole documents could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The event table could not be read back.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A document is no longer a JSON object.
    #[error("document {id} of {index}: {reason}")]
    Document {
        /// Its index or file.
        index: String,
        /// Its id.
        id: String,
        /// Error from the parser.
        reason: String,
    },
    /// Outliers could not be spooled to disk, or read back.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// An outlier is not JSON: a bug in this program.
    #[error("outlier: {0}")]
    Outlier(#[from] serde_json::Error),
}

impl DetectionError {
    /// True for failures that would hit every other use case too: they end the run.
    pub fn ends_run(&self) -> bool {
        match self {
            Self::Spill(_) | Self::Table(TableError::Spill(_)) | Self::Model(EvaluationError::Spill(_)) => true,
            Self::Source(error) => error.ends_run(),
            Self::Model(_) | Self::Table(_) | Self::Document { .. } | Self::Outlier(_) => false,
        }
    }
}

impl Detection<'_> {
    /// Runs the loop to its end.
    pub async fn run(&self, inputs: Inputs<'_>) -> Result<Detected, DetectionError> {
        let mut detected = Detected::default();
        let mut population = Population::default();
        loop {
            let view = self.view.with_population(population.clone());
            let started = Instant::now();
            let evaluation = tokio::select! {
                evaluation = models::evaluate(&self.use_case.model, &view, inputs) => evaluation?,
                // plans give way between batches
                () = self.interrupt.raised() => return Err(SourceError::Cancelled.into()),
            };
            detected.rounds += 1;
            detected.evaluating += started.elapsed();
            let started = Instant::now();
            let judged = Judged { view: &view, evaluation: &evaluation, round: detected.rounds };
            let mut round = tokio::task::block_in_place(|| self.describe(&judged))?;
            detected.describing += started.elapsed();
            detected.regexps_given_up += evaluation.statistics.regexps_given_up + round.regexps_given_up;
            detected.statistics = evaluation.statistics;
            detected.gone += round.gone;
            detected.whitelisted += round.whitelisted.len() as u64;
            let again = self.refine(&mut round, &mut population, detected.rounds);
            detected.outliers += round.kept.values().sum::<u64>();
            if !again {
                return Ok(detected);
            }
        }
    }

    /// Takes whitelisted rows out of the population and drops what must be judged again; false when
    /// all stands.
    fn refine(&self, round: &mut Round, population: &mut Population, n_rounds: u32) -> bool {
        let refinement = models::method(&self.use_case.model).refinement();
        if round.whitelisted.is_empty() || refinement == Refinement::Never {
            return false;
        }
        population.without.extend(round.whitelisted.iter().map(|candidate| candidate.element.0));
        let again: FxHashSet<u32> = match refinement {
            Refinement::SameAggregator => round.whitelisted.iter().map(|candidate| candidate.aggregator).collect(),
            _ => round.kept.keys().copied().collect(),
        };
        self.gathered.withdraw(self.use_case_idx, &again, n_rounds + 1);
        round.kept.retain(|aggregator, _| !again.contains(aggregator));
        population.only = (refinement == Refinement::SameAggregator).then_some(again);
        true
    }

    /// Describes all candidates of an evaluation, block by block, and gathers their outliers.
    fn describe(&self, judged: &Judged<'_>) -> Result<Round, DetectionError> {
        let mut round = Round::default();
        for block in judged.evaluation.candidates.chunks(BLOCK) {
            self.interrupt.check().map_err(SourceError::from)?;
            let events = self.documents(judged.view, block)?;
            round.gone += (block.chunk_by(is_same_event).count() - events.len()) as u64;
            let described: Vec<Vec<Described>> = events
                .par_iter()
                .map(|event| self.describe_event(judged, event))
                .collect::<Result<_, DetectionError>>()?;
            self.gathered.extend(described.into_iter().flatten().filter_map(|described| round.add(described)))?;
        }
        Ok(round)
    }

    /// Returns the documents of `candidates` that still exist, each with its candidates.
    fn documents<'c>(
        &self,
        view: &View,
        candidates: &'c [Candidate],
    ) -> Result<Vec<CandidateEvent<'c>>, DetectionError> {
        let events: Vec<&[Candidate]> = candidates.chunk_by(is_same_event).collect();
        let rows = events.iter().filter_map(|candidates| candidates.first().map(|candidate| candidate.element));
        let places = document_places(view.table(), rows)?;
        let highlights = if models::method(&self.use_case.model).wants_highlights() {
            self.source.highlights(view.mask_idx(), &places)?
        } else {
            vec![Map::new(); places.len()]
        };
        let documents = self.source.fetch(&places)?.into_iter().zip(highlights).zip(events);
        let event = |((document, highlights), candidates): ((Option<RawDocument>, _), _)| {
            Some(CandidateEvent { document: document?, highlights, candidates })
        };
        Ok(documents.filter_map(event).collect())
    }

    fn describe_event(
        &self,
        judged: &Judged<'_>,
        event: &CandidateEvent<'_>,
    ) -> Result<Vec<Described>, DetectionError> {
        let mut document = parse(&event.document)?;
        let derived = self.derived.map(|rules| rules.derive(&document.source)).unwrap_or_default();
        // texts, assets and the whitelist see derived fields in place of the event's own
        document.source.extend(derived.iter().cloned());
        let whole = WholeEvent { document: &document, highlights: &event.highlights };
        let describe_one = |candidate: &Candidate| {
            let observations = models::observations(&self.use_case.model, judged.evaluation, candidate, &whole);
            let description =
                Description { use_case: self.use_case, document: &document, derived: &derived, observations };
            let outlier = describe(self.assets, description);
            let verdict = self.whitelist.matches(&outlier, &document);
            let found = (!verdict.whitelisted).then(|| self.found(judged, event, candidate, &outlier)).transpose()?;
            Ok(Described { candidate: *candidate, outlier: found, regexps_given_up: verdict.regexps_given_up })
        };
        event.candidates.iter().map(describe_one).collect()
    }

    fn found(
        &self,
        judged: &Judged<'_>,
        event: &CandidateEvent<'_>,
        candidate: &Candidate,
        outlier: &Outlier,
    ) -> Result<GatheredOutlier, DetectionError> {
        let mut json = serde_json::to_string(outlier)?;
        // many of them wait in memory
        json.shrink_to_fit();
        Ok(GatheredOutlier {
            document: event.document.key.clone(),
            use_case_idx: self.use_case_idx,
            element: candidate.element.0,
            outlier: json,
            aggregator: candidate.aggregator,
            round: judged.round,
        })
    }
}

fn is_same_event(a: &Candidate, b: &Candidate) -> bool {
    a.element.event() == b.element.event()
}

/// Places of the documents of some rows.
fn document_places(
    table: &crate::table::EventTable,
    rows: impl Iterator<Item = crate::table::Element>,
) -> Result<Vec<DocRef>, TableError> {
    let mut places = Vec::new();
    let mut chunk_places: Option<(usize, crate::table::Places)> = None;
    for element in rows {
        let chunk_idx = element.chunk_idx();
        if chunk_places.as_ref().is_none_or(|(idx, _)| *idx != chunk_idx) {
            chunk_places = Some((chunk_idx, table.places(chunk_idx)?));
        }
        if let Some((_, chunk)) = &chunk_places {
            let [offset, length, line] = chunk.of(element.row());
            places.push(DocRef { batch: chunk.batch, offset, length, line });
        }
    }
    Ok(places)
}

/// The document in `raw`.
fn parse(raw: &RawDocument) -> Result<Document, DetectionError> {
    let id = &raw.key.id;
    let (index, id) = (id.index.clone(), id.id.clone());
    match serde_json::from_str(&raw.text) {
        Ok(source) => Ok(Document { index, id, source }),
        Err(error) => Err(DetectionError::Document { index, id, reason: error.to_string() }),
    }
}

/// An event with candidates that still exists.
struct CandidateEvent<'c> {
    document: RawDocument,
    /// Places where the query matches, if requested.
    highlights: Map<String, Value>,
    candidates: &'c [Candidate],
}

struct Described {
    candidate: Candidate,
    /// `None`: whitelisted.
    outlier: Option<GatheredOutlier>,
    regexps_given_up: u64,
}

/// An evaluation and its rows.
struct Judged<'a> {
    view: &'a View,
    evaluation: &'a Evaluation<'a>,
    /// Number of the evaluation, from 1.
    round: u32,
}

/// Result of an evaluation.
#[derive(Default)]
struct Round {
    /// Number of outliers by aggregator.
    kept: FxHashMap<u32, u64>,
    whitelisted: Vec<Candidate>,
    regexps_given_up: u64,
    gone: u64,
}

impl Round {
    /// Counts a candidate; returns its outlier unless it is whitelisted.
    fn add(&mut self, described: Described) -> Option<GatheredOutlier> {
        let Described { candidate, outlier, regexps_given_up } = described;
        self.regexps_given_up += regexps_given_up;
        match outlier {
            Some(_) => *self.kept.entry(candidate.aggregator).or_default() += 1,
            None => self.whitelisted.push(candidate),
        }
        outlier
    }
}
