//! `type = thehive`: alerts in TheHive.

use super::http::{Addresses, HttpSettings};
use crate::config::keys::Keys;
use crate::config::secret::Secret;
#[cfg(test)]
use crate::config::template_key::{TemplateKey, names_of};
use crate::config::values::comma_list;
use crate::spelling::named_values;

named_values! {
    /// Version of TheHive, which decides what its API takes.
    TheHiveApi {
        /// TheHive 5, API v1.
        Five = "5",
        /// TheHive 4, API v0.
        Four = "4",
    }
}

named_values! {
    /// Type of a custom field of alerts.
    CustomFieldType {
        /// Text.
        Text = "string",
        /// Whole number.
        Integer = "integer",
        /// Number.
        Float = "float",
        /// Truth value.
        Boolean = "boolean",
        /// Time, in milliseconds since 1970.
        Date = "date",
    }
}

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::set("api_key", "secret", "API key of a user that may create alerts"),
    TemplateKey::optional("api_key_file", "/etc/ee-outliers/thehive-key", "file that holds the API key"),
    TemplateKey::optional("api", "5", "version of TheHive").one_of(|| names_of(&TheHiveApi::NAMES)),
    TemplateKey::optional("organisation", "SOC", "organisation, for users with several"),
    TemplateKey::optional("alert_type", "outlier", "type of the alerts"),
    TemplateKey::optional("source", "ee-outliers", "source of the alerts"),
    TemplateKey::optional(
        "tlp",
        "amber",
        "traffic light of the alerts: clear, green, amber, amber+strict (TheHive 5) or red",
    ),
    TemplateKey::optional("pap", "amber", "permissible actions: clear, green, amber or red"),
    TemplateKey::optional("tags", "outlier-detection, night", "tags of the alerts, besides their own"),
    TemplateKey::optional("observables", "user=other, mailbox=mail", "data types of observables by types of assets"),
    TemplateKey::optional(
        "custom_fields",
        "risk:float = {{ score }}",
        "custom fields of the alerts, one NAME:TYPE = TEMPLATE per line",
    ),
];

/// A custom field that alerts get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// Name of the field in TheHive.
    pub name: String,
    /// Its type in TheHive.
    pub field_type: CustomFieldType,
    /// Template of its value.
    pub template: String,
}

/// Settings of a channel that creates alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TheHiveSettings {
    /// Address and certificates.
    pub http: HttpSettings,
    /// Key of the user that creates alerts.
    pub api_key: Secret,
    /// Version.
    pub api: TheHiveApi,
    /// Organisation, for users that have several.
    pub organisation: Option<String>,
    /// Type of the alerts, at most 32 characters.
    pub alert_type: String,
    /// Source of the alerts, at most 64 characters.
    pub source: String,
    /// Number of the traffic light, from 0 (clear) on.
    pub tlp: u8,
    /// Number of the permissible actions, from 0 (clear) to 3 (red).
    pub pap: u8,
    /// Tags of the alerts, besides their own.
    pub tags: Vec<String>,
    /// Data types of observables by the type of assets, besides those with known names.
    pub observables: Vec<(String, String)>,
    /// Custom fields of the alerts.
    pub custom_fields: Vec<CustomField>,
}

pub(super) fn read(keys: &mut Keys<'_>) -> Option<TheHiveSettings> {
    let api = keys.named("api", &TheHiveApi::NAMES).unwrap_or(TheHiveApi::Five);
    let organisation = keys.filled("organisation").map(str::to_owned);
    let alert_type = read_name(keys, "alert_type", 32);
    let source = read_name(keys, "source", 64);
    let tlp = read_traffic_light(keys, "tlp", api);
    let pap = read_traffic_light(keys, "pap", TheHiveApi::Four);
    let tags = keys.filled("tags").map(|tags| tags.split(',').map(|tag| tag.trim().to_owned()).collect());
    let observables = read_observables(keys);
    let custom_fields = read_custom_fields(keys);
    let api_key = Secret::required(keys, "api_key", "api_key_file", "write the API key of the user");
    let http = HttpSettings::read(keys, Addresses::Base);
    Some(TheHiveSettings {
        http: http?,
        api_key: api_key?,
        api,
        organisation,
        alert_type: alert_type.unwrap_or_else(|| "outlier".to_owned()),
        source: source.unwrap_or_else(|| "ee-outliers".to_owned()),
        tlp: tlp.unwrap_or(2),
        pap: pap.unwrap_or(2),
        tags: tags.unwrap_or_default(),
        observables: observables?,
        custom_fields: custom_fields?,
    })
}

fn read_name(keys: &mut Keys<'_>, key: &'static str, most_chars: usize) -> Option<String> {
    let help = format!("write up to {most_chars} characters");
    let is_name = |text: &str| (1..=most_chars).contains(&text.chars().count()).then(|| text.to_owned());
    keys.parsed(key, "too long, or empty", &help, is_name)
}

/// Reads a colour as its number; since version 5, `amber+strict` is between amber and red.
fn read_traffic_light(keys: &mut Keys<'_>, key: &'static str, api: TheHiveApi) -> Option<u8> {
    const FOUR: [(&str, u8); 4] = [("clear", 0), ("green", 1), ("amber", 2), ("red", 3)];
    const FIVE: [(&str, u8); 5] = [("clear", 0), ("green", 1), ("amber", 2), ("amber+strict", 3), ("red", 4)];
    match api {
        TheHiveApi::Four => keys.named(key, &FOUR),
        TheHiveApi::Five => keys.named(key, &FIVE),
    }
}

/// Reads `observables`: pairs `ASSET TYPE=DATA TYPE`, separated by commas.
fn read_observables(keys: &mut Keys<'_>) -> Option<Vec<(String, String)>> {
    let pair = |pair: &String| {
        let (asset, data_type) = pair.split_once('=')?;
        (!asset.is_empty() && !data_type.is_empty()).then(|| (asset.to_owned(), data_type.to_owned()))
    };
    let pairs = |text: &str| comma_list(text).iter().map(pair).collect::<Option<Vec<_>>>();
    match keys.filled("observables") {
        None => Some(Vec::new()),
        Some(_) => keys.parsed("observables", "not a list of pairs", "write user=other, mailbox=mail", pairs),
    }
}

/// Reads `custom_fields`: lines `NAME = TEMPLATE` or `NAME:TYPE = TEMPLATE`.
fn read_custom_fields(keys: &mut Keys<'_>) -> Option<Vec<CustomField>> {
    let field = |line: &str| {
        let (name, template) = line.split_once('=')?;
        let (name, type_name) = name.trim().split_once(':').unwrap_or((name.trim(), "string"));
        let (_, field_type) = CustomFieldType::NAMES.into_iter().find(|(known, _)| *known == type_name.trim())?;
        let is_named = !name.trim().is_empty();
        is_named.then(|| CustomField { name: name.trim().to_owned(), field_type, template: template.trim().to_owned() })
    };
    let lines = |text: &str| {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(field).collect::<Option<Vec<_>>>()
    };
    let help =
        "write one `NAME:TYPE = VALUE` per line, each line indented; types: string, integer, float, boolean, date";
    match keys.filled("custom_fields") {
        None => Some(Vec::new()),
        Some(_) => keys.parsed("custom_fields", "not a list of fields", help, lines),
    }
}
