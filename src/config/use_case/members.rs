//! Members of JSON objects that have the same name, of which parsers silently keep one.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Returns the first name that occurs twice in one object of `json`.
pub(super) fn repeated(json: &str) -> Option<String> {
    let mut found = None;
    let mut json = serde_json::Deserializer::from_str(json);
    let _ = Search(&mut found).deserialize(&mut json);
    found
}

/// Walk through a value that ends at the first repeated name.
struct Search<'f>(&'f mut Option<String>);

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                *self.0 = Some(name);
                return Err(A::Error::custom("a repeated name"));
            }
            map.next_value_seed(Search(self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Search(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_per_object() {
        for (json, expected) in [
            (r#"{"a":{"b":1},"c":[{"b":2.5},{"b":null}],"b":true}"#, None),
            (r#"{"must":{"a":1},"must":{"b":1}}"#, Some("must")),
            (r#"[{"x":{"y":1e400,"\u0079":"z"}}]"#, Some("y")),
            ("{", None),
        ] {
            assert_eq!(repeated(json).as_deref(), expected, "{json}");
        }
    }
}
