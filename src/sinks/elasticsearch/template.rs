//! The component template for `outliers.*`: how the cluster indexes what is written.

use serde_json::{Map, Value, json};

use crate::elastic::{Flavour, Server};

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
    /// What fits a server.
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

/// Texts that every outlier, or every outlier of some models, has.
const TEXTS: [&str; 20] = [
    "type",
    "reason",
    "model_name",
    "model_type",
    "elasticsearch_filter",
    "assets",
    "target",
    "aggregator",
    "term",
    "trigger_method",
    "non_outlier_values_sample",
    "target_value",
    "aggregator_value",
    "size_time_window",
    "start_time_window",
    "end_time_window",
    "matched_values",
    "size_window",
    "score_type",
    "outlier_words",
];

/// Numbers that outliers of some models have.
const NUMBERS: [&str; 8] = [
    "metric",
    "decision_frontier",
    "confidence",
    "term_count",
    "score",
    "num_target_value_in_window",
    "max_hex_encoded_length",
    "max_base64_decoded_length",
];

/// The body of the component template.
pub fn component_template(dialect: TemplateDialect) -> Value {
    let mut fields = Map::new();
    fields.extend(TEXTS.map(|name| (name.to_owned(), text())));
    fields.extend(NUMBERS.map(|name| (name.to_owned(), json!({"type": "double"}))));
    let mut summary = text();
    summary["fields"]["text"] = json!({"type": "text"});
    fields.insert("summary".to_owned(), summary);
    fields.insert("total_outliers".to_owned(), json!({"type": "integer"}));
    fields.insert("matched_fields".to_owned(), dialect.object());
    let number = || json!({"type": "double"});
    let word = json!({
        "word": text(), "expected_word": text(), "expected_window_words": text(),
        "score": number(), "decision_frontier": number(), "confidence": number(),
    });
    fields.insert("words".to_owned(), json!({"properties": word}));
    // other keys of use cases and derived fields: whatever their first value looks like
    let kinds = [
        ("string", text()),
        ("date", text()),
        ("boolean", text()),
        ("long", json!({"type": "double"})),
        ("double", json!({"type": "double"})),
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

/// A text with the second name that dynamic mapping gives texts, which queries and dashboards may use.
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
            assert_eq!(fields.len(), TEXTS.len() + NUMBERS.len() + 4, "no name is in two lists");
            let dynamic = template["template"]["mappings"]["dynamic_templates"].as_array().unwrap();
            assert_eq!(dynamic.len(), 6);
        }
    }
}
