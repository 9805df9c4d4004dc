//! `[assets]`: the fields that name what an outlier touches.

use super::ini::Ini;
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
pub(super) fn read(ini: &Ini) -> Vec<Asset> {
    ini.own_entries(SECTION)
        .iter()
        .map(|entry| Asset { field: FieldPath::new(&entry.key), asset_type: entry.value.text().to_owned() })
        .collect()
}
