//! What follows for a run if its use cases cannot use the events.

use tracing::warn;

use super::use_case::UseCaseReport;
use super::{Report, Status};
use crate::config::OnUnusable;
use crate::plan::{PlannedUseCase, ScanPlan};
use crate::scan_group::UseCaseResult;
use crate::terminal::counted;
use crate::usability::{Assessment, Usability};

impl Report {
    /// Notes whether a use case can use the events.
    pub(super) fn assess(&mut self, report: &mut UseCaseReport, assessment: Assessment, on_unusable: OnUnusable) {
        let Assessment { usability, notes } = assessment;
        report.status = match usability {
            Usability::Usable => Status::Complete,
            Usability::NoEvents => Status::NoEvents,
            Usability::Unusable => Status::Unusable,
        };
        let is_missing = usability == Usability::Unusable && on_unusable != OnUnusable::Warn;
        for note in &notes {
            let line = format!("{}: {note}", report.name);
            warn!("{line}");
            if is_missing { &mut self.missing } else { &mut self.warnings }.push(line);
        }
        report.notes = notes;
    }

    /// Notes matching events that are left out because they have no time although it decides.
    pub(super) fn without_time(&mut self, plan: &ScanPlan, planned: &PlannedUseCase, result: &UseCaseResult) {
        let n_events = result.usage.without_time;
        let Some(time_idx) = planned.time_idx.filter(|_| n_events > 0) else { return };
        // the reason why the use case is unusable says so already
        if result.assessment.usability == Usability::Unusable {
            return;
        }
        let (name, field) = (planned.use_case.id(), &plan.layout.times[time_idx].field);
        let events = counted(n_events, "event", "events");
        let line = format!("{name}: {events} left out: no time could be read in `{field}`");
        warn!("{line}");
        self.missing.push(line);
    }
}
