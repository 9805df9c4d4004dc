//! Field types, from the JSON of `GET index/_mapping`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How values of a field are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// By the type of the value itself; strings as keywords.
    Unknown,
    /// As a whole, with case; longer values are not searchable.
    Keyword {
        /// Longest value in characters.
        ignore_above: Option<usize>,
    },
    /// As words.
    Text,
    /// As a number.
    Number,
    /// As a time.
    Date,
    /// As an address.
    Ip,
    /// As `true` or `false`.
    Boolean,
}

/// The field types of some indices.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    fields: BTreeMap<String, FieldType>,
    aliases: BTreeMap<String, String>,
}

impl Mapping {
    /// Reads the JSON of `GET index/_mapping`, for one or several indices, or the `properties` alone.
    ///
    /// # Errors
    /// What is no mapping, and fields that have different types in different indices.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let parsed: Value = serde_json::from_slice(json).map_err(|error| format!("not JSON: {error}"))?;
        let mut mapping = Mapping::default();
        let top = parsed.as_object().ok_or("not an object")?;
        let mut n_found = 0;
        if let Some(properties) = properties(&parsed) {
            mapping.add("", properties)?;
            n_found += 1;
        }
        for properties in top.values().filter_map(properties) {
            mapping.add("", properties)?;
            n_found += 1;
        }
        if n_found == 0 {
            Err("no field types in it: expected {index: {mappings: {properties: ...}}}".to_owned())
        } else {
            Ok(mapping)
        }
    }

    /// The field that a name means, and its type: aliases lead to their field, `x.keyword` of an unmapped sub-field means `x`.
    pub(super) fn resolve(&self, name: &str) -> (String, FieldType) {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        if let Some(field_type) = self.fields.get(name) {
            let parent =
                name.rsplit_once('.').filter(|(parent, _)| self.is_multi_field(parent)).map(|(parent, _)| parent);
            return (parent.unwrap_or(name).to_owned(), field_type.clone());
        }
        match name.strip_suffix(".keyword") {
            Some(parent) => (parent.to_owned(), FieldType::Keyword { ignore_above: None }),
            None => (name.to_owned(), FieldType::Unknown),
        }
    }

    /// Whether something below `name` is another view of its value.
    fn is_multi_field(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    fn add(&mut self, prefix: &str, properties: &Map<String, Value>) -> Result<(), String> {
        for (name, field) in properties {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if let Some(inner) = field.get("properties").and_then(Value::as_object) {
                self.add(&path, inner)?;
                continue;
            }
            if field.get("type").and_then(Value::as_str) == Some("alias") {
                let target = field.get("path").and_then(Value::as_str).unwrap_or_default();
                self.aliases.insert(path, target.to_owned());
                continue;
            }
            self.insert(&path, field_type(field))?;
            for (sub, sub_field) in field.get("fields").and_then(Value::as_object).into_iter().flatten() {
                self.insert(&format!("{path}.{sub}"), field_type(sub_field))?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, field_type: FieldType) -> Result<(), String> {
        match self.fields.insert(path.to_owned(), field_type.clone()) {
            Some(known) if known != field_type => {
                Err(format!("field {path} has different types in different indices: {known:?} and {field_type:?}"))
            }
            _ => Ok(()),
        }
    }
}

fn properties(index: &Value) -> Option<&Map<String, Value>> {
    let mappings = index.get("mappings").unwrap_or(index);
    let direct = mappings.get("properties").and_then(Value::as_object);
    // Elasticsearch before 7 has a document type in between
    direct.or_else(|| {
        let types = mappings.as_object().filter(|types| types.len() == 1)?;
        types.values().next()?.get("properties")?.as_object()
    })
}

fn field_type(field: &Value) -> FieldType {
    let number = |key: &str| field.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    match field.get("type").and_then(Value::as_str).unwrap_or("object") {
        "keyword" | "constant_keyword" | "wildcard" | "flattened" | "flat_object" | "version" => {
            FieldType::Keyword { ignore_above: number("ignore_above") }
        }
        "text" | "match_only_text" | "search_as_you_type" => FieldType::Text,
        "long" | "integer" | "short" | "byte" | "double" | "float" | "half_float" | "scaled_float"
        | "unsigned_long" => FieldType::Number,
        "date" | "date_nanos" => FieldType::Date,
        "ip" => FieldType::Ip,
        "boolean" => FieldType::Boolean,
        _ => FieldType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_read_from_all_indices() {
        let mapping = json!({"i1": {"mappings": {"properties": {
            "a": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
            "o": {"properties": {"ip": {"type": "ip"}, "n": {"type": "long"}}},
            "al": {"type": "alias", "path": "o.n"}
        }}}, "i2": {"mappings": {"properties": {"t": {"type": "date"}}}}});
        let mapping = Mapping::parse(mapping.to_string().as_bytes()).unwrap();
        let check = |name: &str, field: &str, field_type: FieldType| {
            assert_eq!(mapping.resolve(name), (field.to_owned(), field_type), "{name}");
        };
        check("a", "a", FieldType::Text);
        check("a.keyword", "a", FieldType::Keyword { ignore_above: Some(256) });
        check("o.ip", "o.ip", FieldType::Ip);
        check("al", "o.n", FieldType::Number);
        check("t", "t", FieldType::Date);
        check("x.keyword", "x", FieldType::Keyword { ignore_above: None });
        check("x", "x", FieldType::Unknown);
    }

    #[test]
    fn what_is_no_mapping_is_said() {
        for (json, part) in [
            ("x", "not JSON"),
            ("[]", "not an object"),
            ("{}", "no field types"),
            (
                r#"{"a":{"mappings":{"properties":{"f":{"type":"ip"}}}},"b":{"mappings":{"properties":{"f":{"type":"long"}}}}}"#,
                "different types",
            ),
        ] {
            let error = Mapping::parse(json.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
