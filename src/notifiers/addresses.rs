//! Addresses that no request goes to unless the configuration allows it: link-local ones, and those
//! at which clouds hand out credentials of their machines.
//!
//! An address is checked where it is written, and again after each look-up of a name, on the very
//! addresses that are then connected to: a name that changes its meaning gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Metadata services outside of the link-local ranges: Alibaba, Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// Likewise: Amazon, Google.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Names of metadata services, for requests whose names a proxy looks up.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// An address that no request goes to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is {what}: check url, or write allow_link_local = 1 if it is meant")]
pub(super) struct RefusedAddress {
    host: String,
    what: &'static str,
}

/// Checks the host of an address as it is written.
pub(super) fn check_url(url: &Url) -> Result<(), RefusedAddress> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_matches(['[', ']']).trim_end_matches('.');
    let what = match bare.parse::<IpAddr>() {
        Ok(address) => refusal(address),
        Err(_) => METADATA_NAMES.contains(&bare).then_some("a cloud's metadata service"),
    };
    what.map_or(Ok(()), |what| Err(RefusedAddress { host: host.to_owned(), what }))
}

/// The reason why no request goes to an address, if there is one.
fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) if address.is_link_local() => Some("a link-local address"),
        IpAddr::V4(address) => METADATA_V4.contains(&address).then_some("a cloud's metadata service"),
        IpAddr::V6(address) if address.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V6(address) if METADATA_V6.contains(&address) => Some("a cloud's metadata service"),
        IpAddr::V6(address) => refusal(IpAddr::V4(embedded(address)?)),
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, translated (64:ff9b::/96)
/// or tunnelled (2002::/16).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = address.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(pair(high, low)),
        [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => address.to_ipv4(),
    }
}

/// Looks names up, and refuses those that stand for a refused address.
#[derive(Debug)]
pub(super) struct CheckedNames;

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(checked(name.as_str(), found)?.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name, unless one of them is refused.
fn checked(name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, RefusedAddress> {
    match found.iter().find_map(|address| refusal(address.ip())) {
        Some(what) => Err(RefusedAddress { host: name.to_owned(), what }),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_metadata_addresses_are_refused_in_every_notation() {
        for (url, is_refused) in [
            ("http://169.254.169.254/latest/meta-data", true),
            ("http://2852039166/", true),
            ("http://0xa9.0xfe.0xa9.0xfe/", true),
            ("http://0251.0376.0251.0376/", true),
            ("http://[::ffff:169.254.169.254]/", true),
            ("http://[::169.254.169.254]/", true),
            ("http://[64:ff9b::a9fe:a9fe]/", true),
            ("http://[2002:a9fe:a9fe::1]/", true),
            ("http://[fe80::1]:8080/", true),
            ("http://[fd00:ec2::254]/", true),
            ("http://100.100.100.200/", true),
            ("http://METADATA.google.internal/", true),
            ("http://metadata.google.internal./", true),
            ("http://127.0.0.1/", false),
            ("http://10.0.0.1/", false),
            ("http://[::1]/", false),
            ("http://[fd00::1]/", false),
            ("https://hooks.slack.com/", false),
        ] {
            assert_eq!(check_url(&Url::parse(url).unwrap()).is_err(), is_refused, "{url}");
        }
    }

    #[test]
    fn names_are_checked_after_they_were_looked_up() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let good = vec![address("192.0.2.1"), address("2001:db8::1")];
        assert_eq!(checked("siem.example", good.clone()).unwrap(), good);
        // one bad address among good ones is enough: it may be the one that is connected to
        let error = checked("rebound.example", vec![good[0], address("169.254.169.254")]).unwrap_err().to_string();
        assert!(
            error.contains("rebound.example is a link-local address") && error.contains("allow_link_local"),
            "{error}"
        );
    }
}
