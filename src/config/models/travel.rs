//! `travel`: a user is at two places, and nobody gets from one to the other so fast.

use chrono::TimeDelta;

use super::ModelSettings;
use crate::config::ini::Entry;
use crate::config::keys::Keys;
use crate::config::template_key::TemplateKey;
use crate::event::FieldPath;

const SENSITIVITY: &str = "trigger_sensitivity";

/// Settings of `travel`.
#[derive(Clone, Debug, PartialEq)]
pub struct Travel {
    /// The fields that say who travels.
    pub aggregator: Vec<FieldPath>,
    /// The field with the coordinates.
    pub location: FieldPath,
    /// The field with the country, which outliers show.
    pub country: Option<FieldPath>,
    /// Networks, by which those that many use are recognised.
    pub networks: Option<Networks>,
    /// Places nearer than this are taken for one, in kilometres; positive.
    pub min_distance: f64,
    /// Shorter times between two events count as this; at least a second.
    pub min_interval: TimeDelta,
    /// The greatest speed that is possible, in kilometres per hour; positive.
    pub max_speed: f64,
}

/// Networks that say little about where somebody is if many use them.
#[derive(Clone, Debug, PartialEq)]
pub struct Networks {
    /// The field that names the network.
    pub field: FieldPath,
    /// Percentage of all users up to which a network says where they are; from 0 to 100.
    pub most: Option<f64>,
}

impl Travel {
    const LOCATION: &str = "source.geo.location";
    const MIN_DISTANCE: f64 = 500.0;
    const MIN_INTERVAL: TimeDelta = TimeDelta::minutes(5);
    const MAX_SPEED: f64 = 1_000.0;
}

impl ModelSettings for Travel {
    const TEMPLATE: &'static [TemplateKey] = &[
        TemplateKey::set("aggregator", "user.name", "fields that tell users apart"),
        TemplateKey::optional("location_field", Self::LOCATION, "field with the place"),
        TemplateKey::optional("country_field", "source.geo.country_iso_code", "field with the country of the place"),
        TemplateKey::optional("min_distance_km", "500", "places nearer than this are taken for one, in kilometres"),
        TemplateKey::optional("min_interval", "5m", "shorter times between two events count as this"),
        TemplateKey::optional("prevalence_field", "source.ip", "field with the network, by which a VPN is recognised"),
        TemplateKey::optional("max_prevalence", "5", "percentage of the users from which on a network is left out"),
        TemplateKey::optional("trigger_on", "high", "only high speeds are outliers"),
        TemplateKey::optional("trigger_method", "float", "the speed is compared with trigger_sensitivity"),
        TemplateKey::optional(SENSITIVITY, "1000", "the greatest speed that is possible, in kilometres per hour"),
    ];

    fn read(keys: &mut Keys<'_>, _: Option<TimeDelta>) -> Option<Self> {
        let aggregator = keys.required_fields("aggregator");
        let location = keys.field("location_field").unwrap_or_else(|| FieldPath::new(Self::LOCATION));
        let country = keys.field("country_field").or_else(|| country_of(&location));
        let networks = Networks::read(keys);
        let min_distance = positive(keys, "min_distance_km", "not a distance").unwrap_or(Self::MIN_DISTANCE);
        let min_interval = keys.period("min_interval").unwrap_or(Self::MIN_INTERVAL);
        if keys.filled("trigger_on").is_some_and(|on| on != "high") {
            keys.error("trigger_on", "only a high speed is an outlier", "remove the key");
        }
        keys.named("trigger_method", &[("float", ())]);
        let max_speed = positive(keys, SENSITIVITY, "not a speed").unwrap_or(Self::MAX_SPEED);
        Some(Self { aggregator: aggregator?, location, country, networks, min_distance, min_interval, max_speed })
    }

    fn read_section<'a>(_: &mut Keys<'a>) -> Vec<&'a Entry> {
        Vec::new()
    }
}

impl Networks {
    fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let field = keys.field("prevalence_field");
        let most = keys.percentage("max_prevalence");
        if field.is_none() && keys.entry("max_prevalence").is_some() {
            let help = "name the field of the network in prevalence_field, such as source.ip or source.as.number";
            keys.error("max_prevalence", "nothing says which networks are common", help);
        }
        field.map(|field| Self { field, most })
    }
}

/// The country beside a location: `source.geo.country_iso_code` for `source.geo.location`.
fn country_of(location: &FieldPath) -> Option<FieldPath> {
    let above = location.as_str().strip_suffix(".location")?;
    Some(FieldPath::new(&format!("{above}.country_iso_code")))
}

/// A number above 0.
fn positive(keys: &mut Keys<'_>, key: &'static str, wrong: &str) -> Option<f64> {
    let number = keys.float(key)?;
    let is_valid = number > 0.0 && number.is_finite();
    if !is_valid {
        keys.error(key, wrong, "write a number above 0");
    }
    is_valid.then_some(number)
}
