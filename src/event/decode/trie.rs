//! Wanted paths as a trie of object keys, numbered so that a subtree is a range of nodes.
//!
//! A path of `n` parts may be stored as nested objects, or with some of its dots inside a key
//! (`{"a.b": {"c": 1}}`). Each of these ways is a path of its own in the trie and ends at its own
//! node. Which of them is used is decided per row.

use std::collections::BTreeMap;

use outlier_kernels::ByteSet;

use crate::event::text::{FNV1A, fnv1a};

/// Upper limit on the parts of a path that is tried in all ways, because each part doubles the
/// ways. Longer paths are tried with at most one dotted key.
const MAX_PARTS_ALL_WAYS: usize = 8;

/// Upper limit on the bytes of a character.
const MAX_UTF8_BYTES: usize = 4;

/// Number of a node; the root is 0.
pub(super) type NodeId = u32;

/// The wanted paths, merged.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

/// A wanted key below its parent's.
#[derive(Debug)]
pub(super) struct Node {
    key: Box<str>,
    lower: Box<str>,
    /// of the lower-case key
    trace: u32,
    /// children, sorted by the length of their lower-case key
    children: Vec<NodeId>,
    /// children with keys of length `l` are `children[by_length[l]..by_length[l + 1]]`
    by_length: Vec<u32>,
    /// bytes that a key of a child may begin with, as written
    pub(super) starts: ByteSet,
    /// one past the last node of the subtree
    pub(super) end: NodeId,
    /// true if the value of this node itself is wanted
    pub(super) captured: bool,
    /// true if all leaves below are wanted
    leaves: bool,
    /// length of the longest key of a child below which all leaves are wanted
    longest_leaves: Option<usize>,
    /// true if the key is a literal key with dots in it
    pub(super) dotted: bool,
}

/// Returns the bytes that keys may begin with, as written, whose lower case is one of `lower`; most
/// keys of a document are ruled out by it. Bytes outside ASCII are always in the set, because their
/// lower case may begin otherwise; so are the first bytes of escapes and of empty keys.
pub(super) fn first_bytes<'a>(lower: impl Iterator<Item = &'a str>) -> ByteSet {
    let mut set = ByteSet::default();
    (0x80..=0xff).chain([b'\\', EMPTY_KEY]).for_each(|byte| set.insert(byte));
    for lower in lower {
        // names that go on beyond an empty key begin with a dot
        let first = lower.bytes().next().unwrap_or(b'.');
        set.insert(first);
        set.insert(first.to_ascii_uppercase());
    }
    set
}

/// Byte that an empty key begins with: its closing quote.
const EMPTY_KEY: u8 = b'"';

/// A node that a key of a document leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyMatch {
    pub(super) node: NodeId,
    /// true if the key is equal, false if it is equal only ignoring case
    pub(super) exact: bool,
    /// true if the key is a dotted name that goes on beyond the node, so that its value lies below
    /// the node
    pub(super) beyond: bool,
    /// distinguishes unequal spellings
    pub(super) spelling: u64,
}

/// Collects the wanted paths below one key; those of a whole trie below none.
#[derive(Debug, Default)]
pub(super) struct TrieBuilder {
    children: BTreeMap<String, TrieBuilder>,
    captured: bool,
    leaves: bool,
}

impl TrieBuilder {
    /// Adds the value at `keys` to the wanted ones.
    pub(super) fn add(&mut self, keys: &[String]) {
        self.end(keys).captured = true;
    }

    /// Adds all leaves at and below `keys` to the wanted ones.
    pub(super) fn add_leaves(&mut self, keys: &[String]) {
        let end = self.end(keys);
        (end.captured, end.leaves) = (true, true);
    }

    fn end(&mut self, keys: &[String]) -> &mut Self {
        keys.iter().fold(self, |builder, key| builder.children.entry(key.clone()).or_default())
    }

    pub(super) fn build(&self) -> Trie {
        let mut trie = Trie { nodes: Vec::new() };
        trie.push("", self);
        trie
    }
}

impl Trie {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// Returns the node at the end of `keys`, which must have been added.
    pub(super) fn find(&self, keys: &[String]) -> Option<NodeId> {
        keys.iter().try_fold(0, |node, key| {
            self.node(node).children.iter().copied().find(|child| *self.node(*child).key == **key)
        })
    }

    /// Calls `found` with each child of `parent` that `key` leads to, ignoring case.
    pub(super) fn match_key(&self, parent: NodeId, key: &str, mut found: impl FnMut(KeyMatch)) {
        let parent = self.node(parent);
        self.match_equal(parent, key, &mut found);
        let Some(longest) = parent.longest_leaves else { return };
        let mut spelling = None;
        // a key may consist of dots, so no more of them are looked at than a wanted key reaches
        let starts = key.bytes().take(longest + 1).enumerate().filter(|(_, byte)| *byte == b'.');
        for (dot, _) in starts {
            self.match_equal(parent, &key[..dot], &mut |start| {
                if start.exact && self.node(start.node).leaves {
                    let spelling = *spelling.get_or_insert_with(|| fnv1a(FNV1A, key.as_bytes()));
                    found(KeyMatch { beyond: true, spelling, ..start });
                }
            });
        }
    }

    /// False if [`Self::match_key`] finds nothing at the top level for any key that begins with
    /// `prefix`.
    pub(super) fn may_begin(&self, prefix: &str) -> bool {
        let (root, prefix) = (self.node(0), lower_case(prefix));
        let is_shared = |key: &str| key.starts_with(&prefix) || prefix.starts_with(key);
        root.children.iter().any(|child| is_shared(&self.node(*child).lower))
    }

    fn match_equal(&self, parent: &Node, key: &str, found: &mut impl FnMut(KeyMatch)) {
        // in lower case, a character has at least one byte
        let first = key.bytes().next().unwrap_or(EMPTY_KEY);
        if !parent.starts.contains(first) || key.len() > MAX_UTF8_BYTES * parent.by_length.len() {
            return;
        }
        if key.is_ascii() {
            // lower-casing ASCII keeps the length
            let Some([start, end]) = parent.by_length.get(key.len()..key.len() + 2).and_then(|w| w.first_chunk())
            else {
                return;
            };
            let trace = trace(key);
            for &child in &parent.children[*start as usize..*end as usize] {
                let node = self.node(child);
                if node.trace == trace && (*node.key == *key || key.eq_ignore_ascii_case(&node.lower)) {
                    found(node.matched(child, key));
                }
            }
            return;
        }
        let lower = lower_case(key);
        for &child in &parent.children {
            let node = self.node(child);
            if *node.lower == *lower {
                found(node.matched(child, key));
            }
        }
    }

    fn push(&mut self, key: &str, wanted: &TrieBuilder) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(Node {
            key: key.into(),
            lower: lower_case(key).into(),
            trace: trace(&lower_case(key)),
            children: Vec::new(),
            by_length: Vec::new(),
            starts: ByteSet::default(),
            end: 0,
            captured: wanted.captured,
            leaves: wanted.leaves,
            longest_leaves: wanted.children.iter().filter(|(_, child)| child.leaves).map(|(key, _)| key.len()).max(),
            dotted: key.contains('.'),
        });
        let mut children: Vec<NodeId> = wanted.children.iter().map(|(key, child)| self.push(key, child)).collect();
        let length = |child: &NodeId| self.node(*child).lower.len();
        children.sort_by_key(length);
        let longest = children.last().map_or(0, length);
        let start = |least: usize| children.partition_point(|child| length(child) < least) as u32;
        let by_length = (0..=longest + 1).map(start).collect();
        let starts = first_bytes(children.iter().map(|child| &*self.node(*child).lower));
        let end = self.nodes.len() as NodeId;
        let node = &mut self.nodes[id];
        (node.children, node.by_length, node.starts, node.end) = (children, by_length, starts, end);
        id as NodeId
    }
}

impl Node {
    pub(super) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }

    fn matched(&self, node: NodeId, key: &str) -> KeyMatch {
        let exact = *self.key == *key;
        KeyMatch { node, exact, beyond: false, spelling: if exact { 0 } else { fnv1a(FNV1A, key.as_bytes()) } }
    }
}

/// Four bytes of a key, in which the case of letters of ASCII is lost: most keys of the same length
/// differ in them.
fn trace(key: &str) -> u32 {
    let key = key.as_bytes();
    let byte = |at: usize| key.get(at).map_or(0, |byte| byte | 0x20);
    let last = key.len().saturating_sub(1);
    u32::from_le_bytes([byte(0), byte(last / 3), byte(last / 2), byte(last)])
}

/// Lower-cases character by character, as [`crate::event::equal_ignoring_case`] compares.
fn lower_case(key: &str) -> String {
    key.chars().flat_map(char::to_lowercase).collect()
}

/// Ways to write a path as object keys, in order of preference.
///
/// First come the ways with the first part as a key of its own and the rest in any way, then those
/// with first keys that hold several parts with their dots, the longest first. This is the rule of
/// [`crate::event::lookup()`].
pub(super) fn ways(parts: &[&str]) -> Vec<Vec<String>> {
    if parts.len() > MAX_PARTS_ALL_WAYS {
        let nested = parts.iter().map(ToString::to_string).collect();
        return std::iter::once(nested).chain(ways_with_one_dotted_key(parts)).collect();
    }
    let n_firsts = std::iter::once(1).chain((2..=parts.len()).rev());
    n_firsts.flat_map(|n| ways_after(parts[..n].join("."), &parts[n..])).collect()
}

fn ways_after(first: String, rest: &[&str]) -> Vec<Vec<String>> {
    if rest.is_empty() {
        return vec![vec![first]];
    }
    ways(rest).into_iter().map(|keys| [vec![first.clone()], keys].concat()).collect()
}

fn ways_with_one_dotted_key(parts: &[&str]) -> impl Iterator<Item = Vec<String>> {
    (0..parts.len()).rev().flat_map(move |start| {
        (start + 2..=parts.len()).rev().map(move |end| {
            let nested = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
            [nested(&parts[..start]), vec![parts[start..end].join(".")], nested(&parts[end..])].concat()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_ways(path: &str, expected: &[&str]) {
        let parts: Vec<&str> = path.split('.').collect();
        let found: Vec<String> = ways(&parts).iter().map(|keys| keys.join("/")).collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn ways_come_in_order_of_preference() {
        check_ways("a", &["a"]);
        check_ways("a.b", &["a/b", "a.b"]);
        check_ways("a.b.c", &["a/b/c", "a/b.c", "a.b.c", "a.b/c"]);
        check_ways(
            "a.b.c.d",
            &["a/b/c/d", "a/b/c.d", "a/b.c.d", "a/b.c/d", "a.b.c.d", "a.b.c/d", "a.b/c/d", "a.b/c.d"],
        );
    }

    #[test]
    fn long_paths_stay_small() {
        let parts = vec!["x"; 40];
        assert_eq!(ways(&parts).len(), 1 + 39 * 40 / 2);
    }

    #[test]
    fn keys_match_ignoring_case_and_report_exactness() {
        let mut builder = TrieBuilder::default();
        for key in ["Host", "host", "größe", "k", "hosts"] {
            builder.add(&[key.to_owned()]);
        }
        let trie = builder.build();
        let names = |key: &str| {
            let mut found = Vec::new();
            trie.match_key(0, key, |m| found.push((trie.node(m.node).key.to_string(), m.exact)));
            found.sort();
            found
        };
        let owned = |list: &[(&str, bool)]| list.iter().map(|(k, e)| (k.to_string(), *e)).collect::<Vec<_>>();
        assert_eq!(names("host"), owned(&[("Host", false), ("host", true)]));
        assert_eq!(names("HOSTS"), owned(&[("hosts", false)]));
        assert_eq!(names("GRÖSSE"), owned(&[]));
        assert_eq!(names("GRÖßE"), owned(&[("größe", false)]));
        assert_eq!(names("\u{212a}"), owned(&[("k", false)]), "the Kelvin sign is a k");
        assert_eq!(names("hos"), owned(&[]));
        assert_eq!(names(&"x".repeat(900)), owned(&[]));
    }

    #[test]
    fn dotted_keys_lead_to_the_leaves_below_their_beginnings() {
        let mut builder = TrieBuilder::default();
        for key in ["a", "a.b", "größe", "\u{130}x"] {
            builder.add_leaves(&[key.to_owned()]);
        }
        builder.add(&["value.only".to_owned()]);
        let trie = builder.build();
        let beyond = |key: &str| {
            let mut found = Vec::new();
            trie.match_key(0, key, |m| found.extend(m.beyond.then(|| trie.node(m.node).key.to_string())));
            found
        };
        assert_eq!(beyond("a.b.c"), ["a", "a.b"]);
        assert_eq!(beyond("a.b"), ["a"]);
        assert_eq!(beyond("a."), ["a"]);
        assert_eq!(beyond("größe.x"), ["größe"]);
        assert_eq!(beyond("\u{130}x.y"), ["\u{130}x"], "its lower-case form is longer");
        for key in ["A.b", "b.a", ".a", "a", "value.only.x", "GRÖßE.x"] {
            assert_eq!(beyond(key), Vec::<String>::new(), "{key}");
        }
        // far beyond the longest wanted key
        for key in [".".repeat(16 << 20), "É.".repeat(4 << 20)] {
            assert_eq!(beyond(&key), Vec::<String>::new());
        }
        assert_eq!(beyond(&"a.".repeat(8 << 20)), ["a"]);
    }

    #[test]
    fn keys_are_found_whose_lower_case_form_has_another_length() {
        let mut builder = TrieBuilder::default();
        ["kkkk", "i\u{307}"].iter().for_each(|key| builder.add(&[(*key).to_owned()]));
        let trie = builder.build();
        let is_found = |key: &str| {
            let mut is_found = false;
            trie.match_key(0, key, |_| is_found = true);
            is_found
        };
        assert!(is_found("\u{212a}\u{212a}\u{212a}\u{212a}"), "12 bytes for 4");
        assert!(is_found("\u{130}"), "2 bytes for 3");
        assert!(!is_found(&"\u{212a}".repeat(100)));
    }
}
