//! Types of fields, read from the JSON of `GET index/_mapping`.

mod dynamic;
mod field_type;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::QueryColumn;
use super::words::Analyzer;
use crate::event::decode::LeafNames;
use crate::event::text::lower_case;
use crate::event::time::TimeFormats;
use crate::event::{Case, FieldNames, FieldPath, has_shape, split_form};
use dynamic::Dynamic;
use field_type::{field_type, text};

pub(super) use dynamic::{LeafKind, LeafKinds};
pub use field_type::{DateResolution, FieldType, NumberKind};

/// Fields of one or several indices.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    fields: BTreeMap<String, Field>,
    /// Names of the fields, by their lower-case forms.
    by_lower_case: BTreeMap<String, String>,
    /// Names of the fields.
    names: Arc<BTreeSet<String>>,
    /// Dynamic templates; several if those of the indices differ.
    dynamic: Vec<Arc<Dynamic>>,
}

/// A field: the columns its values come from, and the type that decides how they are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) sources: Vec<QueryColumn>,
    pub(super) field_type: FieldType,
    /// Kinds of values that have this type; `None`: all.
    pub(super) kinds: Option<LeafKinds>,
}

impl Field {
    pub(super) fn new(source: QueryColumn, field_type: FieldType) -> Self {
        Field { sources: vec![source], field_type, kinds: None }
    }

    /// Lets the values be compared as times, in `formats` if there are some, unless the type says
    /// something else.
    pub(super) fn read_times(&mut self, formats: &TimeFormats) {
        match &mut self.field_type {
            untyped @ FieldType::Untyped => *untyped = FieldType::Time(formats.clone()),
            FieldType::Date(_, known) if !formats.is_empty() => known.clone_from(formats),
            _ => {}
        }
    }

    /// Treatment of letters by a form of this type.
    fn case(&self) -> Case {
        case_of(&self.field_type)
    }
}

fn case_of(field_type: &FieldType) -> Case {
    if matches!(field_type, FieldType::Keyword { lowercase: true, .. }) { Case::Lower } else { Case::Kept }
}

/// Returns the fields that `name` stands for: usually one. A form of a field, or one that dynamic
/// templates map, has several types, each for some values.
pub(super) fn fields_named(mapping: Option<&Mapping>, name: &str) -> Vec<Field> {
    mapping.map_or_else(|| untyped(name), |mapping| mapping.fields_named(name))
}

/// Returns the fields whose names match `pattern`. Without a mapping, one column holds the leaves
/// of all of them.
pub(super) fn fields_like(mapping: Option<&Mapping>, pattern: &str) -> Vec<Field> {
    if let Some(mapping) = mapping {
        return mapping.fields_like(pattern);
    }
    let mixed = |pattern: &str| Field::new(QueryColumn::of(pattern), FieldType::Mixed);
    let mut fields = vec![mixed(pattern)];
    // `x.*.keyword`: the fields `x.*` in another form
    let form = FieldNames::default().form(&FieldPath::new(pattern));
    fields.extend(form.zip(split_form(pattern)).map(|(form, (_, ending))| {
        let column = QueryColumn::of_pattern_form(pattern, form.of.as_str());
        Field::new(column, customary_type(ending).unwrap_or(FieldType::Mixed))
    }));
    fields
}

/// Returns a field of unknown type, and what its name means in events that have no such field:
/// `x.keyword` is the usual name of the exact form of the text `x`.
fn untyped(name: &str) -> Vec<Field> {
    let mut fields = vec![Field::new(QueryColumn::of(name), FieldType::Untyped)];
    let form = FieldNames::default().form(&FieldPath::new(name));
    fields.extend(form.zip(split_form(name)).map(|(form, (_, ending))| {
        let column = QueryColumn::of_form(name, form.of.as_str());
        Field::new(column, customary_type(ending).unwrap_or(FieldType::Untyped))
    }));
    fields
}

/// Type of a form with a customary name; `None` if it is that of an exact value.
fn customary_type(ending: &str) -> Option<FieldType> {
    match ending.to_ascii_lowercase().as_str() {
        "text" => Some(FieldType::Text(Analyzer::Standard)),
        "caseless" => Some(FieldType::Keyword { ignore_above: None, lowercase: true }),
        _ => None,
    }
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
        for definition in mapping_of(&reply).into_iter().chain(top.values().filter_map(mapping_of)) {
            let mut index = Index::default();
            if let Some(properties) = definition.get("properties").and_then(Value::as_object) {
                index.add("", properties, None);
            }
            mapping.merge(index.finish());
            mapping.add_dynamic(Dynamic::read(definition));
            found = true;
        }
        mapping.by_lower_case = mapping.fields.keys().map(|name| (lower_case(name), name.clone())).collect();
        mapping.names = Arc::new(mapping.fields.keys().cloned().collect());
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

    /// Returns the mapped field of this name, or of a name that differs in case only.
    fn mapped(&self, name: &str) -> Option<&Field> {
        self.fields.get(name).or_else(|| self.fields.get(self.by_lower_case.get(&lower_case(name))?))
    }

    /// A field below one that cannot be searched cannot be searched either. An unknown field has
    /// the types that dynamic templates would give it, or else none.
    fn fields_named(&self, name: &str) -> Vec<Field> {
        if let Some(field) = self.mapped(name) {
            return vec![field.clone()];
        }
        let mut parents = name.match_indices('.').map(|(at, _)| &name[..at]);
        let own = |field_type| vec![Field::new(QueryColumn::of(name), field_type)];
        match parents.find_map(|parent| self.mapped(parent)).map(|parent| &parent.field_type) {
            Some(field_type @ (FieldType::Opaque(_) | FieldType::Unsearchable(_))) => own(field_type.clone()),
            // the mapping knows the field, but no such form
            Some(_) => own(FieldType::Untyped),
            None => self.dynamic_fields(name).unwrap_or_else(|| untyped(name)),
        }
    }

    /// Returns the fields that dynamic templates make of `name`; `None` if none applies.
    fn dynamic_fields(&self, name: &str) -> Option<Vec<Field>> {
        let mut of_indices = self.dynamic.iter().map(|dynamic| fields_of(dynamic, name));
        let first = of_indices.next()?;
        if of_indices.all(|other| other == first) {
            return first;
        }
        let reason = "the dynamic templates of its indices differ".to_owned();
        Some(vec![Field::new(QueryColumn::of(name), FieldType::Opaque(reason))])
    }

    /// Returns all searchable fields whose names match `pattern`.
    fn fields_like(&self, pattern: &str) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for (name, field) in &self.fields {
            if has_shape(name, pattern)
                && !matches!(field.field_type, FieldType::Unsearchable(_))
                && !fields.contains(field)
            {
                fields.push(field.clone());
            }
        }
        if let [dynamic] = &self.dynamic[..] {
            fields.extend(self.dynamic_fields_like(dynamic, pattern));
        }
        fields
    }

    /// Returns the fields, one per template and kind of values, that templates make of names that
    /// match `pattern`.
    fn dynamic_fields_like(&self, dynamic: &Arc<Dynamic>, pattern: &str) -> Vec<Field> {
        let field = |template_idx: usize, kind: LeafKind, form: Option<&str>, field_type: Option<FieldType>| {
            let what = format!("{pattern} {template_idx} {kind:?} {}", form.unwrap_or_default());
            let names = Arc::new(DynamicNames {
                dynamic: Arc::clone(dynamic),
                mapped: Arc::clone(&self.names),
                template_idx,
                kind,
                form: form.map(str::to_owned),
                pattern: pattern.to_owned(),
            });
            let searchable = field_type.filter(|field_type| !matches!(field_type, FieldType::Unsearchable(_)));
            searchable.map(|field_type| Field {
                sources: vec![QueryColumn::of_names(&what, names)],
                field_type,
                kinds: Some(LeafKinds { kinds: vec![kind], detects_dates: dynamic.detects_dates }),
            })
        };
        let mut fields = Vec::new();
        for (idx, template) in dynamic.templates().iter().enumerate() {
            for &kind in &template.kinds {
                fields.extend(field(idx, kind, None, Some(template.type_of(kind))));
                let forms = template.forms();
                fields.extend(forms.filter_map(|form| field(idx, kind, Some(form), template.type_of_form(form, kind))));
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

    fn add_dynamic(&mut self, dynamic: Dynamic) {
        if !self.dynamic.iter().any(|known| **known == dynamic) {
            self.dynamic.push(Arc::new(dynamic));
        }
    }
}

/// Returns the fields that the templates of an index make of `name`; `None` if none applies.
fn fields_of(dynamic: &Dynamic, name: &str) -> Option<Vec<Field>> {
    let kinds = |kind| Some(LeafKinds { kinds: vec![kind], detects_dates: dynamic.detects_dates });
    let mut fields = Vec::new();
    let mut is_mapped = false;
    for kind in LeafKind::ALL {
        let template = |name: &str| dynamic.template_of(name, kind).map(|idx| &dynamic.templates()[idx]);
        let own = template(name).map(|template| template.type_of(kind));
        let form =
            split_form(name).and_then(|(parent, form)| Some((parent, template(parent)?.type_of_form(form, kind)?)));
        is_mapped |= own.is_some() || form.is_some();
        let field = |column, field_type| Field { sources: vec![column], field_type, kinds: kinds(kind) };
        fields.push(field(QueryColumn::of(name), own.unwrap_or(FieldType::Untyped)));
        fields.extend(form.map(|(parent, field_type)| field(QueryColumn::of_form(name, parent), field_type)));
    }
    is_mapped.then_some(fields)
}

/// Names of the fields that get their type from one template, or that have a form from it.
#[derive(Debug)]
struct DynamicNames {
    dynamic: Arc<Dynamic>,
    mapped: Arc<BTreeSet<String>>,
    template_idx: usize,
    kind: LeafKind,
    form: Option<String>,
    pattern: String,
}

impl LeafNames for DynamicNames {
    fn want(&self, name: &str) -> bool {
        let has_shape = match &self.form {
            None => has_shape(name, &self.pattern),
            Some(form) => has_shape(&format!("{name}.{form}"), &self.pattern),
        };
        has_shape && !self.mapped.contains(name) && self.dynamic.template_of(name, self.kind) == Some(self.template_idx)
    }
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
        let field = |definition: &Value| Field::new(QueryColumn::of(path), field_type(definition));
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
            targets.for_each(|(_, field)| field.sources.push(QueryColumn::of(from)));
        }
        for (alias, target) in &self.aliases {
            if let Some(field) = self.fields.get(target).cloned() {
                self.fields.insert(alias.clone(), field);
            }
        }
        self.fields
    }
}

/// Returns the mapping of an index; `None` if it is not a mapping, or is empty.
fn mapping_of(index: &Value) -> Option<&Map<String, Value>> {
    let mapping = index.get("mappings").unwrap_or(index).as_object()?;
    ["properties", "dynamic_templates"].iter().any(|key| mapping.contains_key(*key)).then_some(mapping)
}

#[cfg(test)]
mod tests;
