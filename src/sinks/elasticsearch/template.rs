//! The component template for `outliers.*`: how the cluster indexes what is written.

use serde_json::{Map, Value, json};

use crate::config::ModelType;
use crate::elastic::{Flavour, Server};
use crate::event::{StoredKey, StoredKind};
use crate::models::stored_keys;
use crate::outlier::COMMON;

/// Name of the component template.
pub const TEMPLATE_NAME: &str = "outliers@mappings";

/// Longest text that can be searched as a whole.
const IGNORE_ABOVE: u64 = 1024;

/// Which field types a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateDialect {
    /// Elasticsearch, which has `flattened`.
    Elasticsearch,
    /// OpenSearch from 2.7 on, which has `flat_object`.
    OpenSearch,
    /// Servers that have neither: objects are stored and cannot be searched.
    Plain,
}

impl TemplateDialect {
    /// Returns the dialect for a server.
    pub fn of(server: &Server) -> Self {
        match server.flavour {
            Flavour::Elasticsearch if server.has_flattened() => Self::Elasticsearch,
            Flavour::OpenSearch if server.release >= (2, 7) => Self::OpenSearch,
            _ => Self::Plain,
        }
    }

    /// Objects whose keys come from events must not become fields.
    fn object(self) -> Value {
        match self {
            Self::Elasticsearch => json!({"type": "flattened", "ignore_above": IGNORE_ABOVE}),
            Self::OpenSearch => json!({"type": "flat_object"}),
            Self::Plain => json!({"type": "object", "enabled": false}),
        }
    }
}

/// Keys that outliers store, whatever their models; keys of several models come several times.
pub(super) fn declared_keys() -> impl Iterator<Item = &'static StoredKey> {
    COMMON.iter().chain(ModelType::ALL.into_iter().flat_map(stored_keys))
}

/// The body of the component template.
pub fn component_template(dialect: TemplateDialect) -> Value {
    let fields = properties(declared_keys(), dialect);
    // other keys of use cases and derived fields: whatever their first value looks like
    let kinds = [
        ("string", text()),
        ("date", text()),
        ("boolean", text()),
        ("long", number()),
        ("double", number()),
        ("object", dialect.object()),
    ];
    let dynamic: Vec<Value> = kinds
        .into_iter()
        .map(|(kind, mapping)| {
            let name = format!("outliers_{kind}");
            json!({name: {"path_match": "outliers.*", "match_mapping_type": kind, "mapping": mapping}})
        })
        .collect();
    json!({
        "template": {
            "mappings": {
                "dynamic_templates": dynamic,
                "properties": {"outliers": {"dynamic": true, "properties": fields}},
            }
        },
        "_meta": {"description": "fields that ee-outliers writes; compose it into the index templates of your events"},
    })
}

fn properties(keys: impl Iterator<Item = &'static StoredKey>, dialect: TemplateDialect) -> Map<String, Value> {
    keys.filter_map(|key| Some((key.name.to_owned(), mapping(key.kind, dialect)?))).collect()
}

/// Mapping of a key; `None` leaves it to the dynamic templates.
fn mapping(kind: StoredKind, dialect: TemplateDialect) -> Option<Value> {
    Some(match kind {
        StoredKind::Text => text(),
        StoredKind::Prose => {
            let mut prose = text();
            prose["fields"]["text"] = json!({"type": "text"});
            prose
        }
        StoredKind::Number => number(),
        StoredKind::Count => json!({"type": "integer"}),
        StoredKind::Object => dialect.object(),
        StoredKind::Objects(members) => json!({"properties": properties(members.iter(), dialect)}),
        StoredKind::Dynamic => return None,
    })
}

fn number() -> Value {
    json!({"type": "double"})
}

/// A text with the second name that dynamic mapping gives texts, which queries and dashboards may
/// use.
fn text() -> Value {
    json!({
        "type": "keyword",
        "ignore_above": IGNORE_ABOVE,
        "fields": {"keyword": {"type": "keyword", "ignore_above": IGNORE_ABOVE}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_type_that_the_server_knows() {
        for (dialect, object) in [
            (TemplateDialect::Elasticsearch, "flattened"),
            (TemplateDialect::OpenSearch, "flat_object"),
            (TemplateDialect::Plain, "object"),
        ] {
            let template = component_template(dialect);
            let outliers = &template["template"]["mappings"]["properties"]["outliers"];
            let fields = outliers["properties"].as_object().unwrap();
            assert_eq!(fields["matched_fields"]["type"], object);
            assert_eq!(fields["model_name"]["fields"]["keyword"]["type"], "keyword");
            assert_eq!(fields["total_outliers"]["type"], "integer");
            for key in declared_keys() {
                let expected = mapping(key.kind, dialect);
                assert_eq!(fields.get(key.name), expected.as_ref(), "{} has one kind in all models", key.name);
            }
            let dynamic = template["template"]["mappings"]["dynamic_templates"].as_array().unwrap();
            assert_eq!(dynamic.len(), 6);
        }
    }
}
