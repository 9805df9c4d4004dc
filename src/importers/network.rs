//! Networks as texts: fields that are no address fields hold addresses as text.

use std::net::IpAddr;

/// Returns a network in its usual notation, and the beginnings of the texts of its addresses.
///
/// IPv4 networks are written by whole parts of an address, IPv6 networks by groups of four digits.
/// Since there are several ways to write an IPv6 address, only its usual one is found in texts.
pub(super) fn of_text(text: &str) -> Result<(String, Vec<String>), String> {
    let wrong = || format!("not a network: `{}`", text.escape_debug());
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits: u32 = bits.map_or(Ok(width), |bits| bits.trim().parse()).map_err(|_| wrong())?;
    if bits > width {
        return Err(wrong());
    }
    let starts = match address {
        IpAddr::V4(address) => of_version_4(address.to_bits(), bits),
        IpAddr::V6(address) => of_version_6(address.to_bits(), bits),
    };
    Ok((format!("{address}/{bits}"), starts))
}

/// `10.0.0.0/9` are the addresses that begin with `10.0.` to `10.127.`.
fn of_version_4(address: u32, bits: u32) -> Vec<String> {
    let n_whole = bits.div_ceil(8);
    let parts = address.to_be_bytes();
    let first =
        parts.iter().take(n_whole.saturating_sub(1) as usize).map(|part| format!("{part}.")).collect::<String>();
    let Some(last) = n_whole.checked_sub(1).and_then(|idx| parts.get(idx as usize)) else { return vec![String::new()] };
    let n_free = 8 * n_whole - bits;
    let lowest = u32::from(*last) >> n_free << n_free;
    let end = if n_whole == 4 { "" } else { "." };
    (lowest..lowest + (1 << n_free)).map(|part| format!("{first}{part}{end}")).collect()
}

/// Beginnings of the usual texts; none if there are very many.
fn of_version_6(address: u128, bits: u32) -> Vec<String> {
    if bits == 128 {
        return vec![std::net::Ipv6Addr::from_bits(address).to_string()];
    }
    let digits = format!("{address:032x}");
    let n_whole = bits as usize / 4;
    let n_free = if bits.is_multiple_of(4) { 0 } else { 4 - bits % 4 };
    let nibble = |idx: usize| u32::from_str_radix(&digits[idx..=idx], 16).unwrap_or(0);
    let variants: Vec<String> = if n_free == 0 {
        vec![digits[..n_whole].to_owned()]
    } else {
        let lowest = nibble(n_whole) >> n_free << n_free;
        (lowest..lowest + (1 << n_free)).map(|digit| format!("{}{digit:x}", &digits[..n_whole])).collect()
    };
    variants.iter().filter_map(|start| grouped(start)).collect()
}

/// Writes the first digits of an address as its usual text begins; `None` if that is ambiguous.
fn grouped(digits: &str) -> Option<String> {
    let mut text = String::new();
    for start in (0..digits.len()).step_by(4) {
        let rest = &digits[start..];
        let group = &rest[..rest.len().min(4)];
        if rest.len() >= 8 && rest.bytes().all(|digit| digit == b'0') && start > 0 {
            // at least two groups of zeros are left out
            text.push(':');
            return Some(text);
        }
        let shown = group.trim_start_matches('0');
        if shown.is_empty() || (group.len() < 4 && shown.len() < group.len()) {
            return None;
        }
        text.push_str(shown);
        if group.len() == 4 {
            text.push(':');
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_beginnings_of_addresses() {
        for (network, starts) in [
            ("10.0.0.0/8", vec!["10."]),
            ("172.16.0.0/14", vec!["172.16.", "172.17.", "172.18.", "172.19."]),
            ("192.168.7.0/24", vec!["192.168.7."]),
            ("1.2.3.4/31", vec!["1.2.3.4", "1.2.3.5"]),
            ("1.2.3.4", vec!["1.2.3.4"]),
            ("::1/128", vec!["::1"]),
            ("fc00::/7", vec!["fc", "fd"]),
            ("fe80::/64", vec!["fe80::"]),
            ("2001:db8::/32", vec!["2001:db8:"]),
            ("2001:0:1::/48", vec![]),
        ] {
            assert_eq!(of_text(network).unwrap().1, starts, "{network}");
        }
        for wrong in ["10.0.0.0/33", "10.0.0", "x", "::/129", "1.2.3.4/-1"] {
            assert!(of_text(wrong).is_err(), "{wrong}");
        }
    }
}
