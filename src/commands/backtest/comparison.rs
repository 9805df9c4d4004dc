//! Findings of two configurations in the same events.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::super::error::RunError;
use super::counts::Kind;
use super::evaluation::LabelledFinding;
use super::measures::Measures;
use super::result::{BacktestResult, Body, SCHEMA};
use crate::cli::{BacktestArgs, ConfigArgs};
use crate::config::defines_use_cases;
use crate::report::Exit;

/// Result of a comparison.
#[derive(Debug, Serialize)]
pub(super) struct ComparisonResult {
    pub(super) schema: u32,
    pub(super) version: &'static str,
    pub(super) body: Body,
    pub(super) a: Side,
    pub(super) b: Side,
    /// Findings of B that A does not have, the highest scores first.
    pub(super) gained: Vec<ComparedFinding>,
    /// Findings of A that B does not have.
    pub(super) lost: Vec<ComparedFinding>,
    /// In the order of their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) recordings: Vec<ComparedRecording>,
    /// Assets with findings that were gained or lost, in the order of their names.
    pub(super) assets: Vec<Changes>,
}

/// One of the two configurations.
#[derive(Debug, Serialize)]
pub(super) struct Side {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) measures: Measures,
    pub(super) missing: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// A finding that only one of the configurations has.
#[derive(Debug, Serialize)]
pub(super) struct ComparedFinding {
    pub(super) kind: Kind,
    pub(super) score: f64,
    pub(super) use_case: String,
    pub(super) aggregator: Option<String>,
    pub(super) target: Option<String>,
    pub(super) documents: u64,
    pub(super) recordings: Vec<String>,
    pub(super) assets: Vec<String>,
    pub(super) summary: String,
}

/// A recording in both configurations.
#[derive(Debug, Serialize)]
pub(super) struct ComparedRecording {
    #[serde(flatten)]
    pub(super) changes: Changes,
    pub(super) kind: Kind,
    pub(super) found_by_a: bool,
    pub(super) found_by_b: bool,
}

/// Number of findings gained and lost.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Changes {
    pub(super) name: String,
    pub(super) gained: u64,
    pub(super) lost: u64,
}

/// Identity of a finding: use case, aggregator and target.
type Identity = (String, Option<String>, Option<String>);

/// Judges the events with each configuration, by `evaluate`, and compares what they find.
pub(super) fn compare(
    args: &BacktestArgs,
    names: &[String],
    mut evaluate: impl FnMut(&ConfigArgs, &mut Vec<LabelledFinding>) -> Result<(BacktestResult, Exit), RunError>,
) -> Result<(ComparisonResult, Exit), RunError> {
    let [a, b] = names else { return Err(RunError::Usage("--compare takes two configurations".to_owned())) };
    if args.events.iter().any(|path| path == "-") {
        let why = "--compare: standard input cannot be read twice; name a file with --events";
        return Err(RunError::Usage(why.to_owned()));
    }
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    let (result_a, exit_a) = evaluate(&configuration(args, a), &mut of_a)?;
    let (result_b, exit_b) = evaluate(&configuration(args, b), &mut of_b)?;
    let gained = only(&of_b, &of_a);
    let lost = only(&of_a, &of_b);
    let exit = if exit_a == Exit::Done { exit_b } else { exit_a };
    let recordings = recordings(&result_a, &result_b, &gained, &lost);
    let assets = changes(&gained, &lost, |finding| &finding.assets).into_values().collect();
    let result = ComparisonResult {
        schema: SCHEMA,
        version: result_a.version,
        a: Side::of(a, &result_a),
        b: Side::of(b, &result_b),
        body: result_a.body,
        gained,
        lost,
        recordings,
        assets,
    };
    Ok((result, exit))
}

/// Arguments for one of the configurations: a main configuration goes with the use cases of the
/// command, use cases with its main configuration.
fn configuration(args: &BacktestArgs, name: &str) -> ConfigArgs {
    let mut config = args.config.clone();
    let path = Path::new(name);
    if path.is_file() && !defines_use_cases(path) {
        config.config.push(path.to_owned());
    } else {
        let is_folder = path.is_dir();
        let pattern = if is_folder { format!("{}/**/*.conf", name.trim_end_matches('/')) } else { name.to_owned() };
        config.use_cases = vec![pattern];
    }
    config
}

impl Side {
    fn of(name: &str, result: &BacktestResult) -> Self {
        Side {
            name: name.to_owned(),
            measures: result.in_all.clone(),
            missing: result.missing.clone(),
            warnings: result.warnings.clone(),
        }
    }
}

fn identity(found: &LabelledFinding) -> Identity {
    let finding = &found.finding;
    (finding.use_case.clone(), finding.aggregator.clone(), finding.target.clone())
}

/// Those of `findings` that are not among `others`.
fn only(findings: &[LabelledFinding], others: &[LabelledFinding]) -> Vec<ComparedFinding> {
    let others: std::collections::BTreeSet<Identity> = others.iter().map(identity).collect();
    let compared = |LabelledFinding { finding, kind, recordings }: &LabelledFinding| ComparedFinding {
        kind: *kind,
        score: finding.score,
        use_case: finding.use_case.clone(),
        aggregator: finding.aggregator.clone(),
        target: finding.target.clone(),
        documents: finding.documents,
        recordings: recordings.clone(),
        assets: finding.assets.clone(),
        summary: finding.summary.clone(),
    };
    findings.iter().filter(|finding| !others.contains(&identity(finding))).map(compared).collect()
}

/// Changes by what `of` says about findings.
fn changes<'f>(
    gained: &'f [ComparedFinding],
    lost: &'f [ComparedFinding],
    of: impl Fn(&'f ComparedFinding) -> &'f [String],
) -> BTreeMap<String, Changes> {
    let mut changes: BTreeMap<String, Changes> = BTreeMap::new();
    let mut add = |findings: &'f [ComparedFinding], count: fn(&mut Changes) -> &mut u64| {
        for name in findings.iter().flat_map(&of) {
            let known =
                changes.entry(name.clone()).or_insert_with(|| Changes { name: name.clone(), ..Changes::default() });
            *count(known) += 1;
        }
    };
    add(gained, |changes| &mut changes.gained);
    add(lost, |changes| &mut changes.lost);
    changes
}

fn recordings(
    a: &BacktestResult,
    b: &BacktestResult,
    gained: &[ComparedFinding],
    lost: &[ComparedFinding],
) -> Vec<ComparedRecording> {
    let changes = changes(gained, lost, |finding| &finding.recordings);
    let found_by_b: BTreeMap<&str, bool> =
        b.recordings.iter().map(|recording| (recording.name.as_str(), !recording.found_by.is_empty())).collect();
    let compared = |recording: &super::result::RecordingResult| {
        let name = recording.name.clone();
        ComparedRecording {
            changes: changes.get(&name).cloned().unwrap_or(Changes { name, ..Changes::default() }),
            kind: recording.kind,
            found_by_a: !recording.found_by.is_empty(),
            found_by_b: found_by_b.get(recording.name.as_str()).copied().unwrap_or_default(),
        }
    };
    a.recordings.iter().map(compared).collect()
}
