//! What a night reads: it does not grow with the number of nights.

use super::super::part::Part;
use super::*;

/// Pairs and tallies that a run reads, and bytes that it checks before.
fn amount_read(memory: &Memory) -> [u64; 3] {
    let (mut pairs, mut tallies) = (0, 0);
    let everything = Stretch { start: i64::MIN, end: i64::MAX };
    for window in memory.windows(usize::MAX) {
        let read = window.by_pair((), |read, _| {
            pairs += read.numbers.values().len() as u64;
            Ok::<_, StateError>(())
        });
        read.unwrap();
        let read = window.tallies(everything, TallyColumns::Counts, |read| {
            tallies += read.len() as u64;
            Ok::<_, StateError>(())
        });
        read.unwrap();
    }
    [pairs, tallies, memory.manifest.files().map(|file| file.bytes).sum()]
}

#[test]
fn nights_do_not_read_more_and_more() {
    const PAIRS: u32 = 100;
    // days are closed by the week, and joined by 10: afterwards, borders are at the same days again
    const CYCLE: i64 = 7 * 10;
    let site = Site::remembering(40);
    let mut most = [[0; 3]; 2];
    for night in 0..3 * CYCLE {
        let event = |pair| {
            let time = night * MICROS_PER_DAY + i64::from(pair) * HOUR / 5;
            Event { time, pair, arrives: time }
        };
        site.run(&(0..PAIRS).map(event).collect::<Vec<_>>());
        let read = amount_read(&site.memory());
        assert_eq!(read[0], u64::from(PAIRS), "the texts of a pair are read once: {night}");
        if night >= CYCLE {
            let cycle = &mut most[usize::from(night >= 2 * CYCLE)];
            *cycle = [0, 1, 2].map(|idx| read[idx].max(cycle[idx]));
        }
    }
    let [early, late] = most;
    // 15 days that are open or wait to be closed, and 5 closed parts
    assert!(late[1] <= 20 * u64::from(PAIRS) && late[1] == early[1], "{early:?} {late:?}");
    // bits of counts and times
    assert!(late[2] <= early[2] + early[2] / 50, "{early:?} {late:?}");
}

#[test]
fn pairs_that_are_forgotten_are_not_read_again_and_again() {
    const NEW: u32 = 50;
    let site = Site::remembering(20);
    let mut all = Vec::new();
    let mut most = [[0; 3]; 2];
    for night in 0..140 {
        // some pairs are new each day, others come again
        let events = (0..NEW).flat_map(|idx| [night as u32 * NEW + idx, 1_000_000 + idx]).map(|pair| {
            let time = night * MICROS_PER_DAY + i64::from(pair % NEW) * HOUR / 3;
            Event { time, pair, arrives: time }
        });
        let events: Vec<Event> = events.collect();
        site.run(&events);
        all.extend(events);
        let memory = site.memory();
        let read = amount_read(&memory);
        let half = &mut most[usize::from(night >= 70)];
        *half = [0, 1, 2].map(|idx| read[idx].max(half[idx]));
        if night % 7 == 0 {
            let start = memory.manifest.parts.first().and_then(Part::extent).unwrap().start;
            let remembered: Vec<Event> = all.iter().filter(|event| event.time >= start).copied().collect();
            assert_eq!(site.sums(), scan(&remembered), "{night}");
        }
    }
    let [early, late] = most;
    // twice as many as are remembered of 26 days, and those of the days until the next ones are
    // forgotten
    assert!(late[0] <= u64::from(NEW) * (2 * 27 + 6), "{late:?}");
    assert!((0..3).all(|idx| late[idx] <= early[idx] + early[idx] / 50), "{early:?} {late:?}");
}
