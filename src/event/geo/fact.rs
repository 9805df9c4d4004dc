//! Fields of ECS that hold what is known of an address.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use maxminddb::PathElement;
use outlier_kernels::travel::Place;

use super::database::{Database, DatabaseContents, DatabaseError};
use super::point_text;
use crate::event::FieldPath;
use crate::event::text::lower_case;

/// Objects of ECS that have an address `ip`, and what is known of it in `geo` and `as`.
const OBJECTS: [&str; 4] = ["source", "destination", "client", "server"];

/// Databases of addresses; any of them may be missing.
#[derive(Debug, Default)]
pub struct AddressDatabases {
    places: Option<Database>,
    networks: Option<Database>,
}

/// Something that databases know of an address.
#[derive(Debug, Clone)]
pub struct AddressFact {
    databases: Arc<AddressDatabases>,
    attribute: Attribute,
}

/// Fields below `geo` and `as` of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    CityName,
    ContinentCode,
    ContinentName,
    CountryIsoCode,
    CountryName,
    Location,
    Latitude,
    Longitude,
    PostalCode,
    RegionIsoCode,
    RegionName,
    Timezone,
    AsNumber,
    AsOrganization,
}

/// Names of attributes, as ECS has them.
const ATTRIBUTES: [(&str, Attribute); 14] = [
    ("geo.city_name", Attribute::CityName),
    ("geo.continent_code", Attribute::ContinentCode),
    ("geo.continent_name", Attribute::ContinentName),
    ("geo.country_iso_code", Attribute::CountryIsoCode),
    ("geo.country_name", Attribute::CountryName),
    ("geo.location", Attribute::Location),
    ("geo.location.lat", Attribute::Latitude),
    ("geo.location.lon", Attribute::Longitude),
    ("geo.postal_code", Attribute::PostalCode),
    ("geo.region_iso_code", Attribute::RegionIsoCode),
    ("geo.region_name", Attribute::RegionName),
    ("geo.timezone", Attribute::Timezone),
    ("as.number", Attribute::AsNumber),
    ("as.organization.name", Attribute::AsOrganization),
];

/// The object and the attribute that a field names.
fn parts(field: &str) -> Option<(&'static str, Attribute)> {
    let name = lower_case(field);
    let object =
        OBJECTS.into_iter().find(|object| name.strip_prefix(object).is_some_and(|rest| rest.starts_with('.')))?;
    let rest = &name[object.len() + 1..];
    let (_, attribute) = ATTRIBUTES.into_iter().find(|(known, _)| *known == rest)?;
    Some((object, attribute))
}

/// True if a database of addresses may know the values of a field.
pub fn is_about_an_address(field: &str) -> bool {
    parts(field).is_some()
}

impl AddressDatabases {
    /// Opens a database of places.
    ///
    /// # Errors
    /// A file that cannot be read, or is not a whole database.
    pub fn open_places(&mut self, path: &Path) -> Result<DatabaseContents, DatabaseError> {
        let database = self.places.insert(Database::open(path)?);
        Ok(database.contents())
    }

    /// Opens a database of networks.
    ///
    /// # Errors
    /// A file that cannot be read, or is not a whole database.
    pub fn open_networks(&mut self, path: &Path) -> Result<DatabaseContents, DatabaseError> {
        let database = self.networks.insert(Database::open(path)?);
        Ok(database.contents())
    }

    /// True if there is no database.
    pub fn is_empty(&self) -> bool {
        self.places.is_none() && self.networks.is_none()
    }

    /// The fact that `field` holds, and the field with the address that it is about; `None` if no
    /// database knows it.
    pub fn fact(databases: &Arc<Self>, field: &str) -> Option<(FieldPath, AddressFact)> {
        let (object, attribute) = parts(field)?;
        let is_of_network = matches!(attribute, Attribute::AsNumber | Attribute::AsOrganization);
        if databases.places.is_none() && !(is_of_network && databases.networks.is_some()) {
            return None;
        }
        let fact = AddressFact { databases: Arc::clone(databases), attribute };
        Some((FieldPath::new(&format!("{object}.ip")), fact))
    }
}

impl AddressFact {
    /// True if its texts are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self.attribute, Attribute::AsNumber | Attribute::Latitude | Attribute::Longitude)
    }

    /// Text of the fact about an address; `None` if it is not known.
    pub fn of(&self, address: &str) -> Option<String> {
        use PathElement::{IndexFromEnd, Key};
        let address = parse_address(address)?;
        let AddressDatabases { places, networks } = &*self.databases;
        let text = |path: &[PathElement<'_>]| places.as_ref()?.value::<String>(address, path);
        let name = |of: &str| text(&[Key(of), Key("names"), Key("en")]);
        match self.attribute {
            Attribute::CityName => name("city"),
            Attribute::ContinentCode => text(&[Key("continent"), Key("code")]),
            Attribute::ContinentName => name("continent"),
            Attribute::CountryIsoCode => text(&[Key("country"), Key("iso_code")]),
            Attribute::CountryName => name("country"),
            Attribute::PostalCode => text(&[Key("postal"), Key("code")]),
            Attribute::RegionName => text(&[Key("subdivisions"), IndexFromEnd(0), Key("names"), Key("en")]),
            Attribute::RegionIsoCode => {
                let country = text(&[Key("country"), Key("iso_code")])?;
                let region = text(&[Key("subdivisions"), IndexFromEnd(0), Key("iso_code")])?;
                Some(format!("{country}-{region}"))
            }
            Attribute::Timezone => text(&[Key("location"), Key("time_zone")]),
            Attribute::Location => place(places.as_ref()?, address).map(point_text),
            Attribute::Latitude => place(places.as_ref()?, address).map(|place| place.degrees().0.to_string()),
            Attribute::Longitude => place(places.as_ref()?, address).map(|place| place.degrees().1.to_string()),
            Attribute::AsNumber => {
                let key = "autonomous_system_number";
                let number = networks.as_ref().and_then(|networks| networks.value::<u32>(address, &[Key(key)]));
                let of_places = || places.as_ref()?.value::<u32>(address, &[Key("traits"), Key(key)]);
                number.or_else(of_places).map(|number| number.to_string())
            }
            Attribute::AsOrganization => {
                let key = "autonomous_system_organization";
                let name = networks.as_ref().and_then(|networks| networks.value::<String>(address, &[Key(key)]));
                name.or_else(|| text(&[Key("traits"), Key(key)]))
            }
        }
    }
}

impl PartialEq for AddressFact {
    fn eq(&self, other: &Self) -> bool {
        self.attribute == other.attribute && Arc::ptr_eq(&self.databases, &other.databases)
    }
}

impl Eq for AddressFact {}

fn place(places: &Database, address: IpAddr) -> Option<Place> {
    let degrees = |key| places.value::<f64>(address, &[PathElement::Key("location"), PathElement::Key(key)]);
    Place::of_degrees(degrees("latitude")?, degrees("longitude")?)
}

/// Reads an address, as IPv4 if it is one. Some logs write the port as well.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_about_the_address_of_their_object() {
        for (field, expected) in [
            ("source.geo.country_iso_code", Some(("source", Attribute::CountryIsoCode))),
            ("Client.GEO.location", Some(("client", Attribute::Location))),
            ("destination.as.organization.name", Some(("destination", Attribute::AsOrganization))),
            ("server.geo.location.lat", Some(("server", Attribute::Latitude))),
            ("source.geo.name", None),
            ("source.ip", None),
            ("sources.geo.location", None),
            ("host.geo.location", None),
            ("source", None),
            ("", None),
        ] {
            assert_eq!(parts(field), expected, "{field}");
        }
    }

    #[test]
    fn addresses_are_read_in_the_forms_that_logs_have() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            (" ::ffff:192.0.2.1 ", Some("192.0.2.1")),
            ("192.0.2.1:443", Some("192.0.2.1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("192.0.2", None),
            ("192.0.2.1/24", None),
            ("LOCAL", None),
            ("-", None),
            ("", None),
        ] {
            let expected = expected.map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(parse_address(text), expected, "{text:?}");
        }
    }

    #[test]
    fn without_a_database_nothing_is_known() {
        assert_eq!(AddressDatabases::fact(&Arc::default(), "source.geo.location"), None);
    }
}
