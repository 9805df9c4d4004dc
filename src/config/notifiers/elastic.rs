//! `type = elastic`: documents in a data stream of the configured cluster.

use crate::config::keys::Keys;
#[cfg(test)]
use crate::config::template_key::TemplateKey;

/// Data stream that Elasticsearch creates by itself, because of its name.
const DEFAULT_DATA_STREAM: &str = "logs-ee_outliers.findings-default";

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] =
    &[TemplateKey::optional("data_stream", "logs-ee_outliers.findings-default", "data stream that gets the documents")];

/// Settings of a channel that stores documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataStreamSettings {
    /// Name of the data stream.
    pub data_stream: String,
}

pub(super) fn read(keys: &mut Keys<'_>) -> Option<DataStreamSettings> {
    let help = "write a name such as logs-ee_outliers.findings-default: lower case, without wildcards";
    let name = keys.parsed("data_stream", "not the name of a data stream", help, data_stream_name);
    let is_wrong = name.is_none() && keys.filled("data_stream").is_some();
    (!is_wrong).then(|| DataStreamSettings { data_stream: name.unwrap_or_else(|| DEFAULT_DATA_STREAM.to_owned()) })
}

/// The name if data streams can have it; it is part of paths, too.
fn data_stream_name(text: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let is_name = (1..=255).contains(&text.len())
        && text.chars().all(is_allowed)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    is_name.then(|| text.to_owned())
}
