//! Members of JSON objects that have the same name, of which parsers silently keep one.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the first name that occurs twice in one object of `json`.
pub(super) fn repeated(json: &str) -> Option<String> {
    let json = json.trim_ascii_start();
    if json.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        return elements.into_iter().find_map(|element| repeated(element.get()));
    }
    // texts and numbers have no members
    let Members(members) = serde_json::from_str(json).ok()?;
    let mut names = HashSet::new();
    members.into_iter().find_map(|(name, value)| {
        if names.contains(&name) {
            return Some(name);
        }
        names.insert(name);
        repeated(value.get())
    })
}

/// All members of an object, in order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
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
