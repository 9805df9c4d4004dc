//! One pass over events: their fields, what wrote them, and which use cases can use them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::Utc;

use super::super::error::RunError;
use super::super::run::{Audience, Progress};
use super::super::sample::of_summary;
use super::super::{connect, limits, open_files, read_mapping};
use crate::cli::FieldsArgs;
use crate::config::{Configuration, LogSource, Problem, UseCase, log_sources};
use crate::engine::Compute;
use crate::event::FieldPath;
use crate::event::time::TimeFormats;
use crate::ingest::{Ingested, ingest};
use crate::inventory::{FieldCollector, FieldInventory, FieldTimes, InventoryField, ObservedSource, ValueKind};
use crate::plan::{self, Period, ScanPlan};
use crate::query::Mapping;
use crate::runtime::Interrupt;
use crate::sources::elasticsearch::{MOST_SAMPLED, sample_events};
use crate::sources::files::EventFiles;
use crate::sources::{ScanOptions, ScanProgress};
use crate::terminal::{quoted, thousands};
use crate::usability::{Assessment, Usability, assess};

/// Memory for the columns of events, in bytes; the rest is spilled.
const MEMORY: usize = 1 << 30;

/// Share of the values of a field that are times if it is taken for the time of events, in percent.
const TIME_SHARE: u64 = 90;

/// Names with numbers of events, the most frequent first.
pub(super) type Counts = Vec<(String, u64)>;

/// Everything that was learnt of some events.
pub(super) struct Exploration {
    /// Source of the events, and their number.
    pub(super) origin: Origin,
    pub(super) inventory: FieldInventory,
    /// Programs that wrote the events, and forms in which they are, with the number of events.
    pub(super) sources: Counts,
    /// Kinds of events by the macros that match them, with the number of events.
    pub(super) kinds: Counts,
    /// The time of the events, if a field has it.
    pub(super) time: Option<EventTime>,
    /// The use cases, in the order of their files.
    pub(super) use_cases: Vec<AskedUseCase>,
    /// Parts that could not be read.
    pub(super) problems: Vec<Problem>,
}

/// Source of events.
pub(super) enum Origin {
    /// All events of so many files.
    Files(usize),
    /// The first ones of so many files.
    FirstOfFiles(usize),
    /// A random sample of so many documents.
    Cluster(u64),
}

/// Time of events.
pub(super) struct EventTime {
    /// Names of the fields that hold it.
    pub(super) fields: Vec<String>,
    pub(super) times: FieldTimes,
}

/// A use case, and whether it can use the events.
pub(super) struct AskedUseCase {
    pub(super) name: String,
    /// Number of events that match its query.
    pub(super) events: u64,
    pub(super) assessment: Assessment,
}

impl Exploration {
    /// Reads events.
    ///
    /// # Errors
    /// Events that cannot be read, or are none.
    pub(super) async fn of(
        args: &FieldsArgs,
        settings: &Configuration,
        audience: Audience,
        interrupt: &Interrupt,
    ) -> Result<Self, RunError> {
        let limits = limits(MEMORY, None, args.spill_dir.as_deref())?;
        let compute = Compute::new(limits).map_err(|error| RunError::Internal(error.to_string()))?;
        let mapping = read_mapping(args.config.mapping.as_deref())?;
        let most = args.limit_events.unwrap_or(u64::MAX);
        let explorer = Explorer { settings, mapping: mapping.as_ref(), compute: &compute, interrupt, audience };
        if !args.events.is_empty() {
            let source = open_files(&args.events, &compute)?.with_limit(most);
            let n_files = source.len();
            let all = |n_events| if n_events < most { Origin::Files(n_files) } else { Origin::FirstOfFiles(n_files) };
            return tokio::task::block_in_place(|| explorer.read(&source, all));
        }
        if args.config.config.is_empty() {
            let why = "no events were named: give --events FILE, or --config FILE with the es_url of a cluster";
            return Err(RunError::Usage(why.to_owned()));
        }
        let most = args.limit_events.unwrap_or(MOST_SAMPLED);
        if most > MOST_SAMPLED {
            let most = thousands(MOST_SAMPLED);
            return Err(RunError::Usage(format!("--limit-events: a sample of a cluster has at most {most} events")));
        }
        let client = connect(&settings.main, interrupt).await?;
        let spill_dir = &compute.limits().spill_dir;
        let sample = sample_events(&client, &settings.main.elastic, most, spill_dir).await?;
        let source = open_files(&[sample.path().to_string_lossy().into_owned()], &compute)?;
        tokio::task::block_in_place(|| explorer.read(&source, |_| Origin::Cluster(sample.n_documents)))
    }
}

/// Inputs of a pass over events.
struct Explorer<'a> {
    settings: &'a Configuration,
    mapping: Option<&'a Mapping>,
    compute: &'a Compute,
    interrupt: &'a Interrupt,
    audience: Audience,
}

impl Explorer<'_> {
    fn read(&self, source: &EventFiles, origin: impl FnOnce(u64) -> Origin) -> Result<Exploration, RunError> {
        let Explorer { settings, mapping, compute, interrupt, audience } = *self;
        let counted = Counted::new(settings);
        let use_cases: Vec<Arc<UseCase>> =
            settings.use_cases.iter().chain(&counted.use_cases).map(|use_case| Arc::new(use_case.clone())).collect();
        let names = &settings.main.field_names;
        let (plan, _) = plan::plan(use_cases, names, mapping, Period::Everything, Utc::now());
        let plan = Arc::new(plan);
        let collector = FieldCollector::new(time_fields(&plan, settings), &compute.limits().spill_dir);
        let progress = Arc::new(ScanProgress::default());
        let bar = Progress::start(audience != Audience::Terminal, source.total_bytes(), Arc::clone(&progress));
        let options = ScanOptions { interrupt: interrupt.clone(), progress, ..ScanOptions::default() };
        let ingested = ingest(&ObservedSource::new(source, &collector), &plan, compute, &options);
        bar.stop();
        let ingested = ingested?;
        let problems = of_summary(&ingested.summary);
        if ingested.summary.events == 0 {
            let reasons: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            let reasons = if reasons.is_empty() { "the files are empty".to_owned() } else { reasons.join("\n") };
            return Err(RunError::Reading(format!("no event was read: {reasons}")));
        }
        let inventory = collector.finish()?;
        let (sources, kinds) = counted.events(&plan, &ingested);
        Ok(Exploration {
            origin: origin(ingested.summary.events),
            time: event_time(&inventory, &plan, settings),
            use_cases: asked(&plan, &ingested, source, &counted),
            inventory,
            sources,
            kinds,
            problems,
        })
    }
}

/// Use cases that only count: one for each log source, and one for each macro.
struct Counted {
    sources: Vec<LogSource>,
    macros: Vec<String>,
    use_cases: Vec<UseCase>,
    ids: BTreeSet<String>,
}

impl Counted {
    fn new(settings: &Configuration) -> Self {
        let sources = log_sources();
        let macros: Vec<String> = settings.main.macros.names().map(str::to_owned).collect();
        let conditions = sources.iter().map(|source| source.condition.clone());
        let conditions = conditions.chain(macros.iter().map(|name| format!("${{{name}}}")));
        let text: String = conditions.enumerate().map(|(idx, condition)| counting_section(idx, &condition)).collect();
        let use_cases = settings.use_cases_of(&text);
        let ids = use_cases.iter().map(UseCase::id).collect();
        Counted { sources, macros, use_cases, ids }
    }

    /// Returns the numbers of events of the log sources and of the macros that match any, the most
    /// frequent first.
    fn events(&self, plan: &ScanPlan, ingested: &Ingested) -> (Counts, Counts) {
        let of_id: HashMap<String, u64> = plan
            .use_cases
            .iter()
            .zip(&ingested.usage)
            .map(|(planned, usage)| (planned.use_case.id(), usage.matching))
            .collect();
        let n_events = |idx: usize| of_id.get(&counting_id(idx)).copied().unwrap_or_default();
        let sources = self.sources.iter().enumerate().map(|(idx, source)| (source.name.clone(), n_events(idx)));
        let macros = self.macros.iter().enumerate();
        let kinds = macros.map(|(idx, name)| (name.clone(), n_events(self.sources.len() + idx)));
        (most_first(sources), most_first(kinds))
    }
}

fn most_first(counts: impl Iterator<Item = (String, u64)>) -> Counts {
    let mut counts: Counts = counts.filter(|(_, n)| *n > 0).collect();
    counts.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    counts
}

/// Name of a use case that counts; no configuration has one like it.
fn counting_id(idx: usize) -> String {
    format!("simplequery_counted by fields {idx}")
}

fn counting_section(idx: usize, condition: &str) -> String {
    let id = counting_id(idx);
    let texts = "outlier_type=counted\noutlier_reason=counted\noutlier_summary=counted\nrun_model=1";
    format!("[{id}]\nes_query_filter={condition}\n{texts}\n\n")
}

/// Fields that hold the times of events, with their formats.
fn time_fields(plan: &ScanPlan, settings: &Configuration) -> HashMap<String, TimeFormats> {
    let formats = &settings.main.general.timestamp_format;
    let named = named_times(plan, settings).into_iter().map(|name| (name, formats.clone()));
    named.collect()
}

fn named_times(plan: &ScanPlan, settings: &Configuration) -> Vec<String> {
    let name = settings.main.general.timestamp_field.as_str();
    let others = plan.names.aliases(name).map(FieldPath::to_string);
    [name.to_owned()].into_iter().chain(others).collect()
}

/// Finds the time of the events: in the fields of the configuration, else in the field that the
/// most events have.
fn event_time(inventory: &FieldInventory, plan: &ScanPlan, settings: &Configuration) -> Option<EventTime> {
    let named = named_times(plan, settings);
    let is_time = |name: &&String| inventory.field(name).is_some_and(|field| field.times.range().is_some());
    let mut fields: Vec<String> = named.iter().filter(is_time).cloned().collect();
    if fields.is_empty() {
        let is_time = |field: &&InventoryField| {
            let n_times = field.kinds.iter().find(|(kind, _)| *kind == ValueKind::Time).map_or(0, |(_, n)| *n);
            n_times * 100 >= field.values * TIME_SHARE && field.times.range().is_some()
        };
        fields.extend(inventory.fields.iter().find(is_time).map(|field| field.name.clone()));
    }
    // the first names are the best ones: the others count if some events have none of these
    let mut n_events = 0;
    fields.retain(|name| {
        let is_needed = n_events < inventory.events;
        n_events += inventory.field(name).map_or(0, |field| field.events);
        is_needed
    });
    let mut times = FieldTimes::default();
    fields.iter().filter_map(|name| inventory.field(name)).for_each(|field| times.merge(field.times.clone()));
    times.range().is_some().then_some(EventTime { fields, times })
}

fn asked(plan: &ScanPlan, ingested: &Ingested, source: &EventFiles, counted: &Counted) -> Vec<AskedUseCase> {
    let assessments = assess(plan, ingested, source).into_iter().zip(&ingested.usage);
    let asked = plan.use_cases.iter().zip(assessments).map(|(planned, (mut assessment, usage))| {
        if assessment.usability == Usability::NoEvents && assessment.notes.is_empty() {
            assessment.notes.push("no event matches its query".to_owned());
        }
        AskedUseCase { name: planned.use_case.id(), events: usage.matching, assessment }
    });
    asked.filter(|use_case| !counted.ids.contains(&use_case.name)).collect()
}

/// Returns names as a list for people, without those that are too many.
pub(super) fn listed(names: &[String], most: usize) -> String {
    let shown: Vec<String> = names.iter().take(most).map(|name| quoted(name)).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), thousands(more as u64)),
    }
}
