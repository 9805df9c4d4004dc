//! `type = webhook`: requests to any program.

use std::path::PathBuf;

use super::http::{Addresses, HttpSettings, read_headers};
use crate::config::keys::Keys;
use crate::config::secret::Secret;
#[cfg(test)]
use crate::config::template_key::TemplateKey;

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional("headers", "X-Team: soc", "headers that go with each request, one Name: value per line"),
    TemplateKey::optional("headers_file", "/etc/ee-outliers/headers", "file that holds the headers"),
    TemplateKey::optional(
        "template",
        "/etc/ee-outliers/soar.json",
        "file with the template of the body; without it, the notice as JSON",
    ),
    TemplateKey::optional(
        "content_type",
        "application/json",
        "type of the body; without it, by the ending of the template's name",
    ),
    TemplateKey::optional("hmac_secret", "secret", "key with which requests are signed"),
    TemplateKey::optional("hmac_secret_file", "/etc/ee-outliers/soar-hmac", "file that holds that key"),
];

/// Settings of a channel that sends requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Address and certificates.
    pub http: HttpSettings,
    /// Headers that go with each request.
    pub headers: Vec<(String, Secret)>,
    /// File with the template of the body; `None`: the notice as JSON.
    pub template: Option<PathBuf>,
    /// Type of the body; `None`: by the ending of the template's name.
    pub content_type: Option<String>,
    /// Key of the signature; `None`: requests are not signed.
    pub hmac_secret: Option<Secret>,
}

pub(super) fn read(keys: &mut Keys<'_>) -> Option<WebhookSettings> {
    let headers = read_headers(keys);
    let template = keys.filled("template").map(PathBuf::from);
    let content_type = keys.filled("content_type").map(str::to_owned);
    let hmac_secret = Secret::written(keys, "hmac_secret", "hmac_secret_file");
    let http = HttpSettings::read(keys, Addresses::Complete);
    Some(WebhookSettings { http: http?, headers: headers?, template, content_type, hmac_secret })
}
