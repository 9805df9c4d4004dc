//! Keys `es_...` of `[general]`: connecting to the cluster and reading from it.
//!
//! Settings in a file take precedence over the environment.

mod authentication;
mod url;

use std::path::PathBuf;
use std::time::Duration;

use super::keys::Keys;
#[cfg(test)]
use super::template_key::TemplateKey;

pub use authentication::Authentication;
#[cfg(test)]
pub(super) use authentication::KEYS as AUTHENTICATION_KEYS;
pub(crate) use url::percent_decoded;

/// Looks up a variable of the environment.
pub(super) type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(in crate::config) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional(
        "es_url",
        "https://es1.example:9200, https://es2.example:9200",
        "addresses of the cluster; one is used until it fails, then the next",
    ),
    TemplateKey::optional("es_index_pattern", "logs-*", "indices to read, with commas between them"),
    TemplateKey::optional("es_scan_size", "10000", "upper limit on the documents of a page"),
    TemplateKey::optional("es_scroll_time", "25m", "how long the cluster keeps a search open between two pages"),
    TemplateKey::optional("es_timeout", "300", "time-out of a request, in seconds"),
    TemplateKey::optional(
        "es_retry_deadline",
        "900",
        "seconds for which a request is retried while the cluster does not answer or is overloaded; 0: no retries",
    ),
    TemplateKey::optional("es_http_compress", "1", "1: answers are compressed, for slow networks"),
    TemplateKey::optional("es_verify_certs", "1", "0: any certificate is accepted, with a warning"),
    TemplateKey::optional(
        "es_ca_certs",
        "/etc/ee-outliers/ca.pem",
        "PEM file with the certificates to trust instead of the system's",
    ),
    TemplateKey::optional("es_client_cert", "/etc/ee-outliers/client.pem", "PEM file with a certificate of the client"),
    TemplateKey::optional(
        "es_client_key",
        "/etc/ee-outliers/client.key",
        "PEM file with its key, if it is not in the same file",
    ),
];

/// Settings for connecting to Elasticsearch and reading from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElasticSettings {
    /// `http://` or `https://` addresses without credentials, in the order in which they are tried;
    /// at least one. The port is optional, and so is a path prefix.
    pub es_urls: Vec<String>,
    /// Indices to read, comma-separated, with wildcards.
    pub es_index_pattern: String,
    /// Most documents per page; at least 1.
    pub es_scan_size: usize,
    /// Time for which a scroll or point in time is kept between two pages, such as `25m`.
    pub es_scroll_time: String,
    /// Time-out of a request.
    pub es_timeout: Duration,
    /// Time for which a run retries when the cluster does not answer or refuses work.
    pub es_retry_deadline: Duration,
    /// True to compress responses: worth it on networks slower than about 3 Gbit/s.
    pub http_compress: bool,
    /// Authentication of requests.
    pub authentication: Authentication,
    /// True to verify the server's certificate.
    pub verify_certs: bool,
    /// File with the certificates to trust instead of the system's.
    pub ca_certs: Option<PathBuf>,
    /// The certificate to show to the server.
    pub client_certificate: Option<ClientCertificate>,
}

/// A certificate of the client, with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file with the certificate, and those between it and the CA.
    pub cert: PathBuf,
    /// PEM file with the key; `None`: it is in the same file.
    pub key: Option<PathBuf>,
}

impl Default for ElasticSettings {
    fn default() -> Self {
        Self::read(&mut Keys::default(), &|_| None)
    }
}

impl ElasticSettings {
    pub(super) fn read(keys: &mut Keys<'_>, environment: &Environment<'_>) -> Self {
        // an empty variable is as good as none
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let (es_urls, of_url) = read_urls(keys);
        let es_scroll_time = keys.parsed("es_scroll_time", "not a time", "write a time such as 25m", elastic_time);
        Self {
            es_urls,
            es_index_pattern: keys.filled("es_index_pattern").unwrap_or("logstash-eagleeye-*").to_owned(),
            es_scan_size: usize::try_from(positive(keys, "es_scan_size").unwrap_or(10_000)).unwrap_or(usize::MAX),
            es_scroll_time: es_scroll_time.unwrap_or_else(|| "25m".to_owned()),
            es_timeout: Duration::from_secs(positive(keys, "es_timeout").unwrap_or(300)),
            es_retry_deadline: Duration::from_secs(keys.count("es_retry_deadline").unwrap_or(900)),
            http_compress: keys.bool("es_http_compress").unwrap_or(false),
            authentication: Authentication::read(keys, &variable, of_url),
            verify_certs: read_verify_certs(keys, &variable),
            ca_certs: read_path(keys, "es_ca_certs", &variable),
            client_certificate: read_client_certificate(keys, &variable),
        }
    }
}

/// Reads the addresses, and the credentials in one of them. No message shows a wrong address.
fn read_urls(keys: &mut Keys<'_>) -> (Vec<String>, Option<Authentication>) {
    let parse = |text: &str| text.split(',').map(|url| url::parse(url.trim())).collect::<Option<Vec<_>>>();
    let urls = keys.text("es_url").map(parse);
    if let Some(None) = urls {
        keys.error("es_url", "not an address", "write http://host:9200 or https://user:password@host:9200/prefix");
    }
    let Some(urls) = urls.flatten() else { return (vec!["http://esnode1:9200".to_owned()], None) };
    let (urls, credentials): (Vec<_>, Vec<_>) = urls.into_iter().map(|url| (url.url, url.credentials)).unzip();
    let first = credentials.into_iter().flatten().next();
    (urls, first.map(|(username, password)| Authentication::Basic { username, password }))
}

fn read_verify_certs(keys: &mut Keys<'_>, variable: &Environment<'_>) -> bool {
    let of_environment = variable("verify_certs").map(|value| value.to_lowercase());
    let default = of_environment.is_none_or(|value| ["yes", "true", "1"].contains(&value.as_str()));
    keys.bool("es_verify_certs").unwrap_or(default)
}

fn read_client_certificate(keys: &mut Keys<'_>, variable: &Environment<'_>) -> Option<ClientCertificate> {
    let key = read_path(keys, "es_client_key", variable);
    let cert = read_path(keys, "es_client_cert", variable);
    if cert.is_none() && key.is_some() {
        keys.missing("es_client_cert", "needed because es_client_key is given");
    }
    cert.map(|cert| ClientCertificate { cert, key })
}

/// A path from the file, else from the variable of that name without `es_`.
fn read_path(keys: &mut Keys<'_>, key: &'static str, variable: &Environment<'_>) -> Option<PathBuf> {
    let written = keys.filled(key).map(str::to_owned);
    written.or_else(|| variable(key.trim_start_matches("es_"))).map(PathBuf::from)
}

fn positive(keys: &mut Keys<'_>, key: &'static str) -> Option<u64> {
    let value = keys.count(key);
    if value == Some(0) {
        keys.error(key, "must not be 0", "write a number from 1 on");
        return None;
    }
    value
}

/// A number with a unit of Elasticsearch.
fn elastic_time(text: &str) -> Option<String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_time = unit.len() < text.len() && ["d", "h", "m", "s", "ms", "micros", "nanos"].contains(&unit);
    is_time.then(|| text.to_owned())
}
