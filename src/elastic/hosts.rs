//! Hosts of a cluster: one is used until it fails, then the next.

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
    /// An invalid address, or none.
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

    /// Returns the host to use now, with its index for [`Self::failed`].
    pub(super) fn current(&self) -> (usize, &Url) {
        let idx = self.current.load(Ordering::Relaxed) % self.urls.len();
        (idx, &self.urls[idx])
    }

    /// Switches to the next host, unless another request has already done so.
    pub(super) fn failed(&self, idx: usize) {
        let next = (idx + 1) % self.urls.len();
        let moved = self.current.compare_exchange(idx, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() && next != idx {
            tracing::warn!(host = %shown(&self.urls[idx]), next = %shown(&self.urls[next]), "host failed, switching to the next");
        }
    }
}

/// Parses an address to which paths are appended. Without a port, `http` means 9200, not 80.
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

/// True if the address names a port. `:80` counts, although [`Url`] drops it as the default of
/// `http`.
fn has_port(text: &str) -> bool {
    let authority = text.split("://").nth(1).unwrap_or(text).split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn no_address(text: &str) -> ElasticError {
    ElasticError::Setting {
        key: "es_url",
        reason: format!("`{text}` is not an address"),
        cure: "write http://host:9200",
    }
}

/// Returns the address without a trailing slash.
pub(super) fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_port_get_the_one_that_configurations_mean() {
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
    fn concurrent_failures_switch_hosts_once() {
        let hosts = Hosts::new(&["http://a".to_owned(), "http://b".to_owned()]).unwrap();
        let (first, _) = hosts.current();
        hosts.failed(first);
        hosts.failed(first);
        assert_eq!(hosts.current().1.host_str(), Some("b"));
        hosts.failed(hosts.current().0);
        assert_eq!(hosts.current().1.host_str(), Some("a"));
    }
}
