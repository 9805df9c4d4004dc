//! Figures by which use cases are judged.

use serde::Serialize;

use super::census::Census;
use super::counts::{Counts, Kind};
use super::ranking::FIRST;
use super::tally::Tally;

/// Quality of a use case, or of all of them.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measures {
    /// Documents with outliers.
    pub(super) documents: Counts,
    /// Findings: attack if any of their documents is, background if none is but some are
    /// background.
    pub(super) findings: Counts,
    /// Recordings with attack events that were found by one of these.
    pub(super) recordings: u64,
    /// Recordings without attack events that were found by any event that is not known to be
    /// background only.
    pub(super) unlabelled_recordings: u64,
    pub(super) background_documents: Rates,
    pub(super) background_findings: Rates,
    /// Share of attack events among the documents that are attack or background.
    pub(super) precision: Option<f64>,
    /// Share of attack findings among the first findings that are attack or background.
    pub(super) precision_at: PrecisionAt,
    /// Mean, over the recordings with attack events (or the attack events, if there are no
    /// recordings), of the precision at the first finding of each; 0 for those that were missed.
    pub(super) average_precision: Option<f64>,
    /// Median, over the recordings that were found, of the seconds from their first event to the
    /// first one that found them.
    pub(super) seconds_to_first: Option<f64>,
}

/// Frequency of something without an attack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Rates {
    pub(super) per_10k_events: Option<f64>,
    pub(super) per_day: Option<f64>,
}

impl Rates {
    pub(super) fn of(n: u64, census: &Census) -> Self {
        let n_events = Some(census.events.background).filter(|n_events| *n_events > 0);
        Rates {
            per_10k_events: n_events.map(|n_events| n as f64 * 1e4 / n_events as f64),
            per_day: census.n_days().map(|n_days| n as f64 / n_days as f64),
        }
    }
}

/// Precisions of the first findings.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct PrecisionAt {
    #[serde(rename = "10")]
    pub(super) ten: Option<f64>,
    #[serde(rename = "50")]
    pub(super) fifty: Option<f64>,
    #[serde(rename = "100")]
    pub(super) hundred: Option<f64>,
}

impl Measures {
    pub(super) fn of(tally: &Tally, census: &Census) -> Self {
        let [ten, fifty, hundred]: [Option<f64>; FIRST.len()] = tally.ranking.precisions();
        let kind = |rank: &u32| census.recordings.get(rank).map(|recording| recording.kind());
        let n_found = |wanted| tally.recordings.keys().filter(|rank| kind(rank) == Some(wanted)).count() as u64;
        let n_items = if census.recordings.is_empty() { census.events.attack } else { census.recordings().attack };
        Measures {
            documents: tally.documents,
            findings: tally.findings,
            recordings: n_found(Kind::Attack),
            unlabelled_recordings: n_found(Kind::Neither),
            background_documents: Rates::of(tally.documents.background, census),
            background_findings: Rates::of(tally.findings.background, census),
            precision: tally.documents.precision(),
            precision_at: PrecisionAt { ten, fifty, hundred },
            average_precision: tally.ranking.average_precision(n_items),
            seconds_to_first: seconds_to_first(tally, census),
        }
    }
}

/// Median of the times until recordings were found, the lower of two.
fn seconds_to_first(tally: &Tally, census: &Census) -> Option<f64> {
    let seconds = |(rank, time): (&u32, &Option<i64>)| census.recordings.get(rank)?.seconds_to((*time)?);
    let mut seconds: Vec<f64> = tally.recordings.iter().filter_map(seconds).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    seconds.get(seconds.len().checked_sub(1)? / 2).copied()
}
