//! Seasons: values as they would be at an average hour, by what is usual at the hours of the week.
//!
//! The value of an hour is moved by the difference, and stretched by the ratio, between what is
//! usual in that hour and in all hours of its group. So all triggers and scores compare it with
//! what is usual at its time, and give a frontier for each hour.

use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StructArray, UInt32Array};
use arrow::datatypes::DataType;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, try_cast};
use datafusion::prelude::{DataFrame, col, lit};
use outlier_kernels::surprise::{HourlyValues, Scale, usual};
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::{Inputs, column, rows};
use crate::config::{Comparison, Trigger};
use crate::engine::functions::{Judged, frontier};
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::table::{Population, View};

/// Keys of outliers of use cases with a baseline.
pub(super) const STORED: [StoredKey; 4] = [
    StoredKey::new("baseline_hour", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("baseline_expected", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("baseline_days", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("adjusted_value", StoredKind::Number, PerOutlier::UpToOne),
];

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// A Monday, in microseconds, before all events.
const FIRST_MONDAY: i64 = (4 * 24 - 7_000_000 * 168) * HOUR;

/// Hours of a day.
pub(super) const DAY: u32 = 24;

/// Number of hours since the first Monday, as `UInt32`.
pub(super) fn hour() -> Expr {
    try_cast((col("time") - lit(FIRST_MONDAY)) / lit(HOUR), DataType::UInt32)
}

/// Hour of the week as a text, such as `Monday 03:00`; in UTC, like all times.
pub(super) fn hour_text(hour: u32) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    format!("{} {:02}:00", DAYS[(hour / DAY % 7) as usize], hour % DAY)
}

/// Observations about an outlier of a use case with a baseline.
pub(super) fn observations(hour: u32, expected: f64, n_days: u32, adjusted: f64) -> [(String, Value); 4] {
    [
        ("baseline_hour", hour_text(hour).into()),
        ("baseline_expected", expected.into()),
        ("baseline_days", n_days.into()),
        ("adjusted_value", adjusted.into()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

/// Memory in bytes per row while the numbers of its group are collected, including the unused
/// capacity of thousands of growing groups.
const ROW_BYTES: u64 = 64;

/// Collected numbers may take 1 / `GATHERED_SHARE` of the memory limit; the rest is for the event
/// table and its texts.
const GATHERED_SHARE: u64 = 4;

/// Upper limit on the number of parts: each is one more pass over the event table.
const MOST_PARTS: u64 = 32;

/// Splits the view by aggregator if the numbers of all rows would take too much memory at once, for
/// what looks at one aggregator at a time.
pub(super) fn parts<'a>(view: &'a View, inputs: &Inputs<'_>) -> impl Iterator<Item = View> + use<'a> {
    let most = (inputs.memory_limit as u64 / GATHERED_SHARE).max(1);
    let n_parts = inputs.n_rows.saturating_mul(ROW_BYTES).div_ceil(most).clamp(1, MOST_PARTS) as u32;
    let key_idx = view.columns().aggregator.filter(|_| n_parts > 1);
    (0..key_idx.map_or(1, |_| n_parts)).map(move |part| {
        let Some(key_idx) = key_idx else { return view.clone() };
        let Population { without, only } = view.population();
        let is_of_part = |rank: &u32| rank % n_parts == part;
        let only = match only {
            Some(only) => only.iter().copied().filter(is_of_part).collect(),
            None => (0..view.table().dictionary(key_idx).len() as u32).filter(is_of_part).collect(),
        };
        view.with_population(Population { without: without.clone(), only: Some(only) })
    })
}

/// Adjustment of the values of a group in one hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Season {
    offset: f64,
    factor: f64,
    /// The usual value.
    pub(super) expected: f64,
    /// Number of other days that tell it.
    pub(super) n_days: u32,
}

impl Season {
    /// Season of an hour in a group whose values have the scale `group`.
    fn new(group: Scale, usual: outlier_kernels::surprise::Usual) -> Self {
        let factor = if usual.scale.spread > 0.0 { group.spread / usual.scale.spread } else { 1.0 };
        let offset = group.center - factor * usual.scale.center;
        Season { offset, factor, expected: usual.scale.center, n_days: usual.n_days }
    }

    /// The value as it would be at an average hour.
    pub(super) fn adjusted(&self, value: f64) -> f64 {
        self.offset + self.factor * value
    }

    /// The value of which `adjusted` is the adjusted one.
    pub(super) fn in_hour(&self, adjusted: f64) -> f64 {
        (adjusted - self.offset) / self.factor
    }
}

/// Seasons of the rows in a batch of [`Values::rows`]: of each row its hour and season.
pub(super) fn seasons_in(batch: &RecordBatch) -> Result<impl Fn(usize) -> (u32, Season) + use<'_>, DataFusionError> {
    let (hours, n_days) = (column::<UInt32Array>(batch, "hour")?, column::<UInt32Array>(batch, "n_days")?);
    let (offsets, factors) = (column::<Float64Array>(batch, "offset")?, column::<Float64Array>(batch, "factor")?);
    let expected = column::<Float64Array>(batch, "expected")?;
    Ok(move |row: usize| {
        let season = Season {
            offset: offsets.value(row),
            factor: factors.value(row),
            expected: expected.value(row),
            n_days: n_days.value(row),
        };
        (hours.value(row), season)
    })
}

/// Values of a view as they are compared: as they are, or adjusted.
pub(super) struct Values<'a> {
    inputs: Inputs<'a>,
    trigger: Trigger,
    is_seasonal: bool,
    /// Seasons of all groups, if there is memory for all of them at once.
    all: OnceLock<RecordBatch>,
}

impl<'a> Values<'a> {
    pub(super) fn new(comparison: &Comparison, trigger: Trigger, inputs: Inputs<'a>) -> Self {
        Values { inputs, trigger, is_seasonal: comparison.baseline.is_some(), all: OnceLock::new() }
    }

    /// The trigger that judges the values.
    pub(super) fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    /// Columns by which [`seasons_in`] tells the seasons; none if values are not adjusted.
    pub(super) fn season_columns(&self) -> &'static [&'static str] {
        if self.is_seasonal { &["hour", "n_days", "offset", "factor", "expected"] } else { &[] }
    }

    /// Views that together hold the rows of `view`, each with rows that fit into memory.
    pub(super) fn passes(&self, view: &View) -> Vec<View> {
        if self.is_seasonal { parts(view, &self.inputs).collect() } else { vec![view.clone()] }
    }

    /// Tables of the rows of [`Values::passes`].
    pub(super) async fn tables(&self, view: &View) -> Result<Vec<DataFrame>, DataFusionError> {
        let passes = self.passes(view);
        let mut tables = Vec::with_capacity(passes.len());
        for pass in &passes {
            tables.push(self.rows(pass).await?);
        }
        Ok(tables)
    }

    /// Rows of `view`, with the values that are compared as `value` and the others as `unadjusted`.
    pub(super) async fn rows(&self, view: &View) -> Result<DataFrame, DataFusionError> {
        let plain = rows(view, &self.inputs)?;
        if !self.is_seasonal {
            return plain.with_column("unadjusted", col("value"));
        }
        let seasons = match self.all.get() {
            Some(all) => all.clone(),
            None => {
                let found = self.seasons(view).await?;
                if parts(view, &self.inputs).nth(1).is_none() { self.all.get_or_init(|| found).clone() } else { found }
            }
        };
        let seasons = self.inputs.context.read_batch(seasons)?;
        let columns = ["season_aggregator", "season_hour"];
        plain
            .with_column("hour", hour())?
            .with_column("unadjusted", col("value"))?
            .drop_columns(&["value"])?
            .join(seasons, JoinType::Inner, &["aggregator", "hour"], &columns, None)?
            .with_column("value", col("offset") + col("factor") * col("unadjusted"))
    }

    /// Seasons of all groups in `view`, in the order of groups and hours.
    async fn seasons(&self, view: &View) -> Result<RecordBatch, DataFusionError> {
        let judged = || vec![frontier(col("value"), &self.trigger).alias("judged")];
        let by_hour = rows(view, &self.inputs)?.with_column("hour", hour())?;
        let mut hours: Vec<(u32, HourlyValues)> = Vec::new();
        for batch in by_hour.aggregate(vec![col("aggregator"), col("hour")], judged())?.collect().await? {
            let (aggregators, found) = scales(&batch)?;
            let hour_of = column::<UInt32Array>(&batch, "hour")?;
            hours.extend(
                found
                    .into_iter()
                    .map(|(row, scale, n)| (aggregators[row], HourlyValues { hour: hour_of.value(row), scale, n })),
            );
        }
        hours.sort_unstable_by_key(|(aggregator, values)| (*aggregator, values.hour));
        let mut groups: FxHashMap<u32, Scale> = FxHashMap::default();
        for batch in rows(view, &self.inputs)?.aggregate(vec![col("aggregator")], judged())?.collect().await? {
            let (aggregators, found) = scales(&batch)?;
            groups.extend(found.into_iter().map(|(row, scale, _)| (aggregators[row], scale)));
        }
        seasons_batch(&hours, &groups)
    }
}

type Scales = (Vec<u32>, Vec<(usize, Scale, u64)>);

/// Aggregators of a batch of judged groups, and of each row the scale and number of values.
fn scales(batch: &RecordBatch) -> Result<Scales, DataFusionError> {
    let aggregators = column::<UInt32Array>(batch, "aggregator")?.values().to_vec();
    let judged = Judged::new(column::<StructArray>(batch, "judged")?);
    let found = (0..batch.num_rows()).filter_map(|row| judged.scale(row).map(|(scale, n)| (row, scale, n)));
    let found = found.collect();
    Ok((aggregators, found))
}

fn seasons_batch(
    hours: &[(u32, HourlyValues)],
    groups: &FxHashMap<u32, Scale>,
) -> Result<RecordBatch, DataFusionError> {
    let mut seasons = Vec::with_capacity(hours.len());
    for of_group in hours.chunk_by(|a, b| a.0 == b.0) {
        let values: Vec<HourlyValues> = of_group.iter().map(|(_, values)| *values).collect();
        let Some(&group) = groups.get(&of_group[0].0) else { continue };
        seasons.extend(usual(group, &values).into_iter().map(|usual| Season::new(group, usual)));
    }
    let numbers = |number: fn(&Season) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(seasons.iter().map(number)))
    };
    let integers = |numbers: Vec<u32>| -> ArrayRef { Arc::new(UInt32Array::from(numbers)) };
    Ok(RecordBatch::try_from_iter([
        ("season_aggregator", integers(hours.iter().map(|(aggregator, _)| *aggregator).collect())),
        ("season_hour", integers(hours.iter().map(|(_, values)| values.hour).collect())),
        ("n_days", integers(seasons.iter().map(|season| season.n_days).collect())),
        ("offset", numbers(|season| season.offset)),
        ("factor", numbers(|season| season.factor)),
        ("expected", numbers(|season| season.expected)),
    ])?)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Timelike};

    use super::*;

    #[test]
    fn hours_are_those_of_the_week() {
        let text = |time: &str| {
            let time = DateTime::parse_from_rfc3339(time).unwrap().to_utc();
            let hour = ((time.timestamp_micros() - FIRST_MONDAY) / HOUR) as u32;
            assert_eq!(hour % DAY, time.hour());
            hour_text(hour)
        };
        assert_eq!(text("1970-01-01T00:00:00Z"), "Thursday 00:00");
        assert_eq!(text("2026-11-23T03:59:59.999999Z"), "Monday 03:00");
        assert_eq!(text("1969-12-28T23:30:00Z"), "Sunday 23:00");
    }

    #[test]
    fn adjusted_values_lead_back_to_those_of_the_hour() {
        let group = Scale { center: 100.0, spread: 30.0 };
        let usual = |spread: f64| outlier_kernels::surprise::Usual { scale: Scale { center: 10.0, spread }, n_days: 3 };
        let season = Season::new(group, usual(3.0));
        assert_eq!([10.0, 13.0].map(|value| season.adjusted(value)), [100.0, 130.0]);
        assert!((season.in_hour(season.adjusted(17.0)) - 17.0).abs() < 1e-9);
        let flat = Season::new(Scale { spread: 0.0, ..group }, usual(0.0));
        assert_eq!(flat.adjusted(12.0), 102.0);
    }
}
