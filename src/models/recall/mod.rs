//! Recall: what earlier runs saw, as models use it, and what this run adds to it.
//!
//! Memory knows texts, plans know ranks. The texts of a pair are looked up once, however often it
//! is remembered.

mod remembered;
mod texts;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{AsArray, Int32Array, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, col, lit};
use futures::StreamExt;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{EvaluationError, Inputs, column, rows, stream_with_texts};
use crate::engine::functions::{NO_PLACE, place_of, value_bin};
use crate::state::{
    Bin, Counted, Looked, Memory, MemorySize, Pending, Sketch, StateError, Stretch, Tally, TallyColumns,
};
use crate::table::View;
use remembered::{Remembered, Seen, Wanted};
use texts::{NO_PAIR, Pair, RanksOfPairs, RanksOfTexts, external, texts_of};

/// Share of the memory limit for tallies that wait to be sorted: one of this many.
const SHARE: usize = 8;

/// Share of the memory limit for numbers by pair: one of this many.
const WINDOW_SHARE: usize = 16;

/// Upper limit on the bytes that a pair takes there.
const PAIR_BYTES: usize = 32;

/// Memory of what earlier runs of a use case saw, beside the events of this run.
#[derive(Debug)]
pub struct Recall<'m> {
    memory: &'m Memory,
    looked: Looked,
    /// Stretches in which the events of the run are counted apart.
    stretches: Vec<Counted>,
    /// Aggregators of the events of the run. Texts are shared with other use cases, which must not
    /// have an effect.
    aggregators: FxHashSet<u32>,
    /// Upper limit on the pairs that are read together.
    most_pairs: usize,
    /// Result of [`Self::remembered`], once it was read.
    remembered: Mutex<Option<Arc<Remembered>>>,
}

impl<'m> Recall<'m> {
    /// Finds out which time `view` covers. `latest` is the latest time that an event can have.
    /// Returns nothing without events.
    ///
    /// # Errors
    /// A plan that failed.
    pub async fn new(
        memory: &'m Memory,
        view: &View,
        inputs: &Inputs<'_>,
        latest: i64,
    ) -> Result<Option<Self>, EvaluationError> {
        let groups = groups(view, inputs).await.map_err(|error| EvaluationError::new(&error, inputs.context))?;
        let aggregators = groups.iter().map(|(aggregator, _)| *aggregator).collect();
        let seen = groups.into_iter().map(|(_, seen)| seen).reduce(Stretch::hull);
        Ok(seen.map(|seen| {
            let looked = Looked { seen, history: inputs.history, latest };
            let stretches = memory.stretches(looked);
            let most_pairs = inputs.memory_limit / WINDOW_SHARE / PAIR_BYTES;
            Recall { memory, looked, stretches, aggregators, most_pairs, remembered: Mutex::default() }
        }))
    }

    /// Size of the memory before the run.
    pub fn size(&self) -> MemorySize {
        self.memory.size()
    }

    /// Time in microseconds for which a pair is known after an event.
    pub(super) fn length(&self) -> i64 {
        self.memory.length()
    }

    /// Adds the events of `view` to the memory, which counts once it is kept.
    ///
    /// # Errors
    /// A plan that failed, and files that cannot be read or written.
    pub async fn add(&self, view: &View, inputs: &Inputs<'_>) -> Result<Pending, EvaluationError> {
        self.added(view, inputs).await.map_err(|error| EvaluationError::new(&error, inputs.context))
    }

    async fn added(&self, view: &View, inputs: &Inputs<'_>) -> Result<Pending, DataFusionError> {
        let mut adding = self.memory.adding(self.looked, inputs.spill_dir, inputs.memory_limit / SHARE);
        let ends = [min(col("time")).alias("first"), max(col("time")).alias("last")];
        let tallied = self.tallied(view, inputs, ends)?.filter(col("place").not_eq(lit(NO_PLACE)))?;
        let columns = view.columns();
        let aggregator = ("aggregator", columns.aggregator);
        let mut batches = match columns.value {
            None => stream_with_texts(tallied, view, [aggregator, ("target", columns.target)]).await?.boxed(),
            Some(_) => stream_with_texts(tallied, view, [aggregator]).await?.boxed(),
        };
        while let Some(batch) = batches.next().await {
            tallies(&batch?)?.try_for_each(|tally| adding.push(tally)).map_err(external)?;
        }
        adding.finish().map_err(external)
    }

    /// Numbers of rows by aggregator, target and place.
    fn tallied<const N: usize>(
        &self,
        view: &View,
        inputs: &Inputs<'_>,
        more: [Expr; N],
    ) -> Result<DataFrame, DataFusionError> {
        let place = place_of(col("time"), &self.stretches).alias("place");
        let numbers = [count(lit(1)).alias("n")].into_iter().chain(more).collect();
        // values are remembered by their bins
        let target = view.columns().value.map_or(col("target"), |_| value_bin(col("value")).alias("target"));
        rows(view, inputs)?.aggregate(vec![col("aggregator"), target, place], numbers)
    }

    /// Times of remembered events of `wanted`: of each stretch with such events within `time`, the
    /// first and the last one.
    pub(super) fn times_of(
        &self,
        wanted: &FxHashSet<Pair>,
        time: Stretch,
        view: &View,
    ) -> Result<FxHashMap<Pair, Vec<Stretch>>, DataFusionError> {
        let columns = view.columns();
        let aggregators = texts_of(wanted.iter().map(|pair| pair.0), view, columns.aggregator)?;
        let targets = texts_of(wanted.iter().map(|pair| pair.1), view, columns.target)?;
        let mut found: FxHashMap<Pair, Vec<Stretch>> = FxHashMap::default();
        let read = self.memory.windows(self.most_pairs).try_for_each(|window| -> Result<(), StateError> {
            let mut ranks_of = RanksOfPairs::default();
            let known = window.by_pair(NO_PAIR, |pairs, ranks| {
                let rank_in = |texts: &FxHashMap<&str, u32>, text: &str| texts.get(text).copied();
                ranks_of.of_batch(pairs, |text| rank_in(&aggregators, text), |text| rank_in(&targets, text), ranks);
                Ok::<_, StateError>(())
            })?;
            window.tallies(time, TallyColumns::Times, |tallies| {
                for (row, &number) in tallies.pairs.values().iter().enumerate() {
                    let pair = known[number as usize];
                    if pair != NO_PAIR && wanted.contains(&pair) {
                        let seen = Stretch { start: tallies.firsts.value(row), end: tallies.lasts.value(row) };
                        found.entry(pair).or_default().push(seen);
                    }
                }
                Ok(())
            })
        });
        read.map_err(external)?;
        Ok(found)
    }

    /// Numbers of rows by aggregator and target, remembered ones included: those that one run over
    /// the events of all runs would count. Targets that only earlier runs saw have ranks that
    /// follow those of the view, see [`Self::target`].
    pub(super) fn counts(&self, view: &View, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
        let remembered = self.remembered(view, inputs)?;
        let table = |of| inputs.context.read_table(Arc::new(remembered.table(of, view)?));
        let pair_and_n = || vec![col("aggregator"), col("target"), col("n")];
        self.tallied(view, inputs, [])?
            .union(table(Seen::Again)?)?
            .aggregate(vec![col("aggregator"), col("target"), col("place")], vec![max(col("n")).alias("n")])?
            .select(pair_and_n())?
            .union(table(Seen::Earlier)?.select(pair_and_n())?)?
            .aggregate(vec![col("aggregator"), col("target")], vec![sum(col("n")).alias("n")])
    }

    /// Numbers of remembered rows by aggregator, of [`Self::length`] before the last event of the
    /// run until its first one. Joined days of which some are older do not count.
    pub(super) fn counts_before(
        &self,
        view: &View,
        inputs: &Inputs<'_>,
    ) -> Result<impl Fn(u32) -> u64 + use<>, DataFusionError> {
        let remembered = self.remembered(view, inputs)?;
        Ok(move |aggregator| remembered.n_before(aggregator))
    }

    /// Text of a target that only earlier runs saw.
    pub(super) fn target(&self, rank: u32) -> Option<String> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        remembered.target(rank).map(str::to_owned)
    }

    /// Remembered numbers of rows by aggregator, target and place; they are read once.
    fn remembered(&self, view: &View, inputs: &Inputs<'_>) -> Result<Arc<Remembered>, DataFusionError> {
        let mut known = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(remembered) => Ok(Arc::clone(remembered)),
            None => {
                let time = self.counted();
                let Stretch { start, end } = self.looked.seen;
                let before = end.saturating_sub(self.length())..start;
                let wanted = Wanted { time, places: &self.places(time), aggregators: &self.aggregators, before };
                let windows = self.memory.windows(self.most_pairs);
                let read = Remembered::read(windows, wanted, view, inputs)?;
                Ok(Arc::clone(known.insert(Arc::new(read))))
            }
        }
    }

    /// Places of the stretches that reach into `time`.
    fn places(&self, time: Stretch) -> FxHashMap<i64, Seen> {
        let mut places = FxHashMap::default();
        for Counted { stretch, place } in self.stretches.iter().filter(|counted| counted.stretch.overlaps(time)) {
            let seen = places.entry(*place).or_insert(Seen::Earlier);
            if stretch.overlaps(self.looked.seen) {
                *seen = Seen::Again;
            }
        }
        places
    }

    /// Sketches of the remembered values of `aggregators` from before the events of the run.
    pub(super) fn sketches(
        &self,
        aggregators: impl Iterator<Item = u32>,
        view: &View,
    ) -> Result<FxHashMap<u32, Sketch>, DataFusionError> {
        let aggregators = texts_of(aggregators, view, view.columns().aggregator)?;
        let mut sketches: FxHashMap<u32, Sketch> = FxHashMap::default();
        let time = self.counted();
        let mut places = self.places(time);
        places.retain(|place, seen| *seen == Seen::Earlier && *place < self.looked.seen.start);
        let read = self.memory.windows(self.most_pairs).try_for_each(|window| {
            let mut aggregator_of = RanksOfTexts::default();
            let bins = window.by_pair(None, |pairs, bins| {
                let codes = aggregator_of.start(&pairs.aggregators);
                for (row, (&code, &number)) in codes.iter().zip(pairs.numbers.values()).enumerate() {
                    let rank = aggregator_of.of(code, |text| aggregators.get(text).copied());
                    bins[number as usize] = rank.map(|rank| (rank, Bin::parse(pairs.texts(row).1)));
                }
                Ok::<_, StateError>(())
            })?;
            window.tallies(time, TallyColumns::Counts, |tallies| {
                let numbers = tallies.pairs.values().iter().zip(tallies.counts.values());
                for ((&number, &n), place) in numbers.zip(tallies.places.values()) {
                    let Some((rank, bin)) = bins[number as usize] else { continue };
                    if places.contains_key(place) {
                        sketches.entry(rank).or_default().add(bin, n);
                    }
                }
                Ok::<_, StateError>(())
            })
        });
        read.map_err(external)?;
        Ok(sketches)
    }

    /// Time of the remembered events that count: those of memory, and those of the run.
    fn counted(&self) -> Stretch {
        let Stretch { start, end } = self.looked.seen;
        Stretch { start: start.min(end.saturating_sub(self.length())), end }
    }
}

/// Aggregators of `view`, each with the first and the last time of its events.
async fn groups(view: &View, inputs: &Inputs<'_>) -> Result<Vec<(u32, Stretch)>, DataFusionError> {
    let ends = vec![min(col("time")).alias("first"), max(col("time")).alias("last")];
    let batches = rows(view, inputs)?.aggregate(vec![col("aggregator")], ends)?.collect().await?;
    let mut groups = Vec::new();
    for batch in &batches {
        let aggregators = column::<UInt32Array>(batch, "aggregator")?.values();
        let (firsts, lasts) = (column::<Int64Array>(batch, "first")?, column::<Int64Array>(batch, "last")?);
        let ends = firsts.values().iter().zip(lasts.values());
        groups.extend(aggregators.iter().zip(ends).map(|(&rank, (&start, &end))| (rank, Stretch { start, end })));
    }
    Ok(groups)
}

/// Tallies of a batch of what the run saw.
fn tallies(batch: &RecordBatch) -> Result<impl Iterator<Item = Tally> + use<'_>, DataFusionError> {
    let aggregators = column::<StringViewArray>(batch, "aggregator_text")?;
    let targets: Box<dyn Fn(usize) -> String> = match batch.column_by_name("target_text") {
        Some(texts) => Box::new(|row| texts.as_string_view().value(row).to_owned()),
        None => {
            let bins = column::<Int32Array>(batch, "target")?;
            Box::new(|row| Bin(bins.value(row)).to_string())
        }
    };
    let [places, counts, firsts, lasts] = ["place", "n", "first", "last"].map(|name| column::<Int64Array>(batch, name));
    let (places, counts, firsts, lasts) = (places?, counts?, firsts?, lasts?);
    Ok((0..batch.num_rows()).map(move |row| Tally {
        aggregator: aggregators.value(row).to_owned(),
        target: targets(row),
        place: places.value(row),
        count: counts.value(row) as u64,
        seen: Stretch { start: firsts.value(row), end: lasts.value(row) },
    }))
}
