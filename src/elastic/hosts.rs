//! The hosts of a cluster: one is used until it fails, then the next.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Url;

use super::error::ElasticError;

/// Hosts in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Hosts {
    urls: Vec<Url>,
    current: AtomicUsize,
}

impl Hosts {
    /// # Errors
    /// An address that is none, or no address at all.
    pub(super) fn new(urls: &[String]) -> Result<Self, ElasticError> {
        let urls: Vec<Url> = urls.iter().map(|url| base(url)).collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err(no_address(""));
        }
        Ok(Self { urls, current: AtomicUsize::new(0) })
    }

    pub(super) fn len(&self) -> usize {
        self.urls.len()
    }

    /// The host to use now, with the number that [`Self::failed`] wants.
    pub(super) fn current(&self) -> (usize, &Url) {
        let idx = self.current.load(Ordering::Relaxed) % self.urls.len();
        (idx, &self.urls[idx])
    }

    /// Goes on to the next host, unless another request has done so already.
    pub(super) fn failed(&self, idx: usize) {
        let next = (idx + 1) % self.urls.len();
        let moved = self.current.compare_exchange(idx, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() && next != idx {
            tracing::warn!(host = %shown(&self.urls[idx]), next = %shown(&self.urls[next]), "host failed, going on to the next");
        }
    }
}

/// An address to which paths are appended. Without a port it is the server's own, not that of the web.
fn base(text: &str) -> Result<Url, ElasticError> {
    let mut url = Url::parse(text).map_err(|_| no_address(text))?;
    if url.host_str().is_none() {
        return Err(no_address(text));
    }
    if url.scheme() == "http" && url.port().is_none() && !has_port(text) {
        url.set_port(Some(9200)).map_err(|()| no_address(text))?;
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// `:80` counts as written, though addresses drop it as the default of `http`.
fn has_port(text: &str) -> bool {
    let authority = text.split("://").nth(1).unwrap_or(text).split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn no_address(text: &str) -> ElasticError {
    ElasticError::Setting { key: "es_url", reason: format!("`{text}` is no address"), cure: "write http://host:9200" }
}

/// The address without a trailing slash.
pub(super) fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_the_port_that_existing_configurations_mean() {
        for (text, expected) in [
            ("http://es", "http://es:9200/"),
            ("http://es:80", "http://es/"),
            ("http://es:9201/prefix", "http://es:9201/prefix/"),
            ("https://es", "https://es/"),
            ("https://es:9200/a/b/?x=1#y", "https://es:9200/a/b/"),
            ("http://[::1]", "http://[::1]:9200/"),
            ("http://[::1]:80/", "http://[::1]/"),
        ] {
            assert_eq!(base(text).unwrap().as_str(), expected, "{text}");
        }
        assert!(Hosts::new(&[]).is_err());
        assert!(Hosts::new(&["nothing".to_owned()]).is_err());
    }

    #[test]
    fn a_host_that_failed_is_left_once() {
        let hosts = Hosts::new(&["http://a".to_owned(), "http://b".to_owned()]).unwrap();
        let (first, _) = hosts.current();
        hosts.failed(first);
        hosts.failed(first);
        assert_eq!(hosts.current().1.host_str(), Some("b"));
        hosts.failed(hosts.current().0);
        assert_eq!(hosts.current().1.host_str(), Some("a"));
    }
}
