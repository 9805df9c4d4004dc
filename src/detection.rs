//! The loop: evaluate -> describe -> whitelist -> evaluate again without the accepted rows.
//!
//! A round judges the population, describes its candidates from their whole documents and tests them against the whitelist. Rows that are
//! whitelisted leave the population; aggregators that lost rows are judged again, the outliers of the others stand. Each round with
//! whitelisted rows makes the population smaller, so the loop ends.

use std::path::Path;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use crate::config::{Asset, UseCase};
use crate::event::Document;
use crate::event::derived::DerivedFields;
use crate::models::{self, Candidate, Evaluation, EvaluationError, Inputs, Refinement, Statistics, WholeEvent};
use crate::outlier::spool::{Run, SpooledOutlier};
use crate::outlier::{Description, Outlier, describe};
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
    /// Where whole documents come from.
    pub source: &'a dyn EventSource,
    /// Its derived fields.
    pub derived: Option<&'a DerivedFields>,
    /// What is accepted.
    pub whitelist: Whitelist,
    /// Which fields name assets.
    pub assets: &'a [Asset],
    /// Folder for outliers that do not fit in memory.
    pub spill_dir: &'a Path,
    /// Ends it early with [`SourceError::Cancelled`].
    pub interrupt: &'a Interrupt,
}

/// What a detection found.
#[derive(Debug, Default)]
pub struct Detected {
    /// Outliers, to be merged with those of other use cases.
    pub runs: Vec<Run>,
    /// Outliers without the whitelisted ones.
    pub outliers: u64,
    /// Whitelisted rows.
    pub whitelisted: u64,
    /// Evaluations that it took.
    pub rounds: u32,
    /// Regexps of whitelists and separators that were given up because a text made them too slow; each counts as no match.
    pub regexps_given_up: u64,
    /// Numbers of the model, from the last round.
    pub statistics: Statistics,
    /// Candidates whose documents were deleted since they were read, counted in every round.
    pub gone: u64,
    /// Time in models.
    pub evaluating: Duration,
    /// Time in descriptions and whitelist.
    pub describing: Duration,
}

/// Why a detection failed.
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
    /// A document is no JSON object any more.
    #[error("document {id} of {index}: {reason}")]
    Document {
        /// Its index or file.
        index: String,
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// Outliers could not be spooled to disk, or read back.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// An outlier is not JSON: a fault of this program.
    #[error("outlier: {0}")]
    Outlier(#[from] serde_json::Error),
}

impl DetectionError {
    /// True for what no other use case would be spared: the run ends.
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
            detected.regexps_given_up += evaluation.regexps_given_up;
            detected.statistics = evaluation.statistics;
            detected.evaluating += started.elapsed();
            let started = Instant::now();
            let mut round = tokio::task::block_in_place(|| self.describe(&view, &evaluation))?;
            detected.describing += started.elapsed();
            detected.regexps_given_up += round.regexps_given_up;
            detected.gone += round.gone;
            detected.whitelisted += round.whitelisted.len() as u64;
            let again = self.refine(&mut round, &mut population);
            detected.outliers += round.kept.values().sum::<u64>();
            detected.runs.push(round.run);
            if !again {
                return Ok(detected);
            }
        }
    }

    /// Takes whitelisted rows out of the population and drops what must be judged again; false when all stands.
    fn refine(&self, round: &mut Round, population: &mut Population) -> bool {
        let refinement = models::method(&self.use_case.model).refinement();
        if round.whitelisted.is_empty() || refinement == Refinement::Never {
            return false;
        }
        population.without.extend(round.whitelisted.iter().map(|candidate| candidate.element.0));
        let again: FxHashSet<u32> = match refinement {
            Refinement::SameAggregator => round.whitelisted.iter().map(|candidate| candidate.aggregator).collect(),
            _ => round.kept.keys().copied().collect(),
        };
        round.run.drop_aggregators(&again);
        round.kept.retain(|aggregator, _| !again.contains(aggregator));
        population.only = (refinement == Refinement::SameAggregator).then_some(again);
        true
    }

    /// Describes all candidates of an evaluation, block by block.
    fn describe(&self, view: &View, evaluation: &Evaluation) -> Result<Round, DetectionError> {
        let mut round = Round::new(self.spill_dir);
        for block in evaluation.candidates.chunks(BLOCK) {
            self.interrupt.check().map_err(SourceError::from)?;
            let events = self.documents(view, block)?;
            round.gone += (block.chunk_by(is_same_event).count() - events.len()) as u64;
            let described: Vec<Described> = events
                .par_iter()
                .map(|event| self.describe_event(view, evaluation, event))
                .collect::<Result<Vec<_>, DetectionError>>()?
                .into_iter()
                .flatten()
                .collect();
            for described in described {
                round.add(described)?;
            }
        }
        Ok(round)
    }

    /// The documents of `candidates` that are still there, each with its candidates.
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
        view: &View,
        evaluation: &Evaluation,
        event: &CandidateEvent<'_>,
    ) -> Result<Vec<Described>, DetectionError> {
        let mut document = parse(&event.document)?;
        let derived = self.derived.map(|rules| rules.derive(&document.source)).unwrap_or_default();
        // texts, assets and the whitelist see derived fields in place of the event's own
        document.source.extend(derived.iter().cloned());
        let whole = WholeEvent { document: &document, highlights: &event.highlights };
        let describe_one = |candidate: &Candidate| {
            let observations = models::observations(&self.use_case.model, view, evaluation, candidate, &whole);
            let description =
                Description { use_case: self.use_case, document: &document, derived: &derived, observations };
            let outlier = describe(self.assets, description);
            let verdict = self.whitelist.matches(&outlier, &document);
            let outlier = if verdict.whitelisted { None } else { Some(outlier) };
            Described { candidate: *candidate, outlier, regexps_given_up: verdict.regexps_given_up }
        };
        Ok(event.candidates.iter().map(describe_one).collect())
    }
}

fn is_same_event(a: &Candidate, b: &Candidate) -> bool {
    a.element.event() == b.element.event()
}

/// Places of the documents of some rows.
pub fn document_places(
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
pub fn parse(raw: &RawDocument) -> Result<Document, DetectionError> {
    match serde_json::from_slice(&raw.bytes) {
        Ok(source) => Ok(Document { index: raw.index.clone(), id: raw.id.clone(), source }),
        Err(error) => {
            Err(DetectionError::Document { index: raw.index.clone(), id: raw.id.clone(), reason: error.to_string() })
        }
    }
}

/// An event with candidates, which is still there.
struct CandidateEvent<'c> {
    document: RawDocument,
    /// Where the query matches, if that is wanted.
    highlights: Map<String, Value>,
    candidates: &'c [Candidate],
}

struct Described {
    candidate: Candidate,
    /// `None`: whitelisted.
    outlier: Option<Outlier>,
    regexps_given_up: u64,
}

struct Round {
    run: Run,
    kept: rustc_hash::FxHashMap<u32, u64>,
    whitelisted: Vec<Candidate>,
    regexps_given_up: u64,
    gone: u64,
}

impl Round {
    fn new(spill_dir: &Path) -> Self {
        Round {
            run: Run::new(spill_dir),
            kept: rustc_hash::FxHashMap::default(),
            whitelisted: Vec::new(),
            regexps_given_up: 0,
            gone: 0,
        }
    }

    fn add(&mut self, described: Described) -> Result<(), DetectionError> {
        self.regexps_given_up += described.regexps_given_up;
        let candidate = described.candidate;
        let Some(outlier) = described.outlier else {
            self.whitelisted.push(candidate);
            return Ok(());
        };
        *self.kept.entry(candidate.aggregator).or_default() += 1;
        let bytes = serde_json::to_vec(&outlier)?;
        self.run.push(&SpooledOutlier { element: candidate.element, aggregator: candidate.aggregator, bytes })?;
        Ok(())
    }
}
