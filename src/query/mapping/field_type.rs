//! Types of single fields, read from their definitions.

use serde_json::Value;

use crate::event::time::{MICROS_PER_MILLI, TimeFormats};
use crate::query::words::Analyzer;

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
    pub(in crate::query) fn truncate(self, micros: i64) -> i64 {
        match self {
            DateResolution::Millis => micros.div_euclid(MICROS_PER_MILLI) * MICROS_PER_MILLI,
            DateResolution::Nanos => micros,
        }
    }
}

impl FieldType {
    /// Name of the type in messages.
    pub(in crate::query) fn name(&self) -> &str {
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

pub(super) fn text<'a>(definition: &'a Value, key: &str) -> Option<&'a str> {
    definition.get(key)?.as_str()
}

/// Reads the type of a field.
pub(super) fn field_type(definition: &Value) -> FieldType {
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
    let format = format.unwrap_or("date_optional_time");
    match TimeFormats::of_mapping(format) {
        Ok(formats) => FieldType::Date(resolution, formats),
        Err(error) => FieldType::Opaque(format!("its date format is `{format}`: {error}")),
    }
}
