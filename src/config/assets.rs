//! `[assets]`: the fields that name what an outlier touches.

use super::comments::{self, Form};
use super::ini::Ini;
use super::keys::refused_fields;
use super::problem::Problem;
use crate::event::FieldPath;

pub(super) const SECTION: &str = "assets";

/// A field that names what an outlier touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The field.
    pub field: FieldPath,
    /// Type of the assets it names: `host`, `user`, `ip` ...
    pub asset_type: String,
}

/// Reads the assets in the order of the section.
pub(super) fn read(ini: &Ini, problems: &mut Vec<Problem>) -> Vec<Asset> {
    problems.extend(refused_fields(ini, SECTION));
    let entries = ini.own_entries(SECTION);
    problems.extend(entries.iter().filter_map(|entry| comments::warning(entry, SECTION, Form::Tight)));
    entries
        .iter()
        .map(|entry| Asset { field: FieldPath::new(&entry.key), asset_type: entry.value.text().to_owned() })
        .collect()
}
