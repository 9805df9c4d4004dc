//! Shapes of records: what those that were rendered from the same template have in common.
//!
//! Few templates make most records of a log, and these differ only in their values. A record of a
//! known shape is read by comparing the text between its values with that of the shape.

use std::ops::Range;

use super::scan::Scanner;

/// Upper limit on the text of all shapes. Real blocks need a few KiB.
const MAX_TEXT: usize = 1 << 20;

/// Known shapes, as a tree: shapes that begin alike share nodes.
pub(super) struct Shapes<T> {
    nodes: Vec<Node<T>>,
    n_bytes: usize,
}

/// Place in a record after a literal text.
struct Node<T> {
    /// Uses of the value that begins here; `None` at the end of a record.
    uses: Option<Vec<T>>,
    /// Texts that may follow the value, the longest first, and the places after them.
    next: Vec<(Box<[u8]>, usize)>,
}

/// Value of a record: a text, a number, or a truth value.
#[derive(Debug)]
pub(super) struct Leaf<T> {
    /// Position of its first byte, the opening quote of a text.
    pub(super) start: usize,
    /// Position after its last byte.
    pub(super) end: usize,
    /// Uses of the value.
    pub(super) uses: Vec<T>,
}

impl<T: Copy> Shapes<T> {
    pub(super) fn new() -> Self {
        Shapes { nodes: vec![Node { uses: Some(Vec::new()), next: Vec::new() }], n_bytes: 0 }
    }

    /// Reads a record of a known shape; false if its shape is not known. `found` gets the values
    /// that have a use, in order.
    pub(super) fn read(&self, record: &str, mut found: impl FnMut(T, Range<usize>)) -> bool {
        let bytes = record.as_bytes();
        let (mut node, mut at) = (&self.nodes[0], 0);
        loop {
            let Some((literal, next)) = node.next.iter().find(|(literal, _)| bytes[at..].starts_with(literal)) else {
                return false;
            };
            at += literal.len();
            node = &self.nodes[*next];
            let Some(uses) = &node.uses else { return at == bytes.len() };
            let is_text = literal.ends_with(b"\"");
            let start = at - usize::from(is_text);
            let mut value = Scanner::at(record, at);
            let passed = if is_text { value.rest_of_string() } else { value.plain() };
            if passed.is_err() {
                return false;
            }
            // a closing quote is a part of the literal that follows
            at = value.position() - usize::from(is_text);
            for &used in uses {
                found(used, start..value.position());
            }
        }
    }

    /// Learns the shape of a record by its leaves, which come in order.
    pub(super) fn learn(&mut self, record: &str, leaves: Vec<Leaf<T>>) {
        self.n_bytes += record.len();
        if self.n_bytes > MAX_TEXT {
            return;
        }
        let bytes = record.as_bytes();
        let (mut node, mut at) = (0, 0);
        for Leaf { start, end, uses } in leaves {
            let is_text = bytes[start] == b'"';
            node = self.child(node, &bytes[at..start + usize::from(is_text)], Some(uses));
            at = end - usize::from(is_text);
        }
        self.child(node, &bytes[at..], None);
    }

    fn child(&mut self, node: usize, literal: &[u8], uses: Option<Vec<T>>) -> usize {
        if let Some((_, child)) = self.nodes[node].next.iter().find(|(known, _)| **known == *literal) {
            return *child;
        }
        let child = self.nodes.len();
        self.nodes.push(Node { uses, next: Vec::new() });
        // a number is followed by one text, and a text by another that begins like it
        let next = &mut self.nodes[node].next;
        let place = next.partition_point(|(known, _)| known.len() >= literal.len());
        next.insert(place, (literal.into(), child));
        child
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Uses are the positions of the leaves.
    fn leaves(record: &str) -> Vec<Leaf<usize>> {
        let mut places = Vec::new();
        Scanner::new(record).value(&mut |place| places.push(place)).unwrap();
        let leaf = |(idx, Range { start, end })| Leaf { start, end, uses: vec![idx] };
        places.into_iter().enumerate().map(leaf).collect()
    }

    fn read(shapes: &Shapes<usize>, record: &str) -> Option<Vec<(usize, String)>> {
        let mut found = Vec::new();
        shapes.read(record, |used, place| found.push((used, record[place].to_owned()))).then_some(found)
    }

    #[test]
    fn records_that_differ_in_their_values_have_one_shape() {
        let mut shapes = Shapes::new();
        let record = r#"{"a":"x","b":1,"c":[true,"\"é"],"d":null}"#;
        assert_eq!(read(&shapes, record), None);
        shapes.learn(record, leaves(record));
        let found = read(&shapes, r#"{"a":"","b":-2.5e1,"c":[false,"\\"],"d":null}"#).unwrap();
        let expected = [(0, r#""""#), (1, "-2.5e1"), (2, "false"), (3, r#""\\""#)];
        assert_eq!(found, expected.map(|(used, value)| (used, value.to_owned())));
        for other in [
            r#"{"a":"x","b":"1","c":[true,""],"d":null}"#,
            r#"{"a":"x","b":1,"c":[true,""],"d":1}"#,
            r#"{"a":"x","b":1,"c":[true,""],"d":null}}"#,
            r#"{"a":"x","b":1,"c":[true,""],"d":nul"#,
            r#"{"a":"x","b":01,"c":[true,""],"d":null}"#,
            r#"{"a":"x"#,
            "",
        ] {
            assert_eq!(read(&shapes, other), None, "{other}");
        }
    }

    #[test]
    fn what_is_learned_is_bounded() {
        let mut shapes = Shapes::new();
        for idx in 0..100_000 {
            let record = format!("{{\"{idx}\":\"{}\"}}", "x".repeat(100));
            shapes.learn(&record, leaves(&record));
        }
        assert!(shapes.nodes.len() < 30_000, "{}", shapes.nodes.len());
    }

    fn record() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![r#""""#, r#""x""#, r#""\"}""#, "1", "-0.5", "true", "null", "[]", "{}"]);
        let value = leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
            let key = prop::sample::select(vec!["a", "b", "#text", "é"]);
            let members = prop::collection::vec((key, inner.clone()), 0..3);
            prop_oneof![
                prop::collection::vec(inner, 0..3).prop_map(|list| format!("[{}]", list.join(","))),
                members.prop_map(|members| {
                    let members: Vec<String> =
                        members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        });
        value.prop_map(|value| format!("{{\"Event\":{value}}}"))
    }

    proptest! {
        #[test]
        fn a_known_shape_gives_all_leaves(records in prop::collection::vec(record(), 1..12)) {
            let mut shapes = Shapes::new();
            for record in &records {
                let expected: Vec<_> =
                    leaves(record).into_iter().map(|leaf| (leaf.uses[0], record[leaf.start..leaf.end].to_owned())).collect();
                if let Some(found) = read(&shapes, record) {
                    prop_assert_eq!(&found, &expected);
                }
                shapes.learn(record, leaves(record));
                prop_assert_eq!(read(&shapes, record), Some(expected));
            }
        }
    }
}
