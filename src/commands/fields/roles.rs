//! Roles of fields in use cases, by their names and values.

use crate::inventory::{FieldInventory, InventoryField, SampledNames, ValueKind};

/// Upper limit on the bytes of a name that is suggested.
const MOST_NAME_BYTES: usize = 100;

/// Share of the sampled events that must have fields together, in percent, and the least number.
const TOGETHER: (usize, usize) = (1, 1);

/// Parts of names of hosts, users, and what else acts; the best first.
const ACTORS: [&[&str]; 3] = [
    &["host", "computer", "machine", "workstation"],
    &["user", "account", "principal"],
    &["source", "src", "client", "orig"],
];

/// Parts of names of those who are talked to.
const PEERS: &[&str] = &["destination", "dest", "dst", "server", "resp"];

/// Parts of names of fields whose values say what happens.
const TELLING: &[&str] = &[
    "image",
    "executable",
    "process",
    "program",
    "command",
    "domain",
    "query",
    "question",
    "url",
    "uri",
    "service",
    "port",
    "path",
    "action",
    "operation",
    "country",
    "agent",
    "method",
    "protocol",
];

/// Parts of names of amounts.
const AMOUNTS: &[&str] = &["bytes", "size", "duration", "count", "packets", "pkts"];

/// Ends of names of fields whose values are names of single things.
const IDENTIFIERS: &[&str] = &[
    "id",
    "guid",
    "uuid",
    "uid",
    "hash",
    "hashes",
    "md5",
    "sha1",
    "sha256",
    "imphash",
    "time",
    "timestamp",
    "date",
    "ts",
    "version",
    "number",
    "sid",
    "sequence",
];

/// Fields by the roles that they can have.
pub(super) struct Roles<'a> {
    /// Whose behaviour is compared: hosts, users, addresses.
    pub(super) actors: Vec<&'a InventoryField>,
    /// Addresses that act.
    pub(super) sources: Vec<&'a InventoryField>,
    /// Addresses that are talked to.
    pub(super) peers: Vec<&'a InventoryField>,
    /// Fields that say what happens, by one of several values.
    pub(super) targets: Vec<&'a InventoryField>,
    /// Long texts, such as command lines.
    pub(super) texts: Vec<&'a InventoryField>,
    /// Numbers of bytes, seconds and the like.
    pub(super) amounts: Vec<&'a InventoryField>,
    sample: &'a SampledNames,
    n_sampled: usize,
}

impl<'a> Roles<'a> {
    pub(super) fn of(inventory: &'a FieldInventory) -> Self {
        let sample = &inventory.sample;
        // labels and tags say what people or collectors thought of the event
        let is_of_event = |field: &&InventoryField| !["labels", "tags"].contains(&first_part(&field.name));
        let fields = || inventory.fields.iter().filter(|field| is_plain(&field.name)).filter(is_of_event);
        let mut actors: Vec<(usize, &InventoryField)> =
            fields().filter(|field| has_groups(field)).filter_map(|field| Some((actor_rank(field)?, field))).collect();
        // of the same rank, the one that the most events have: they come in this order
        actors.sort_by_key(|(rank, _)| *rank);
        let is_address = |field: &&InventoryField| field.main_kind() == ValueKind::Address;
        let mut targets: Vec<&InventoryField> = fields().filter(|field| is_target(field)).collect();
        targets.sort_by_key(|field| !has_part(&field.name, TELLING));
        Roles {
            actors: actors.into_iter().map(|(_, field)| field).collect(),
            sources: fields().filter(is_address).filter(|field| has_part(&field.name, ACTORS[2])).collect(),
            peers: fields().filter(is_address).filter(|field| has_part(&field.name, PEERS)).collect(),
            targets,
            texts: fields().filter(|field| is_long_text(field)).collect(),
            amounts: fields().filter(|field| is_amount(field)).collect(),
            n_sampled: sample.n_with(&[]),
            sample,
        }
    }

    /// True if enough events have all of `fields`; some event has, then.
    pub(super) fn are_together(&self, fields: &[&InventoryField]) -> bool {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        self.n_with(&names) >= (self.n_sampled * TOGETHER.0 / 100).max(TOGETHER.1)
    }

    /// Number of sampled events that have all fields with these names.
    pub(super) fn n_with(&self, names: &[&str]) -> usize {
        self.sample.n_with(names)
    }

    /// The best actor beside `field`.
    pub(super) fn actor_beside(&self, field: &InventoryField) -> Option<&'a InventoryField> {
        let mut actors = self.actors.iter().copied();
        actors.find(|actor| actor.name != field.name && self.are_together(&[actor, field]))
    }
}

/// True if queries, placeholders and configuration files can name the field as it is.
pub(super) fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@');
    let is_word =
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@' || c == '_') && name.chars().all(is_plain);
    let is_reserved = ["AND", "OR", "NOT", "TO", "_exists_", "_index", "_id"].contains(&name);
    let has_parts = name.split('.').all(|part| !part.is_empty());
    is_word && has_parts && !is_reserved && name.len() <= MOST_NAME_BYTES && first_part(name) != "outliers"
}

fn first_part(name: &str) -> &str {
    name.split_once('.').map_or(name, |(first, _)| first)
}

/// Words of a name: `event_data.SourceIp` has `event`, `data`, `source` and `ip`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (is_lower && c.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        is_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn has_part(name: &str, parts: &[&str]) -> bool {
    words(name).iter().any(|word| parts.iter().any(|part| word.starts_with(part)))
}

fn is_identifier(name: &str) -> bool {
    words(name).last().is_some_and(|word| IDENTIFIERS.iter().any(|end| word.ends_with(end)))
}

fn has_groups(field: &InventoryField) -> bool {
    let is_name = matches!(field.main_kind(), ValueKind::Text | ValueKind::Address);
    is_name
        && field.distinct >= 2
        && field.distinct * 3 <= field.values
        && field.longest <= 256
        && !is_identifier(&field.name)
}

fn actor_rank(field: &InventoryField) -> Option<usize> {
    // "process.parent.user" names a user, "user_agent" no one
    let of_name =
        ACTORS.iter().position(|parts| has_part(&field.name, parts)).filter(|_| !has_part(&field.name, &["agent"]));
    let is_address = field.main_kind() == ValueKind::Address;
    // sources may be anything, unless they have an address
    let of_name = of_name.filter(|rank| *rank < 2 || is_address);
    of_name.or(is_address.then_some(ACTORS.len()))
}

fn is_target(field: &InventoryField) -> bool {
    let is_value = !matches!(field.main_kind(), ValueKind::Time | ValueKind::Decimal | ValueKind::Boolean);
    let is_number = matches!(field.main_kind(), ValueKind::Integer | ValueKind::NumberAsText);
    let is_name = !is_number || has_part(&field.name, TELLING);
    is_value
        && is_name
        && field.distinct >= 4
        && field.distinct * 2 <= field.values
        && (1..=120).contains(&field.median_length)
        && !is_identifier(&field.name)
        && actor_rank(field).is_none_or(|rank| rank > 1)
}

fn is_long_text(field: &InventoryField) -> bool {
    field.main_kind() == ValueKind::Text
        && field.distinct >= 10
        && field.median_length >= 12
        && field.longest > 2 * field.median_length
        && !is_identifier(&field.name)
}

fn is_amount(field: &InventoryField) -> bool {
    let is_number = matches!(field.main_kind(), ValueKind::Integer | ValueKind::Decimal);
    let is_mostly_one = field.examples.first().is_some_and(|example| example.count * 2 > field.values);
    is_number && !is_mostly_one && field.distinct >= 10 && has_part(&field.name, AMOUNTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_break_a_file_are_not_suggested() {
        for name in ["a", "@timestamp", "winlog.event_data.SourceIp", "_path", "id.orig_h"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "a".repeat(101);
        for name in
            ["", "a b", "a=b", "a\nb", "a:b", "a,b", "{a}", "a..b", ".a", "AND", "outliers.x", "1a", "é", "a-b", &long]
        {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn names_are_read_by_their_words() {
        assert_eq!(words("winlog.event_data.SourceIp"), ["winlog", "event", "data", "source", "ip"]);
        assert!(has_part("id.orig_h", ACTORS[2]) && has_part("DestinationIp", PEERS));
        assert!(is_identifier("ProcessGuid") && is_identifier("event.id") && !is_identifier("process.executable"));
    }
}
