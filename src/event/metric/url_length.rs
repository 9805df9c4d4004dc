//! `url_length`: summed length of the URLs; 0 without any.
//!
//! URLs are `SCHEME://[USERINFO@]HOST[:PORT][PATH][?QUERY][#FRAGMENT]`, by the rules that existing
//! use cases expect.
//!
//! Letters are a-z in any case, digits and U+00A1 to U+FFFF. A host name ends in a top-level domain
//! of letters. Punycode is not accepted.

use std::net::Ipv6Addr;

use serde_json::Value;

use super::{Definition, NumberForm};
use crate::event::{PerOutlier, StoredKey, StoredKind};

const LENGTH: StoredKey = StoredKey::new("extracted_urls_length", StoredKind::Dynamic, PerOutlier::UpToOne);
const URLS: StoredKey = StoredKey::new("extracted_urls", StoredKind::Dynamic, PerOutlier::UpToOne);

pub(super) const METRIC: Definition = Definition {
    stored: &[LENGTH, URLS],
    observations,
    ..Definition::new(
        |text| Some(url_length(text).map_or(0.0, |(length, _)| length as f64)),
        NumberForm::Integer,
        "URLs of {} characters",
    )
};

fn observations(text: &str) -> Vec<(StoredKey, Value)> {
    let Some((length, urls)) = url_length(text) else { return Vec::new() };
    vec![(LENGTH, length.into()), (URLS, urls.into())]
}

/// Returns the length in characters of all URLs of `text`, and the URLs joined by commas; `None`
/// without any. Words are separated by white space and double quotes.
fn url_length(text: &str) -> Option<(usize, String)> {
    let words = text.split(|character: char| character.is_whitespace() || character == '"');
    let urls: Vec<&str> = words.filter(|word| is_url(word)).collect();
    let length: usize = urls.iter().map(|url| url.chars().count()).sum();
    (length > 0).then(|| (length, urls.join(",")))
}

fn is_url(word: &str) -> bool {
    let Some((scheme, rest)) = word.split_once("://") else { return false };
    if !["http", "https", "ftp"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return false;
    }
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let host_and_port = match authority.rsplit_once('@') {
        Some((user, host)) if is_user_info(user) => host,
        Some(_) => return false,
        None => authority,
    };
    is_host_and_port(host_and_port) && is_tail(tail)
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&character)
}

fn is_user_info(user: &str) -> bool {
    let is_sign = |character: char| "-._~%!$&'()*+,;=:".contains(character);
    let is_first = |character: char| is_letter(character) || is_sign(character);
    !user.is_empty() && user.chars().all(is_first)
}

fn is_host_and_port(text: &str) -> bool {
    if let Some(bracketed) = text.strip_prefix('[') {
        let Some((address, port)) = bracketed.split_once(']') else { return false };
        return is_ipv6(address) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => is_host(host) && is_port(port),
        None => is_host(text),
    }
}

fn is_port(port: &str) -> bool {
    (2..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_ipv6(address: &str) -> bool {
    let address = match address.split_once('%') {
        Some((address, zone)) => {
            let is_local = address.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("fe80"));
            if !is_local || zone.is_empty() || !zone.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return false;
            }
            address
        }
        None => address,
    };
    address.parse::<Ipv6Addr>().is_ok() && is_usual_embedding(address)
}

/// True if an IPv4 address at the end follows `::`, `::ffff:`, `::ffff:0:`, or at most four groups
/// and `::`.
fn is_usual_embedding(address: &str) -> bool {
    if !address.contains('.') {
        return true;
    }
    let Some((groups, _)) = address.rsplit_once(':') else { return false };
    let groups = groups.to_ascii_lowercase();
    match groups.strip_prefix("::ffff") {
        Some(zeros) => {
            zeros.is_empty() || zeros.strip_prefix(':').is_some_and(|group| group.bytes().all(|byte| byte == b'0'))
        }
        None => groups.strip_suffix(':').is_some_and(|groups| groups.split(':').count() <= 4),
    }
}

fn is_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || is_ipv4(host) || is_name(host)
}

/// True for a first octet of 1 to 223 and a last octet of 1 to 254. Only the middle octets may have
/// a leading zero, and only before one digit.
fn is_ipv4(host: &str) -> bool {
    let octets: Vec<&str> = host.split('.').collect();
    let [first, second, third, last] = octets.as_slice() else { return false };
    let number = |octet: &str| {
        let has_room = octet.len() <= 2 || (octet.len() == 3 && !octet.starts_with('0'));
        let is_number = !octet.is_empty() && has_room && octet.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { octet.parse::<u16>().ok() } else { None }
    };
    let outer = |octet: &str, most: u16| {
        !octet.starts_with('0') && number(octet).is_some_and(|number| (1..=most).contains(&number))
    };
    let inner = |octet: &str| number(octet).is_some_and(|number| number <= 255);
    outer(first, 223) && inner(second) && inner(third) && outer(last, 254)
}

/// True for labels with single hyphens inside, and a top-level domain of two letters or more.
fn is_name(host: &str) -> bool {
    let Some((labels, top)) = host.rsplit_once('.') else { return false };
    let is_top_letter =
        |character: char| character.is_ascii_alphabetic() || ('\u{a1}'..='\u{ffff}').contains(&character);
    let is_label = |label: &str| label.split('-').all(|part| !part.is_empty() && part.chars().all(is_letter));
    top.chars().count() >= 2 && top.chars().all(is_top_letter) && labels.split('.').all(is_label)
}

/// Checks path, query and fragment; query and fragment may hold anything.
fn is_tail(tail: &str) -> bool {
    let path_end = tail.find(['?', '#']).unwrap_or(tail.len());
    let is_path = |character: char| is_letter(character) || "-._~%!$&'()*+,;=:@/".contains(character);
    tail[..path_end].chars().all(is_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_urls() {
        for url in [
            "http://1.2.3.4:80",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "http://user:pw@h.com/",
            "http://münchen.de",
            "http://x.com?q",
            "http://x.com#f",
            "http://1.2.3.4.com",
            "http://nviso.be/a,http://b.be",
            "HTTP://NVISO.BE/x?y=1",
            "ftp://ftp.x.org:21/",
            "http://1.02.3.4",
            "http://localhost:8080/x",
            "http://[fe80::1%eth0]/",
            "http://[::ffff:1.2.3.4]:443/",
            "http://[::1.2.3.4]/",
            "http://[::ffff:0:1.2.3.4]/",
            "http://[2001:db8:3:4::192.0.2.33]/",
        ] {
            assert!(is_url(url), "{url}");
        }
    }

    #[test]
    fn words_that_are_not_urls() {
        for word in [
            "http://foobar.d",
            "http://0.0.0.0",
            "http://255.255.255.255",
            "http://224.0.0.1",
            "http://a_b.com",
            "http://a--b.com",
            "http://x.com:1",
            "http://x.com:123456",
            "http://x.com:/",
            "https://x.com.",
            "http://x.co1",
            "hxxp://x.com",
            "http://x.com/a|b",
            "http://host",
            "http://a.be,http://b.be",
            "(http://x.com)",
            "'http://x.com'",
            "http://xn--mnchen-3ya.de",
            "http://1.002.3.4",
            "http://@x.com",
            "http://[::1",
            "http://[1:2:3:4:5:6:1.2.3.4]/",
            "http://[::5:1.2.3.4]/",
            "http://",
        ] {
            assert!(!is_url(word), "{word}");
        }
    }

    #[test]
    fn lengths_of_all_urls_add_up() {
        let check = |text: &str, expected: Option<(usize, &str)>| {
            let found = url_length(text);
            assert_eq!(found.as_ref().map(|(length, urls)| (*length, urls.as_str())), expected, "{text}");
        };
        check("why don't we go http://www.dance.com", Some((20, "http://www.dance.com")));
        check("a \"http://nviso.be\" b", Some((15, "http://nviso.be")));
        check("see HTTP://NVISO.BE/x?y=1 ftp://ftp.x.org:21/", Some((40, "HTTP://NVISO.BE/x?y=1,ftp://ftp.x.org:21/")));
        check("http://host", None);
        check("", None);
    }
}
