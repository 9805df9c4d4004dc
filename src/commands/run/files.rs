//! A run over event files: one scan group.

use std::sync::Arc;

use tracing::info;

use super::super::error::RunError;
use super::super::open_files;
use super::judging::Judging;
use crate::config::UseCase;
use crate::plan;
use crate::query::Mapping;
use crate::report::Report;

/// Detects in the files of `--events`.
pub(super) fn detect(
    events: &[String],
    mut judging: Judging<'_>,
    mapping: Option<&Mapping>,
    use_cases: Vec<Arc<UseCase>>,
    report: &mut Report,
) -> Result<(), RunError> {
    let names = &judging.main.field_names;
    let (plan, refused) = plan::plan(use_cases, names, mapping, judging.period, judging.now);
    report.refuse(refused);
    if plan.use_cases.is_empty() {
        return Err(RunError::Configuration("no use case can run: see the problems above".to_owned()));
    }
    let source = open_files(events, &judging.compute)?;
    info!(use_cases = plan.use_cases.len(), files = source.len(), "reading events");
    judging.judge(&Arc::new(plan), &source, source.total_bytes())?;
    if judging.has_no_events() {
        return Err(judging.fail_without_events("the files are empty", report));
    }
    judging.deliver(&source, || None, report)
}
