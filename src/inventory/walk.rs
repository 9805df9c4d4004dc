//! Values of an event with their paths, without a tree in memory: an event may be as large as it
//! likes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::statistics::Leaf;

/// Upper limit on the bytes of a name that counts: nobody means a longer one.
const MOST_NAME_BYTES: usize = 255;

/// Key under which `serde_json` gives, as text, a number that is not a small integer.
const NUMBER: &str = "$serde_json::private::Number";

/// Receiver of the values of an event.
pub(super) trait Leaves {
    /// Takes a value of the field `name`.
    fn leaf(&mut self, name: &str, leaf: Leaf<'_>);

    /// Notes a value whose name is too long.
    fn too_long(&mut self);
}

/// Gives the values of the event `text` to `leaves`. Elements of lists are values of the field that
/// holds the list; null, and objects and lists without a value, are none.
///
/// # Errors
/// Text that is not JSON.
pub(super) fn walk(text: &str, leaves: &mut dyn Leaves) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Node { path: &mut String::new(), is_too_long: false, leaves }.deserialize(&mut reader)
}

/// A value of any kind at a path.
struct Node<'a> {
    path: &'a mut String,
    is_too_long: bool,
    leaves: &'a mut dyn Leaves,
}

impl Node<'_> {
    fn leaf(self, leaf: Leaf<'_>) {
        if self.is_too_long {
            self.leaves.too_long();
        } else if !self.path.is_empty() {
            self.leaves.leaf(self.path, leaf);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(Leaf::Boolean(if value { "true" } else { "false" }));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.leaf(Leaf::Number(&value.to_string()));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.leaf(Leaf::Number(&value.to_string()));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.leaf(Leaf::Text(value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Node { path, is_too_long, leaves } = self;
        while elements.next_element_seed(Node { path: &mut *path, is_too_long, leaves: &mut *leaves })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Node { path, is_too_long, leaves } = self;
        let n_above = path.len();
        loop {
            path.truncate(n_above);
            let Some(key) = members.next_key_seed(Key { path: &mut *path, is_too_long })? else { return Ok(()) };
            if key == KeyKind::Number {
                let Text(number) = members.next_value()?;
                let node = Node { path: &mut *path, is_too_long, leaves: &mut *leaves };
                node.leaf(Leaf::Number(&number));
                continue;
            }
            let is_too_long = key == KeyKind::TooLong;
            members.next_value_seed(Node { path: &mut *path, is_too_long, leaves: &mut *leaves })?;
        }
    }
}

/// Key of an object, which is added to the path.
struct Key<'a> {
    path: &'a mut String,
    is_too_long: bool,
}

#[derive(PartialEq, Eq)]
enum KeyKind {
    Name,
    TooLong,
    /// The object stands for a number.
    Number,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = KeyKind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<KeyKind, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = KeyKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<KeyKind, E> {
        if key == NUMBER {
            return Ok(KeyKind::Number);
        }
        if self.is_too_long || self.path.len() + key.len() >= MOST_NAME_BYTES {
            return Ok(KeyKind::TooLong);
        }
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        Ok(KeyKind::Name)
    }
}

/// Text of a number; of anything else that has the key of numbers, nothing.
struct Text(String);

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Text(text)),
            _ => Ok(Text(String::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Found(Vec<String>, usize);

    impl Leaves for Found {
        fn leaf(&mut self, name: &str, leaf: Leaf<'_>) {
            self.0.push(format!("{name}={leaf:?}"));
        }

        fn too_long(&mut self) {
            self.1 += 1;
        }
    }

    fn found(text: &str) -> (Vec<String>, usize) {
        let mut found = Found::default();
        walk(text, &mut found).unwrap();
        (found.0, found.1)
    }

    #[test]
    fn every_value_comes_with_its_path() {
        let text = r#"{"a": {"b": "x\n", "c": [1, {"d": 2.50}, [true, null]]}, "e.f": -1e-5, "g": {}, "h": []}"#;
        let expected = ["a.b=Text(\"x\\n\")", "a.c=Number(\"1\")", "a.c.d=Number(\"2.50\")", "a.c=Boolean(\"true\")"];
        let (leaves, _) = found(text);
        assert_eq!(leaves[..4], expected);
        assert_eq!(leaves[4..], ["e.f=Number(\"-1e-5\")"]);
        assert_eq!(found("5"), (Vec::new(), 0));
    }

    #[test]
    fn long_names_are_counted_and_others_go_on() {
        let long = "k".repeat(300);
        let text = format!(r#"{{"{long}": {{"a": [1, 2]}}, "b": {{"{long}": "x", "c": 1}}, "d": "y"}}"#);
        assert_eq!(found(&text), (vec!["b.c=Number(\"1\")".to_owned(), "d=Text(\"y\")".to_owned()], 3));
        let deep = format!("{}1{}", "{\"kk\":".repeat(120), "}".repeat(120));
        assert_eq!(found(&deep), (Vec::new(), 1));
    }

    #[test]
    fn keys_of_the_library_do_no_harm() {
        for value in ["\"7\"", "[1]", "{\"a\": 1}"] {
            let text = format!(r#"{{"a": {{"{NUMBER}": {value}, "b": "x"}}, "{NUMBER}": {value}, "c": "y"}}"#);
            assert!(found(&text).0.contains(&"c=Text(\"y\")".to_owned()), "{value}");
        }
    }
}
