//! Keys of channels that are reached over HTTP.

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::tls::ChannelTls;
use crate::config::keys::Keys;
use crate::config::secret::Secret;
#[cfg(test)]
use crate::config::template_key::TemplateKey;

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::set("url", "https://receiver.example/hook", "address of the receiver"),
    TemplateKey::optional("url_file", "/etc/ee-outliers/url", "file that holds the address"),
    TemplateKey::optional(
        "proxy",
        "http://proxy.example:3128",
        "address of the proxy; those of the environment are not used",
    ),
    TemplateKey::optional("proxy_file", "/etc/ee-outliers/proxy", "file that holds the address of the proxy"),
    TemplateKey::optional(
        "allow_link_local",
        "1",
        "1: link-local addresses, and those of the metadata of clouds, are allowed",
    ),
];

/// Settings for sending requests. Addresses and headers may hold secrets, so none is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// A valid `http://` or `https://` address.
    pub url: Secret,
    /// Address of the proxy, if requests go through one.
    pub proxy: Option<Secret>,
    /// Certificates.
    pub tls: ChannelTls,
    /// True if the address may be a link-local one, or that of a cloud's metadata.
    pub allow_link_local: bool,
}

/// Forms of addresses that a channel takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Addresses {
    /// Of servers of one's own; a path below the address is added.
    Base,
    /// Complete, with a secret in it.
    Complete,
}

impl HttpSettings {
    pub(super) fn read(keys: &mut Keys<'_>, addresses: Addresses) -> Option<Self> {
        let help = match addresses {
            Addresses::Base => "write https://HOST",
            Addresses::Complete => "write the address as the receiver shows it",
        };
        let tls = ChannelTls::read(keys);
        let proxy = Secret::written(keys, "proxy", "proxy_file");
        let allow_link_local = keys.bool("allow_link_local").unwrap_or(false);
        let url = Secret::required(keys, "url", "url_file", help)?;
        // the messages must not show the address
        let Some(parsed) = parse(url.expose()) else {
            keys.error("url", "not an address", help);
            return None;
        };
        if addresses == Addresses::Base && (parsed.query().is_some() || !parsed.username().is_empty()) {
            keys.error("url", "more than an address", "write https://HOST/PREFIX, without user and `?`");
            return None;
        }
        if parsed.scheme() == "http" && !is_loopback(&parsed) {
            let message = "without TLS, anyone between here and the receiver can read everything";
            keys.warn("url", message, "write https:// if the receiver can");
        }
        if proxy.as_ref().is_some_and(|proxy| parse(proxy.expose()).is_none()) {
            keys.error("proxy", "not an address", "write http://HOST:PORT");
            return None;
        }
        Some(Self { url, proxy, tls, allow_link_local })
    }
}

fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    (["http", "https"].contains(&url.scheme()) && url.host_str().is_some()).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str().unwrap_or_default().trim_matches(['[', ']']) {
        "localhost" => true,
        host => host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
    }
}

/// Reads `headers`: one `Name: value` per line, which go with each request.
pub(super) fn read_headers(keys: &mut Keys<'_>) -> Option<Vec<(String, Secret)>> {
    let Some(lines) = Secret::written(keys, "headers", "headers_file") else { return Some(Vec::new()) };
    let lines = lines.expose().lines().map(str::trim).filter(|line| !line.is_empty());
    let headers: Option<Vec<_>> = lines.map(header).collect();
    if headers.is_none() {
        keys.error("headers", "not a list of headers", "write one `Name: value` per line, each line indented");
    }
    headers
}

fn header(line: &str) -> Option<(String, Secret)> {
    let (name, value) = line.split_once(':')?;
    let (name, value) = (HeaderName::try_from(name.trim()).ok()?, value.trim());
    HeaderValue::try_from(value).ok()?;
    Some((name.as_str().to_owned(), Secret::new(value)))
}
