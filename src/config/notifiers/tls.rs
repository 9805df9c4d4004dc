//! `ca_certs` and `verify_certs` of a channel.

use std::path::PathBuf;

use crate::config::keys::Keys;
#[cfg(test)]
use crate::config::template_key::TemplateKey;

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional(
        "ca_certs",
        "/etc/ee-outliers/ca.pem",
        "PEM file with the certificates to trust instead of the system's",
    ),
    TemplateKey::optional("verify_certs", "1", "0: any certificate is accepted, with a warning"),
];

/// Certificates of the server of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelTls {
    /// File with the certificates to trust instead of the system's.
    pub ca_certs: Option<PathBuf>,
    /// True to verify the server's certificate.
    pub verify_certs: bool,
}

impl ChannelTls {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let ca_certs = keys.filled("ca_certs").map(PathBuf::from);
        let verify_certs = keys.bool("verify_certs").unwrap_or(true);
        if !verify_certs {
            let message = "certificates are not verified: anyone between here and the server can read everything";
            keys.warn("verify_certs", message, "name the CA of the server in ca_certs instead");
        }
        Self { ca_certs, verify_certs }
    }
}
