//! The keys `es_...` of `[general]`, and the environment -> [`ElasticSettings`].
//!
//! What is written in a file wins over the environment. A secret may be written, or be in a file that is named.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::elastic_settings::{Authentication, ClientCertificate, ElasticSettings};
use super::elastic_url;
use super::keys::Keys;
use super::load_main::{Environment, set};
use super::problem::Problem;
use super::secret::Secret;

/// The keys that are read here.
pub(super) const KEYS: [&str; 18] = [
    "es_url",
    "es_index_pattern",
    "es_scan_size",
    "es_scroll_time",
    "es_timeout",
    "es_retry_deadline",
    "es_http_compress",
    "es_username",
    "es_password",
    "es_password_file",
    "es_api_key",
    "es_api_key_file",
    "es_bearer_auth",
    "es_bearer_auth_file",
    "es_verify_certs",
    "es_ca_certs",
    "es_client_cert",
    "es_client_key",
];

/// Largest file of a secret: a longer one is something else.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// Reads all keys; what is wrong becomes a problem of `keys`.
pub(super) fn load(keys: &mut Keys<'_>, environment: &Environment<'_>, elastic: &mut ElasticSettings) {
    // an empty variable is as good as none
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let of_url = load_urls(keys, elastic);
    set(&mut elastic.es_index_pattern, keys.filled("es_index_pattern").map(str::to_owned));
    let is_time = |text: &str| is_elastic_time(text).then(|| text.to_owned());
    set(&mut elastic.es_scroll_time, keys.parsed("es_scroll_time", "not a time", "write a time such as 25m", is_time));
    let scan_size = positive(keys, "es_scan_size").and_then(|size| usize::try_from(size).ok());
    set(&mut elastic.es_scan_size, scan_size);
    set(&mut elastic.es_timeout, positive(keys, "es_timeout").map(Duration::from_secs));
    set(&mut elastic.es_retry_deadline, keys.count("es_retry_deadline").map(Duration::from_secs));
    set(&mut elastic.http_compress, keys.bool("es_http_compress"));
    let written = in_file(keys);
    let found = match (of_url, written.is_empty()) {
        (Some(of_url), true) => vec![of_url],
        (Some(of_url), false) => [vec![of_url], written].concat(),
        (None, false) => written,
        (None, true) => in_environment(keys, &variable),
    };
    elastic.authentication = only_one(keys, found);
    load_certificates(keys, &variable, elastic);
}

/// An address with credentials is never shown.
fn load_urls(keys: &mut Keys<'_>, elastic: &mut ElasticSettings) -> Option<Authentication> {
    let text = keys.text("es_url")?;
    let parsed: Option<Vec<elastic_url::ElasticUrl>> =
        text.split(',').map(|url| elastic_url::parse(url.trim())).collect();
    let Some(urls) = parsed else {
        keys.error("es_url", "not an address", "write http://host:9200 or https://user:password@host:9200/prefix");
        return None;
    };
    let mut credentials = None;
    elastic.es_urls = Vec::with_capacity(urls.len());
    for url in urls {
        elastic.es_urls.push(url.url);
        credentials = credentials.or(url.credentials);
    }
    credentials.map(|(username, password)| Authentication::Basic { username, password })
}

fn in_file(keys: &mut Keys<'_>) -> Vec<Authentication> {
    let mut found = Vec::new();
    let username = keys.filled("es_username").map(str::to_owned);
    let password = written_secret(keys, "es_password");
    match (username, password) {
        (Some(username), Some(password)) => found.push(Authentication::Basic { username, password }),
        (Some(username), None) => found.push(Authentication::Basic { username, password: Secret::new("") }),
        (None, Some(_)) => keys.missing("es_username", "needed because es_password is given"),
        (None, None) => {}
    }
    found.extend(written_secret(keys, "es_api_key").map(Authentication::ApiKey));
    found.extend(written_secret(keys, "es_bearer_auth").map(Authentication::Bearer));
    found
}

/// The names of these variables are lower-case.
fn in_environment(keys: &mut Keys<'_>, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Authentication> {
    let mut secret = |name: &str| {
        let path = variable(&format!("{name}_file"));
        let from_file = path.and_then(|path| match read_secret(Path::new(&path)) {
            Ok(secret) => Some(secret),
            Err(reason) => {
                let help = "check the path and its permissions";
                keys.problems.push(Problem::error(format!("variable {name}_file: {reason}")).help(help));
                None
            }
        });
        variable(name).map(Secret::new).or(from_file)
    };
    let password = secret("es_password");
    let api_key = secret("es_api_key").map(Authentication::ApiKey);
    let bearer = secret("es_bearer_auth").map(Authentication::Bearer);
    let basic = variable("es_username")
        .map(|username| Authentication::Basic { username, password: password.unwrap_or_else(|| Secret::new("")) });
    [basic, api_key, bearer].into_iter().flatten().collect()
}

fn only_one(keys: &mut Keys<'_>, mut found: Vec<Authentication>) -> Authentication {
    if found.len() > 1 {
        keys.problems.push(
            Problem::error("more than one way to authenticate is given")
                .in_section(keys.section)
                .help("keep one of: user and password (es_url or es_username), es_api_key, es_bearer_auth"),
        );
    }
    found.pop().unwrap_or_default()
}

/// `KEY`, or the content of the file that `KEY_file` names.
fn written_secret(keys: &mut Keys<'_>, key: &str) -> Option<Secret> {
    let file_key = format!("{key}_file");
    let written = keys.filled(key).map(Secret::new);
    let Some(path) = keys.filled(&file_key) else { return written };
    if written.is_some() {
        keys.error(&file_key, format!("{key} is given too"), "keep one of both");
    }
    match read_secret(Path::new(path)) {
        Ok(secret) => Some(secret),
        Err(reason) => {
            keys.error(&file_key, reason, "check the path and its permissions");
            None
        }
    }
}

/// The text of a file without the line end that editors add.
fn read_secret(path: &Path) -> Result<Secret, String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    file.take(MAX_SECRET_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(format!("{} is empty", path.display())),
        text if text.len() as u64 > MAX_SECRET_BYTES => Err(format!("{} is too large for a secret", path.display())),
        text => Ok(Secret::new(text)),
    }
}

fn load_certificates(keys: &mut Keys<'_>, variable: &dyn Fn(&str) -> Option<String>, elastic: &mut ElasticSettings) {
    if let Some(verify) = variable("verify_certs") {
        elastic.verify_certs = ["yes", "true", "1"].contains(&verify.to_lowercase().as_str());
    }
    set(&mut elastic.verify_certs, keys.bool("es_verify_certs"));
    let path = |keys: &Keys<'_>, key: &str| {
        let written = keys.filled(key).map(str::to_owned);
        written.or_else(|| variable(key.trim_start_matches("es_"))).map(PathBuf::from)
    };
    elastic.ca_certs = path(keys, "es_ca_certs");
    let key = path(keys, "es_client_key");
    match path(keys, "es_client_cert") {
        Some(cert) => elastic.client_certificate = Some(ClientCertificate { cert, key }),
        None if key.is_some() => keys.missing("es_client_cert", "needed because es_client_key is given"),
        None => {}
    }
}

fn positive(keys: &mut Keys<'_>, key: &str) -> Option<u64> {
    let value = keys.count(key);
    if value == Some(0) {
        keys.error(key, "must not be 0", "write a number from 1 on");
        return None;
    }
    value
}

/// A number with a unit of Elasticsearch.
fn is_elastic_time(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len() && ["d", "h", "m", "s", "ms", "micros", "nanos"].contains(&unit)
}
