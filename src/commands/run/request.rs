//! Meaning of the arguments of `run`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use glob::Pattern;

use super::super::error::RunError;
use super::super::spill_dir;
use crate::cli::{DeviceChoice, OutputFormat, RunArgs};
use crate::plan::Period;
use crate::query::TimeWindow;
use crate::runtime::Limits;

/// Arguments of a run, as they are meant.
pub(super) struct Request {
    pub(super) source: RequestedSource,
    /// Time that `now` stands for in queries.
    pub(super) now: DateTime<Utc>,
    /// Period of the events.
    pub(super) period: Period,
    pub(super) limits: Limits,
    /// Device on which models are trained.
    pub(super) device: DeviceChoice,
    /// File for outliers; without one, a table is printed.
    pub(super) output: Option<Output>,
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
    /// Finds out what `args` mean.
    pub(super) fn new(args: &RunArgs) -> Result<Self, RunError> {
        let source = match args.events.as_slice() {
            [] => RequestedSource::Cluster,
            events => RequestedSource::Files(events.to_vec()),
        };
        let now = args.now.unwrap_or_else(Utc::now);
        Ok(Request {
            period: period(args, &source, now)?,
            limits: limits(args)?,
            device: args.device,
            output: args.output.as_ref().filter(|_| !args.dry_run).map(|path| Output {
                path: path.clone(),
                format: args.format.unwrap_or_else(|| OutputFormat::of_name(path)),
            }),
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

    /// True if all use cases are to be run.
    pub(super) fn wants_all(&self) -> bool {
        self.only.is_empty()
    }
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

fn limits(args: &RunArgs) -> Result<Limits, RunError> {
    let processors = std::thread::available_parallelism().map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(Limits {
        memory: args.memory_limit,
        threads: args.threads.unwrap_or(processors),
        spill_dir: spill_dir(args.spill_dir.as_deref())?,
    })
}

fn name_pattern(pattern: &str) -> Result<Pattern, RunError> {
    Pattern::new(pattern).map_err(|error| RunError::Configuration(format!("--only {pattern}: not a pattern: {error}")))
}
