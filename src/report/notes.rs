//! Notes about events that use cases could not use, or only in part.

use tracing::{info, warn};

use super::use_case::{GrokGivenUp, TOO_MANY_COMBINATIONS, UseCaseReport};
use super::{Report, Status};
use crate::config::OnUnusable;
use crate::detection::Detected;
use crate::ingest::Usage;
use crate::plan::{PlannedUseCase, ScanPlan};
use crate::scan_group::UseCaseResult;
use crate::terminal::counted;
use crate::usability::{Assessment, IN_FUTURE, Usability, is_all_in_future};

impl Report {
    /// Notes whether a use case can use the events.
    pub(super) fn assess(&mut self, report: &mut UseCaseReport, assessment: Assessment, on_unusable: OnUnusable) {
        let Assessment { usability, notes } = assessment;
        report.status = match usability {
            Usability::Usable => Status::Complete,
            Usability::NoEvents => Status::NoEvents,
            Usability::Unusable => Status::Unusable,
            Usability::NotApplicable => Status::NotApplicable,
        };
        if usability == Usability::NotApplicable {
            notes.iter().for_each(|note| info!("{}: not applicable: {note}", report.name));
            report.notes = notes;
            return;
        }
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

    /// Notes matching events that are left out, and texts from which nothing is derived.
    pub(super) fn left_out(&mut self, report: &UseCaseReport, usage: &Usage) {
        let name = &report.name;
        if usage.too_many_rows > 0 {
            let events = counted(usage.too_many_rows, "event", "events");
            let line = format!("{name}: {events} skipped: {TOO_MANY_COMBINATIONS}");
            warn!("{line}");
            self.missing.push(line);
        }
        for GrokGivenUp { field, pattern, texts } in &report.grok_given_up {
            let texts = counted(*texts as u64, "text", "texts");
            let line = format!(
                "{name}: the pattern `{pattern}` of `{field}` took too many steps on {texts}: it derives nothing from them"
            );
            warn!("{line}");
            self.missing.push(line);
        }
        // if no other event is left, the use case is unusable, and says so
        if usage.in_future > 0 && !is_all_in_future(usage) {
            let events = counted(usage.in_future, "event", "events");
            self.warning(format!("{name}: {events} ignored: {IN_FUTURE}; use --now or --to if they are right"));
        }
    }

    /// Notes what took too long, and what is not as it was.
    pub(super) fn odd(&mut self, report: &UseCaseReport, detected: &Detected) {
        let name = &report.name;
        if detected.regexps_given_up > 0 {
            let times = counted(detected.regexps_given_up, "time", "times");
            self.warning(format!("{name}: regexps took too many steps {times}: they count as not matching"));
        }
        if detected.gone > 0 {
            let candidates = counted(detected.gone, "candidate was", "candidates were");
            self.warning(format!("{name}: the documents of {candidates} deleted during the run"));
        }
        if detected.formerly_whitelisted > 0 {
            let outliers = counted(detected.formerly_whitelisted, "outlier", "outliers");
            self.warning(format!(
                "{name}: older versions accepted {outliers} because of a whitelist entry of the form `field:value`, \
                 which now accepts that value in that field only: write `field\\:value` if it is a value as a whole"
            ));
        }
    }

    /// Says that no use case looks at events of the kind that was read, if that is so.
    pub(super) fn nothing_applicable(&self) -> Option<String> {
        let n_with = |status: Status| self.use_cases.iter().filter(|use_case| use_case.status == status).count();
        let n_inapplicable = n_with(Status::NotApplicable);
        let is_all = n_inapplicable > 0 && n_inapplicable + n_with(Status::Inactive) == self.use_cases.len();
        is_all.then(|| {
            let use_cases = counted(n_inapplicable as u64, "use case", "use cases");
            format!("none of the {use_cases} is applicable: no event has the fields that they need; see --fields")
        })
    }

    pub(crate) fn warning(&mut self, line: String) {
        warn!("{line}");
        self.warnings.push(line);
    }
}
