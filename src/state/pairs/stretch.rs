//! Stretches of time whose events are counted together.

use serde::{Deserialize, Serialize};

use crate::event::time::MICROS_PER_DAY;

/// A stretch of time in microseconds; both ends are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stretch {
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
}

impl Stretch {
    /// True if the stretches have an instant in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// Smallest stretch with both in it.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Stretch { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Number of the day (UTC) in which it starts.
    pub(super) fn day(self) -> i64 {
        self.start.div_euclid(MICROS_PER_DAY)
    }
}

/// A stretch, and the start of the first stretch that is counted together with it: closed days have
/// one tally per pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    /// The stretch.
    pub stretch: Stretch,
    /// Place that tallies of the stretch name.
    pub place: i64,
}

/// Makes stretches one that follow each other without a gap.
pub(super) fn without_seams(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut joined: Vec<Stretch> = Vec::new();
    for &stretch in stretches {
        match joined.last_mut() {
            Some(last) if last.end + 1 == stretch.start => last.end = stretch.end,
            _ => joined.push(stretch),
        }
    }
    joined
}

/// Last instant of a day.
pub(super) fn end_of_day(day: i64) -> i64 {
    (day + 1) * MICROS_PER_DAY - 1
}

/// Returns the parts of `seen` that none of `known` covers, cut at midnight. `known` is in order,
/// without overlaps.
pub(super) fn uncovered(known: &[Stretch], seen: Stretch) -> Vec<Stretch> {
    let mut found = Vec::new();
    let mut start = seen.start;
    for covered in known.iter().filter(|covered| covered.overlaps(seen)) {
        push_days(&mut found, start, covered.start - 1);
        start = start.max(covered.end + 1);
    }
    push_days(&mut found, start, seen.end);
    found
}

fn push_days(found: &mut Vec<Stretch>, mut start: i64, end: i64) {
    while start <= end {
        let day_end = end_of_day(start.div_euclid(MICROS_PER_DAY)).min(end);
        found.push(Stretch { start, end: day_end });
        start = day_end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = MICROS_PER_DAY;

    fn stretches(ends: &[(i64, i64)]) -> Vec<Stretch> {
        ends.iter().map(|&(start, end)| Stretch { start, end }).collect()
    }

    fn check(known: &[(i64, i64)], seen: (i64, i64), expected: &[(i64, i64)]) {
        let [seen] = stretches(&[seen])[..] else { unreachable!() };
        assert_eq!(uncovered(&stretches(known), seen), stretches(expected));
    }

    #[test]
    fn days_are_apart() {
        check(&[], (5, 7), &[(5, 7)]);
        check(&[], (-5, DAY + 7), &[(-5, -1), (0, DAY - 1), (DAY, DAY + 7)]);
        check(&[], (DAY, 2 * DAY - 1), &[(DAY, 2 * DAY - 1)]);
    }

    #[test]
    fn seams_disappear() {
        let stretches = stretches(&[(0, 4), (5, 7), (9, 9), (10, 12)]);
        assert_eq!(without_seams(&stretches), self::stretches(&[(0, 7), (9, 12)]));
        assert_eq!(without_seams(&[]), []);
    }

    #[test]
    fn what_is_known_is_not_found_again() {
        check(&[(5, 7)], (5, 7), &[]);
        check(&[(5, 7)], (6, 9), &[(8, 9)]);
        check(&[(5, 7)], (3, 6), &[(3, 4)]);
        check(&[(5, 7), (10, 20)], (0, 30), &[(0, 4), (8, 9), (21, 30)]);
        check(&[(5, 7), (10, 20)], (8, 9), &[(8, 9)]);
        check(&[(0, 3 * DAY)], (DAY, 2 * DAY), &[]);
    }
}
