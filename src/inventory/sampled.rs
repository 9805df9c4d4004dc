//! Fields that events have together, from a sample of events.

use std::collections::{BTreeMap, BTreeSet};

use super::statistics::Leaf;
use super::walk::{Leaves, walk};
use crate::event::text::{mixed, text_hash};

/// Events in the sample.
const EVENTS: usize = 1_000;

/// Upper limit on the names of an event.
const NAMES: usize = 500;

/// Names of the fields of the events with the smallest hashes, which do not depend on the order of
/// events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampledNames {
    events: BTreeMap<u64, BTreeSet<String>>,
}

impl SampledNames {
    /// Number of events in the sample that have all of `fields`.
    pub fn n_with(&self, fields: &[&str]) -> usize {
        self.events.values().filter(|names| fields.iter().all(|field| names.contains(*field))).count()
    }

    /// Offers an event.
    pub(super) fn add(&mut self, text: &str) {
        let hash = mixed(text_hash(text));
        let is_beyond =
            self.events.len() >= EVENTS && self.events.last_key_value().is_some_and(|(last, _)| *last < hash);
        if !is_beyond && !self.events.contains_key(&hash) {
            let mut names = Names::default();
            drop(walk(text, &mut names));
            self.insert(hash, names.0);
        }
    }

    pub(super) fn merge(&mut self, other: SampledNames) {
        other.events.into_iter().for_each(|(hash, names)| self.insert(hash, names));
    }

    fn insert(&mut self, hash: u64, names: BTreeSet<String>) {
        self.events.insert(hash, names);
        if self.events.len() > EVENTS {
            self.events.pop_last();
        }
    }
}

#[derive(Default)]
struct Names(BTreeSet<String>);

impl Leaves for Names {
    fn leaf(&mut self, name: &str, _: Leaf<'_>) {
        if self.0.len() < NAMES && !self.0.contains(name) {
            self.0.insert(name.to_owned());
        }
    }

    fn too_long(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_does_not_depend_on_order() {
        let event = |n: u64| format!(r#"{{"a": {n}, "k{}": {{"b": 1}}}}"#, n % 2);
        let of = |events: &mut dyn Iterator<Item = u64>| {
            let mut sample = SampledNames::default();
            events.for_each(|n| sample.add(&event(n)));
            sample
        };
        let whole = of(&mut (0..5_000));
        let mut parts = of(&mut (0..5_000).rev().step_by(2));
        parts.merge(of(&mut (0..5_000).rev().skip(1).step_by(2)));
        assert_eq!(whole, parts);
        assert_eq!((whole.n_with(&["a"]), whole.n_with(&["k0.b", "k1.b"])), (EVENTS, 0));
        let share = whole.n_with(&["a", "k0.b"]);
        assert!((400..600).contains(&share), "{share}");
    }
}
