//! Figures as text for people.

use super::super::counts::{Counts, Kind};
use super::super::measures::Measures;
use super::super::result::{Body, Proposal, UseCaseResult};
use crate::report::Status;
use crate::terminal::{counted, thousands};

/// Headers of the columns of [`cells`], of short words, because there are many.
pub(super) const HEADERS: [&str; 15] = [
    "att. docs",
    "bg. docs",
    "other docs",
    "att. find.",
    "bg. find.",
    "rec.",
    "unl. rec.",
    "bg. docs /10k",
    "bg. find. /day",
    "prec.",
    "at 10",
    "at 50",
    "at 100",
    "avg. prec.",
    "first after",
];

/// Figures of a row, in the order of [`HEADERS`].
pub(super) fn cells(measures: &Measures) -> [String; HEADERS.len()] {
    [
        thousands(measures.documents.attack),
        thousands(measures.documents.background),
        thousands(measures.documents.neither),
        thousands(measures.findings.attack),
        thousands(measures.findings.background),
        thousands(measures.recordings),
        thousands(measures.unlabelled_recordings),
        number(measures.background_documents.per_10k_events),
        number(measures.background_findings.per_day),
        share(measures.precision),
        share(measures.precision_at.ten),
        share(measures.precision_at.fifty),
        share(measures.precision_at.hundred),
        share(measures.average_precision),
        measures.seconds_to_first.map_or_else(none, duration),
    ]
}

/// Name of a use case, and why it was not judged.
pub(super) fn name(use_case: &UseCaseResult) -> String {
    let why = match use_case.status {
        Status::Complete | Status::Partial | Status::Inactive => return use_case.name.clone(),
        Status::NoEvents => "no events",
        Status::Unusable => "unusable",
        Status::NotApplicable => "not applicable",
        Status::ConfigurationError => "configuration error",
        Status::Failed => "failed",
    };
    format!("{} ({why})", use_case.name)
}

/// Lines that say what the events are.
pub(super) fn body(body: &Body) -> Vec<String> {
    let Counts { attack, background, neither } = body.events;
    let days = body.background_days.map(|n| format!(" on {}", counted(n, "day", "days"))).unwrap_or_default();
    let (attack, background, neither) = (thousands(attack), thousands(background), thousands(neither));
    let events = counted(body.events.total(), "event", "events");
    let mut lines = vec![format!("{events}: {attack} attack, {background} background{days}, {neither} neither")];
    if body.recordings.total() > 0 {
        let Counts { attack, background, neither } = body.recordings;
        let recordings = counted(body.recordings.total(), "recording", "recordings");
        lines.push(format!(
            "{recordings}: {} with attack events, {} unlabelled, {} with background events only",
            thousands(attack),
            thousands(neither),
            thousands(background)
        ));
    }
    lines
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Attack => "attack",
        Kind::Background => "background",
        Kind::Neither => "neither",
    }
}

pub(super) fn none() -> String {
    "-".to_owned()
}

pub(super) fn share(share: Option<f64>) -> String {
    share.map_or_else(none, |share| format!("{share:.3}"))
}

/// One decimal, or more for small numbers.
pub(super) fn number(number: Option<f64>) -> String {
    match number {
        None => none(),
        Some(number) if number != 0.0 && number.abs() < 0.1 => format!("{number:.3}"),
        Some(number) => format!("{number:.1}"),
    }
}

/// A sensitivity, as people write it.
pub(super) fn sensitivity(sensitivity: Option<f64>) -> String {
    sensitivity.map_or_else(none, |sensitivity| sensitivity.to_string())
}

/// Returns the advice on a use case.
pub(super) fn proposed(proposal: &Proposal) -> String {
    match (proposal.run, proposal.sensitivity) {
        (false, _) => "leave out".to_owned(),
        (true, None) => "as it is".to_owned(),
        (true, Some(_)) => sensitivity(proposal.sensitivity),
    }
}

/// Seconds in the largest unit that leaves a number of 1 or more.
pub(super) fn duration(seconds: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    match UNITS.into_iter().find(|(length, _)| seconds >= *length) {
        Some((length, unit)) => format!("{:.1}{unit}", seconds / length),
        None => format!("{seconds:.1}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_fitting_unit() {
        for (seconds, expected) in
            [(0.0, "0.0s"), (59.94, "59.9s"), (90.0, "1.5min"), (5400.0, "1.5h"), (172_800.0, "2.0d")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        for (n, expected) in [(None, "-"), (Some(0.0), "0.0"), (Some(0.0123), "0.012"), (Some(29.94), "29.9")] {
            assert_eq!(number(n), expected);
        }
    }
}
