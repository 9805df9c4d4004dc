//! Raw JSON texts that a walk through one document finds at the nodes of the trie.

use std::collections::HashMap;
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
    in_arrays: Vec<InArray<'de>>,
    /// keys used so far of the objects in arrays that the walk is in
    used: Vec<UsedKey>,
    /// values of dotted names that go on beyond a node
    beyond: Vec<Beyond<'de>>,
    /// latest place in `beyond` of each node and hash of the name's spelling
    latest_beyond: HashMap<(NodeId, u64), usize>,
    any_dotted: bool,
    /// nodes that got a value, perhaps several times, and perhaps one that was replaced
    touched: Vec<NodeId>,
}

/// See [`Row::mark`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    in_arrays: usize,
    used: usize,
    beyond: usize,
}

/// Node of values that were replaced. They stay in their lists, so that marks stay valid.
const REPLACED: NodeId = NodeId::MAX;

/// Value of a dotted name that goes on beyond a node.
#[derive(Clone, Copy, Debug)]
struct Beyond<'de> {
    node: NodeId,
    raw: &'de str,
}

/// Value inside an array of objects.
#[derive(Clone, Copy, Debug)]
struct InArray<'de> {
    node: NodeId,
    exact_path: bool,
    raw: &'de str,
}

/// Key of an object in an array whose value is used.
#[derive(Clone, Copy, Debug)]
struct UsedKey {
    node: NodeId,
    exact: bool,
    spelling: u64,
    /// ends of the lists when the walk came to its value
    start: Mark,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot<'de> {
    epoch: u32,
    exact_key: bool,
    exact_path: bool,
    spelling: u64,
    raw: Option<&'de str>,
    /// ends of the lists when the walk came to the value
    start: Mark,
}

impl<'p, 'de> Row<'p, 'de> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            epoch: 0,
            slots: vec![Slot::default(); plan.trie.len()],
            in_arrays: Vec::new(),
            used: Vec::new(),
            beyond: Vec::new(),
            latest_beyond: HashMap::new(),
            any_dotted: false,
            touched: Vec::new(),
        }
    }

    /// Nodes that may have values.
    pub(super) fn touched(&self) -> &[NodeId] {
        &self.touched
    }

    /// Clears the texts of the previous document.
    pub(super) fn start(&mut self) {
        if self.epoch == u32::MAX {
            self.slots.fill(Slot::default());
            self.epoch = 0;
        }
        self.epoch += 1;
        self.in_arrays.clear();
        self.used.clear();
        self.beyond.clear();
        self.latest_beyond.clear();
        self.any_dotted = false;
        self.touched.clear();
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
            self.forget(key.node..node.end, seen.start);
        }
        self.any_dotted |= node.dotted;
        self.slots[key.node as usize] = Slot {
            epoch: self.epoch,
            exact_key: key.exact,
            exact_path: key.exact && exact_parent,
            spelling: key.spelling,
            raw: None,
            start: self.mark(),
        };
        true
    }

    /// Same inside an array of objects; `start` is [`Row::mark`] at the object.
    pub(super) fn accept_in_array(&mut self, key: KeyMatch, start: Mark) -> bool {
        let node = self.plan.trie.node(key.node);
        let used = UsedKey { node: key.node, exact: key.exact, spelling: key.spelling, start: self.mark() };
        match self.used[start.used..].iter_mut().find(|seen| seen.node == key.node) {
            Some(seen) if !key.exact && (seen.exact || seen.spelling != key.spelling) => return false,
            Some(seen) => {
                let before = std::mem::replace(seen, used);
                self.forget_lists(key.node..node.end, before.start);
            }
            None => self.used.push(used),
        }
        self.any_dotted |= node.dotted;
        true
    }

    /// Returns the current ends of the lists.
    pub(super) fn mark(&self) -> Mark {
        Mark { in_arrays: self.in_arrays.len(), used: self.used.len(), beyond: self.beyond.len() }
    }

    /// Leaves an object in an array that began at `start`.
    pub(super) fn leave(&mut self, start: Mark) {
        self.used.truncate(start.used);
    }

    pub(super) fn set(&mut self, node: NodeId, raw: &'de str) {
        self.touched.push(node);
        self.slots[node as usize].raw = Some(raw);
    }

    pub(super) fn push_in_array(&mut self, node: NodeId, exact_path: bool, raw: &'de str) {
        self.touched.push(node);
        self.in_arrays.push(InArray { node, exact_path, raw });
    }

    /// Keeps the value of a dotted name that goes on beyond its node. If the same name occurs
    /// twice, the last value wins.
    pub(super) fn push_beyond(&mut self, key: KeyMatch, start: Mark, raw: &'de str) {
        self.any_dotted |= self.plan.trie.node(key.node).dotted;
        let before = self.latest_beyond.insert((key.node, key.spelling), self.beyond.len());
        if let Some(before) = before.filter(|before| *before >= start.beyond) {
            self.beyond[before].node = REPLACED;
        }
        self.touched.push(key.node);
        self.beyond.push(Beyond { node: key.node, raw });
    }

    /// Value of the field that ends at one of `ends`, which come in order of preference.
    pub(super) fn value(&self, ends: &[NodeId]) -> Option<&'de str> {
        let ends = if self.any_dotted { ends } else { &ends[..1] };
        ends.iter().find_map(|end| self.at(*end)?.raw)
    }

    /// Values of the field inside arrays of objects, in the order of the document and in every way
    /// of writing the path.
    pub(super) fn values_in_arrays(&self, ends: &[NodeId]) -> impl Iterator<Item = &'de str> {
        self.in_arrays.iter().filter(|found| ends.contains(&found.node)).map(|found| found.raw)
    }

    /// Calls `found` with all values of the field: in arrays too, in every way of writing the path.
    /// Values at exactly this path hide those whose keys differ in case.
    pub(super) fn values_everywhere(&self, ends: &[NodeId], mut found: impl FnMut(&'de str)) {
        let ends = if self.any_dotted { ends } else { &ends[..ends.len().min(1)] };
        let mut any = false;
        self.values_spelled(ends, Spelling::Exact, &mut |raw| {
            any = true;
            found(raw);
        });
        for value in self.beyond.iter().filter(|value| ends.contains(&value.node)) {
            any = true;
            found(value.raw);
        }
        if !any {
            self.values_spelled(ends, Spelling::InAnotherCase, &mut found);
        }
    }

    fn values_spelled(&self, ends: &[NodeId], spelling: Spelling, found: &mut impl FnMut(&'de str)) {
        let is_exact = spelling == Spelling::Exact;
        let slots = ends.iter().filter_map(|end| self.at(*end)).filter(|slot| slot.exact_path == is_exact);
        slots.filter_map(|slot| slot.raw).for_each(&mut *found);
        let in_arrays = self.in_arrays.iter().filter(|found| found.exact_path == is_exact);
        in_arrays.filter(|found| ends.contains(&found.node)).for_each(|value| found(value.raw));
    }

    /// True if the document has the field, with any value.
    pub(super) fn has(&self, ends: &[NodeId]) -> bool {
        self.value(ends).is_some() || self.values_in_arrays(ends).next().is_some()
    }

    fn at(&self, node: NodeId) -> Option<&Slot<'de>> {
        self.slots.get(node as usize).filter(|slot| slot.epoch == self.epoch)
    }

    /// Forgets a value that was found from `start` on.
    fn forget(&mut self, subtree: Range<NodeId>, start: Mark) {
        self.slots[subtree.start as usize..subtree.end as usize].fill(Slot::default());
        self.forget_lists(subtree, start);
    }

    fn forget_lists(&mut self, subtree: Range<NodeId>, start: Mark) {
        let replaced = self.in_arrays[start.in_arrays..].iter_mut().filter(|value| subtree.contains(&value.node));
        replaced.for_each(|value| value.node = REPLACED);
        // a name that goes on beyond a node is not a member of the node's value
        let below = subtree.start + 1..subtree.end;
        let replaced = self.beyond[start.beyond..].iter_mut().filter(|value| below.contains(&value.node));
        replaced.for_each(|value| value.node = REPLACED);
    }
}

/// Spelling of the keys that lead to a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Exact,
    InAnotherCase,
}
