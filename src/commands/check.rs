//! `check`: every problem of every configuration file.

use std::collections::BTreeMap;

use chrono::Utc;

use super::error::RunError;
use super::{load, none_active, printed, read_mapping, sample, told};
use crate::cli::{CheckArgs, CheckFormat};
use crate::config::{Configuration, Problem, n_errors};
use crate::doubts::doubts;
use crate::notifiers::open_channel;
use crate::plan;
use crate::report::{CheckReport, CheckSummary, Exit, summary};
use crate::runtime::Interrupt;
use crate::sinks::console::print_json;

/// Checks every configuration file and reports all problems.
pub fn check(args: &CheckArgs) -> Exit {
    let settings = load(&args.config);
    let Checked { problems, sample, fields, not_applicable } = Checked::new(args, &settings);
    let is_fine = if args.deny_warnings { problems.is_empty() } else { n_errors(&problems) == 0 };
    let exit = if is_fine { sample } else { Exit::Configuration };
    let counts = CheckSummary::new(settings.use_cases.len() + settings.rejected.len(), &problems, exit);
    match args.format {
        CheckFormat::Text => {
            summary::print_problems(&problems);
            summary::print_fields(&fields, &not_applicable);
            summary::print_checked(counts);
        }
        CheckFormat::Json => {
            if let Err(run_error) = print_report(&CheckReport::new(&problems, &fields, &not_applicable, counts)) {
                return told(run_error);
            }
        }
    }
    exit
}

/// Findings of a check.
struct Checked {
    problems: Vec<Problem>,
    /// Outcome of the sample of events, if there is one.
    sample: Exit,
    /// Names under which fields occur in it, by the names that use cases write.
    fields: BTreeMap<String, Vec<String>>,
    /// Use cases that look at events of another kind, with what is missing.
    not_applicable: Vec<String>,
}

impl Checked {
    fn new(args: &CheckArgs, settings: &Configuration) -> Self {
        let mut problems = settings.problems.clone();
        problems.extend(doubts(settings, &settings.use_cases, Utc::now()));
        problems.extend(problems_of_channels(settings));
        // use cases that are switched off one by one are meant to be
        if !settings.main.general.run_models {
            problems.extend(none_active(settings).map(Problem::warning));
        }
        let mapping = match read_mapping(args.config.mapping.as_deref()) {
            Ok(mapping) => mapping,
            Err(error) => {
                problems.push(Problem::error(error.to_string()));
                return Checked::without_sample(problems, Exit::Done);
            }
        };
        problems.extend(plan::check(settings, mapping.as_ref(), Utc::now()));
        if args.events.is_empty() {
            return Checked::without_sample(problems, Exit::Done);
        }
        match sample::read(&args.events, settings, mapping.as_ref()) {
            Ok(sample) => {
                problems.extend(sample.problems);
                let exit = if sample.has_unusable { Exit::Partial } else { Exit::Done };
                Checked { problems, sample: exit, fields: sample.fields, not_applicable: sample.not_applicable }
            }
            Err(run_error) => {
                problems.push(Problem::warning(run_error.to_string()));
                Checked::without_sample(problems, run_error.exit())
            }
        }
    }

    fn without_sample(problems: Vec<Problem>, sample: Exit) -> Self {
        Checked { problems, sample, fields: BTreeMap::new(), not_applicable: Vec::new() }
    }
}

/// Problems of channels that only show when their files are read.
fn problems_of_channels(settings: &Configuration) -> Vec<Problem> {
    let channels = settings.main.notifiers.channels.iter();
    let opened = channels.map(|channel| open_channel(&settings.main, channel, &Interrupt::default()));
    opened.filter_map(Result::err).map(|open_error| Problem::error(open_error.to_string())).collect()
}

fn print_report(report: &CheckReport<'_>) -> Result<(), RunError> {
    let report = serde_json::to_value(report).map_err(|error| RunError::Internal(error.to_string()))?;
    printed(print_json(&report))
}
