//! Memories that older programs wrote.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array};

use super::super::file::{FileWriter, MemoryFile};
use super::super::part::Part;
use super::super::tally::Numbered;
use super::*;

/// Rewrites a memory as programs of version 1 would have written it.
fn make_version_1(folder: &Path) {
    let mut manifest = manifest::Manifest::read(folder).unwrap().unwrap();
    let memory = Memory::for_test(folder, 1);
    let mut texts = vec![(String::new(), String::new()); manifest.n_pairs() as usize];
    let window = memory.windows(usize::MAX).next().unwrap();
    let read = window.by_pair((), |pairs, _| {
        for (row, &number) in pairs.numbers.values().iter().enumerate() {
            let (aggregator, target) = pairs.texts(row);
            texts[number as usize] = (aggregator.to_owned(), target.to_owned());
        }
        Ok::<_, StateError>(())
    });
    read.unwrap();
    for part in &mut manifest.parts {
        let tallies = part.tallies(folder.join(&part.file.name)).unwrap().map(Result::unwrap);
        let tallies = tallies.map(|Numbered { pair, place, count, seen }| {
            let (aggregator, target) = texts[pair as usize].clone();
            Tally { aggregator, target, place, count, seen }
        });
        let mut tallies: Vec<Tally> = tallies.collect();
        tallies.sort();
        part.file = write_part(folder, &tallies);
    }
    let path = folder.join("manifest.json");
    let mut older = serde_json::to_value(manifest.with_files(Vec::new(), manifest.parts.clone())).unwrap();
    older["version"] = 1.into();
    older.as_object_mut().unwrap().remove("lists");
    fs::write(&path, serde_json::to_vec(&older).unwrap()).unwrap();
    manifest.with_files(Vec::new(), manifest.parts.clone()).remove_others(folder);
}

/// Hash of a file of version 1.
fn hash_of_version_1(bytes: &[u8]) -> String {
    let word = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
    let (words, rest) = bytes.as_chunks();
    let hash = words.iter().fold(0xcbf2_9ce4_8422_2325, |hash, bytes| word(hash, u64::from_le_bytes(*bytes)));
    format!("{:016x}", rest.iter().fold(hash, |hash, byte| word(hash, u64::from(*byte))))
}

/// Writes a part of version 1.
fn write_part(folder: &Path, tallies: &[Tally]) -> MemoryFile {
    let texts =
        |text: fn(&Tally) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(tallies.iter().map(text))) };
    let times =
        |time: fn(&Tally) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(tallies.iter().map(time))) };
    let columns: Vec<ArrayRef> = vec![
        texts(|tally| &tally.aggregator),
        texts(|tally| &tally.target),
        times(|tally| tally.place),
        Arc::new(UInt64Array::from_iter_values(tallies.iter().map(|tally| tally.count))),
        times(|tally| tally.seen.start),
        times(|tally| tally.seen.end),
    ];
    let mut writer = FileWriter::start(folder, older::schema(), &["first", "last"]).unwrap();
    writer.write(&RecordBatch::try_new(older::schema(), columns).unwrap()).unwrap();
    let (mut file, on_disk) = writer.finish("part").unwrap();
    on_disk.persist(folder.join(&file.name)).unwrap();
    file.hash = hash_of_version_1(&fs::read(folder.join(&file.name)).unwrap());
    file
}

#[test]
fn memories_of_version_1_are_converted() {
    let mut random = fastrand::Rng::with_seed(4);
    let events = events(&mut random, 50, 0);
    let site = Site::remembering(100);
    let night = |night: i64| site.run(&visible(&events, night * MICROS_PER_DAY));
    (1..=40).for_each(night);
    let (sums, parts) = (site.sums(), site.memory().manifest.parts);
    make_version_1(site.folder.path());
    let files = site.files();
    assert_eq!(files.len(), 1 + parts.len());
    let scratch = tempfile::tempdir().unwrap();
    assert!(site.memory().is_older());

    let memory = older::converted(site.memory(), MemoryUse::ReadOnly, scratch.path()).unwrap();
    assert_eq!(sums_of(&memory, usize::MAX), sums);
    drop(memory);
    assert!(site.files() == files, "those who read change nothing");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);

    let memory = older::converted(site.memory(), MemoryUse::ReadAndAdd, scratch.path()).unwrap();
    let layout = |parts: &[Part]| -> Vec<_> {
        parts.iter().map(|part| (part.stretches.clone(), part.closed, part.tallies)).collect()
    };
    assert_eq!((layout(&memory.manifest.parts), memory.is_older()), (layout(&parts), false));
    assert!(!site.memory().is_older());
    assert_eq!(site.sums(), sums);
    (41..=50).for_each(night);
    assert_eq!(site.sums(), scan(&events));
}
