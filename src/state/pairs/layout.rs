//! Layout of a memory after a run: which stretches there are, and which part each of them is in.

use std::collections::BTreeMap;

use super::part::Part;
use super::stretch::{Counted, Stretch, end_of_day, uncovered, without_seams};
use crate::event::time::MICROS_PER_DAY;

/// Closed parts that a memory has, about: each holds this share of the days.
const N_CLOSED: i64 = 4;

/// Days that are closed together: to close days means to write a closed part anew.
const DAYS_CLOSED_TOGETHER: i64 = 7;

/// Time that a run looks at.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// First and last of its events.
    pub seen: Stretch,
    /// Length in microseconds of what runs look back at: days that are older are closed.
    pub history: i64,
    /// Latest time that an event can have; later ones are not remembered.
    pub latest: i64,
}

/// Layout of a memory after a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// All stretches in order, as rows are counted: known ones, and those that the run adds.
    pub(super) stretches: Vec<Counted>,
    /// Number of the part in [`Self::parts`] by place; there is none if it is too old to stay.
    part_of: BTreeMap<i64, usize>,
    /// Parts, in the order of time.
    pub(super) parts: Vec<PlannedPart>,
}

/// A part after the run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlannedPart {
    period: Period,
    /// Numbers of the known parts that it is made of.
    pub(super) sources: Vec<usize>,
    /// Stretches that it covers.
    pub(super) stretches: Vec<Stretch>,
    /// True if the run saw events of it.
    pub(super) is_touched: bool,
}

/// Period of a part: it holds the stretches that start there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Day(i64),
    /// Several days that no run is expected to look at again.
    Closed(i64),
}

impl PlannedPart {
    /// Place of all tallies if the part is closed.
    pub(super) fn joined(&self) -> Option<i64> {
        match self.period {
            Period::Day(_) => None,
            Period::Closed(_) => self.stretches.first().map(|first| first.start),
        }
    }
}

/// Borders between what is forgotten, closed, and open.
struct Borders {
    /// Periods that end before are forgotten.
    oldest: i64,
    /// Days that end before are closed.
    horizon: i64,
    days_of_closed: i64,
}

impl Borders {
    fn period(&self, day: i64, end: i64) -> Option<Period> {
        let end = end.max(end_of_day(day));
        let open = || if end < self.horizon { self.closed(day) } else { Period::Day(day) };
        (end >= self.oldest).then(open)
    }

    fn closed(&self, day: i64) -> Period {
        Period::Closed(day.div_euclid(self.days_of_closed))
    }
}

/// Start of the days that are closed together with the one of `time`.
fn start_of_days(time: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(DAYS_CLOSED_TOGETHER * MICROS_PER_DAY))
}

impl Layout {
    /// Plans the memory of `days` days, of which there are `parts`, after a run.
    pub(super) fn new(parts: &[Part], looked: Looked, days: u32) -> Self {
        let Looked { seen, history, latest } = looked;
        let newest_known = parts.last().and_then(Part::extent).map_or(i64::MIN, |extent| extent.end);
        let newest = seen.end.min(latest).max(newest_known);
        let borders = Borders {
            oldest: newest.saturating_sub(i64::from(days) * MICROS_PER_DAY),
            horizon: start_of_days(newest.saturating_sub(history)),
            days_of_closed: (i64::from(days) / N_CLOSED).max(1),
        };
        let mut all: Vec<(Counted, Option<usize>, Option<Period>)> = Vec::new();
        for (source, part) in parts.iter().enumerate() {
            let Some(extent) = part.extent() else { continue };
            let period = match borders.period(extent.day(), extent.end) {
                // what is closed stays closed
                Some(Period::Day(day)) if part.closed => Some(borders.closed(day)),
                period => period,
            };
            all.extend(part.counted().map(|counted| (counted, Some(source), period)));
        }
        let known: Vec<Stretch> = all.iter().map(|(counted, ..)| counted.stretch).collect();
        let remembered = Stretch { start: seen.start.max(borders.oldest), end: seen.end.min(newest) };
        for stretch in uncovered(&known, remembered) {
            let counted = Counted { stretch, place: stretch.start };
            all.push((counted, None, borders.period(stretch.day(), stretch.end)));
        }
        all.sort_unstable_by_key(|&(counted, ..)| counted);
        Layout::of(&all, seen)
    }

    /// The layout in which there are `parts`, all of which are written anew.
    pub(super) fn as_it_is(parts: &[Part]) -> Self {
        let mut layout = Layout { stretches: Vec::new(), part_of: BTreeMap::new(), parts: Vec::new() };
        for (part_idx, part) in parts.iter().enumerate() {
            let day = part.extent().map_or(0, Stretch::day);
            let period = if part.closed { Period::Closed(day) } else { Period::Day(day) };
            let stretches = part.stretches.clone();
            layout.parts.push(PlannedPart { period, sources: Vec::new(), stretches, is_touched: true });
            layout.part_of.extend(part.counted().map(|counted| (counted.place, part_idx)));
            layout.stretches.extend(part.counted());
        }
        layout
    }

    fn of(all: &[(Counted, Option<usize>, Option<Period>)], seen: Stretch) -> Self {
        let mut layout = Layout { stretches: Vec::new(), part_of: BTreeMap::new(), parts: Vec::new() };
        for &(counted, source, period) in all {
            layout.stretches.push(counted);
            let Some(period) = period else { continue };
            if layout.parts.last().is_none_or(|part| part.period != period) {
                let part = PlannedPart { period, sources: Vec::new(), stretches: Vec::new(), is_touched: false };
                layout.parts.push(part);
            }
            let part_idx = layout.parts.len() - 1;
            let part = &mut layout.parts[part_idx];
            part.stretches.push(counted.stretch);
            part.is_touched |= counted.stretch.overlaps(seen);
            if let Some(source) = source.filter(|source| !part.sources.contains(source)) {
                part.sources.push(source);
            }
            layout.part_of.insert(counted.place, part_idx);
        }
        for part in &mut layout.parts {
            if part.joined().is_some() {
                part.stretches = without_seams(&part.stretches);
            }
        }
        layout
    }

    /// Number of the part to which tallies of a place belong.
    pub(super) fn part_of(&self, place: i64) -> Option<usize> {
        self.part_of.get(&place).copied()
    }
}
