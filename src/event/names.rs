//! Meaning of field names: clusters keep some fields in several forms, such as `x.keyword` and
//! `x.text`, and events have only `x`.
//!
//! This is the one place that knows which names are forms. A name that an event really has always
//! means that field; only without it does the name stand for a form of another field.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use super::lookup::child;
use crate::event::FieldPath;
use crate::event::geo::{AddressDatabases, AddressFact};
use crate::event::text::lower_case;
use crate::event::time::TimeFormats;

/// Customary names of forms, which need no mapping.
const CUSTOMARY: [(&str, Case); 4] =
    [("keyword", Case::Kept), ("raw", Case::Kept), ("text", Case::Kept), ("caseless", Case::Lower)];

/// Treatment of the letters of a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Case {
    /// As in the event.
    #[default]
    Kept,
    /// Converted to lower case.
    Lower,
}

/// Form of a field, which stands for a name that an event does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Field that holds the values.
    pub of: FieldPath,
    /// Treatment of its texts.
    pub case: Case,
    /// Part of the values that is meant; `None` means the values themselves.
    pub part: Option<FormPart>,
}

/// Part of the values of a field, or what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormPart {
    /// The values of some entries.
    Entry(NamedEntry),
    /// Fact that a database knows of the addresses.
    Fact(AddressFact),
}

/// Selection from a list of named values, such as `[{"Name": "x", "Value": "y"}]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEntry {
    /// Member that names an entry.
    name_key: String,
    /// Name of the wanted entries.
    name: String,
    /// Member that holds the value of an entry.
    value_key: String,
}

/// Meaning of a name in a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappedName {
    /// A field of documents.
    Field,
    /// A form of another field.
    Form(Form),
    /// The mapping does not have it.
    Unknown,
}

/// Names that a mapping declares.
pub trait MappedNames: Debug + Send + Sync {
    /// Returns the meaning of a name.
    fn meaning(&self, name: &str) -> MappedName;

    /// Returns the names that stand for another field, with that field.
    fn forms(&self) -> Vec<(String, FieldPath)>;

    /// True if searches may find values of a field: it is mapped, or below a mapped field that is
    /// an object as a whole.
    fn is_searchable(&self, name: &str) -> bool {
        let mut above = name.match_indices('.').map(|(end, _)| &name[..end]).chain([name]);
        above.any(|name| self.meaning(name) != MappedName::Unknown)
    }

    /// Returns the formats in which the times of a field are written; `None` if the mapping names
    /// none, or the default ones.
    fn time_formats(&self, name: &str) -> Option<TimeFormats>;
}

/// Names that stand for a form of another field.
#[derive(Clone, Debug, Default)]
pub struct FieldNames {
    /// By their names in lower case.
    configured: BTreeMap<String, Form>,
    /// Other names that a field may have, in order of preference, by its name in lower case.
    aliases: BTreeMap<String, Vec<FieldPath>>,
    mapped: Option<Arc<dyn MappedNames>>,
    databases: Option<Arc<AddressDatabases>>,
}

impl FieldNames {
    /// Adds names that the configuration declares.
    pub fn new(configured: impl IntoIterator<Item = (String, Form)>) -> Self {
        let configured = configured.into_iter().map(|(name, form)| (lower_case(&name), form)).collect();
        FieldNames { configured, ..FieldNames::default() }
    }

    /// Adds other names of fields, in order of preference: the first of them that an event has
    /// takes the place of a field that it does not have.
    #[must_use]
    pub fn with_aliases(mut self, aliases: impl IntoIterator<Item = (String, Vec<FieldPath>)>) -> Self {
        self.aliases = aliases.into_iter().map(|(name, others)| (lower_case(&name), others)).collect();
        self
    }

    /// Adds databases of addresses: what they know takes the place of fields such as
    /// `source.geo.location` in events that have none of them.
    #[must_use]
    pub fn with_databases(self, databases: Arc<AddressDatabases>) -> Self {
        FieldNames { databases: Some(databases), ..self }
    }

    /// True if a database may know the values of the field `name`.
    pub fn is_fact(&self, name: &str) -> bool {
        self.fact(name).is_some()
    }

    /// Returns the fields with the addresses of which a database may know the values of the field
    /// `name`.
    pub fn addresses_of(&self, name: &str) -> Vec<FieldPath> {
        let forms = self.forms_with_facts(&FieldPath::new(name));
        forms.into_iter().filter(Form::is_fact).map(|form| form.of).collect()
    }

    /// Same as [`Self::forms`], if a database may know values of `field`; none otherwise.
    pub fn forms_with_facts(&self, field: &FieldPath) -> Vec<Form> {
        let forms = if self.databases.is_some() { self.forms(field) } else { Vec::new() };
        if forms.iter().any(Form::is_fact) { forms } else { Vec::new() }
    }

    fn fact(&self, name: &str) -> Option<(FieldPath, AddressFact)> {
        AddressDatabases::fact(self.databases.as_ref()?, name)
    }

    /// Returns the same names together with those of a mapping.
    pub fn with_mapping(&self, mapped: Arc<dyn MappedNames>) -> Self {
        FieldNames { mapped: Some(mapped), ..self.clone() }
    }

    /// Returns the names for searches in a cluster: without other names that its mapping does not
    /// have, which no search finds.
    #[must_use]
    pub fn searchable(&self) -> Self {
        let mut names = self.clone();
        if let Some(mapped) = &self.mapped {
            names.aliases.values_mut().for_each(|others| others.retain(|other| mapped.is_searchable(other.as_str())));
        }
        names
    }

    /// Returns the formats that a mapping names for the times of `field`.
    pub fn time_formats(&self, field: &FieldPath) -> Option<TimeFormats> {
        self.mapped.as_ref()?.time_formats(field.as_str())
    }

    /// Returns the names that a mapping has for forms of fields, with these fields.
    pub fn mapped_forms(&self) -> Vec<(String, FieldPath)> {
        self.mapped.as_ref().map(|mapped| mapped.forms()).unwrap_or_default()
    }

    /// True if some field has other names.
    pub fn has_aliases(&self) -> bool {
        !self.aliases.is_empty()
    }

    /// Returns other names of the field `name`, in order of preference. They may differ from it in
    /// case only, which matters to clusters.
    pub fn aliases<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a FieldPath> + 'a {
        let others = if self.has_aliases() { self.aliases.get(&lower_case(name)) } else { None };
        others.into_iter().flatten().filter(move |other| other.as_str() != name)
    }

    /// Returns what `field` stands for in events that have no such field, in order of preference:
    /// its form, if it is one, then the other names of the field, then what a database knows.
    pub fn forms(&self, field: &FieldPath) -> Vec<Form> {
        let form = self.form(field);
        let others =
            |name: &str, case| self.aliases(name).map(|of| self.form_of(of.clone(), case)).collect::<Vec<Form>>();
        let plain = form.iter().filter(|form| form.part.is_none());
        let of_form = plain.clone().flat_map(|form| others(form.of.as_str(), form.case));
        let facts = self.facts(field.as_str(), Case::Kept).into_iter();
        let facts = facts.chain(plain.flat_map(|form| self.facts(form.of.as_str(), form.case)));
        form.iter().cloned().chain(others(field.as_str(), Case::Kept)).chain(of_form).chain(facts).collect()
    }

    /// Returns the forms of the field `name` that a database knows, one for each name that the
    /// address may have.
    fn facts(&self, name: &str, case: Case) -> Vec<Form> {
        let Some((address, fact)) = self.fact(name) else { return Vec::new() };
        let addresses = std::iter::once(&address).chain(self.aliases(address.as_str()));
        let form = |of: &FieldPath| Form { of: of.clone(), case, part: Some(FormPart::Fact(fact.clone())) };
        addresses.map(form).collect()
    }

    /// The form of the field `of`: of the values that it names, if the configuration declares it.
    fn form_of(&self, of: FieldPath, case: Case) -> Form {
        match self.configured.get(&lower_case(of.as_str())) {
            Some(named) => Form { case, ..named.clone() },
            None => Form { of, case, part: None },
        }
    }

    /// Returns the form that `field` stands for in events that have no such field; `None` if there
    /// is none.
    pub fn form(&self, field: &FieldPath) -> Option<Form> {
        let name = field.as_str();
        if let Some(form) = self.configured.get(&lower_case(name)) {
            return Some(form.clone());
        }
        let form = match self.mapped.as_ref().map_or(MappedName::Unknown, |mapped| mapped.meaning(name)) {
            MappedName::Field => None,
            MappedName::Form(form) => Some(form),
            MappedName::Unknown => customary_form(name),
        }?;
        Some(self.form_of(form.of, form.case))
    }

    /// True if `name` is a value that the configuration names, or a form of one.
    pub fn is_named_value(&self, name: &str) -> bool {
        self.form(&FieldPath::new(name)).is_some_and(|form| matches!(form.part, Some(FormPart::Entry(_))))
    }
}

/// Returns the form of a name with a customary ending, such as `x.keyword`.
fn customary_form(name: &str) -> Option<Form> {
    let (parent, form) = split_form(name)?;
    let (_, case) = CUSTOMARY.into_iter().find(|(customary, _)| form.eq_ignore_ascii_case(customary))?;
    Some(Form { of: FieldPath::new(parent), case, part: None })
}

/// Splits `x.keyword` into field and form.
pub fn split_form(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(parent, form)| !parent.is_empty() && !form.is_empty())
}

impl Form {
    /// True if a database knows its values.
    pub fn is_fact(&self) -> bool {
        matches!(self.part, Some(FormPart::Fact(_)))
    }

    /// Reads `FIELD[NAME_KEY=NAME].VALUE_KEY`.
    pub fn of_named_entry(text: &str) -> Option<Self> {
        let (of, rest) = text.split_once('[')?;
        let (selection, value_key) = rest.rsplit_once("].")?;
        let (name_key, name) = selection.split_once('=')?;
        let parts = [of, name_key, name, value_key].map(str::trim);
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let [of, name_key, name, value_key] = parts.map(str::to_owned);
        let part = Some(FormPart::Entry(NamedEntry { name_key, name, value_key }));
        Some(Form { of: FieldPath::new(&of), case: Case::Kept, part })
    }
}

impl NamedEntry {
    /// Adds the values of the wanted entries in `value`: a list of entries, or one entry.
    pub(super) fn values<'a>(&self, value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Array(list) => list.iter().for_each(|entry| self.values(entry, found)),
            Value::Object(entry) => {
                let is_wanted = child(entry, &self.name_key).and_then(Value::as_str) == Some(self.name.as_str());
                found.extend(child(entry, &self.value_key).filter(|_| is_wanted));
            }
            _ => {}
        }
    }
}
