//! Explains appearances: the earlier events with the same target, and the window that judges.

use arrow::array::{Int64Array, RecordBatch, UInt32Array, UInt64Array};
use datafusion::error::DataFusionError;
use futures::StreamExt;
use rustc_hash::FxHashMap;

use super::super::evidence::{ArrivalBins, Asked, Change, Counterfactual, Depth, Evidence, asked_rows};
use super::super::{Inputs, column, places, rows, rows_of, text};
use super::windows::sliding_windows;
use super::{duration_text, time_text};
use crate::config::SuddenAppearance;
use crate::engine::functions::{History, SlidingWindows};
use crate::table::{Element, Population, View};

const COLUMNS: [&str; 5] = ["element", "aggregator", "target", "time", "tie"];

pub(super) async fn evidence(
    sudden: &SuddenAppearance,
    view: &View,
    asked: &Asked,
    inputs: Inputs<'_>,
) -> Result<Vec<Evidence>, DataFusionError> {
    // what was whitelisted is known from then on
    let everything = view.with_population(Population::default());
    let Some(windows) = sliding_windows(sudden, &everything, &inputs).await? else { return Ok(Vec::new()) };
    let mut explained: Vec<Explained> = Vec::new();
    for batch in &asked_rows(rows(&everything, &inputs)?, asked, &COLUMNS, &inputs).await? {
        explained.extend(events(batch)?.into_iter().map(|event| Explained::new(event, &windows)));
    }
    let mut by_aggregator: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
    for (idx, explained) in explained.iter().enumerate() {
        by_aggregator.entry(explained.event.aggregator).or_default().push(idx);
    }
    let mut groups: FxHashMap<(u32, i64), ArrivalBins> = FxHashMap::default();
    for explained in &explained {
        let History { start, end } = explained.history;
        groups.insert((explained.event.aggregator, end), ArrivalBins::between(start, end));
    }
    let of_groups = rows_of(&everything, by_aggregator.keys().copied().collect(), &inputs)?;
    let mut batches = of_groups.select_columns(&COLUMNS)?.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        for event in events(&batch?)? {
            let idxs = by_aggregator.get(&event.aggregator).map_or(&[][..], Vec::as_slice);
            idxs.iter().for_each(|&idx| explained[idx].add(&event, &windows));
            if let Some(history) = windows.histories.iter().find(|history| history.end >= event.time)
                && let Some(bins) = groups.get_mut(&(event.aggregator, history.end))
            {
                bins.add(event.time);
            }
        }
    }
    let explaining = Explaining { sudden, view, asked, windows: &windows };
    Ok(explained.into_iter().map(|explained| explaining.row(explained, &groups)).collect())
}

/// An event as appearances see it.
#[derive(Debug, Clone, Copy)]
struct Event {
    element: u64,
    aggregator: u32,
    target: u32,
    time: i64,
    tie: u64,
}

impl Event {
    /// Order in which events of one target come.
    fn order(&self) -> (i64, u64, u64) {
        (self.time, self.tie, self.element)
    }

    fn is_same(&self, other: &Event) -> bool {
        Element(self.element).event() == Element(other.element).event()
    }
}

fn events(batch: &RecordBatch) -> Result<Vec<Event>, DataFusionError> {
    let targets = column::<UInt32Array>(batch, "target")?;
    let (times, ties) = (column::<Int64Array>(batch, "time")?, column::<UInt64Array>(batch, "tie")?);
    let event = |(row, (Element(element), aggregator)): (usize, (Element, u32))| Event {
        element,
        aggregator,
        target: targets.value(row),
        time: times.value(row),
        tie: ties.value(row),
    };
    Ok(places(batch)?.enumerate().map(event).collect())
}

/// A row that is to be explained, and what came before it.
struct Explained {
    event: Event,
    history: History,
    /// Window that judges it if nothing came before.
    window: Option<(i64, i64)>,
    /// Earliest time from which on an earlier event makes it known.
    known_from: Option<i64>,
    /// Time of the last event with its target before it.
    previous: Option<i64>,
    /// Number of events that make it known.
    n_known: u64,
    /// Number of events with its target in its window.
    n_in_window: u64,
    target: ArrivalBins,
}

impl Explained {
    fn new(event: Event, windows: &SlidingWindows) -> Self {
        let history = windows.histories.iter().find(|history| history.end >= event.time);
        let history = history.copied().unwrap_or(History { start: event.time, end: event.time });
        let window = windows.appears(None, event.time);
        let is_known = |previous: i64| windows.appears(Some(previous), event.time).is_none();
        let known_from = window.map(|_| {
            // the later window of two decides
            let oldest = event.time.saturating_sub(windows.memory);
            let last = history.end.saturating_sub(windows.window).min(oldest);
            let judging = window.map_or(last, |(start, _)| start.min(oldest));
            if is_known(judging) { judging } else { last }
        });
        let known_from = known_from.map(|from| from.max(history.start)).filter(|from| is_known(*from));
        let target = ArrivalBins::between(history.start, history.end);
        Explained { event, history, window, known_from, previous: None, n_known: 0, n_in_window: 0, target }
    }

    /// Adds an event of its group.
    fn add(&mut self, other: &Event, windows: &SlidingWindows) {
        if other.target != self.event.target {
            return;
        }
        self.target.add(other.time);
        let (start, end) = self.window.unwrap_or((self.event.time - windows.window, self.event.time));
        self.n_in_window += u64::from((start..=end).contains(&other.time));
        if other.order() < self.event.order() && !other.is_same(&self.event) {
            self.previous = self.previous.max(Some(other.time));
            self.n_known += u64::from(self.known_from.is_some_and(|from| other.time >= from));
        }
    }
}

struct Explaining<'a> {
    sudden: &'a SuddenAppearance,
    view: &'a View,
    asked: &'a Asked,
    windows: &'a SlidingWindows,
}

impl Explaining<'_> {
    fn row(&self, explained: Explained, groups: &FxHashMap<(u32, i64), ArrivalBins>) -> Evidence {
        let columns = self.view.columns();
        let event = explained.event;
        let about = self.asked.about(event.element);
        let group = groups.get(&(event.aggregator, explained.history.end)).cloned();
        let n_group = group.as_ref().map_or(0, |bins| bins.counts.iter().sum());
        Evidence {
            group: text(self.view, columns.aggregator, event.aggregator).map(str::to_owned),
            target: text(self.view, columns.target, event.target).map(str::to_owned),
            measure: "events with the target in the window".to_owned(),
            value: Some(explained.n_in_window as f64),
            population: "events of the group".to_owned(),
            n_values: n_group,
            notes: self.notes(&explained, about.flagged),
            changes: match self.asked.depth {
                Depth::Plots => Vec::new(),
                Depth::Changes => self.changes(&explained, about.flagged),
            },
            plot: group.map(|bins| bins.plot(Some(explained.target))).unwrap_or_default(),
            ..about
        }
    }

    fn notes(&self, explained: &Explained, flagged: bool) -> Vec<String> {
        let size = duration_text(self.sudden.window);
        let mut notes = vec![match explained.window {
            Some((start, end)) => {
                format!("the window of {size} that judges it is from {} to {}", time_text(start), time_text(end))
            }
            None => format!("it is not judged: it comes too early for a window of {size}"),
        }];
        notes.push(match explained.previous {
            Some(previous) => format!("the last event before it with the same target was at {}", time_text(previous)),
            None => "no event before it has the same target".to_owned(),
        });
        let is_new = self.windows.appears(explained.previous, explained.event.time).is_some();
        if is_new && !flagged {
            notes.push(
                "it is new in its window, but known to an earlier run, in a group with too few events, or not \
                 surprising enough"
                    .to_owned(),
            );
        }
        notes
    }

    fn changes(&self, explained: &Explained, flagged: bool) -> Vec<Counterfactual> {
        let Some(from) = explained.known_from else { return Vec::new() };
        let (from_text, to) = (time_text(from), time_text(explained.event.time));
        let change =
            if flagged {
                (from < explained.event.time).then_some(Change::EarlierEvent { from: from_text, to })
            } else {
                // one that would change what windows there are is not imagined away, nor are conditions
                // besides those of windows
                let is_alone = self.sudden.rate.is_some() || self.sudden.min_aggregator_bucket.is_some();
                (explained.n_known > 0 && !is_alone && from > explained.history.start)
                    .then_some(Change::NoEarlierEvent { from: from_text, to, n: explained.n_known })
            };
        change.into_iter().map(|change| Counterfactual { change, flagged: !flagged }).collect()
    }
}
