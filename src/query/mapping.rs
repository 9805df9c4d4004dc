//! Types of fields, read from the JSON of `GET index/_mapping`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::words::Analyzer;
use crate::event::time::{MICROS_PER_MILLI, TimeFormats};

/// Type of a field, which decides how its values are compared.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldType {
    /// Unknown type: each value is compared by its own type, strings as `keyword`.
    Untyped,
    /// Several fields of unknown type. Patterns match strings only, because an index has no
    /// patterns on numbers.
    Mixed,
    /// The whole value; case is kept.
    Keyword {
        /// Upper limit on the characters of a value; longer values are not indexed.
        ignore_above: Option<usize>,
        /// True if values are converted to lower case (`normalizer: lowercase`).
        lowercase: bool,
    },
    /// The same value for every event.
    Constant(String),
    /// Words, as the analyzer makes them.
    Text(Analyzer),
    /// A number.
    Number(NumberKind),
    /// A time in these formats; without formats, a time as a `date` field reads it by default.
    Date(DateResolution, TimeFormats),
    /// Unknown type, but the field is known to hold times: what can be compared as times is.
    Time(TimeFormats),
    /// An IP address.
    Ip,
    /// A boolean.
    Boolean,
    /// Searchable in Elasticsearch but not in files; the text says why.
    Opaque(String),
    /// Only existence can be tested, in Elasticsearch too; the text says why.
    Unsearchable(String),
}

/// Storage of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NumberKind {
    /// Integers; fractions are truncated.
    Whole,
    /// 64-bit floats.
    Double,
    /// 32-bit floats.
    Single,
    /// Numbers rounded to a multiple of `1 / factor`.
    Scaled(f64),
}

/// Resolution of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateResolution {
    /// Whole milliseconds.
    Millis,
    /// Nanoseconds, compared in microseconds.
    Nanos,
}

impl DateResolution {
    /// Truncates a time in microseconds.
    pub(super) fn truncate(self, micros: i64) -> i64 {
        match self {
            DateResolution::Millis => micros.div_euclid(MICROS_PER_MILLI) * MICROS_PER_MILLI,
            DateResolution::Nanos => micros,
        }
    }
}

/// Fields of one or several indices.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    fields: BTreeMap<String, Field>,
}

/// A field: the paths its values come from, and the type that decides how they are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) sources: Vec<String>,
    pub(super) field_type: FieldType,
}

impl Mapping {
    /// Reads the reply of `GET index/_mapping` for one or several indices, or a bare
    /// `{"properties": ...}`.
    ///
    /// If a field has different types in different indices, only its existence can be tested.
    ///
    /// # Errors
    /// Fails if the JSON is not a mapping.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let reply: Value = serde_json::from_slice(json).map_err(|error| format!("not JSON: {error}"))?;
        let top = reply.as_object().ok_or("not a JSON object")?;
        let mut mapping = Mapping::default();
        let mut found = false;
        for properties in properties_of(&reply).into_iter().chain(top.values().filter_map(properties_of)) {
            let mut index = Index::default();
            index.add("", properties, None);
            mapping.merge(index.finish());
            found = true;
        }
        // an index without documents has `"mappings": {}`
        let empty = top
            .values()
            .any(|index| index.get("mappings").is_some_and(|mappings| mappings.as_object().is_some_and(Map::is_empty)));
        if found || empty {
            Ok(mapping)
        } else {
            Err("no field types in it: expected {\"index\": {\"mappings\": {\"properties\": {..}}}}".to_owned())
        }
    }

    /// Returns the field of this name. A field below one that cannot be searched cannot be searched
    /// either. An unknown field is untyped; `name.keyword` then stands for the exact value of
    /// `name`.
    pub(super) fn field(&self, name: &str) -> Field {
        if let Some(field) = self.fields.get(name) {
            return field.clone();
        }
        let parent = name.match_indices('.').map(|(at, _)| &name[..at]).find_map(|parent| self.fields.get(parent));
        match parent.map(|parent| &parent.field_type) {
            Some(field_type @ (FieldType::Opaque(_) | FieldType::Unsearchable(_))) => {
                Field { sources: vec![name.to_owned()], field_type: field_type.clone() }
            }
            _ => untyped(name),
        }
    }

    /// Returns the formats that the mapping names for the times of a field; `None` if it names
    /// none, or the default ones.
    pub fn time_formats(&self, name: &str) -> Option<TimeFormats> {
        match self.field(name).field_type {
            FieldType::Date(_, formats) if !formats.is_empty() => Some(formats),
            _ => None,
        }
    }

    /// Returns all searchable fields whose names pass `is_wanted`.
    pub(super) fn fields(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for (name, field) in &self.fields {
            if is_wanted(name) && !matches!(field.field_type, FieldType::Unsearchable(_)) && !fields.contains(field) {
                fields.push(field.clone());
            }
        }
        fields
    }

    fn merge(&mut self, index: BTreeMap<String, Field>) {
        for (name, field) in index {
            let known = self.fields.entry(name).or_insert_with(|| field.clone());
            if *known != field {
                let reason = format!(
                    "it is {} in one index and {} in another",
                    known.field_type.name(),
                    field.field_type.name()
                );
                known.field_type = FieldType::Opaque(reason);
            }
        }
    }
}

impl FieldType {
    /// Name of the type in messages.
    pub(super) fn name(&self) -> &str {
        match self {
            FieldType::Untyped | FieldType::Mixed => "untyped",
            FieldType::Keyword { .. } => "a keyword",
            FieldType::Constant(_) => "a constant keyword",
            FieldType::Text(_) => "text",
            FieldType::Number(_) => "a number",
            FieldType::Date(..) | FieldType::Time(_) => "a date",
            FieldType::Ip => "an ip",
            FieldType::Boolean => "a boolean",
            FieldType::Opaque(_) | FieldType::Unsearchable(_) => "of another type",
        }
    }
}

/// Returns a field of unknown type. `x.keyword` is Elasticsearch's name for the exact form of the
/// string `x`.
pub(super) fn untyped(name: &str) -> Field {
    let source = name.strip_suffix(".keyword").filter(|name| !name.is_empty()).unwrap_or(name);
    Field { sources: vec![source.to_owned()], field_type: FieldType::Untyped }
}

/// Fields of one index while it is read.
#[derive(Default)]
struct Index {
    fields: BTreeMap<String, Field>,
    aliases: Vec<(String, String)>,
    /// (from, to) of `copy_to`
    copies: Vec<(String, String)>,
}

impl Index {
    /// Adds the fields of `properties`; `opaque` says why nothing below can be searched.
    fn add(&mut self, prefix: &str, properties: &Map<String, Value>, opaque: Option<&str>) {
        for (name, definition) in properties {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let kind = text(definition, "type");
            let opaque = match kind {
                Some("nested") => Some("it is inside a nested object, which only a nested query reaches"),
                _ => opaque,
            };
            match (definition.get("properties").and_then(Value::as_object), kind) {
                (Some(inner), _) => self.add(&path, inner, opaque),
                (None, None | Some("object")) => {}
                (None, Some("alias")) => {
                    self.aliases.push((path, text(definition, "path").unwrap_or_default().to_owned()));
                }
                (None, Some(_)) => self.add_field(&path, definition, opaque),
            }
        }
    }

    fn add_field(&mut self, path: &str, definition: &Value, opaque: Option<&str>) {
        let field_type = |definition: &Value| {
            opaque.map_or_else(|| field_type(definition), |reason| FieldType::Unsearchable(reason.to_owned()))
        };
        let field = |definition: &Value| Field { sources: vec![path.to_owned()], field_type: field_type(definition) };
        for (name, sub) in definition.get("fields").and_then(Value::as_object).into_iter().flatten() {
            self.fields.insert(format!("{path}.{name}"), field(sub));
        }
        self.fields.insert(path.to_owned(), field(definition));
        let targets = match definition.get("copy_to") {
            Some(Value::Array(targets)) => targets.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(target)) => vec![target.as_str()],
            _ => Vec::new(),
        };
        self.copies.extend(targets.into_iter().map(|target| (path.to_owned(), target.to_owned())));
    }

    fn finish(mut self) -> BTreeMap<String, Field> {
        for (from, to) in &self.copies {
            // sub-fields of the target receive the copies too
            let below = format!("{to}.");
            let same = self.fields.get(to).map(|field| field.sources.clone());
            let targets = self.fields.iter_mut().filter(|(name, field)| {
                *name == to || (name.starts_with(&below) && Some(&field.sources) == same.as_ref())
            });
            targets.for_each(|(_, field)| field.sources.push(from.clone()));
        }
        for (alias, target) in &self.aliases {
            if let Some(field) = self.fields.get(target).cloned() {
                self.fields.insert(alias.clone(), field);
            }
        }
        self.fields
    }
}

fn properties_of(index: &Value) -> Option<&Map<String, Value>> {
    index.get("mappings").unwrap_or(index).get("properties")?.as_object()
}

fn text<'a>(definition: &'a Value, key: &str) -> Option<&'a str> {
    definition.get(key)?.as_str()
}

fn field_type(definition: &Value) -> FieldType {
    let text = |key: &str| text(definition, key);
    let name = text("type").unwrap_or("object");
    let off = |key: &str| definition.get(key) == Some(&Value::Bool(false));
    // values stored in columns can be searched without an index
    if off("index") && (off("doc_values") || name == "text") {
        return FieldType::Unsearchable("it is not indexed".to_owned());
    }
    if definition.get("null_value").is_some_and(|value| !value.is_null()) {
        return FieldType::Opaque("it has a null_value".to_owned());
    }
    match name {
        "keyword" | "wildcard" | "flattened" => keyword(definition),
        "constant_keyword" => {
            text("value").map_or_else(|| keyword(definition), |value| FieldType::Constant(value.to_owned()))
        }
        "text" | "match_only_text" => match text("analyzer").map_or(Some(Analyzer::Standard), Analyzer::named) {
            Some(analyzer) if text("search_analyzer").is_none_or(|name| Some(name) == text("analyzer")) => {
                FieldType::Text(analyzer)
            }
            _ => FieldType::Opaque("its analyzer is not one of standard, simple, whitespace and keyword".to_owned()),
        },
        "long" | "integer" | "short" | "byte" | "unsigned_long" => FieldType::Number(NumberKind::Whole),
        "double" => FieldType::Number(NumberKind::Double),
        "float" => FieldType::Number(NumberKind::Single),
        "scaled_float" => match definition.get("scaling_factor").and_then(Value::as_f64) {
            Some(factor) if factor > 0.0 => FieldType::Number(NumberKind::Scaled(factor)),
            _ => FieldType::Opaque("its scaling factor is missing".to_owned()),
        },
        "date" => date(text("format"), DateResolution::Millis),
        "date_nanos" => date(text("format"), DateResolution::Nanos),
        "ip" => FieldType::Ip,
        "boolean" => FieldType::Boolean,
        "half_float" | "version" | "search_as_you_type" | "annotated_text" => {
            FieldType::Opaque(format!("its type is `{name}`"))
        }
        _ => FieldType::Unsearchable(format!("its type is `{name}`")),
    }
}

fn keyword(definition: &Value) -> FieldType {
    let ignore_above =
        definition.get("ignore_above").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    match text(definition, "normalizer") {
        None => FieldType::Keyword { ignore_above, lowercase: false },
        Some("lowercase") => FieldType::Keyword { ignore_above, lowercase: true },
        Some(_) => FieldType::Opaque("its normalizer is not lowercase".to_owned()),
    }
}

fn date(format: Option<&str>, resolution: DateResolution) -> FieldType {
    let known = |format: &str| {
        let format = format.strip_prefix("strict_").unwrap_or(format);
        matches!(
            format,
            "date_optional_time"
                | "date_optional_time_nanos"
                | "date_time"
                | "date_time_no_millis"
                | "date"
                | "epoch_millis"
        )
    };
    match format.unwrap_or("date_optional_time") {
        format if format.split("||").all(known) => FieldType::Date(resolution, TimeFormats::default()),
        format => match TimeFormats::parse(format) {
            Ok(formats) => FieldType::Date(resolution, formats),
            Err(error) => FieldType::Opaque(format!("its date format is `{format}`: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapping(reply: &Value) -> Mapping {
        Mapping::parse(reply.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn fields_of_all_indices() {
        let keyword = |ignore_above| FieldType::Keyword { ignore_above, lowercase: false };
        let mapping = mapping(&json!({
            "a": {"mappings": {"properties": {
                "msg": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}, "copy_to": "all"},
                "all": {"type": "text"},
                "src": {"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}}},
                "alias": {"type": "alias", "path": "src.ip"},
                "n": {"type": "nested", "properties": {"x": {"type": "keyword"}}},
                "f": {"type": "flattened"}, "c": {"type": "constant_keyword", "value": "v"},
                "lower": {"type": "keyword", "normalizer": "lowercase"}, "odd": {"type": "keyword", "normalizer": "mine"},
                "d": {"type": "date"}, "dd": {"type": "date", "format": "dd.MM.qqqq"}, "g": {"type": "geo_point"}}}},
            "b": {"mappings": {"properties": {"src": {"properties": {"port": {"type": "keyword"}}}}}}
        }));
        for (name, sources, expected) in [
            ("msg", vec!["msg"], FieldType::Text(Analyzer::Standard)),
            ("msg.keyword", vec!["msg"], keyword(Some(256))),
            ("all", vec!["all", "msg"], FieldType::Text(Analyzer::Standard)),
            ("alias", vec!["src.ip"], FieldType::Ip),
            ("lower", vec!["lower"], FieldType::Keyword { ignore_above: None, lowercase: true }),
            ("c", vec!["c"], FieldType::Constant("v".to_owned())),
            ("f", vec!["f"], keyword(None)),
            ("f.sub", vec!["f.sub"], FieldType::Untyped),
            ("d", vec!["d"], FieldType::Date(DateResolution::Millis, TimeFormats::default())),
            ("x.keyword", vec!["x"], FieldType::Untyped),
        ] {
            let found = mapping.field(name);
            assert_eq!(
                (found.sources, found.field_type),
                (sources.into_iter().map(str::to_owned).collect(), expected),
                "{name}"
            );
        }
        for (name, reason) in [
            ("n.x", "nested"),
            ("odd", "normalizer"),
            ("dd", "dd.MM.qqqq"),
            ("g", "geo_point"),
            ("src.port", "another"),
        ] {
            let (FieldType::Opaque(text) | FieldType::Unsearchable(text)) = mapping.field(name).field_type else {
                panic!("{name} is usable")
            };
            assert!(text.contains(reason), "{name}: {text}");
        }
        let names: Vec<Field> = mapping.fields(|name| name.starts_with("msg"));
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn replies_that_are_not_mappings() {
        for json in ["x", "[]", "{}", r#"{"error": {"type": "index_not_found_exception"}}"#] {
            assert!(Mapping::parse(json.as_bytes()).is_err(), "{json}");
        }
        assert!(Mapping::parse(br#"{"empty": {"mappings": {}}}"#).is_ok());
        assert!(Mapping::parse(br#"{"properties": {"a": {"type": "ip"}}}"#).is_ok());
    }
}
