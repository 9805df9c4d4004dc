//! Changes that would turn a verdict turn it when they are made.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ee_outliers::models::{Depth, Evidence, VerdictChange};
use ee_outliers::plan::Period;

use super::world::World;
use crate::random::Random;

/// Most events or targets that are added or removed.
const MOST: u64 = 400;

/// Rows of a use case whose changes are tried.
const ROWS: usize = 12;

/// A use case whose sensitivity changes.
struct UseCase {
    name: &'static str,
    settings: &'static str,
    sensitivity: &'static str,
}

const USE_CASES: [UseCase; 9] = [
    UseCase {
        name: "terms_rare",
        settings: "aggregator=host\ntarget=process\ntarget_count_method=within_aggregator\ntrigger_on=low\n\
                   trigger_method=pct_of_max_value",
        sensitivity: "30",
    },
    UseCase {
        name: "terms_frequent",
        settings: "aggregator=host\ntarget=process\ntarget_count_method=within_aggregator\ntrigger_on=high\n\
                   trigger_method=stdev",
        sensitivity: "1.3",
    },
    UseCase {
        name: "terms_even",
        settings: "aggregator=host\ntarget=process\ntarget_count_method=within_aggregator\ntrigger_on=low\n\
                   trigger_method=coeff_of_variation",
        sensitivity: "0.9",
    },
    UseCase {
        name: "terms_few_hosts",
        settings: "aggregator=user\ntarget=host\ntarget_count_method=across_aggregators\ntrigger_on=low\n\
                   trigger_method=pct_of_avg_value",
        sensitivity: "80",
    },
    UseCase {
        name: "terms_many_hosts",
        settings: "aggregator=user\ntarget=host\ntarget_count_method=across_aggregators\ntrigger_on=high\n\
                   trigger_method=stdev",
        sensitivity: "0.8",
    },
    UseCase {
        name: "metrics_size",
        settings: "aggregator=host\ntarget=size\nmetric=numerical_value\ntrigger_on=high\ntrigger_method=stdev",
        sensitivity: "1.5",
    },
    UseCase {
        name: "metrics_small",
        settings: "aggregator=host\ntarget=size\nmetric=numerical_value\ntrigger_on=low\ntrigger_method=percentile",
        sensitivity: "10",
    },
    UseCase {
        name: "metrics_by_rate",
        settings: "aggregator=host\ntarget=size\nmetric=numerical_value\ntrigger_on=high\ntrigger_method=fdr",
        sensitivity: "0.9",
    },
    UseCase {
        name: "sudden_appearance_process",
        settings: "history_window_days=7\naggregator=host\ntarget=process\nsliding_window_size=00:12:00\nsliding_window_step_size=00:01:00",
        sensitivity: "",
    },
];

/// An event of these use cases.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    /// Seconds since the first day.
    second: u64,
    host: String,
    user: String,
    process: String,
    size: u64,
}

impl Event {
    fn random(random: &mut Random) -> Self {
        let skewed = |random: &mut Random, n: u64| random.below(n).min(random.below(n));
        let (host, user) = (skewed(random, 9), skewed(random, 12).min(skewed(random, 12)));
        Event {
            second: random.below(2 * 86_400),
            host: format!("h{host}"),
            user: format!("u{user}"),
            process: format!("p{}", skewed(random, 7).min(skewed(random, 7))),
            size: match random.below(5) {
                0..3 => random.next() >> (20 + random.below(43)),
                _ => random.below(40),
            },
        }
    }

    fn json(&self) -> String {
        let Event { second, host, user, process, size } = self;
        let time = time_text(*second);
        format!(
            "{{\"@timestamp\":\"{time}\",\"host\":\"{host}\",\"user\":\"{user}\",\"process\":\"{process}\",\
             \"size\":{size}}}"
        )
    }
}

fn time_text(second: u64) -> String {
    let (day, second) = (second / 86_400, second % 86_400);
    format!("2024-05-{:02}T{:02}:{:02}:{:02}Z", 1 + day, second / 3600, second / 60 % 60, second % 60)
}

/// Seconds of a time as explanations write it; a fraction is rounded up.
fn second_of(text: &str) -> u64 {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").expect("a time").and_utc();
    let start = "2024-05-01T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().expect("a time");
    let micros = (time - start).num_microseconds().expect("short");
    // windows begin before the first event
    u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000)
}

/// Explains rows of one use case among `events`: those of `wanted`, or a few of each verdict.
fn explain(
    folder: &Path,
    use_case: &UseCase,
    sensitivity: &str,
    events: &[Event],
    wanted: Option<usize>,
) -> Vec<Evidence> {
    let mut conf = format!("[{}]\nes_query_filter=*\n{}\n", use_case.name, use_case.settings);
    if !sensitivity.is_empty() {
        let _ = writeln!(conf, "trigger_sensitivity={sensitivity}");
    }
    conf.push_str("outlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\ntest_model=0\n");
    fs::write(folder.join("use_case.conf"), conf).expect("written");
    let lines: String = events.iter().map(|event| format!("{}\n", event.json())).collect();
    let path = folder.join("events.ndjson");
    fs::write(&path, lines).expect("written");
    let world = World {
        main: None,
        use_cases: vec![folder.join("use_case.conf")],
        events: &path,
        period: Period::Everything,
        depth: if wanted.is_some() { Depth::Plots } else { Depth::Changes },
    };
    let mut explained = world.explain(|_, row| match wanted {
        Some(wanted) => event_idx(row) == wanted,
        None => event_idx(row).is_multiple_of(2),
    });
    explained.pop().expect("a use case").rows
}

/// Number of the event of a row: few events are one batch.
fn event_idx(element: u64) -> usize {
    assert_eq!(element >> 44, 0, "the events are one batch");
    usize::try_from(element >> 24).expect("small")
}

/// The sensitivity and the events after a change, and the place of the event itself; `None` if the
/// change is too big to try.
fn changed(
    use_case: &UseCase,
    change: &VerdictChange,
    events: &[Event],
    own: usize,
) -> Option<(String, Vec<Event>, usize)> {
    let is_alike = |other: &Event| {
        let event = &events[own];
        event.host == other.host
            && if use_case.name.starts_with("metrics") {
                event.size == other.size
            } else {
                event.process == other.process
            }
    };
    let (mut sensitivity, mut all, mut place) = (use_case.sensitivity.to_owned(), events.to_vec(), own);
    let mut remove = |all: &mut Vec<Event>, is_removed: &dyn Fn(usize, &Event) -> bool| {
        let mut idx = 0;
        let n_before = events[..own].iter().enumerate().filter(|(idx, event)| is_removed(*idx, event)).count();
        all.retain(|event| {
            idx += 1;
            !is_removed(idx - 1, event)
        });
        place = own - n_before;
    };
    match change {
        VerdictChange::Key { key, value } => {
            assert_eq!(key, "trigger_sensitivity");
            sensitivity = value.to_string();
        }
        VerdictChange::MoreEvents { n } if *n <= MOST => all.extend((0..*n).map(|_| events[own].clone())),
        VerdictChange::FewerEvents { n } => {
            let alike: Vec<usize> = (0..events.len()).filter(|&idx| idx != own && is_alike(&events[idx])).collect();
            let removed = &alike[..usize::try_from(*n).expect("small")];
            remove(&mut all, &|idx, _| removed.contains(&idx));
        }
        VerdictChange::MoreTargets { n, .. } if *n <= MOST => {
            all.extend((0..*n).map(|idx| Event { host: format!("new{idx}"), ..events[own].clone() }));
        }
        VerdictChange::FewerTargets { n, .. } => {
            let of_user = events.iter().filter(|event| event.user == events[own].user);
            let mut others: Vec<&String> =
                of_user.map(|event| &event.host).filter(|host| **host != events[own].host).collect();
            others.sort_unstable();
            others.dedup();
            let removed = &others[..usize::try_from(*n).expect("small")];
            remove(&mut all, &|_, event| event.user == events[own].user && removed.contains(&&event.host));
        }
        VerdictChange::EarlierEvent { from, .. } => all.push(Event { second: second_of(from), ..events[own].clone() }),
        VerdictChange::NoEarlierEvent { from, to, n } => {
            let (from, to) = (second_of(from), second_of(to));
            let earlier = |idx: usize, event: &Event| {
                let is_earlier = event.second < to || event.second == to && idx != own;
                idx != own && is_alike(event) && event.second >= from && is_earlier
            };
            let n_earlier = events.iter().enumerate().filter(|(idx, event)| earlier(*idx, event)).count() as u64;
            assert!(n_earlier >= *n, "{n_earlier} of {n}");
            remove(&mut all, &earlier);
        }
        VerdictChange::MoreEvents { .. } | VerdictChange::MoreTargets { .. } => return None,
    }
    Some((sensitivity, all, place))
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_turn_verdicts() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut random = Random(5);
    let mut kinds = std::collections::BTreeSet::new();
    for use_case in &USE_CASES {
        let events: Vec<Event> = (0..300).map(|_| Event::random(&mut random)).collect();
        let rows = explain(folder.path(), use_case, use_case.sensitivity, &events, None);
        let (flagged, ordinary): (Vec<Evidence>, Vec<Evidence>) = rows.into_iter().partition(|row| row.flagged);
        assert!(!flagged.is_empty() && !ordinary.is_empty(), "{}: verdicts are all the same", use_case.name);
        let mut n_tried = 0;
        for row in flagged.iter().take(ROWS / 2).chain(ordinary.iter().take(ROWS / 2)) {
            let own = event_idx(row.element);
            for counterfactual in &row.changes {
                assert_ne!(counterfactual.flagged, row.flagged, "{}: {row:#?}", use_case.name);
                let Some((sensitivity, all, place)) = changed(use_case, &counterfactual.change, &events, own) else {
                    continue;
                };
                let after = explain(folder.path(), use_case, &sensitivity, &all, Some(place));
                let verdicts: Vec<bool> = after.iter().map(|row| row.flagged).collect();
                assert_eq!(verdicts, [counterfactual.flagged], "{}: {counterfactual}: {row:#?}", use_case.name);
                kinds.insert(format!("{:?}", counterfactual.change).split(' ').next().unwrap_or_default().to_owned());
                n_tried += 1;
            }
        }
        assert!(n_tried > 0, "{}: nothing turns a verdict", use_case.name);
    }
    let expected =
        ["EarlierEvent", "FewerEvents", "FewerTargets", "Key", "MoreEvents", "MoreTargets", "NoEarlierEvent"];
    assert!(kinds.iter().map(String::as_str).eq(expected), "{kinds:?}");
}
