//! Requests that are answered: those with the token, and none that a web page elsewhere has sent.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, AsHeaderName, HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::config::Secret;

/// Reasons why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It lacks the token.
    Token,
    /// It is addressed to a name that is not known to be ours.
    Host,
    /// A web page from elsewhere has sent it.
    Origin,
}

/// Checks a request that may see findings, or start a run.
///
/// A web page from elsewhere can make a browser send requests to this machine. It cannot add the
/// token. Without one, a request must be addressed to `localhost` or an IP address: the name of the
/// page, which its author may let point here, is neither.
pub(super) fn check(method: &Method, headers: &HeaderMap, token: Option<&Secret>) -> Result<(), Refusal> {
    match token {
        Some(token) if !has_token(headers, token) => return Err(Refusal::Token),
        None if !is_addressed_to_machine(headers) => return Err(Refusal::Host),
        _ => {}
    }
    if *method != Method::GET && is_from_elsewhere(headers) { Err(Refusal::Origin) } else { Ok(()) }
}

/// Text of a header.
pub(super) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// True if a request has the token: as a bearer, or as the password that a browser asks for.
fn has_token(headers: &HeaderMap, token: &Secret) -> bool {
    let Some(value) = text(headers, AUTHORIZATION) else { return false };
    let Some((scheme, given)) = value.split_once(' ') else { return false };
    let given = given.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return is_equal(given.as_bytes(), token);
    }
    let decoded = STANDARD.decode(given).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
    let Some(decoded) = decoded else { return false };
    let password = decoded.splitn(2, |byte| *byte == b':').nth(1);
    password.is_some_and(|password| is_equal(password, token))
}

/// Compares hashes, so that the time says nothing about the token, and nothing about its length.
fn is_equal(given: &[u8], token: &Secret) -> bool {
    let (given, wanted) = (Sha256::digest(given), Sha256::digest(token.expose().as_bytes()));
    given.iter().zip(wanted).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn is_addressed_to_machine(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, HOST) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// True if a browser says that another site's page has sent the request.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return !["same-origin", "none"].contains(&site);
    }
    match (text(headers, ORIGIN), text(headers, HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, named)| named != host),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[track_caller]
    fn check_request(method: &Method, pairs: &[(&'static str, &str)], expected: Result<(), Refusal>) {
        let token = (!pairs.iter().any(|(name, _)| *name == "x-no-token")).then(|| Secret::new(TOKEN));
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = pairs.iter().map(header).collect();
        assert_eq!(check(method, &headers, token.as_ref()), expected, "{pairs:?}");
    }

    #[test]
    fn the_token_opens_in_two_forms() {
        let bearer = format!("Bearer {TOKEN}");
        let password = format!("Basic {}", STANDARD.encode(format!("anybody:{TOKEN}")));
        for value in [&bearer, &password, &bearer.to_uppercase().replace(&TOKEN.to_uppercase(), TOKEN)] {
            check_request(&Method::GET, &[("authorization", value)], Ok(()));
        }
        let user_only = format!("Basic {}", STANDARD.encode(TOKEN));
        let longer = format!("{bearer}0");
        for value in [TOKEN, "Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Basic !", &user_only, &longer] {
            check_request(&Method::GET, &[("authorization", value)], Err(Refusal::Token));
        }
        check_request(&Method::GET, &[], Err(Refusal::Token));
    }

    #[test]
    fn without_a_token_names_of_others_are_refused() {
        for host in ["localhost", "localhost:9597", "127.0.0.1:9597", "[::1]:9597", "10.0.0.7"] {
            check_request(&Method::GET, &[("x-no-token", ""), ("host", host)], Ok(()));
        }
        for host in ["evil.example", "127.0.0.1.evil.example:9597", "localhost.evil.example", "[evil"] {
            check_request(&Method::GET, &[("x-no-token", ""), ("host", host)], Err(Refusal::Host));
        }
        check_request(&Method::GET, &[("x-no-token", "")], Err(Refusal::Host));
    }

    #[test]
    fn pages_from_elsewhere_start_nothing() {
        let host = ("host", "localhost:9597");
        let none = ("x-no-token", "");
        let refused = Err(Refusal::Origin);
        check_request(&Method::POST, &[none, host], Ok(()));
        check_request(&Method::POST, &[none, host, ("origin", "http://localhost:9597")], Ok(()));
        check_request(&Method::POST, &[none, host, ("sec-fetch-site", "same-origin")], Ok(()));
        check_request(&Method::POST, &[none, host, ("origin", "http://evil.example")], refused);
        check_request(&Method::POST, &[none, host, ("origin", "null")], refused);
        check_request(&Method::POST, &[none, host, ("sec-fetch-site", "cross-site")], refused);
        check_request(&Method::GET, &[none, host, ("sec-fetch-site", "cross-site")], Ok(()));
    }
}
