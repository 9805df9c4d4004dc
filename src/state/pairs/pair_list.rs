//! Lists of pairs: files that have the texts of pairs, and the number of each.
//!
//! The numbers of all lists of a memory are those from 0 on, each of them once, so that parts need
//! not repeat texts. A list never changes: a new one replaces it.

use std::cmp::Ordering;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, DictionaryArray, RecordBatch, StringBuilder, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int32Type, SchemaRef, UInt32Type};
use arrow::error::ArrowError;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::super::error::StateError;
use super::file::{BATCH_ROWS, FNV_PRIME, FileWriter, MemoryFile, read_batches, schema_of};
use crate::event::text::FNV1A;

/// A list, as the manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PairList {
    #[serde(flatten)]
    pub(super) file: MemoryFile,
    /// Number of pairs.
    pub(super) pairs: u32,
}

impl PairList {
    /// Calls `visit` with the pairs that have numbers in `numbers`, batch by batch.
    pub(super) fn read<E: From<StateError>>(
        &self,
        folder: &Path,
        numbers: &Range<u32>,
        mut visit: impl FnMut(&Pairs) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = folder.join(&self.file.name);
        for batch in batches(path.clone())? {
            let batch = within(batch?, numbers).map_err(|error| StateError::damaged(&path, error))?;
            visit(&Pairs::of(&batch, numbers.start))?;
        }
        Ok(())
    }
}

/// Pairs of one batch.
#[derive(Debug)]
pub struct Pairs {
    /// Texts of the aggregators.
    pub aggregators: DictionaryArray<Int32Type>,
    /// Texts of the targets.
    pub targets: DictionaryArray<Int32Type>,
    /// Numbers of the pairs, counted from the first one of the window.
    pub numbers: UInt32Array,
}

impl Pairs {
    fn of(batch: &RecordBatch, first: u32) -> Self {
        let numbers = batch.column(2).as_primitive::<UInt32Type>();
        Pairs {
            aggregators: batch.column(0).as_dictionary().clone(),
            targets: batch.column(1).as_dictionary().clone(),
            numbers: if first == 0 { numbers.clone() } else { numbers.unary(|number| number - first) },
        }
    }

    /// Aggregator and target of pair `row`.
    pub fn texts(&self, row: usize) -> (&str, &str) {
        (text(&self.aggregators, row), text(&self.targets, row))
    }
}

fn text(texts: &DictionaryArray<Int32Type>, row: usize) -> &str {
    texts.values().as_string::<i32>().value(texts.keys().value(row) as usize)
}

/// The rows of a batch with numbers in `numbers`.
fn within(batch: RecordBatch, numbers: &Range<u32>) -> Result<RecordBatch, ArrowError> {
    let found = batch.column(2).as_primitive::<UInt32Type>().values();
    // most memories have one window
    if found.iter().all(|number| numbers.contains(number)) {
        return Ok(batch);
    }
    let is_within: BooleanArray = found.iter().map(|number| Some(numbers.contains(number))).collect();
    filter_record_batch(&batch, &is_within)
}

fn schema(text: DataType) -> SchemaRef {
    schema_of([("aggregator", text.clone()), ("target", text), ("pair", DataType::UInt32)])
}

/// Reads a list such that each distinct text of a row group is looked up once.
fn batches(path: PathBuf) -> Result<impl Iterator<Item = Result<RecordBatch, StateError>> + Send, StateError> {
    read_batches(path, schema(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))), 0..3)
}

/// Order of a pair in lists: a hash of its texts, which is faster to compare than they are. Pairs
/// with the same hash are in the order of their texts. It must be the same in every version.
pub(super) fn order_of(aggregator: &str, target: &str) -> u64 {
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(FNV_PRIME).rotate_left(29);
    [aggregator, target].into_iter().fold(FNV1A, |hash, text| {
        let (words, rest) = text.as_bytes().as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
        mix(words.fold(hash, mix), text.len() as u64)
    })
}

/// The pairs of a list one by one, in their order.
pub(super) struct ListedPairs {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, StateError>> + Send>,
    /// The current batch, and the current row of it; `None` at the end.
    current: Option<(Pairs, usize)>,
    /// Order of the current pair.
    order: u64,
}

impl ListedPairs {
    /// Starts with the first pair of the list at `path`.
    pub(super) fn start(path: PathBuf) -> Result<Self, StateError> {
        let mut listed = ListedPairs { batches: Box::new(batches(path)?), current: None, order: 0 };
        listed.next_batch()?;
        Ok(listed)
    }

    /// Order, aggregator, target and number of the current pair.
    fn current(&self) -> Option<(u64, &str, &str, u32)> {
        let (pairs, row) = self.current.as_ref()?;
        let (aggregator, target) = pairs.texts(*row);
        Some((self.order, aggregator, target, pairs.numbers.value(*row)))
    }

    /// Goes on to the next pair.
    fn advance(&mut self) -> Result<(), StateError> {
        let Some((pairs, row)) = &mut self.current else { return Ok(()) };
        *row += 1;
        if *row == pairs.numbers.len() {
            return self.next_batch();
        }
        self.start_row();
        Ok(())
    }

    fn start_row(&mut self) {
        self.order = self.current().map_or(0, |(_, aggregator, target, _)| order_of(aggregator, target));
    }

    /// Goes on to the first pair that is not before the one of `aggregator` and `target`. Returns
    /// its number if it is that pair.
    pub(super) fn find(&mut self, order: u64, aggregator: &str, target: &str) -> Result<Option<u32>, StateError> {
        while let Some((known_order, known_aggregator, known_target, number)) = self.current() {
            match (known_order, known_aggregator, known_target).cmp(&(order, aggregator, target)) {
                Ordering::Less => self.advance()?,
                Ordering::Equal => return Ok(Some(number)),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    fn next_batch(&mut self) -> Result<(), StateError> {
        self.current = None;
        for batch in self.batches.by_ref() {
            let batch = batch?;
            if batch.num_rows() > 0 {
                self.current = Some((Pairs::of(&batch, 0), 0));
                self.start_row();
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A list on its way to disk.
pub(super) struct PairListWriter {
    writer: FileWriter,
    schema: SchemaRef,
    aggregators: StringBuilder,
    targets: StringBuilder,
    numbers: Vec<u32>,
    n_pairs: u32,
}

impl PairListWriter {
    /// Starts a file in `folder`.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let schema = schema(DataType::Utf8);
        Ok(PairListWriter {
            writer: FileWriter::start(folder, Arc::clone(&schema), &["pair"])?,
            schema,
            aggregators: StringBuilder::new(),
            targets: StringBuilder::new(),
            numbers: Vec::new(),
            n_pairs: 0,
        })
    }

    /// Adds a pair, which follows those before in their order.
    pub(super) fn push(&mut self, aggregator: &str, target: &str, number: u32) -> io::Result<()> {
        self.aggregators.append_value(aggregator);
        self.targets.append_value(target);
        self.numbers.push(number);
        self.n_pairs += 1;
        if self.numbers.len() < BATCH_ROWS { Ok(()) } else { self.encode() }
    }

    fn encode(&mut self) -> io::Result<()> {
        let numbers = UInt32Array::from(std::mem::take(&mut self.numbers));
        let columns = vec![
            Arc::new(self.aggregators.finish()) as _,
            Arc::new(self.targets.finish()) as _,
            Arc::new(numbers) as _,
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)?;
        self.writer.write(&batch)
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> io::Result<(PairList, NamedTempFile)> {
        self.encode()?;
        let (file, on_disk) = self.writer.finish("pairs")?;
        Ok((PairList { file, pairs: self.n_pairs }, on_disk))
    }
}

/// Writes a list with the pairs of others, whose numbers become those that `number` gives; pairs
/// without one are left out.
pub(super) fn merge(
    folder: &Path,
    lists: impl Iterator<Item = PathBuf>,
    number: impl Fn(u32) -> Option<u32>,
) -> Result<(PairList, NamedTempFile), StateError> {
    let writing = StateError::writing(folder);
    let mut lists = lists.map(ListedPairs::start).collect::<Result<Vec<_>, _>>()?;
    let mut writer = PairListWriter::start(folder).map_err(&writing)?;
    loop {
        // few lists, no pair of which is in another one
        let nexts = lists.iter().enumerate().filter_map(|(idx, list)| Some((list.current()?, idx)));
        let Some(((_, aggregator, target, old), idx)) = nexts.min() else { break };
        if let Some(number) = number(old) {
            writer.push(aggregator, target, number).map_err(&writing)?;
        }
        lists[idx].advance()?;
    }
    writer.finish().map_err(&writing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_pairs_never_changes() {
        assert_eq!(order_of("", ""), 0x14ab_bd35_d151_a450);
        assert_eq!(order_of("web", "a.exe"), 0x7e24_74df_a854_9ccb);
        assert_eq!(order_of("host-1.example.com", "/usr/bin/curl é"), 0x0f9c_204a_a780_f957);
        // texts do not run into each other
        assert_ne!(order_of("ab", "c"), order_of("a", "bc"));
    }
}
