//! Use cases that are judged and explained in this process.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;
use ee_outliers::config;
use ee_outliers::engine::Compute;
use ee_outliers::models::word2vec::neural::TrainingDevice;
use ee_outliers::models::{Depth, Evidence};
use ee_outliers::outlier::Gathered;
use ee_outliers::plan::{Period, plan};
use ee_outliers::runtime::Limits;
use ee_outliers::scan_group::{self, Question, ScanGroup, explain_rows, rows_of_documents};
use ee_outliers::sources::ScanOptions;
use ee_outliers::sources::files::{EventFiles, FileOptions};

/// Events and use cases that are judged.
pub(super) struct World<'a> {
    pub(super) main: Option<PathBuf>,
    pub(super) use_cases: Vec<PathBuf>,
    pub(super) events: &'a Path,
    pub(super) period: Period,
    pub(super) depth: Depth,
}

/// A use case that was judged and explained.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) name: String,
    /// Rows that the run reports, and rows that it accepts.
    pub(super) n_outliers: u64,
    pub(super) n_whitelisted: u64,
    /// Rows that left the population because they are whitelisted.
    pub(super) n_left: u64,
    pub(super) rows: Vec<Evidence>,
}

impl World<'_> {
    /// Judges all use cases, and explains the rows that `wants` of each that are not whitelisted.
    pub(super) fn explain(&self, wants: impl Fn(&str, u64) -> bool) -> Vec<Explained> {
        let main: Vec<PathBuf> = self.main.iter().cloned().collect();
        let use_cases: Vec<String> = self.use_cases.iter().map(|path| path.display().to_string()).collect();
        let configuration = config::load(&main, &use_cases);
        assert!(!configuration.has_rejected(), "{:?}", configuration.problems);
        let use_cases: Vec<_> = configuration.use_cases.iter().cloned().map(Arc::new).collect();
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let spill_dir = scratch.path().to_owned();
        let limits =
            Limits { memory: 256 << 20, threads: NonZeroUsize::MIN.saturating_add(1), spill_dir: spill_dir.clone() };
        let compute = Compute::new(limits).expect("set up").with_resource(TrainingDevice::CPU);
        let events = [self.events.display().to_string()];
        let source = EventFiles::open(&events, FileOptions { spill_dir }).expect("readable");
        let gathered = Gathered::new(scratch.path());
        let group = ScanGroup {
            plan: Arc::new(plan(use_cases, &configuration.main.field_names, None, self.period, Utc::now()).0),
            source: &source,
            main: &configuration.main,
            compute: &compute,
            options: ScanOptions::default(),
            period: self.period,
            now: Utc::now(),
            gathered: &gathered,
            n_before: 0,
            store: None,
            explains: true,
            explained: None,
        };
        tokio::task::block_in_place(|| explain_group(&group, self.depth, &wants))
    }
}

fn explain_group(group: &ScanGroup<'_>, depth: Depth, wants: &impl Fn(&str, u64) -> bool) -> Vec<Explained> {
    let read = scan_group::read(group).expect("readable");
    let result = scan_group::judge_read(group, &read).expect("judged");
    let rows = rows_of_documents(group, &read, |_| true).expect("readable");
    let mut explained = Vec::new();
    for (mask_idx, (rows, result)) in rows.into_iter().zip(&result.use_cases).enumerate() {
        let detected = result.outcome.as_ref().expect("judged");
        let name = group.plan.use_cases[mask_idx].use_case.id();
        let rows = rows.into_iter().filter(|row| !detected.left.contains(row) && wants(&name, *row)).collect();
        let question = Question { mask_idx, detected, rows, depth };
        explained.push(Explained {
            n_outliers: detected.outliers,
            n_whitelisted: detected.whitelisted,
            n_left: detected.left.len() as u64,
            rows: explain_rows(group, &read, &question).expect("explained"),
            name,
        });
    }
    explained
}
