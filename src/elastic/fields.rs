//! Fields of indices, as their mappings declare them.

use std::collections::{BTreeMap, BTreeSet};

use elasticsearch::FieldCapsParts;
use elasticsearch::indices::IndicesGetMappingParts;
use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::client::Client;
use super::error::ElasticError;
use super::request::Request;
use super::search::SearchTarget;
use crate::event::text::lower_case;
use crate::event::time::TimeFormats;
use crate::event::{Case, FieldPath, Form, MappedName, MappedNames, split_form};
use crate::query::Mapping;

/// Mapped fields of some indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappedFields {
    /// Names of all mapped fields, including objects, in ascending order.
    pub names: Vec<String>,
    /// True if documents may have other fields: some object is not mapped dynamically, or is stored
    /// as a single field (`flattened`).
    pub has_unmapped: bool,
    /// Names that documents do not have, in lower case, and what they stand for.
    pub forms: BTreeMap<String, Form>,
    /// Formats of times that are not written in a default one, by the names of their fields in
    /// lower case.
    pub times: BTreeMap<String, TimeFormats>,
}

impl MappedNames for MappedFields {
    fn meaning(&self, name: &str) -> MappedName {
        match self.forms.get(&lower_case(name)) {
            Some(form) => MappedName::Form(form.clone()),
            None if self.names.binary_search_by(|known| known.as_str().cmp(name)).is_ok() => MappedName::Field,
            None => MappedName::Unknown,
        }
    }

    fn forms(&self) -> Vec<(String, FieldPath)> {
        self.forms.iter().map(|(name, form)| (name.clone(), form.of.clone())).collect()
    }

    fn time_formats(&self, name: &str) -> Option<TimeFormats> {
        let name = lower_case(name);
        let of = || self.times.get(&lower_case(self.forms.get(&name)?.of.as_str()));
        self.times.get(&name).or_else(of).cloned()
    }
}

/// Types of mapped fields, by name.
type FieldTypes = BTreeMap<String, BTreeMap<String, IgnoredAny>>;

impl Client {
    /// Returns the mapped fields of `target`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn mapped_fields(&self, target: &SearchTarget) -> Result<MappedFields, ElasticError> {
        #[derive(Deserialize)]
        struct Capabilities {
            #[serde(default)]
            fields: FieldTypes,
        }
        let names = target.as_str();
        let what = format!("reading the fields of {names}");
        let path = format!("{}?fields=*&filter_path=fields.*.*.type", FieldCapsParts::Index(&[names]).url());
        let Capabilities { fields } = self.read(&Request::new(Method::GET, path, what.clone())).await?;
        let path = IndicesGetMappingParts::Index(&[names]).url();
        // whole mappings of many indices are large
        let parts = "**.dynamic,**.enabled,**.format,**.normalizer,**.path";
        let details = Request::new(Method::GET, format!("{path}?filter_path={parts}"), what);
        let details = self.send(&details).await?;
        let mut types = fields.values().flat_map(BTreeMap::keys);
        // the answer also contains names, so this errs on the safe side
        let has_unmapped = memchr::memmem::find(&details, b"false").is_some()
            || types.any(|name| ["flattened", "flat_object"].contains(&name.as_str()));
        let details = Details::of(&serde_json::from_slice(&details).unwrap_or_default());
        let times = details.times();
        Ok(MappedFields { forms: forms(&fields, details), names: fields.into_keys().collect(), has_unmapped, times })
    }

    /// Returns the mapping of `target`, by which documents tell themselves which queries they
    /// match; `None` if they do not, because fields are computed by the server or not kept, or if
    /// it cannot be read.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn mapping(&self, target: &SearchTarget) -> Result<Option<Mapping>, ElasticError> {
        let names = target.as_str();
        let path = IndicesGetMappingParts::Index(&[names]).url().into_owned();
        let answer = self.send(&Request::new(Method::GET, path, format!("reading the mapping of {names}"))).await?;
        let indices: BTreeMap<String, Value> = serde_json::from_slice(&answer).unwrap_or_default();
        let is_whole = |index: &Value| ["runtime", "_source"].iter().all(|key| index["mappings"].get(key).is_none());
        if indices.is_empty() || !indices.values().all(is_whole) {
            return Ok(None);
        }
        Ok(Mapping::parse(&answer).ok())
    }
}

/// Returns the names that stand for another field: those below a field that is not an object, and
/// aliases. `declared` is the part of the mappings that says how.
fn forms(fields: &FieldTypes, declared: Details) -> BTreeMap<String, Form> {
    let has_values = |types: &BTreeMap<String, IgnoredAny>| {
        !types.keys().any(|name| ["object", "nested", "flattened", "flat_object"].contains(&name.as_str()))
    };
    let mut forms = BTreeMap::new();
    for name in fields.keys() {
        let case = |name: &str| if declared.lowercase.contains(name) { Case::Lower } else { Case::Kept };
        if let Some((parent, _)) = split_form(name).filter(|(parent, _)| fields.get(*parent).is_some_and(has_values)) {
            forms.insert(lower_case(name), Form { of: FieldPath::new(parent), case: case(name), part: None });
        }
    }
    for (alias, of) in declared.aliases {
        // the field may itself be a form of another one
        let form = forms.get(&lower_case(&of)).cloned();
        let of = FieldPath::new(&of);
        forms.insert(lower_case(&alias), form.unwrap_or(Form { of, case: Case::Kept, part: None }));
    }
    forms
}

/// Details of some mappings.
#[derive(Default)]
struct Details {
    /// Fields whose texts are converted to lower case.
    lowercase: BTreeSet<String>,
    /// Aliases and their targets.
    aliases: BTreeMap<String, String>,
    /// Formats of times; several if those of the indices differ.
    formats: BTreeMap<String, BTreeSet<String>>,
}

impl Details {
    /// Reads the reply of `GET index/_mapping`.
    fn of(mappings: &Value) -> Self {
        let mut details = Details::default();
        for index in mappings.as_object().into_iter().flat_map(Map::values) {
            details.add("", index.pointer("/mappings/properties"));
        }
        details
    }

    /// See [`MappedFields::times`].
    fn times(&self) -> BTreeMap<String, TimeFormats> {
        let mut times = BTreeMap::new();
        for (name, formats) in &self.formats {
            let [format] = Vec::from_iter(formats)[..] else {
                // what one index means by `03/04/2024`, another one may not
                tracing::warn!("the indices have {name} in several formats: set timestamp_format");
                continue;
            };
            match TimeFormats::of_mapping(format) {
                Ok(formats) if formats.is_empty() => {}
                Ok(formats) => drop(times.insert(lower_case(name), formats)),
                Err(error) => {
                    tracing::warn!("{name}: {error}: set timestamp_format if the times of its events are not read");
                }
            }
        }
        times
    }

    fn add(&mut self, prefix: &str, properties: Option<&Value>) {
        for (name, definition) in properties.and_then(Value::as_object).into_iter().flatten() {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            self.add(&name, definition.get("properties"));
            self.add(&name, definition.get("fields"));
            let text = |key: &str| definition.get(key).and_then(Value::as_str);
            if text("normalizer") == Some("lowercase") {
                self.lowercase.insert(name.clone());
            }
            if let Some(format) = text("format") {
                self.formats.entry(name.clone()).or_default().insert(format.to_owned());
            }
            if let Some(path) = text("path") {
                self.aliases.insert(name, path.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_are_told_from_members_of_objects() {
        let fields = json!({
            "a": {"text": {}}, "a.keyword": {"keyword": {}}, "a.lower": {"keyword": {}}, "o": {"object": {}},
            "o.raw": {"keyword": {}}, "path": {"object": {}}, "path.x": {"keyword": {}}, "path.x.y": {"text": {}},
            "other": {"keyword": {}}, "other2": {"keyword": {}}, "f": {"flattened": {}}, "f.x": {"keyword": {}},
        });
        let details = json!({"i": {"mappings": {"dynamic": "false", "properties": {
            "a": {"fields": {"lower": {"normalizer": "lowercase"}}},
            "path": {"properties": {"x": {"type": "keyword"}}},
            "other": {"path": "o.raw"}, "other2": {"path": "a.lower"},
        }}}});
        let fields: FieldTypes = serde_json::from_value(fields).unwrap();
        let found: Vec<String> = forms(&fields, Details::of(&details))
            .into_iter()
            .map(|(name, form)| format!("{name} {} {:?}", form.of, form.case))
            .collect();
        assert_eq!(
            found,
            ["a.keyword a Kept", "a.lower a Lower", "other o.raw Kept", "other2 a Lower", "path.x.y path.x Kept"]
        );
        assert!(forms(&FieldTypes::new(), Details::of(&Value::Null)).is_empty());
    }
}
