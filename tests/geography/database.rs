//! A writer of small databases in the format of MaxMind. None ships with the project.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

/// Bits of an address in the tree.
const N_BITS: u8 = 128;

/// Bytes between the tree and the data.
const SEPARATOR: usize = 16;

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

/// A database that is being made.
pub(crate) struct Database {
    kind: &'static str,
    nodes: Vec<[Record; 2]>,
    data: Vec<u8>,
}

impl Database {
    /// Without records.
    pub(crate) fn new(kind: &'static str) -> Self {
        Database { kind, nodes: vec![[Record::Empty; 2]], data: Vec::new() }
    }

    /// Adds the record of a network, `192.0.2.0/24`.
    pub(crate) fn with(mut self, network: &str, record: &Value) -> Self {
        let (address, length) = network.split_once('/').expect("a network");
        let length: u8 = length.parse().expect("a number");
        let (bits, length) = match address.parse().expect("an address") {
            IpAddr::V4(address) => (u128::from(u32::from(address)), length + 96),
            IpAddr::V6(address) => (u128::from(address), length),
        };
        let offset = self.data.len();
        encode(record, &mut self.data);
        let mut node = 0;
        for depth in 0..length {
            let side = (bits >> (N_BITS - 1 - depth) & 1) as usize;
            if depth + 1 == length {
                self.nodes[node][side] = Record::Data(offset);
                break;
            }
            node = match self.nodes[node][side] {
                Record::Node(below) => below,
                _ => {
                    self.nodes.push([Record::Empty; 2]);
                    let below = self.nodes.len() - 1;
                    self.nodes[node][side] = Record::Node(below);
                    below
                }
            };
        }
        self
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let n_nodes = self.nodes.len();
        let number = |record: &Record| match *record {
            Record::Empty => n_nodes,
            Record::Node(node) => node,
            Record::Data(offset) => n_nodes + SEPARATOR + offset,
        };
        let records = self.nodes.iter().flatten().flat_map(|record| (number(record) as u32).to_be_bytes());
        let mut bytes: Vec<u8> = records.collect();
        bytes.extend([0; SEPARATOR]);
        bytes.extend(&self.data);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        let metadata = json!({
            "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_709_251_200,
            "database_type": self.kind, "description": {"en": "test"}, "ip_version": 6, "languages": ["en"],
            "node_count": n_nodes, "record_size": 32
        });
        encode_metadata(&metadata, &mut bytes);
        bytes
    }
}

/// Writes the metadata, whose numbers have types of their own.
fn encode_metadata(metadata: &Value, out: &mut Vec<u8>) {
    let members = metadata.as_object().expect("an object");
    control(7, members.len(), out);
    for (name, value) in members {
        encode(&json!(name), out);
        match (name.as_str(), value.as_u64()) {
            ("node_count", _) | (_, None) => encode(value, out),
            ("build_epoch", Some(number)) => {
                control(9, 8, out);
                out.extend(number.to_be_bytes());
            }
            (_, Some(number)) => {
                control(5, 2, out);
                out.extend((number as u16).to_be_bytes());
            }
        }
    }
}

/// Writes a value: a type and a size, then its contents.
fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Number(number) if number.is_f64() => {
            control(3, 8, out);
            out.extend(number.as_f64().expect("a number").to_be_bytes());
        }
        Value::Number(number) => {
            control(6, 4, out);
            out.extend((number.as_u64().expect("a number") as u32).to_be_bytes());
        }
        Value::Object(members) => {
            control(7, members.len(), out);
            for (name, value) in members.iter().collect::<BTreeMap<_, _>>() {
                encode(&json!(name), out);
                encode(value, out);
            }
        }
        Value::Array(list) => {
            control(11, list.len(), out);
            list.iter().for_each(|value| encode(value, out));
        }
        other => panic!("no database holds {other}"),
    }
}

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (short, more) = if size < 29 { (size as u8, None) } else { (29, Some(size - 29)) };
    match kind {
        0..=7 => out.push(kind << 5 | short),
        _ => out.extend([short, kind - 7]),
    }
    out.extend(more.map(|more| u8::try_from(more).expect("a short value")));
}

/// Record of a city.
pub(crate) fn city(country: &str, name: &str, latitude: f64, longitude: f64) -> Value {
    json!({"city": {"names": {"en": name, "de": "?"}}, "country": {"iso_code": country, "names": {"en": "Land"}},
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "location": {"latitude": latitude, "longitude": longitude, "time_zone": "Europe/Amsterdam"},
        "postal": {"code": "1012"},
        "subdivisions": [{"iso_code": "X", "names": {"en": "outer"}}, {"iso_code": "NH", "names": {"en": "inner"}}]})
}

/// A database of some cities.
pub(crate) fn cities() -> Database {
    Database::new("Test-City")
        .with("192.0.2.0/24", &city("NL", "Amsterdam", 52.3676, 4.9041))
        .with("198.51.100.0/24", &city("IE", "Dublin", 53.3498, -6.2603))
        .with("203.0.113.0/25", &city("NG", "Lagos", 6.5244, 3.3792))
        .with("203.0.113.128/25", &json!({"country": {"iso_code": "BE"}}))
        .with("2001:db8::/32", &city("DE", "Berlin", 52.52, 13.405))
}

/// A database of some networks.
pub(crate) fn networks() -> Database {
    let record =
        |number: u32, name: &str| json!({"autonomous_system_number": number, "autonomous_system_organization": name});
    Database::new("Test-ASN")
        .with("192.0.2.0/24", &record(64_496, "Home"))
        .with("198.51.100.0/24", &record(64_497, "VPN"))
        .with("203.0.113.0/24", &record(4_200_000_000, "Far away"))
}
