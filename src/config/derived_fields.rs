//! `[derivedfields]`: fields made from the text of other fields.

use super::ini::Ini;
use super::keys::refused_fields;
use super::problem::{Location, Problem};
use crate::event::FieldPath;
use crate::event::derived::{DerivedField, DerivedFields};

pub(super) const SECTION: &str = "derivedfields";

/// A derived field, and its place in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenDerivedField {
    /// The field.
    pub field: DerivedField,
    /// Location of the pattern.
    pub location: Location,
}

/// Reads the derived fields of a file, of either kind.
pub(super) fn read(ini: &Ini, problems: &mut Vec<Problem>) -> Vec<WrittenDerivedField> {
    problems.extend(refused_fields(ini, SECTION));
    ini.own_entries(SECTION)
        .iter()
        .map(|entry| WrittenDerivedField {
            field: DerivedField { source: FieldPath::new(&entry.key), pattern: entry.value.text().to_owned() },
            location: entry.value.location(),
        })
        .collect()
}

/// Compiles derived fields; patterns that do not compile are returned as problems.
pub fn compile_derived(fields: &[WrittenDerivedField]) -> (DerivedFields, Vec<Problem>) {
    let (rules, wrong) = DerivedFields::compile(fields.iter().map(|written| &written.field));
    let problem = |(field_idx, message): (usize, String)| {
        let WrittenDerivedField { field, location } = &fields[field_idx];
        Problem::error(message).at(location.clone()).in_section(SECTION).of_key(field.source.as_str()).help(
            "a pattern is a regular expression with %{NAME}, %{NAME:key}, %{NAME:key:int} or %{NAME:key:float} in it",
        )
    };
    (rules, wrong.into_iter().map(problem).collect())
}
