//! `es_url`: the address of Elasticsearch and the credentials it may hold.

use crate::config::secret::Secret;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ElasticUrl {
    pub(super) url: String,
    /// User name and password, if it holds them.
    pub(super) credentials: Option<(String, Secret)>,
}

/// Parses `[http[s]://][user[:password]@]host[:port][/prefix]`; `None` if it is something else.
pub(super) fn parse(text: &str) -> Option<ElasticUrl> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = scheme.to_ascii_lowercase();
    if !["http", "https"].contains(&scheme.as_str()) || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (credentials, host) = match authority.rsplit_once('@') {
        Some((credentials, host)) => (Some(credentials), host),
        None => (None, authority),
    };
    if !is_host_and_port(host) {
        return None;
    }
    let credentials = credentials.map(|credentials| {
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        (percent_decoded(user), Secret::new(percent_decoded(password)))
    });
    Some(ElasticUrl { url: format!("{scheme}://{host}{path}"), credentials })
}

/// `name`, `name:9200`, `[::1]` or `[::1]:9200`.
fn is_host_and_port(text: &str) -> bool {
    let (host, behind) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, behind)) => (address, behind),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && (behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port))
}

/// `%40` is `@`; any other text stands for itself.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| byte == b'%').and_then(hexadecimal);
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, expected) in [
            ("http://esnode1:9200", Some(("http://esnode1:9200", None))),
            ("esnode1", Some(("http://esnode1", None))),
            ("HTTPS://es/prefix", Some(("https://es/prefix", None))),
            ("https://u:p@es:9200/x", Some(("https://es:9200/x", Some(("u", "p"))))),
            ("http://u%40x:p%3a@b@es", Some(("http://es", Some(("u@x", "p:@b"))))),
            ("http://u@es", Some(("http://es", Some(("u", ""))))),
            ("http://u:%zz%@es", Some(("http://es", Some(("u", "%zz%"))))),
            ("http://[::1]:9200", Some(("http://[::1]:9200", None))),
            ("ftp://es", None),
            ("http://", None),
            ("http://es:0", None),
            ("http://es:x", None),
            ("http://u:p@", None),
            ("http://e s", None),
            ("", None),
        ] {
            let expected = expected.map(|(url, credentials)| ElasticUrl {
                url: url.to_owned(),
                credentials: credentials.map(|(user, password)| (user.to_owned(), Secret::new(password))),
            });
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
