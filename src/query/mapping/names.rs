//! Meaning that a mapping gives to the names of fields.

use super::dynamic::LeafKind;
use super::field_type::FieldType;
use super::{Mapping, QueryColumn, case_of};
use crate::event::text::lower_case;
use crate::event::time::TimeFormats;
use crate::event::{FieldPath, Form, MappedName, MappedNames, split_form};

impl MappedNames for Mapping {
    fn time_formats(&self, name: &str) -> Option<TimeFormats> {
        match &self.mapped(name)?.field_type {
            FieldType::Date(_, formats) if !formats.is_empty() => Some(formats.clone()),
            _ => None,
        }
    }

    fn forms(&self) -> Vec<(String, FieldPath)> {
        let form = |name: &String| match self.meaning(name) {
            MappedName::Form(form) => Some((name.clone(), form.of)),
            MappedName::Field | MappedName::Unknown => None,
        };
        self.fields.keys().filter_map(form).collect()
    }

    fn meaning(&self, name: &str) -> MappedName {
        let Some(field) = self.mapped(name) else {
            return self.dynamic_form(name).map_or(MappedName::Unknown, MappedName::Form);
        };
        match field.sources.first().map(QueryColumn::field) {
            Some(of) if lower_case(of.as_str()) != lower_case(name) => {
                MappedName::Form(Form { of, case: field.case(), part: None })
            }
            _ => MappedName::Field,
        }
    }
}

impl Mapping {
    /// Returns the form that a dynamic template makes of `name`.
    fn dynamic_form(&self, name: &str) -> Option<Form> {
        let (parent, form) = split_form(name)?;
        if self.mapped(parent).is_some() {
            return None;
        }
        let field_type = self.dynamic.iter().find_map(|dynamic| {
            LeafKind::ALL.iter().find_map(|&kind| {
                let template = &dynamic.templates()[dynamic.template_of(parent, kind)?];
                template.type_of_form(form, kind)
            })
        })?;
        Some(Form { of: FieldPath::new(parent), case: case_of(&field_type), part: None })
    }
}
