//! `[http]`: where the daemon shows its metrics and pages, and to whom.

use std::net::{Ipv4Addr, SocketAddr};

use super::keys::Keys;
use super::secret::Secret;
#[cfg(test)]
use super::template_key::TemplateKey;

pub(super) const SECTION: &str = "http";

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional(
        "listen",
        "127.0.0.1:9597",
        "address and port of the daemon's metrics and pages; empty: no server",
    ),
    TemplateKey::optional(
        "token",
        "write-a-long-one-here",
        "token that requests must carry, with at least 16 characters",
    ),
    TemplateKey::optional("token_file", "/etc/ee-outliers/http-token", "file that holds the token"),
    TemplateKey::optional("allow_without_token", "1", "1: an address that others can reach is allowed without a token"),
];

/// Default of `listen`.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9597);

/// Fewest characters of a token: a shorter one can be guessed.
const MIN_TOKEN_CHARS: usize = 16;

/// Settings of the HTTP server of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpServerSettings {
    /// Address and port; `None` if there is no server.
    pub listen: Option<SocketAddr>,
    /// Token that requests must carry.
    pub token: Option<Secret>,
}

impl HttpServerSettings {
    /// Reads the section. An address that others can reach needs a token, unless the configuration
    /// says that it needs none.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let listen = match keys.text("listen") {
            None => Some(DEFAULT_LISTEN),
            Some("") => None,
            Some(_) => {
                let help = "write an address and a port, such as 127.0.0.1:9597, or nothing for no server";
                keys.parsed("listen", "not an address", help, |text| text.parse().ok())
            }
        };
        let token = Secret::written(keys, "token", "token_file");
        let is_short = |token: &Secret| token.expose().chars().count() < MIN_TOKEN_CHARS;
        if token.as_ref().is_some_and(is_short) {
            let help = "write at least 16 characters, such as the output of: openssl rand -hex 32";
            keys.error("token", "too short: it could be guessed", help);
        }
        let is_open = keys.bool("allow_without_token").unwrap_or(false);
        let is_reachable = listen.is_some_and(|address: SocketAddr| !address.ip().is_loopback());
        if is_reachable && token.is_none() && !is_open {
            let help =
                "set token or token_file; or allow_without_token=1, if everybody who reaches it may see findings";
            keys.error("listen", "others can reach this address, and no token is set", help);
        }
        HttpServerSettings { listen, token }
    }
}
