//! Raw JSON texts that a walk through one document finds at the nodes of the trie.

use std::ops::Range;

use super::projection::Plan;
use super::trie::{KeyMatch, NodeId};

/// Texts of one document; reused for the next document.
#[derive(Debug)]
pub(super) struct Row<'p, 'de> {
    pub(super) plan: &'p Plan,
    /// distinguishes the slots of this document from those of earlier ones
    epoch: u32,
    slots: Vec<Slot<'de>>,
    in_arrays: Vec<(NodeId, &'de str)>,
    /// values of dotted names that go on beyond a node, with a hash of the name's spelling
    beyond: Vec<(NodeId, u64, &'de str)>,
    any_dotted: bool,
}

/// See [`Row::mark`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    in_arrays: usize,
    beyond: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot<'de> {
    epoch: u32,
    exact_key: bool,
    exact_path: bool,
    spelling: u64,
    raw: Option<&'de str>,
}

impl<'p, 'de> Row<'p, 'de> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            epoch: 0,
            slots: vec![Slot::default(); plan.trie.len()],
            in_arrays: Vec::new(),
            beyond: Vec::new(),
            any_dotted: false,
        }
    }

    /// Clears the texts of the previous document.
    pub(super) fn start(&mut self) {
        if self.epoch == u32::MAX {
            self.slots.fill(Slot::default());
            self.epoch = 0;
        }
        self.epoch += 1;
        self.in_arrays.clear();
        self.beyond.clear();
        self.any_dotted = false;
    }

    /// Decides whether the value of a key is used. An equal key wins over one that differs in case.
    /// Among keys that differ in case, the first in the document wins. If the same key occurs
    /// twice, the last value wins.
    pub(super) fn accept(&mut self, key: KeyMatch, exact_parent: bool) -> bool {
        let node = self.plan.trie.node(key.node);
        let seen = self.slots[key.node as usize];
        if seen.epoch == self.epoch {
            if !key.exact && (seen.exact_key || seen.spelling != key.spelling) {
                return false;
            }
            self.forget(key.node..node.end);
        }
        self.any_dotted |= node.dotted;
        self.slots[key.node as usize] = Slot {
            epoch: self.epoch,
            exact_key: key.exact,
            exact_path: key.exact && exact_parent,
            spelling: key.spelling,
            raw: None,
        };
        true
    }

    /// Same inside an array of objects, where only equal keys are used; `start` is [`Row::mark`] at
    /// the object.
    pub(super) fn accept_in_array(&mut self, key: KeyMatch, start: Mark) -> bool {
        let node = self.plan.trie.node(key.node);
        if !key.exact || !node.in_arrays {
            return false;
        }
        self.any_dotted |= node.dotted;
        self.forget_lists(key.node..node.end, start);
        true
    }

    /// Returns the current ends of the lists.
    pub(super) fn mark(&self) -> Mark {
        Mark { in_arrays: self.in_arrays.len(), beyond: self.beyond.len() }
    }

    pub(super) fn set(&mut self, node: NodeId, raw: &'de str) {
        self.slots[node as usize].raw = Some(raw);
    }

    pub(super) fn push_in_array(&mut self, node: NodeId, raw: &'de str) {
        self.in_arrays.push((node, raw));
    }

    /// Keeps the value of a dotted name that goes on beyond its node. If the same name occurs
    /// twice, the last value wins.
    pub(super) fn push_beyond(&mut self, key: KeyMatch, start: Mark, raw: &'de str) {
        let same = |found: &(NodeId, u64, &str)| (found.0, found.1) == (key.node, key.spelling);
        self.any_dotted |= self.plan.trie.node(key.node).dotted;
        remove_from(&mut self.beyond, start.beyond, same);
        self.beyond.push((key.node, key.spelling, raw));
    }

    /// Value of the field that ends at one of `ends`, which come in order of preference.
    pub(super) fn value(&self, ends: &[NodeId]) -> Option<&'de str> {
        let ends = if self.any_dotted { ends } else { &ends[..1] };
        ends.iter().find_map(|end| self.at(*end)?.raw)
    }

    /// Calls `found` with all values of the field as Elasticsearch names them: exact keys, in
    /// arrays too, in every way of writing the path.
    pub(super) fn values_everywhere(&self, ends: &[NodeId], mut found: impl FnMut(&'de str)) {
        let ends = if self.any_dotted { ends } else { &ends[..1] };
        for end in ends {
            if let Some(raw) = self.at(*end).filter(|slot| slot.exact_path).and_then(|slot| slot.raw) {
                found(raw);
            }
        }
        self.in_arrays.iter().filter(|(node, _)| ends.contains(node)).for_each(|(_, raw)| found(raw));
        self.beyond.iter().filter(|(node, ..)| ends.contains(node)).for_each(|(.., raw)| found(raw));
    }

    fn at(&self, node: NodeId) -> Option<&Slot<'de>> {
        self.slots.get(node as usize).filter(|slot| slot.epoch == self.epoch)
    }

    fn forget(&mut self, subtree: Range<NodeId>) {
        self.slots[subtree.start as usize..subtree.end as usize].fill(Slot::default());
        self.forget_lists(subtree, Mark::default());
    }

    fn forget_lists(&mut self, subtree: Range<NodeId>, start: Mark) {
        remove_from(&mut self.in_arrays, start.in_arrays, |(node, _)| subtree.contains(node));
        // a name that goes on beyond a node is not a member of the node's value
        let below = subtree.start + 1..subtree.end;
        remove_from(&mut self.beyond, start.beyond, |(node, ..)| below.contains(node));
    }
}

fn remove_from<T>(list: &mut Vec<T>, start: usize, removed: impl Fn(&T) -> bool) {
    if list.len() > start {
        let mut at = 0;
        list.retain(|found| {
            at += 1;
            at <= start || !removed(found)
        });
    }
}
