//! The loop: evaluate -> describe -> whitelist -> evaluate again without the accepted rows.
//!
//! A round judges the population, describes its candidates from their whole documents and tests
//! them against the whitelist. Rows that are whitelisted leave the population; aggregators that
//! lost rows are judged again, the outliers of the others stand. Each round with whitelisted rows
//! makes the population smaller, so the loop ends.

mod error;
mod explained;
mod places;
mod reading;
mod round;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

use crate::config::{Asset, Location, UseCase, WhitelistNote};
use crate::event::derived::DerivedFields;
use crate::event::time::TimeFormats;
use crate::event::{Document, FieldNames};
use crate::models::{
    self, Candidate, Candidates, Evaluation, Inputs, Observe, Refinement, Statistics, Surprise, WholeEvent,
};
use crate::outlier::{
    BaseRate, Description, FindingKey, Gathered, GatheredOutlier, Outlier, Templates, assets_of, describe, touched_by,
};
use crate::runtime::Interrupt;
use crate::sources::{DocRef, DocumentKey, EventSource, RawDocument, SourceError};
use crate::table::{Population, View};
use crate::whitelist::Whitelist;

pub use error::DetectionError;
pub use explained::Explained;
use explained::Strongest;
pub use places::document_places;
use places::n_at_once;
use reading::Reading;
use round::{Described, Round};

/// Candidates that are looked at together.
const BLOCK: usize = 4096;

/// Bytes of outliers of an event that are gathered at once.
const GATHERED_BYTES: usize = 1 << 20;

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
    /// Fields that name assets of findings only.
    pub built_in_assets: &'a [Asset],
    /// Meaning of the names of fields.
    pub names: &'a Arc<FieldNames>,
    /// Formats of the times of events.
    pub formats: TimeFormats,
    /// Time before which events without a year have happened, in microseconds, if it is known.
    pub newest: Option<i64>,
    /// Destination of its outliers.
    pub gathered: &'a Gathered,
    /// Number of the use case in the run.
    pub use_case_idx: usize,
    /// Ends it early with [`SourceError::Cancelled`].
    pub interrupt: &'a Interrupt,
    /// True to keep [`Detected::left`] and [`Detected::accepted`].
    pub keeps_left: bool,
    /// Destination of evidence about its strongest findings, if that is wanted.
    pub explained: Option<&'a Explained>,
}

/// Result of a detection.
#[derive(Debug, Default)]
pub struct Detected {
    /// Outliers without the whitelisted ones.
    pub outliers: u64,
    /// Whitelisted rows.
    pub whitelisted: u64,
    /// Whitelisted rows by the place of the entry that accepts them; several may accept one.
    pub accepted_by: BTreeMap<Location, u64>,
    /// Number of evaluations.
    pub rounds: u32,
    /// Regexps of whitelists and separators that were given up because a text made them too slow;
    /// each counts as no match.
    pub regexps_given_up: u64,
    /// Outliers that were whitelisted as long as `field:value` was a value as a whole, counted in
    /// every round.
    pub formerly_whitelisted: u64,
    /// Figures of the model, from the last round.
    pub statistics: Statistics,
    /// Candidates whose documents were deleted since they were read, counted in every round.
    pub gone: u64,
    /// Rows that left the population because they are whitelisted, if they are kept.
    pub left: FxHashSet<u64>,
    /// Entries of the whitelist that accept rows, by row, if these are kept.
    pub accepted: FxHashMap<u64, Vec<Arc<WhitelistNote>>>,
    /// Time in models.
    pub evaluating: Duration,
    /// Time in descriptions and whitelist.
    pub describing: Duration,
}

impl Detection<'_> {
    /// Runs the loop to its end.
    pub async fn run(&self, inputs: Inputs<'_>) -> Result<Detected, DetectionError> {
        let mut detected = Detected::default();
        let mut population = Population::default();
        let strongest = Strongest::default();
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
            let Evaluation { candidates, observe, surprise, statistics } = evaluation;
            let base = BaseRate {
                n_flagged: detected.outliers + candidates.n(),
                n_events: inputs.n_events,
                severity: self.use_case.severity,
            };
            let templates = Templates::new(self.use_case);
            let reading = Reading::of(self, &templates);
            let (round, strongest) = (detected.rounds, &strongest);
            let judged = Judged { view: &view, observe, surprise, base, round, templates, reading, strongest };
            let mut round = tokio::task::block_in_place(|| self.describe(&judged, candidates))?;
            detected.describing += started.elapsed();
            detected.regexps_given_up += statistics.regexps_given_up + round.regexps_given_up;
            detected.formerly_whitelisted += round.formerly_whitelisted;
            detected.statistics = statistics;
            detected.gone += round.gone;
            detected.whitelisted += round.n_whitelisted;
            detected.accepted.extend(std::mem::take(&mut round.accepted));
            for (entry, n) in std::mem::take(&mut round.accepted_by) {
                *detected.accepted_by.entry(entry).or_default() += n;
            }
            let again = self.refine(&mut round, &mut population, detected.rounds, strongest);
            detected.outliers += round.kept.values().sum::<u64>();
            if !again {
                if self.keeps_left {
                    detected.left.clone_from(&population.without);
                }
                if let Some(explained) = self.explained {
                    let view = self.view.with_population(Population { only: None, ..population });
                    let use_case = (self.use_case_idx, &self.use_case.model);
                    explained.add(use_case, &view, strongest, inputs).await;
                }
                return Ok(detected);
            }
        }
    }

    /// Takes whitelisted rows out of the population and drops what must be judged again; false when
    /// all stands.
    fn refine(&self, round: &mut Round, population: &mut Population, n_rounds: u32, strongest: &Strongest) -> bool {
        let refinement = models::method(&self.use_case.model).refinement();
        if round.whitelisted.is_empty() {
            return false;
        }
        population.without.extend(round.whitelisted.iter().map(|candidate| candidate.element.0));
        let again: FxHashSet<u32> = match refinement {
            Refinement::SameAggregator => round.whitelisted.iter().map(|candidate| candidate.aggregator).collect(),
            _ => round.kept.keys().copied().collect(),
        };
        self.gathered.withdraw(self.use_case_idx, &again, n_rounds + 1);
        strongest.withdraw(&again);
        round.kept.retain(|aggregator, _| !again.contains(aggregator));
        population.only = (refinement == Refinement::SameAggregator).then_some(again);
        true
    }

    /// Describes all candidates of an evaluation, block by block, and gathers their outliers.
    fn describe(&self, judged: &Judged<'_>, candidates: Candidates) -> Result<Round, DetectionError> {
        let mut round = Round { keeps_entries: self.keeps_left, ..Round::default() };
        let mut candidates = candidates.into_sorted()?;
        loop {
            let block = candidates.next_block(BLOCK)?;
            if block.is_empty() {
                return Ok(round);
            }
            let events: Vec<&[Candidate]> = block.chunk_by(is_same_event).collect();
            let rows = events.iter().filter_map(|candidates| candidates.first().map(|candidate| candidate.element));
            let places = document_places(judged.view.table(), rows)?;
            let mut described = 0;
            while described < events.len() {
                let end = described + n_at_once(&places[described..]);
                self.describe_events(judged, &events[described..end], &places[described..end], &mut round)?;
                described = end;
            }
        }
    }

    fn describe_events(
        &self,
        judged: &Judged<'_>,
        events: &[&[Candidate]],
        places: &[DocRef],
        round: &mut Round,
    ) -> Result<(), DetectionError> {
        self.interrupt.check().map_err(SourceError::from)?;
        let found = self.documents(judged.view, events, places)?;
        round.gone += (events.len() - found.len()) as u64;
        let described: Vec<Vec<Described>> = found
            .into_par_iter()
            .map(|event| self.describe_event(judged, event))
            .collect::<Result<_, DetectionError>>()?;
        let refinement = models::method(&self.use_case.model).refinement();
        let described = described.into_iter().flatten();
        described.for_each(|described| round.add(described, refinement));
        Ok(())
    }

    /// Returns the documents at `places` that still exist, each with its candidates.
    fn documents<'c>(
        &self,
        view: &View,
        events: &[&'c [Candidate]],
        places: &[DocRef],
    ) -> Result<Vec<CandidateEvent<'c>>, DetectionError> {
        let highlights = if models::method(&self.use_case.model).wants_highlights() {
            self.source.highlights(view.mask_idx(), places)?
        } else {
            vec![Map::new(); places.len()]
        };
        let documents = self.source.fetch(places)?.into_iter().zip(highlights).zip(events);
        let event = |((document, highlights), candidates): ((Option<RawDocument>, _), &&'c [Candidate])| {
            Some(CandidateEvent { document: document?, highlights, candidates })
        };
        Ok(documents.filter_map(event).collect())
    }

    /// Describes the candidates of an event, and gathers the outliers among them.
    fn describe_event(&self, judged: &Judged<'_>, event: CandidateEvent<'_>) -> Result<Vec<Described>, DetectionError> {
        let CandidateEvent { document: RawDocument { key, text }, highlights, candidates } = event;
        let reading = if highlights.is_empty() { &judged.reading } else { &Reading::Whole };
        let mut document = parse(reading, &key, text, self.names)?;
        let derived = self.derived.map(|rules| rules.derive(&document.source, self.names)).unwrap_or_default();
        // texts, assets and the whitelist see derived fields in place of the event's own
        document.source.extend(derived.iter().cloned());
        let assets = assets_of(&document, self.assets);
        let touched = touched_by(&document, self.built_in_assets);
        let time = document.time(&self.use_case.timestamp_field, &self.formats, self.newest);
        let whole = WholeEvent { document: &document, highlights: &highlights };
        let mut described = Vec::with_capacity(candidates.len());
        let mut whitelist = self.whitelist.of_event(&document);
        let (mut outliers, mut n_bytes) = (Vec::new(), 0);
        for candidate in candidates {
            self.interrupt.check().map_err(SourceError::from)?;
            let observations = models::observations(&self.use_case.model, &judged.observe, candidate, &whole)?;
            let (use_case, templates) = (self.use_case, &judged.templates);
            let (document, assets, touched) = (&document, assets.as_slice(), touched.as_slice());
            let surprise = judged.surprise.as_ref().map(|surprise| surprise(candidate)).transpose()?;
            let surprise = judged.base.surprise(surprise);
            let outlier = describe(Description {
                use_case,
                templates,
                document,
                assets,
                touched,
                derived: &derived,
                observations,
                surprise,
            });
            let verdict = whitelist.matches(&outlier);
            if !verdict.whitelisted {
                let found = GatheredOutlier { time, ..self.found(judged, &key, candidate, &outlier)? };
                n_bytes += found.outlier.len();
                outliers.push(found);
            }
            if n_bytes > GATHERED_BYTES {
                self.gather(judged, std::mem::take(&mut outliers))?;
                n_bytes = 0;
            }
            let accepted_by = if verdict.whitelisted { whitelist.accepting(&outlier) } else { Vec::new() };
            described.push(Described { candidate: *candidate, verdict, accepted_by });
        }
        self.gather(judged, outliers)?;
        Ok(described)
    }

    fn gather(&self, judged: &Judged<'_>, outliers: Vec<GatheredOutlier>) -> Result<(), DetectionError> {
        if self.explained.is_some() {
            judged.strongest.offer(&outliers);
        }
        Ok(self.gathered.extend(outliers)?)
    }

    fn found(
        &self,
        judged: &Judged<'_>,
        document: &DocumentKey,
        candidate: &Candidate,
        outlier: &Outlier,
    ) -> Result<GatheredOutlier, DetectionError> {
        let texts = models::finding_texts(&self.use_case.model, judged.view, candidate);
        let (aggregator, target) = (texts.aggregator, texts.target_of(outlier.fields(), outlier.unwrapped_summary()));
        let mut json = serde_json::to_string(outlier)?;
        // many of them wait in memory
        json.shrink_to_fit();
        Ok(GatheredOutlier {
            document: document.clone(),
            use_case_idx: self.use_case_idx,
            element: candidate.element.0,
            outlier: json,
            aggregator: candidate.aggregator,
            round: judged.round,
            finding: FindingKey::new(aggregator, target),
            surprise: outlier.surprise(),
            time: None,
        })
    }
}

fn is_same_event(a: &Candidate, b: &Candidate) -> bool {
    a.element.event() == b.element.event()
}

/// The document with this `text`, which is dropped.
fn parse(
    reading: &Reading,
    key: &DocumentKey,
    text: String,
    names: &Arc<FieldNames>,
) -> Result<Document, DetectionError> {
    let (index, id) = (key.id.index.clone(), key.id.id.clone());
    match reading.parse(&text) {
        Ok(source) => Ok(Document { index, id, source, names: Arc::clone(names) }),
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

/// An evaluation and its rows.
struct Judged<'a> {
    view: &'a View,
    observe: Observe<'a>,
    surprise: Option<Surprise<'a>>,
    base: BaseRate,
    /// Number of the evaluation, from 1.
    round: u32,
    templates: Templates,
    reading: Reading,
    strongest: &'a Strongest,
}
