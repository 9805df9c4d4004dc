//! `[namedvalues]`: names for the values of lists such as `[{"Name": "x", "Value": "y"}]`.

use super::ini::Ini;
use super::problem::Problem;
use crate::event::{FieldNames, Form};

pub(super) const SECTION: &str = "namedvalues";

/// Reads the names of the section.
pub(super) fn read(ini: &Ini, problems: &mut Vec<Problem>) -> FieldNames {
    let mut forms = Vec::new();
    for entry in ini.own_entries(SECTION) {
        match Form::of_named_entry(entry.value.text()) {
            Some(form) => forms.push((entry.key.clone(), form)),
            None => problems.push(
                Problem::error("not a value with a name")
                    .at(entry.value.location())
                    .in_section(SECTION)
                    .of_key(&entry.key)
                    .help("write FIELD[NAME_KEY=NAME].VALUE_KEY, such as ModifiedProperties[Name=Role].NewValue"),
            ),
        }
    }
    FieldNames::new(forms)
}
