//! Memories as lines of JSON.

use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::super::error::StateError;
use super::super::folder::{MemoryUse, entries};
use super::memory::Memory;
use super::older;
use super::part::TallyColumns;
use super::stretch::Stretch;

/// Pairs whose texts are in memory at a time.
const PAIRS_AT_ONCE: usize = 1 << 16;

/// All time.
const ALWAYS: Stretch = Stretch { start: i64::MIN, end: i64::MAX };

/// Calls `line` with everything that the memories in `folder` hold, one object after the other;
/// each has a `kind`. Memories of an older version are converted in `spill_dir`.
///
/// # Errors
/// A memory that cannot be read or trusted, and errors of `line`.
pub fn export_memories<E: From<StateError>>(
    folder: &Path,
    spill_dir: &Path,
    mut line: impl FnMut(Value) -> Result<(), E>,
) -> Result<(), E> {
    for path in entries(folder)?.iter().filter(|path| path.is_dir()) {
        let Some(memory) = Memory::to_read(path)? else { continue };
        let is_older = memory.is_older();
        let memory = if is_older { older::converted(memory, MemoryUse::ReadOnly, spill_dir)? } else { memory };
        export(&memory, &mut line)?;
    }
    Ok(())
}

fn export<E: From<StateError>>(memory: &Memory, line: &mut impl FnMut(Value) -> Result<(), E>) -> Result<(), E> {
    let manifest = &memory.manifest;
    let use_case = manifest.use_case();
    let stretches = manifest.parts.iter().flat_map(|part| &part.stretches);
    let stretches: Vec<Value> =
        stretches.map(|stretch| json!({"start": time(stretch.start), "end": time(stretch.end)})).collect();
    line(json!({"kind": "memory", "use_case": use_case, "keys": manifest.keys, "stretches": stretches}))?;
    for window in memory.windows(PAIRS_AT_ONCE) {
        let texts = window.by_pair((String::new(), String::new()), |pairs, texts| {
            for (row, number) in pairs.numbers.values().iter().enumerate() {
                let (aggregator, target) = pairs.texts(row);
                texts[*number as usize] = (aggregator.to_owned(), target.to_owned());
            }
            Ok::<(), StateError>(())
        })?;
        window.tallies(ALWAYS, TallyColumns::All, |tallies| {
            (0..tallies.len()).try_for_each(|row| {
                let (aggregator, target) = &texts[tallies.pairs.value(row) as usize];
                line(json!({
                    "kind": "tally",
                    "use_case": use_case,
                    "aggregator": aggregator,
                    "target": target,
                    "stretch": time(tallies.places.value(row)),
                    "count": tallies.counts.value(row),
                    "first": time(tallies.firsts.value(row)),
                    "last": time(tallies.lasts.value(row)),
                }))
            })
        })?;
    }
    Ok(())
}

/// Text of a time in microseconds.
fn time(micros: i64) -> Option<String> {
    DateTime::from_timestamp_micros(micros).map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}
