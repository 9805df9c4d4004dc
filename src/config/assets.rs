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

/// Fields that name what a finding touches if the configuration does not say: by their names in the
/// Elastic Common Schema, which profiles of fields know by other names, too.
const BUILT_IN: [(&str, &str); 4] =
    [("host.name", "host"), ("user.name", "user"), ("source.ip", "ip"), ("destination.ip", "ip")];

/// Returns the built-in assets, unless the configuration has assets of its own, or an empty
/// section.
pub(super) fn built_in(ini: &Ini) -> Vec<Asset> {
    if ini.sections.iter().any(|section| section.name == SECTION) {
        return Vec::new();
    }
    let asset =
        |(field, asset_type): (&str, &str)| Asset { field: FieldPath::new(field), asset_type: asset_type.to_owned() };
    BUILT_IN.into_iter().map(asset).collect()
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
