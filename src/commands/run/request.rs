//! Meaning of the arguments of `run`.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use glob::Pattern;

use super::super::error::RunError;
use super::super::limits;
use crate::cli::{DeviceChoice, OutputFormat, RunArgs};
use crate::config::{Configuration, KeyOverride, Model, UseCase};
use crate::models::word2vec::neural::TrainingDevice;
use crate::plan::Period;
use crate::query::TimeWindow;
use crate::runtime::Limits;
use crate::spelling::nearest;

const NO_EVENTS: &str = "no events were named: give --events FILE, or --config FILE with the es_url of a cluster";

/// Arguments of a run, as they are meant.
pub(in crate::commands) struct Request {
    pub(super) source: RequestedSource,
    /// Time that `now` stands for in queries.
    pub(in crate::commands) now: DateTime<Utc>,
    /// Period of the events.
    pub(in crate::commands) period: Period,
    pub(in crate::commands) limits: Limits,
    /// Device on which models are trained.
    pub(super) device: DeviceChoice,
    /// File for outliers; without one, a table is printed.
    pub(super) output: Option<Output>,
    /// File for findings.
    pub(super) findings: Option<PathBuf>,
    /// True if findings are explained, because something will show that.
    pub(super) explains: bool,
    /// False if documents of the cluster stay as they are.
    pub(super) writes: bool,
    /// Names of use cases; all if there are none.
    only: Vec<Pattern>,
}

/// File for outliers.
pub(super) struct Output {
    pub(super) path: PathBuf,
    pub(super) format: OutputFormat,
}

/// Place that events are read from.
pub(super) enum RequestedSource {
    /// The configured cluster.
    Cluster,
    /// Files, folders and patterns.
    Files(Vec<String>),
}

impl Request {
    /// Finds out what `args` mean at the time `clock_now`.
    pub(in crate::commands) fn new(args: &RunArgs, clock_now: DateTime<Utc>) -> Result<Self, RunError> {
        let source = match args.events.as_slice() {
            [] if args.config.config.is_empty() => return Err(RunError::Usage(NO_EVENTS.to_owned())),
            [] => RequestedSource::Cluster,
            events => RequestedSource::Files(events.to_vec()),
        };
        let now = args.now.unwrap_or(clock_now);
        Ok(Request {
            period: period(args, &source, now)?,
            limits: limits(args.memory_limit, args.threads, args.spill_dir.as_deref())?,
            device: args.device,
            output: args.output.as_ref().filter(|_| !args.dry_run).map(|path| Output {
                path: path.clone(),
                format: args.format.unwrap_or_else(|| OutputFormat::of_name(path)),
            }),
            findings: args.findings.clone().filter(|_| !args.dry_run),
            explains: args.report.is_some() || args.html.is_some(),
            writes: !args.dry_run,
            only: args.only.iter().map(|pattern| name_pattern(pattern)).collect::<Result<_, _>>()?,
            source,
            now,
        })
    }

    /// True if the use case `name` is to be run.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| pattern.matches(name))
    }

    /// Returns a message for each pattern that matches no use case.
    pub(super) fn mistaken_names(&self, settings: &Configuration) -> Vec<String> {
        let valid = settings.use_cases.iter().map(|use_case| (use_case.id(), use_case.model_name.clone()));
        let rejected = settings.rejected.iter().map(|rejected| (rejected.section.clone(), rejected.section.clone()));
        let names: Vec<(String, String)> = valid.chain(rejected).collect();
        let is_mistaken = |pattern: &&Pattern| !names.iter().any(|(name, _)| pattern.matches(name));
        self.only.iter().filter(is_mistaken).map(|pattern| mistaken_name(pattern.as_str(), &names)).collect()
    }
}

/// Value of a key of the use cases that `--only` names, instead of that in their files.
pub(super) fn override_of(key: &str, value: &str, args: &RunArgs) -> KeyOverride {
    // patterns that are none are told when the run begins
    let only: Vec<Pattern> = args.only.iter().filter_map(|pattern| Pattern::new(pattern).ok()).collect();
    KeyOverride::new(key, value, &only)
}

/// Without a window of their own, use cases look back from now in a cluster, and at all events of
/// files.
fn period(args: &RunArgs, source: &RequestedSource, now: DateTime<Utc>) -> Result<Period, RunError> {
    Ok(match (args.from, args.to, source) {
        (Some(from), Some(to), _) if from > to => {
            let why = format!("--from {from} is later than --to {to}: no event is between them");
            return Err(RunError::Usage(why));
        }
        (None, None, RequestedSource::Files(_)) if args.now.is_none() => Period::Everything,
        (None, None, _) => Period::HistoryUntil(now),
        (from, to, _) => {
            let micros = |time: DateTime<Utc>| time.timestamp_micros();
            Period::Between(TimeWindow { from: from.map_or(i64::MIN, micros), to: to.map_or(i64::MAX, micros) })
        }
    })
}

/// Returns the device on which models are trained. A GPU that was asked for must exist; `auto` does
/// not look for one unless there is a model to train.
pub(super) fn device(choice: DeviceChoice, use_cases: &[Arc<UseCase>]) -> Result<TrainingDevice, RunError> {
    let learns = |use_case: &Arc<UseCase>| matches!(&use_case.model, Model::Word2vec(model) if !model.use_prob_model);
    match choice {
        DeviceChoice::Auto if !use_cases.iter().any(learns) => Ok(TrainingDevice::CPU),
        choice => TrainingDevice::open(choice).map_err(|error| RunError::Configuration(error.to_string())),
    }
}

fn name_pattern(pattern: &str) -> Result<Pattern, RunError> {
    Pattern::new(pattern).map_err(|error| RunError::Configuration(format!("--only {pattern}: not a pattern: {error}")))
}

/// Explains that `pattern` matches none of the names, which are given with and without their
/// models.
fn mistaken_name(pattern: &str, names: &[(String, String)]) -> String {
    const SHOWN: usize = 3;
    let part = Pattern::new(&format!("*{pattern}*")).ok();
    let is_part = |name: &str| part.as_ref().is_some_and(|part| part.matches(name));
    let is_near = |name: &str| nearest(pattern, [name]).is_some();
    let mut meant: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).filter(|name| is_part(name)).collect();
    if meant.is_empty() {
        let near = names.iter().filter(|(name, short)| is_near(name) || is_near(short));
        meant.extend(near.map(|(name, _)| name.as_str()));
    }
    meant.truncate(SHOWN);
    let why = format!("--only {pattern} matches no use case");
    if meant.is_empty() { why } else { format!("{why}: did you mean {}?", meant.join(" or ")) }
}
