//! `[derivedfields]`: fields made from the text of other fields.

use super::field::FieldPath;
use super::ini::Ini;
use super::problem::Location;

pub(super) const SECTION: &str = "derivedfields";

/// Fields to be made from the text of another field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedField {
    /// The field whose text is matched.
    pub source: FieldPath,
    /// The GROK pattern that is applied to it; not yet compiled.
    pub pattern: String,
    /// Location of the pattern.
    pub location: Location,
}

/// Reads the derived fields of a file, of either kind.
pub(super) fn read(ini: &Ini) -> Vec<DerivedField> {
    ini.own_entries(SECTION)
        .iter()
        .map(|entry| DerivedField {
            source: FieldPath::new(&entry.key),
            pattern: entry.value.text().to_owned(),
            location: entry.value.location(),
        })
        .collect()
}
