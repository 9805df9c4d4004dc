//! Dynamic templates: the types of fields that a mapping does not name.
//!
//! A template applies to names, and to kinds of values. The type of such a field therefore depends
//! on the value: each kind has its own.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::field_type::{FieldType, field_type, text};
use crate::event::has_shape;

/// Kind of a value, as `match_mapping_type` distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::query) enum LeafKind {
    Text,
    /// A text that is a date.
    Date,
    Whole,
    Fraction,
    Boolean,
}

impl LeafKind {
    pub(super) const ALL: [LeafKind; 5] =
        [LeafKind::Text, LeafKind::Date, LeafKind::Whole, LeafKind::Fraction, LeafKind::Boolean];

    /// Name in templates.
    fn name(self) -> &'static str {
        match self {
            LeafKind::Text => "string",
            LeafKind::Date => "date",
            LeafKind::Whole => "long",
            LeafKind::Fraction => "double",
            LeafKind::Boolean => "boolean",
        }
    }

    /// Type of a field that a template does not type.
    fn default_type(self) -> &'static str {
        if self == LeafKind::Text { "text" } else { self.name() }
    }
}

/// Kinds of values that a field consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::query) struct LeafKinds {
    pub(in crate::query) kinds: Vec<LeafKind>,
    /// False if texts that are dates are texts like any other.
    pub(in crate::query) detects_dates: bool,
}

/// Dynamic templates of an index.
#[derive(Clone, Debug)]
pub(super) struct Dynamic {
    templates: Vec<Template>,
    /// Objects, by their paths, and whether new fields in them are mapped.
    is_dynamic: BTreeMap<String, bool>,
    pub(super) detects_dates: bool,
    /// The definition, by which indices are compared.
    definition: Value,
}

impl PartialEq for Dynamic {
    fn eq(&self, other: &Self) -> bool {
        (&self.definition, &self.is_dynamic) == (&other.definition, &other.is_dynamic)
            && self.detects_dates == other.detects_dates
    }
}

impl Dynamic {
    /// Reads the templates of a mapping; the first one that fits applies.
    pub(super) fn read(mapping: &Map<String, Value>) -> Self {
        let definition = mapping.get("dynamic_templates").cloned().unwrap_or_default();
        let named = definition.as_array().into_iter().flatten().filter_map(Value::as_object).flat_map(Map::values);
        let mut is_dynamic = BTreeMap::new();
        read_switches("", mapping, &mut is_dynamic);
        Dynamic {
            is_dynamic,
            templates: named.filter_map(Template::read).collect(),
            detects_dates: mapping.get("date_detection") != Some(&Value::Bool(false)),
            definition,
        }
    }

    pub(super) fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// Returns the index of the template for values of this kind in the field `name`.
    pub(super) fn template_of(&self, name: &str, kind: LeafKind) -> Option<usize> {
        if !self.maps_new_fields(name) {
            return None;
        }
        self.templates.iter().position(|template| template.kinds.contains(&kind) && template.names.fit(name))
    }

    /// True if the innermost object around `name` that says so maps new fields.
    fn maps_new_fields(&self, name: &str) -> bool {
        // events choose names, which may consist of dots
        let longest = self.is_dynamic.keys().map(String::len).max().unwrap_or_default();
        let start = &name.as_bytes()[..name.len().min(longest + 1)];
        let dots = memchr::memrchr_iter(b'.', start);
        let mut objects = dots.map(|dot| &name[..dot]).chain([""]);
        objects.find_map(|path| self.is_dynamic.get(path)).copied().unwrap_or(true)
    }
}

/// Reads `dynamic` of an object and of those in it.
fn read_switches(path: &str, object: &Map<String, Value>, switches: &mut BTreeMap<String, bool>) {
    match object.get("dynamic") {
        Some(Value::Bool(is_on)) => drop(switches.insert(path.to_owned(), *is_on)),
        Some(Value::String(text)) => {
            switches.insert(path.to_owned(), text != "false" && text != "strict");
        }
        _ => {}
    }
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, inner) in properties {
        if let Some(inner) = inner.as_object() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            read_switches(&path, inner, switches);
        }
    }
}

/// A template.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) kinds: Vec<LeafKind>,
    names: NameRules,
    definition: Value,
    /// Definitions of the forms of its fields.
    forms: BTreeMap<String, Value>,
}

impl Template {
    fn read(template: &Value) -> Option<Self> {
        let definition = template.get("mapping").or_else(|| template.get("runtime"))?;
        let listed = |key: &str, kind: &str| strings(template.get(key)).any(|name| name == kind || name == "*");
        let is_wanted = |kind: &LeafKind| {
            let is_matched = template.get("match_mapping_type").is_none() || listed("match_mapping_type", kind.name());
            is_matched && !listed("unmatch_mapping_type", kind.name())
        };
        let forms = definition.get("fields").and_then(Value::as_object).into_iter().flatten();
        Some(Template {
            kinds: LeafKind::ALL.into_iter().filter(is_wanted).collect(),
            names: NameRules::read(template),
            definition: definition.clone(),
            forms: forms.map(|(name, definition)| (name.clone(), definition.clone())).collect(),
        })
    }

    /// Type of the fields of this kind.
    pub(super) fn type_of(&self, kind: LeafKind) -> FieldType {
        type_of(&self.definition, kind)
    }

    /// Names of the forms of its fields.
    pub(super) fn forms(&self) -> impl Iterator<Item = &str> {
        self.forms.keys().map(String::as_str)
    }

    /// Type of a form of the fields of this kind.
    pub(super) fn type_of_form(&self, form: &str, kind: LeafKind) -> Option<FieldType> {
        self.forms.get(form).map(|definition| type_of(definition, kind))
    }
}

fn type_of(definition: &Value, kind: LeafKind) -> FieldType {
    match text(definition, "type") {
        Some("{dynamic_type}") | None => {
            let mut typed = definition.clone();
            if let Some(typed) = typed.as_object_mut() {
                typed.insert("type".to_owned(), kind.default_type().into());
            }
            field_type(&typed)
        }
        Some(_) => field_type(definition),
    }
}

/// Conditions on the name of a field.
#[derive(Clone, Debug)]
struct NameRules {
    of_last_part: Vec<NameRule>,
    not_of_last_part: Vec<NameRule>,
    of_path: Vec<NameRule>,
    not_of_path: Vec<NameRule>,
}

#[derive(Clone, Debug)]
enum NameRule {
    Pattern(String),
    Regexp(Regex),
    /// A regular expression that is not understood matches nothing.
    Unknown,
}

impl NameRules {
    fn read(template: &Value) -> Self {
        let is_regexp = text(template, "match_pattern") == Some("regex");
        let rule = |pattern: &str| match is_regexp {
            false => NameRule::Pattern(pattern.to_owned()),
            true => Regex::new(&format!(r"\A(?:{pattern})\z")).map_or(NameRule::Unknown, NameRule::Regexp),
        };
        let rules = |key: &str| strings(template.get(key)).map(rule).collect();
        NameRules {
            of_last_part: rules("match"),
            not_of_last_part: rules("unmatch"),
            of_path: rules("path_match"),
            not_of_path: rules("path_unmatch"),
        }
    }

    fn fit(&self, path: &str) -> bool {
        let last = path.rsplit_once('.').map_or(path, |(_, last)| last);
        let any = |rules: &[NameRule], name: &str| rules.iter().any(|rule| rule.fits(name));
        (self.of_last_part.is_empty() || any(&self.of_last_part, last))
            && (self.of_path.is_empty() || any(&self.of_path, path))
            && !any(&self.not_of_last_part, last)
            && !any(&self.not_of_path, path)
    }
}

impl NameRule {
    fn fits(&self, name: &str) -> bool {
        match self {
            NameRule::Pattern(pattern) => has_shape(name, pattern),
            NameRule::Regexp(regexp) => regexp.is_match(name),
            NameRule::Unknown => false,
        }
    }
}

/// Returns the texts of a list, or the only text.
fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value
        .into_iter()
        .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
        .filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_of_names() {
        for (pattern, name, expected) in [
            ("user.*", "user.name", true),
            ("user.*", "user", false),
            ("*.ip", "src.nat.ip", true),
            ("a*b*c", "axbybc", true),
            ("a*b*c", "acb", false),
            ("*", "x", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(has_shape(name, pattern), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_first_template_that_fits_applies() {
        let Value::Object(mapping) = json!({"dynamic_templates": [
            {"a": {"match": "*_id", "unmatch": ["skip_id", "x_*"], "mapping": {"type": "keyword"}}},
            {"b": {"path_match": "p.*", "path_unmatch": "*.q", "match_mapping_type": "long", "mapping": {}}},
            {"c": {"match_pattern": "regex", "match": "^[a-c]+\\d$", "mapping": {"type": "ip"}}},
            {"d": {"match_mapping_type": ["string", "boolean"], "mapping": {"fields": {"f": {"type": "keyword"}}}}},
        ]}) else {
            panic!("an object")
        };
        let dynamic = Dynamic::read(&mapping);
        use LeafKind::{Boolean, Date, Text, Whole};
        for (name, kind, expected) in [
            ("o.user_id", Text, Some(0)),
            ("skip_id", Whole, None),
            ("x_id", Text, Some(3)),
            ("p.x", Whole, Some(1)),
            ("p.q", Whole, None),
            ("p.x", Date, None),
            ("o.abc1", Date, Some(2)),
            ("o.abd1", Date, None),
            ("z", Boolean, Some(3)),
        ] {
            assert_eq!(dynamic.template_of(name, kind), expected, "{name} {kind:?}");
        }
        let Value::Object(closed) = json!({"dynamic": "strict", "dynamic_templates": mapping["dynamic_templates"], "properties": {
            "o": {"dynamic": true, "properties": {"p": {"dynamic": false}}}}})
        else {
            panic!("an object")
        };
        let closed = Dynamic::read(&closed);
        let dots = ".".repeat(32_766);
        let found = ["x_id", "o.user_id", "o.q.user_id", "o.p.q.user_id"].map(|name| closed.template_of(name, Text));
        assert_eq!(found, [None, Some(0), Some(0), None]);
        for _ in 0..10_000 {
            assert_eq!(closed.template_of(&dots, Text), None);
        }
        let templates = dynamic.templates();
        assert_eq!(templates[1].type_of(Whole).name(), "a number");
        assert_eq!((templates[3].type_of(Text).name(), templates[3].type_of(Boolean).name()), ("text", "a boolean"));
        assert_eq!(
            templates[3].type_of_form("f", Text).map(|found| found.name().to_owned()).as_deref(),
            Some("a keyword")
        );
        assert!(templates[3].type_of_form("g", Text).is_none());
    }
}
