//! Memories of older versions, which are converted before they are used.

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef, UInt64Type};

use super::super::error::StateError;
use super::super::folder::MemoryUse;
use super::adding::Adding;
use super::file::{read_batches, schema_of};
use super::layout::Layout;
use super::manifest::Manifest;
use super::memory::Memory;
use super::part::Part;
use super::stretch::Stretch;
use super::tally::Tally;

/// Upper limit on the bytes of tallies that wait in memory to be sorted.
const SORTED_BYTES: usize = 64 << 20;

/// Writes a memory of version 1 in the form of this version. Those who only read leave it as it is:
/// the new files are in `spill_dir` until they have read them.
pub(super) fn converted(mut memory: Memory, usage: MemoryUse, spill_dir: &Path) -> Result<Memory, StateError> {
    let (folder, old) = (memory.folder.clone(), memory.manifest.clone());
    if usage == MemoryUse::ReadOnly {
        let scratch = tempfile::tempdir_in(spill_dir).map_err(StateError::writing(spill_dir))?;
        memory.folder = scratch.path().join(folder.file_name().unwrap_or_default());
        memory.converted = Some(scratch);
    }
    memory.manifest = Manifest::new(old.use_case(), old.keys.clone());
    let mut adding = Adding::new(&memory, Layout::as_it_is(&old.parts), spill_dir, SORTED_BYTES);
    for part in &old.parts {
        read(part, &folder, |tally| adding.push(tally))?;
    }
    let manifest = adding.finish()?.commit()?;
    memory.manifest = manifest;
    Ok(memory)
}

/// Calls `visit` with all tallies of a part of version 1.
fn read(part: &Part, folder: &Path, mut visit: impl FnMut(Tally) -> Result<(), StateError>) -> Result<(), StateError> {
    for batch in read_batches(folder.join(&part.file.name), schema(), 0..6)? {
        tallies(&batch?).try_for_each(&mut visit)?;
    }
    Ok(())
}

fn tallies(batch: &RecordBatch) -> impl Iterator<Item = Tally> {
    let text = |idx: usize, row: usize| batch.column(idx).as_string::<i32>().value(row).to_owned();
    let time = |idx: usize, row: usize| batch.column(idx).as_primitive::<Int64Type>().value(row);
    (0..batch.num_rows()).map(move |row| Tally {
        aggregator: text(0, row),
        target: text(1, row),
        place: time(2, row),
        count: batch.column(3).as_primitive::<UInt64Type>().value(row),
        seen: Stretch { start: time(4, row), end: time(5, row) },
    })
}

/// Schema of parts of version 1.
pub(super) fn schema() -> SchemaRef {
    schema_of([
        ("aggregator", DataType::Utf8),
        ("target", DataType::Utf8),
        ("place", DataType::Int64),
        ("count", DataType::UInt64),
        ("first", DataType::Int64),
        ("last", DataType::Int64),
    ])
}
