//! `[geoip]`: databases that know where addresses are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keys::Keys;
#[cfg(test)]
use super::template_key::TemplateKey;
use crate::event::geo::{AddressDatabases, DatabaseContents, DatabaseError};

pub(super) const SECTION: &str = "geoip";

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional("database", "/usr/share/GeoIP/GeoLite2-City.mmdb", "file that knows the places of addresses"),
    TemplateKey::optional(
        "asn_database",
        "/usr/share/GeoIP/GeoLite2-ASN.mmdb",
        "file that knows the networks of addresses",
    ),
];

const PLACES: &str = "database";
const NETWORKS: &str = "asn_database";

/// Opens the databases that the section names; `None` if it names none that can be used.
pub(super) fn read(keys: &mut Keys<'_>) -> Option<Arc<AddressDatabases>> {
    let mut databases = AddressDatabases::default();
    let is_of_networks = |contents: &DatabaseContents| *contents == DatabaseContents::Networks;
    let places = open(keys, PLACES, |path| databases.open_places(path));
    if places.as_ref().is_some_and(is_of_networks) {
        let message = "a database of networks does not know where addresses are";
        keys.warn(PLACES, message, format!("name it in {NETWORKS}, and one of cities or countries here"));
    }
    let networks = open(keys, NETWORKS, |path| databases.open_networks(path));
    if networks.as_ref().is_some_and(|contents| !is_of_networks(contents)) {
        let message = "not a database of networks, but of another kind";
        keys.warn(NETWORKS, message, format!("name one such as GeoLite2-ASN.mmdb here, and this one in {PLACES}"));
    }
    (!databases.is_empty()).then(|| Arc::new(databases))
}

/// Opens the database that `key` names.
fn open(
    keys: &mut Keys<'_>,
    key: &'static str,
    open: impl FnOnce(&Path) -> Result<DatabaseContents, DatabaseError>,
) -> Option<DatabaseContents> {
    let path = PathBuf::from(keys.filled(key)?);
    let opened = open(&path);
    if let Err(error) = &opened {
        let help = match error {
            DatabaseError::Unreadable(_) => "correct the path, or let the user of ee-outliers read the file",
            DatabaseError::OfAnotherKind(_) => "name an unpacked file such as GeoLite2-City.mmdb",
            DatabaseError::Damaged(_) | DatabaseError::TooLarge => "download it again",
        };
        let path = path.display().to_string();
        keys.error(key, format!("{}: {error}", path.escape_debug()), help);
    }
    opened.ok()
}
