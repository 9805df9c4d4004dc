//! Options of `backtest`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};

use super::values::{parse_device, parse_size, parse_threads, parse_time};
use super::{ConfigArgs, DeviceChoice, RunArgs};
use crate::event::FieldPath;

/// Options of `backtest`.
#[derive(Debug, Clone, Args)]
pub struct BacktestArgs {
    /// Configuration files.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Event files, folders or patterns
    ///
    /// As for `run`; `-` is standard input.
    #[arg(long, value_name = "PATH", num_args = 1.., required = true, action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Label of attacks; may be repeated
    ///
    /// An event is an attack event if it has any of them. Without one, all events count as neither
    /// attack nor background.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_label, required_unless_present = "recording")]
    pub label: Vec<LabelArg>,
    /// Label of background; may be repeated
    ///
    /// Default: every other value of the fields of --label but `unknown`, `unlabelled`, `n/a` and
    /// `-`.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_label, requires = "label")]
    pub background: Vec<LabelArg>,
    /// Field with the name of the recording
    #[arg(long, value_name = "FIELD")]
    pub recording: Option<String>,
    /// Count one half of the recordings only
    ///
    /// Halves are chosen by a fixed hash of their names, so that settings can be chosen on one half
    /// and reported on the other.
    #[arg(long, hide_short_help = true, value_enum, requires = "recording")]
    pub half: Option<RecordingsHalf>,
    /// Judge with other sensitivities as well
    ///
    /// For each use case, the result shows what they would find.
    #[arg(long)]
    pub curves: bool,
    /// Propose sensitivities that fit --budget
    #[arg(long, requires = "budget")]
    pub suggest: bool,
    /// Most background findings, such as 50/day
    ///
    /// So many as people have time for.
    #[arg(long, value_name = "N/day", value_parser = parse_budget, requires = "suggest")]
    pub budget: Option<f64>,
    /// Compare findings of two configurations
    ///
    /// Main configuration files, or files, folders or patterns of use cases.
    #[arg(long, value_names = ["A", "B"], num_args = 2, conflicts_with_all = ["curves", "suggest"])]
    pub compare: Option<Vec<String>>,
    /// Run only the use cases with these names
    ///
    /// Patterns work, too.
    #[arg(long, value_name = "NAME_GLOB", num_args = 1.., action = clap::ArgAction::Append)]
    pub only: Vec<String>,
    /// Evaluate as if the current time were TIME, as for `run`
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<DateTime<Utc>>,
    /// Evaluate events from TIME on, as for `run`
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub from: Option<DateTime<Utc>>,
    /// Evaluate events up to TIME, as for `run`
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub to: Option<DateTime<Utc>>,
    /// Write the result to FILE
    ///
    /// `-` is standard output, which is the default.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Form of the result
    ///
    /// Default: by the ending of the name of -o, else table.
    #[arg(long, hide_short_help = true, value_enum, value_name = "FORMAT")]
    pub format: Option<BacktestFormat>,
    /// Upper limit on memory, as for `run`
    #[arg(long, hide_short_help = true, value_name = "SIZE", default_value = "2GiB", value_parser = parse_size)]
    pub memory_limit: usize,
    /// Directory for spilled data (default: the system's directory for temporary files)
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
    /// Number of worker threads, at most 1024 (default: one per processor)
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<NonZeroUsize>,
    /// Device that trains `word2vec` models, as for `run`
    #[arg(long, hide_short_help = true, value_name = "DEVICE", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
}

impl BacktestArgs {
    /// Returns the arguments of a run over the same events that writes nothing.
    pub fn as_run(&self) -> RunArgs {
        RunArgs {
            only: self.only.clone(),
            now: self.now,
            from: self.from,
            to: self.to,
            threads: self.threads,
            spill_dir: self.spill_dir.clone(),
            ..RunArgs::of_trial(&self.config, &self.events, self.memory_limit, self.device)
        }
    }
}

/// A value of a field that labels events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelArg {
    /// The field.
    pub field: FieldPath,
    /// Its value.
    pub value: String,
}

/// Half of the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordingsHalf {
    /// Those whose names have an even hash.
    A,
    /// The others.
    B,
}

/// Form of the result of `backtest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BacktestFormat {
    /// Tables for a person.
    Table,
    /// A JSON object.
    Json,
    /// Comma-separated values, one row per use case.
    Csv,
    /// A page with plots.
    Html,
}

impl BacktestFormat {
    /// Returns the format that the ending of a file's name stands for.
    pub fn of_name(path: &Path) -> Self {
        match path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).as_deref() {
            Some("json") => Self::Json,
            Some("csv") => Self::Csv,
            Some("html" | "htm") => Self::Html,
            _ => Self::Table,
        }
    }
}

pub(super) fn parse_label(text: &str) -> Result<LabelArg, String> {
    match text.split_once('=').map(|(field, value)| (field.trim(), value.trim())) {
        Some((field, value)) if !field.is_empty() && !value.is_empty() => {
            Ok(LabelArg { field: FieldPath::new(field), value: value.to_owned() })
        }
        _ => Err("not a label: write FIELD=VALUE, such as labels.attack=attack".to_owned()),
    }
}

fn parse_budget(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/day").and_then(|number| number.trim().parse().ok());
    number
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| "not a budget: write findings per day, such as 50/day".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_a_field_and_a_value() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let label = parse_label(text).ok();
            let label = label.as_ref().map(|label| (label.field.as_str(), label.value.as_str()));
            assert_eq!(label, expected, "{text}");
        };
        check("labels.attack=attack", Some(("labels.attack", "attack")));
        check(" a = b=c ", Some(("a", "b=c")));
        for wrong in ["labels.attack", "=attack", "labels.attack=", "", "= "] {
            check(wrong, None);
        }
    }

    #[test]
    fn budgets_are_findings_per_day() {
        for (text, expected) in [("50/day", Some(50.0)), ("0.5/day", Some(0.5)), ("0 /day", Some(0.0))] {
            assert_eq!(parse_budget(text).ok(), expected, "{text}");
        }
        for wrong in ["50", "50/hour", "-1/day", "inf/day", "NaN/day", "/day"] {
            assert!(parse_budget(wrong).is_err(), "{wrong}");
        }
    }
}
