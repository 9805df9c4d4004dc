//! Requests to receivers over HTTP: one attempt each, without redirects, bounded in time and size.
//!
//! Addresses, headers and answers may hold secrets. Errors name the host only, and what is shown of
//! an answer has every secret of its channel taken out.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Proxy, Url, redirect};

use super::addresses::{CheckedNames, RefusedAddress, check_url};
use super::text::one_line;
use super::tls::{explain, innermost, no_certificates, read_certificates};
use super::{NotifyError, OpenError};
use crate::config::{Authentication, HttpSettings, Secret, percent_decoded};
use crate::elastic::{hide, secrets};

/// Upper limit on the bytes of an answer that are read.
const MOST_ANSWER_BYTES: usize = 8 << 20;

/// Upper limit on the characters of an answer that are shown.
const SHOWN_CHARS: usize = 300;

/// Upper limit on the time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for which a connection is kept for the next notice.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Upper limit on the time that a receiver can ask to wait.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Connection to a receiver.
pub(super) struct Http {
    client: Client,
    url: Url,
    /// Name and port of the receiver, which may be shown.
    host: String,
    headers: HeaderMap,
    /// Texts that must not be shown.
    secrets: Vec<String>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Answer of a receiver.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The beginning, if it is very long.
    pub(super) body: String,
    retry_after: Option<Duration>,
}

impl Http {
    /// Prepares requests of the channel called `name`.
    ///
    /// # Errors
    /// Certificates that cannot be read, an address that is not allowed.
    pub(super) fn open(name: &str, settings: &HttpSettings, timeout: Duration) -> Result<Self, OpenError> {
        let wrong = |reason: String| OpenError::new(name, reason);
        let url = Url::parse(settings.url.expose().trim()).map_err(|_| wrong("url: not an address".to_owned()))?;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_TIMEOUT))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .no_proxy()
            .gzip(false)
            .user_agent(concat!("ee-outliers/", env!("CARGO_PKG_VERSION")))
            .danger_accept_invalid_certs(!settings.tls.verify_certs);
        if !settings.allow_link_local {
            check_url(&url).map_err(|refused| wrong(refused.to_string()))?;
            builder = builder.dns_resolver(std::sync::Arc::new(CheckedNames));
        }
        if let Some(path) = &settings.tls.ca_certs {
            let certificates = Certificate::from_pem_bundle(&read_certificates(name, path)?).unwrap_or_default();
            if certificates.is_empty() {
                return Err(no_certificates(name, path));
            }
            builder = builder.tls_built_in_root_certs(false);
            builder = certificates.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
        }
        if let Some(proxy) = &settings.proxy {
            // the error would show the address
            let proxy = Proxy::all(proxy.expose()).map_err(|_| wrong("proxy: not an address".to_owned()))?;
            builder = builder.proxy(proxy);
        }
        let client =
            builder.build().map_err(|error| wrong(format!("cannot prepare requests: {}", innermost(&error))))?;
        let host = url.port().map_or_else(
            || url.host_str().unwrap_or_default().to_owned(),
            |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
        );
        let mut http = Http { client, host, url, headers: HeaderMap::new(), secrets: Vec::new() };
        http.keep_address();
        if let Some(proxy) = &settings.proxy {
            http.keep_secret(proxy.expose());
            Url::parse(proxy.expose()).iter().for_each(|url| http.keep_credentials(url));
        }
        Ok(http)
    }

    /// Shows nothing of the address but its host, and none of its long words alone.
    fn keep_address(&mut self) {
        const LONG: usize = 16;
        let url = self.url.clone();
        let (path, query) = (url.path(), url.query().unwrap_or_default());
        [url.as_str(), path, query, url.password().unwrap_or_default()].iter().for_each(|text| self.keep_secret(text));
        let words = path.split('/').chain(query.split(['&', '=']));
        words.filter(|word| word.len() >= LONG).for_each(|word| self.keep_secret(word));
        self.keep_credentials(&url);
    }

    /// Shows the credentials in an address in none of the forms in which they are sent.
    fn keep_credentials(&mut self, url: &Url) {
        if url.username().is_empty() && url.password().is_none() {
            return;
        }
        let password = Secret::new(percent_decoded(url.password().unwrap_or_default()));
        let basic = Authentication::Basic { username: percent_decoded(url.username()), password };
        secrets(&basic).iter().for_each(|form| self.keep_secret(form));
    }

    /// Sends a header with every request, and shows its value nowhere.
    ///
    /// # Errors
    /// A text that a header cannot hold.
    pub(super) fn add_header(&mut self, channel: &str, name: &str, value: &str) -> Result<(), OpenError> {
        let wrong = |_| OpenError::new(channel, format!("the header {name} cannot hold its value: write one line"));
        let header = HeaderName::try_from(name)
            .map_err(|_| OpenError::new(channel, "the name of a header is not valid".to_owned()))?;
        let mut header_value = HeaderValue::try_from(value).map_err(wrong)?;
        header_value.set_sensitive(true);
        self.headers.insert(header, header_value);
        self.keep_secret(value);
        // a receiver may repeat credentials without their scheme
        if let Some((_, credentials)) = value.split_once(' ') {
            self.keep_secret(credentials.trim());
        }
        Ok(())
    }

    /// Authenticates every request by a token.
    ///
    /// # Errors
    /// A text that a header cannot hold.
    pub(super) fn add_bearer(&mut self, channel: &str, token: &Secret) -> Result<(), OpenError> {
        self.add_header(channel, AUTHORIZATION.as_str(), &format!("Bearer {}", token.expose()))
    }

    /// Names the organisation of TheHive with every request.
    ///
    /// # Errors
    /// A text that a header cannot hold.
    pub(super) fn add_organisation(&mut self, channel: &str, organisation: &str) -> Result<(), OpenError> {
        let wrong = |_| OpenError::new(channel, "organisation: a header cannot hold it".to_owned());
        let value = HeaderValue::try_from(organisation).map_err(wrong)?;
        self.headers.insert(HeaderName::from_static("x-organisation"), value);
        Ok(())
    }

    /// Takes a text out of everything that is shown. A very short one would make answers
    /// unreadable, and does not protect anything.
    pub(super) fn keep_secret(&mut self, secret: &str) {
        const SHORTEST: usize = 6;
        if secret.len() >= SHORTEST && !self.secrets.iter().any(|known| known == secret) {
            self.secrets.push(secret.to_owned());
            // the longest ones first: one may be part of another
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// Sends JSON to the address itself.
    ///
    /// # Errors
    /// No answer came.
    pub(super) async fn post(&self, body: String) -> Result<Answer, NotifyError> {
        self.send(Method::POST, self.url.clone(), JSON, body, HeaderMap::new()).await
    }

    /// Sends a text of any type to the address itself.
    ///
    /// # Errors
    /// No answer came.
    pub(super) async fn post_as(
        &self,
        content_type: &str,
        body: String,
        headers: HeaderMap,
    ) -> Result<Answer, NotifyError> {
        self.send(Method::POST, self.url.clone(), content_type, body, headers).await
    }

    /// Sends JSON to a path below the address.
    ///
    /// # Errors
    /// No answer came.
    pub(super) async fn send_below(
        &self,
        method: Method,
        segments: &[&str],
        body: &serde_json::Value,
    ) -> Result<Answer, NotifyError> {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        self.send(method, url, JSON, body.to_string(), HeaderMap::new()).await
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        content_type: &str,
        body: String,
        headers: HeaderMap,
    ) -> Result<Answer, NotifyError> {
        let request = self.client.request(method, url).headers(self.headers.clone()).headers(headers);
        let request = request.header(CONTENT_TYPE, content_type).body(body);
        let mut response = request.send().await.map_err(|error| self.unreachable(&error.without_url()))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value, Utc::now()));
        let mut body = Vec::new();
        while body.len() < MOST_ANSWER_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(MOST_ANSWER_BYTES - body.len())]),
                Ok(None) => break,
                Err(error) => return Err(self.unreachable(&error.without_url())),
            }
        }
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), retry_after })
    }

    fn unreachable(&self, error: &reqwest::Error) -> NotifyError {
        let reason = if let Some(refused) = refused_address(error) {
            refused.to_string()
        } else if let Some(explained) = explain(error) {
            explained
        } else if error.is_timeout() {
            "no answer in time; check the network, or raise timeout".to_owned()
        } else {
            format!("{}; check url and the network", self.without_secrets(&innermost(error)))
        };
        NotifyError::temporary(format!("cannot reach {}: {reason}", self.host))
    }

    /// Text of an answer, for people.
    pub(super) fn shown(&self, answer: &Answer) -> String {
        let text = one_line(&self.without_secrets(&answer.body), SHOWN_CHARS);
        if text.is_empty() { format!("status {}", answer.status) } else { format!("status {}: {text}", answer.status) }
    }

    fn without_secrets(&self, text: &str) -> String {
        hide(&self.secrets, text)
    }

    /// The error for an answer that is not the one that was hoped for.
    pub(super) fn refused(&self, answer: &Answer) -> NotifyError {
        let shown = format!("{} answers with {}", self.host, self.shown(answer));
        let temporary = |cure: &str| NotifyError::Temporary {
            reason: format!("{shown}{}{cure}", if cure.is_empty() { "" } else { "; " }),
            retry_after: answer.retry_after,
        };
        match answer.status {
            300..=399 => temporary("redirects are not followed: check url"),
            401 | 403 => temporary("check the credentials and the permissions of their user"),
            404 | 405 | 410 => temporary("check url"),
            408 | 425 | 429 | 500.. => temporary(""),
            _ => NotifyError::Permanent { reason: shown },
        }
    }
}

const JSON: &str = "application/json";

/// The refused address inside an error of the client.
fn refused_address(error: &reqwest::Error) -> Option<&RefusedAddress> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(refused) = error.downcast_ref::<RefusedAddress>() {
            return Some(refused);
        }
        next = error.source();
    }
    None
}

/// Parses `Retry-After`: seconds, or a date.
fn retry_after(value: &HeaderValue, now: DateTime<Utc>) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    let until = || (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now).to_std().ok();
    Some(seconds.or_else(until)?.min(MOST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_say_in_two_ways_when_to_come_again() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        for (text, expected) in [
            ("30", Some(30)),
            ("Tue, 14 Nov 2023 22:14:20 GMT", Some(60)),
            ("Tue, 14 Nov 2023 22:10:00 GMT", None),
            ("999999999", Some(24 * 3600)),
            ("soon", None),
        ] {
            let found = retry_after(&HeaderValue::from_static(text), now);
            assert_eq!(found, expected.map(Duration::from_secs), "{text}");
        }
    }
}
