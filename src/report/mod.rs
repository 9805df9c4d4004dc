//! Report of a run, per use case: for people (summary) and programs (`--report`).

mod check;
mod exit;
mod listing;
mod notes;
mod notices;
pub(crate) mod resources;
mod source;
pub(crate) mod summary;
mod totals;
mod tried;
mod use_case;
pub(crate) mod whitelist;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use crate::config::{OnUnusable, Problem, RejectedUseCase, UseCase};
use crate::delivery::Written;
use crate::findings::{Finding, Findings, MAX_RANKED, RankedAsset, StableId};
use crate::housekeeping::Cleaned;
use crate::models::Evidence;
use crate::plan::ScanPlan;
use crate::scan_group::{GroupResult, UseCaseResult};
use crate::spill::SpillError;
use crate::state::{Memories, MemorySize};
use crate::terminal::counted;
pub use check::{CheckReport, CheckSummary};
pub use exit::Exit;
pub use listing::{ListedUseCase, UseCaseState, listing};
pub(crate) use notices::NoticeMemory;
pub use notices::NoticeReport;
pub use resources::Resources;
pub(crate) use source::skipped_lines;
pub use source::{SkippedReport, SourceReport};
pub use totals::Totals;
pub use tried::{Tried, TriedUseCase};
use use_case::{GrokGivenUp, UseCaseReport};
pub use whitelist::{EntryReport, EntryStatus};

/// Describes the outcome of a run interrupted before it began to write.
pub(crate) const NOTHING_WRITTEN: &str = "nothing was written";

/// Version of the report's JSON form.
pub(crate) const SCHEMA: u32 = 1;

/// Report of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the JSON form: it grows when a field changes its meaning or is removed.
    pub schema: u32,
    /// Version of the program.
    pub version: &'static str,
    /// Time when the run started.
    pub started: String,
    /// Outcome of the run.
    pub status: Status,
    /// The program's exit code.
    pub exit_code: u8,
    /// Reasons why it failed or is partial, one line each.
    pub missing: Vec<String>,
    /// Facts that a reader should know although nothing is missing, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Total seconds.
    pub seconds: f64,
    /// Seconds per phase.
    pub phases: Phases,
    /// Memory and processor time of the whole run.
    pub resources: Resources,
    /// Counts of the data read.
    pub source: SourceReport,
    /// Sums over all use cases.
    pub totals: Totals,
    /// Counts of the cluster's documents to which outliers were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
    /// Counts of outliers removed before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wiped: Option<Cleaned>,
    /// Counts of outliers removed after the run because they have since been whitelisted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub housekeeping: Option<Cleaned>,
    /// Findings with the highest scores, at most [`MAX_RANKED`].
    pub findings: Vec<Finding>,
    /// Evidence about these findings, by their ids, if it was wanted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, Evidence>,
    /// Assets with the highest scores, at most [`MAX_RANKED`].
    pub assets: Vec<RankedAsset>,
    /// Size of the memory of earlier runs, as it was before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySize>,
    /// Id of the run in the history, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Notices, if there are channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notices: Option<NoticeReport>,
    /// Use cases, in the order of the configuration files.
    pub use_cases: Vec<UseCaseReport>,
    /// Entries of the whitelists that apply to the use cases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub whitelist: Vec<EntryReport>,
    /// Problems in the configuration.
    pub problems: Vec<String>,
}

/// Outcome of a run or a use case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything was done.
    Complete,
    /// Something is missing.
    Partial,
    /// Nothing was done.
    Failed,
    /// No event matches its query.
    NoEvents,
    /// Events match, but it cannot use their fields.
    Unusable,
    /// No event is of the kind that it looks at.
    NotApplicable,
    /// Not requested: `run_model` is off.
    Inactive,
    /// The configuration is invalid.
    ConfigurationError,
}

impl Status {
    /// True for a use case that was judged, or had nothing to judge.
    pub fn is_success(self) -> bool {
        matches!(self, Status::Complete | Status::NoEvents | Status::Unusable | Status::NotApplicable)
    }
}

/// Seconds per phase.
#[derive(Debug, Default, Serialize)]
pub struct Phases {
    /// Reading events into the event table.
    pub read: f64,
    /// Models, summed over use cases that may run concurrently.
    pub evaluate: f64,
    /// Descriptions and whitelist, summed likewise.
    pub describe: f64,
    /// Rolling outliers up to findings.
    pub roll_up: f64,
    /// Merging outliers into documents and writing them.
    pub write: f64,
}

impl Report {
    /// Starts an empty report.
    pub fn new(started: DateTime<Utc>) -> Self {
        Report {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            started: started.to_rfc3339(),
            status: Status::Complete,
            exit_code: 0,
            missing: Vec::new(),
            warnings: Vec::new(),
            seconds: 0.0,
            phases: Phases::default(),
            resources: Resources::default(),
            source: SourceReport::default(),
            totals: Totals::default(),
            written: None,
            wiped: None,
            housekeeping: None,
            findings: Vec::new(),
            evidence: BTreeMap::new(),
            assets: Vec::new(),
            memory: None,
            run: None,
            notices: None,
            use_cases: Vec::new(),
            whitelist: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Returns the exit code of a run that came to its end.
    pub fn exit(&self) -> Exit {
        if self.missing.is_empty() { Exit::Done } else { Exit::Partial }
    }

    pub(crate) fn finish(&mut self, elapsed: Duration) {
        self.seconds = elapsed.as_secs_f64();
        self.resources = Resources::now();
        self.finish_whitelist();
        let cleaned = [&self.wiped, &self.housekeeping].into_iter().flatten().flat_map(Cleaned::missing);
        let not_written: Vec<String> = self.written.iter().flat_map(Written::missing).chain(cleaned).collect();
        self.missing.extend(not_written);
        self.missing.extend(self.nothing_applicable());
        if !self.missing.is_empty() {
            self.status = Status::Partial;
            self.exit_code = Exit::Partial as u8;
        }
        self.totals = Totals { assets: self.totals.assets, ..Totals::of(&self.use_cases) };
    }

    /// Describes what a run that ends early has written.
    pub(crate) fn written_so_far(&self) -> String {
        let cleaned = [&self.wiped, &self.housekeeping].into_iter().flatten().map(|cleaned| &cleaned.written);
        let mut all = Written::default();
        self.written.iter().chain(cleaned).for_each(|written| all.add(written.clone()));
        all.so_far().unwrap_or_else(|| NOTHING_WRITTEN.to_owned())
    }

    /// Adds the memory of earlier runs.
    pub(crate) fn memory(&mut self, store: &Memories) {
        self.memory = Some(store.size());
        store.new_beginnings().into_iter().for_each(|line| self.warning(line));
    }

    pub(crate) fn fail(&mut self, why: String, exit: Exit) {
        self.status = Status::Failed;
        self.exit_code = exit as u8;
        self.missing.push(why);
    }

    /// Takes over the findings and assets with the highest scores, and evidence about them.
    pub(crate) fn rank(
        &mut self,
        findings: &Findings,
        evidence: &HashMap<StableId, Evidence>,
    ) -> Result<(), SpillError> {
        self.findings = findings.top(MAX_RANKED)?;
        let ids = self.findings.iter().map(|finding| finding.finding_id);
        self.evidence = ids.filter_map(|id| Some((id.to_string(), evidence.get(&id)?.clone()))).collect();
        self.assets.clone_from(&findings.assets);
        self.totals.assets = findings.n_assets;
        Ok(())
    }

    pub(crate) fn problems(&mut self, problems: &[Problem]) {
        self.problems.extend(problems.iter().map(ToString::to_string));
    }

    /// Adds use cases and files that the configuration could not provide.
    pub(crate) fn reject<'a>(&mut self, rejected: impl Iterator<Item = &'a RejectedUseCase>, n_files: usize) {
        for use_case in rejected {
            self.missing.push(format!("{}: configuration error", use_case.section));
            self.use_cases.push(UseCaseReport {
                status: Status::ConfigurationError,
                error: Some(format!("{} problems in its section", use_case.problems)),
                ..UseCaseReport::new(
                    use_case.section.clone(),
                    use_case.model_type.as_str(),
                    use_case.file.display().to_string(),
                )
            });
        }
        if n_files > 0 {
            self.missing
                .push(format!("{} could not be used", counted(n_files as u64, "use-case file", "use-case files")));
        }
    }

    /// Adds invalid whitelist entries of the main configuration.
    pub(crate) fn reject_entries(&mut self, n_entries: usize) {
        if n_entries > 0 {
            self.missing.push(format!("{n_entries} whitelist entries of the main configuration could not be used"));
        }
    }

    /// Adds use cases that the plan refused.
    pub(crate) fn refuse(&mut self, refused: Vec<(Arc<UseCase>, Vec<Problem>)>) {
        for (use_case, problems) in refused {
            problems.iter().for_each(|problem| error!("{}", problem.without_severity()));
            self.problems(&problems);
            self.missing.push(format!("{}: configuration error", use_case.id()));
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            self.use_cases.push(UseCaseReport {
                status: Status::ConfigurationError,
                error: Some(lines.join("\n")),
                ..UseCaseReport::of(&use_case)
            });
        }
    }

    /// True if a use case could not be started.
    pub(crate) fn is_failed(&self, name: &str) -> bool {
        let is_failed = |status: Status| matches!(status, Status::Failed | Status::ConfigurationError);
        self.use_cases.iter().any(|use_case| use_case.name == name && is_failed(use_case.status))
    }

    /// Adds a use case that could not be started.
    pub(crate) fn skip(&mut self, use_case: &UseCase, why: &str) {
        warn!(use_case = use_case.id(), "{why}: skipping the use case");
        self.missing.push(format!("{}: {why}", use_case.id()));
        self.use_cases.push(UseCaseReport {
            status: Status::Failed,
            error: Some(why.to_owned()),
            ..UseCaseReport::of(use_case)
        });
    }

    pub(crate) fn inactive(&mut self, use_case: &UseCase) {
        self.use_cases.push(UseCaseReport { status: Status::Inactive, ..UseCaseReport::of(use_case) });
    }

    pub(crate) fn group(&mut self, plan: &ScanPlan, result: GroupResult, on_unusable: OnUnusable) {
        self.phases.read += result.reading.as_secs_f64();
        self.source(&result.summary, result.n_spilled);
        self.fields(result.fields);
        self.source.table_bytes = self.source.table_bytes.max(result.table_bytes);
        for (planned, use_case_result) in plan.use_cases.iter().zip(result.use_cases) {
            let grok_given_up = planned.derived.as_deref().map(GrokGivenUp::of).unwrap_or_default();
            self.without_time(plan, planned, &use_case_result);
            self.use_case(&planned.use_case, use_case_result, grok_given_up, on_unusable);
        }
    }

    fn use_case(
        &mut self,
        use_case: &UseCase,
        result: UseCaseResult,
        grok_given_up: Vec<GrokGivenUp>,
        on_unusable: OnUnusable,
    ) {
        let (documents, counts) = (result.documents, result.counts);
        let mut report = UseCaseReport { documents, grok_given_up, ..UseCaseReport::of(use_case) };
        report.usage(&result.usage);
        self.assess(&mut report, result.assessment, on_unusable);
        self.left_out(&report, &result.usage);
        match result.outcome {
            Ok(detected) => {
                self.odd(&report, &detected);
                report.candidates = detected.outliers + detected.whitelisted;
                report.outliers = detected.outliers.saturating_sub(counts.left_out.n_dropped());
                report.findings = counts.findings;
                report.left_out = counts.left_out;
                report.whitelisted = detected.whitelisted;
                self.accepted(&detected.accepted_by);
                report.rounds = detected.rounds;
                report.regexps_given_up = detected.regexps_given_up;
                report.statistics = detected.statistics;
                report.seconds_evaluate = detected.evaluating.as_secs_f64();
                report.seconds_describe = detected.describing.as_secs_f64();
                self.phases.evaluate += report.seconds_evaluate;
                self.phases.describe += report.seconds_describe;
            }
            Err(detection_error) => {
                error!(use_case = report.name, "{detection_error}");
                self.missing.push(format!("{}: {detection_error}", report.name));
                report.status = Status::Failed;
                report.error = Some(detection_error.to_string());
            }
        }
        self.use_cases.push(report);
    }
}
