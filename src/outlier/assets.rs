//! Assets: what the event of an outlier names of hosts, users and addresses.

use std::net::IpAddr;

use serde_json::Value;

use super::shortened::shorten;
use crate::config::Asset;
use crate::event::Document;

/// Upper limit on the built-in assets of an event. Those of a configuration have no such limit.
const MOST_TOUCHED: usize = 10;

/// Accounts of the system itself, without their domain, and their security identifiers.
const SYSTEM_ACCOUNTS: [&str; 7] =
    ["SYSTEM", "LOCAL SERVICE", "NETWORK SERVICE", "S-1-5-18", "S-1-5-19", "S-1-5-20", "-"];

/// Texts of the assets that an event names.
pub fn assets_of(event: &Document, assets: &[Asset]) -> Vec<Value> {
    let is_there = |text: &str| !text.is_empty();
    let texts = assets.iter().flat_map(|asset| asset_texts(asset, event, is_there)).map(Value::from);
    let mut texts = Value::Array(texts.collect());
    shorten(&mut texts);
    if let Value::Array(texts) = texts { texts } else { Vec::new() }
}

/// Texts of the built-in assets that an event names, each once. What every host has names nobody:
/// accounts of the system, and addresses of the host itself or of no host.
pub fn touched_by(event: &Document, assets: &[Asset]) -> Vec<String> {
    let mut touched: Vec<String> = Vec::new();
    for text in assets.iter().flat_map(|asset| asset_texts(asset, event, names_something)) {
        if touched.len() < MOST_TOUCHED && !touched.contains(&text) {
            touched.push(text);
        }
    }
    touched
}

fn names_something(text: &str) -> bool {
    const MOST_CHARS: usize = 200;
    let account = text.rsplit('\\').next().unwrap_or(text);
    let is_of_system = SYSTEM_ACCOUNTS.iter().any(|system| account.eq_ignore_ascii_case(system));
    let is_of_no_host = text.parse::<IpAddr>().is_ok_and(|ip| {
        let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
        ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || is_broadcast
    });
    // the account of a machine names the machine
    let is_of_machine = account.ends_with('$');
    !text.is_empty() && text.len() <= MOST_CHARS && !is_of_system && !is_of_no_host && !is_of_machine
}

/// Returns `TYPE: VALUE` for each value of the asset's field that is meant.
fn asset_texts(asset: &Asset, event: &Document, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
    let texts = event.value(&asset.field).map(|value| value.elements()).unwrap_or_default();
    let shown = texts.into_iter().filter(|text| is_meant(text));
    shown.map(|text| format!("{}: {text}", asset.asset_type)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::event::FieldPath;

    #[test]
    fn what_every_host_has_is_not_touched() {
        let source = json!({
            "host": {"name": "ws1"},
            "user": {"name": ["NT AUTHORITY\\SYSTEM", "WS1$", "CORP\\bob", "-", "local service", "S-1-5-18", "CORP\\bob"]},
            "source": {"ip": ["127.0.0.1", "::1", "10.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"]},
        });
        let Value::Object(source) = source else { panic!("an object") };
        let event = Document { index: String::new(), id: String::new(), source, names: Arc::default() };
        let assets = [("host.name", "host"), ("user.name", "user"), ("source.ip", "ip"), ("destination.ip", "ip")];
        let assets =
            assets.map(|(field, asset_type)| Asset { field: FieldPath::new(field), asset_type: asset_type.to_owned() });
        assert_eq!(touched_by(&event, &assets), ["host: ws1", "user: CORP\\bob", "ip: 10.0.0.1"]);
        assert_eq!(assets_of(&event, &assets[..2]).len(), 8);
    }
}
