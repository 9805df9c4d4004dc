//! Saved objects for Kibana and OpenSearch Dashboards: an index pattern of the events, a search for
//! those with outliers, and a dashboard. Their fields come from the list of what is stored.

use serde_json::{Map, Value, json};

use super::template::declared_keys;
use crate::event::{StoredKey, StoredKind};
use crate::outlier::TAG;

/// Which program reads the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dashboards {
    /// Kibana 8 and later, which asks the cluster for the fields.
    Kibana,
    /// OpenSearch Dashboards, which keeps a list of fields in the index pattern.
    OpenSearch,
}

const INDEX_PATTERN: &str = "ee-outliers-events";
const SEARCH: &str = "ee-outliers-search";

/// Columns of the search.
const COLUMNS: [&str; 6] = ["score", "model_name", "type", "reason", "summary", "assets"];

/// Returns the objects, one JSON object per line, for the events of an index pattern.
pub fn saved_objects(program: Dashboards, index_pattern: &str, timestamp_field: &str) -> String {
    let time = timestamp_field;
    let charts = [
        ("over-time", "Documents with outliers, by use case", over_time(time)),
        ("use-cases", "Use cases", table("model_name", "Use case")),
        ("types", "Types of outliers", shares("type")),
        ("assets", "Assets", table("assets", "Asset")),
        ("scores", "Scores", scores()),
        ("reasons", "Reasons", table("reason", "Reason")),
    ];
    let mut objects = vec![pattern(program, index_pattern, time), search(time)];
    objects.extend(charts.iter().map(|(id, title, chart)| visualization(id, title, chart)));
    objects.push(dashboard(charts.map(|(id, ..)| id)));
    objects.iter().map(|object| format!("{object}\n")).collect()
}

/// Name of a field of outliers by which documents are grouped: whole texts have it with and without
/// our component template.
fn whole(key: &str) -> String {
    format!("outliers.{key}.keyword")
}

fn object(kind: &str, id: &str, attributes: Value, references: Value) -> Value {
    json!({"type": kind, "id": id, "attributes": attributes, "references": references})
}

fn pattern(program: Dashboards, index_pattern: &str, time: &str) -> Value {
    let mut attributes = json!({"title": index_pattern, "timeFieldName": time});
    match program {
        Dashboards::Kibana => attributes["name"] = "Events and their outliers".into(),
        Dashboards::OpenSearch => attributes["fields"] = Value::Array(fields(time)).to_string().into(),
    }
    object("index-pattern", INDEX_PATTERN, attributes, json!([]))
}

/// Fields as an index pattern lists them: what is stored, and the members of events that the
/// objects use.
fn fields(time: &str) -> Vec<Value> {
    let mut fields =
        vec![field(time, "date", "date"), field("tags", "string", "text"), field("tags.keyword", "string", "keyword")];
    let mut stored: Vec<&StoredKey> = Vec::new();
    for key in declared_keys() {
        if stored.iter().all(|known| known.name != key.name) {
            stored.push(key);
        }
    }
    stored.iter().for_each(|key| add_fields("outliers", key, &mut fields));
    fields
}

fn add_fields(parent: &str, key: &StoredKey, fields: &mut Vec<Value>) {
    let name = format!("{parent}.{}", key.name);
    match key.kind {
        StoredKind::Text => add_text(&name, fields),
        StoredKind::Prose => {
            add_text(&name, fields);
            fields.push(field(&format!("{name}.text"), "string", "text"));
        }
        StoredKind::Number => fields.push(field(&name, "number", "double")),
        StoredKind::Count => fields.push(field(&name, "number", "integer")),
        StoredKind::Object => fields.push(field(&name, "unknown", "flat_object")),
        StoredKind::Objects(members) => members.iter().for_each(|member| add_fields(&name, member, fields)),
        // what it is depends on the first document: the program asks the cluster
        StoredKind::Dynamic => {}
    }
}

fn add_text(name: &str, fields: &mut Vec<Value>) {
    fields.push(field(name, "string", "keyword"));
    fields.push(field(&format!("{name}.keyword"), "string", "keyword"));
}

fn field(name: &str, kind: &str, mapped: &str) -> Value {
    json!({"name": name, "type": kind, "esTypes": [mapped], "searchable": true, "aggregatable": mapped != "text",
        "readFromDocValues": mapped != "text", "scripted": false, "count": 0})
}

/// Place where an object finds its events.
fn source() -> Value {
    let query = json!({"query": format!("tags:{TAG}"), "language": "kuery"});
    let source = json!({"query": query, "filter": [], "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index"});
    json!({"searchSourceJSON": source.to_string()})
}

fn reference_to_pattern() -> Value {
    let name = "kibanaSavedObjectMeta.searchSourceJSON.index";
    json!([{"name": name, "type": "index-pattern", "id": INDEX_PATTERN}])
}

fn search(time: &str) -> Value {
    let attributes = json!({
        "title": "Events with outliers",
        "description": "Documents in which ee-outliers has stored outliers",
        "columns": COLUMNS.map(|key| format!("outliers.{key}")),
        "sort": [[time, "desc"]],
        "kibanaSavedObjectMeta": source(),
    });
    object("search", SEARCH, attributes, reference_to_pattern())
}

fn visualization(id: &str, title: &str, chart: &Map<String, Value>) -> Value {
    let mut state = chart.clone();
    state.insert("title".to_owned(), title.into());
    let attributes = json!({
        "title": format!("Outliers: {title}"),
        "visState": Value::Object(state).to_string(),
        "uiStateJSON": "{}",
        "description": "",
        "version": 1,
        "kibanaSavedObjectMeta": source(),
    });
    object("visualization", &format!("ee-outliers-{id}"), attributes, reference_to_pattern())
}

fn chart(kind: &str, params: Value, aggregations: &[Value]) -> Map<String, Value> {
    Map::from_iter([
        ("type".to_owned(), kind.into()),
        ("params".to_owned(), params),
        ("aggs".to_owned(), aggregations.into()),
    ])
}

fn aggregation(id: u8, kind: &str, schema: &str, params: Value) -> Value {
    json!({"id": id.to_string(), "enabled": true, "type": kind, "schema": schema, "params": params})
}

fn n_documents() -> Value {
    aggregation(1, "count", "metric", json!({"customLabel": "Documents"}))
}

/// The most frequent values of a text.
fn values(id: u8, schema: &str, key: &str, label: &str, size: u8) -> Value {
    let params = json!({"field": whole(key), "size": size, "order": "desc", "orderBy": "1", "customLabel": label});
    aggregation(id, "terms", schema, params)
}

/// Values of a text, with their numbers of documents and highest scores.
fn table(key: &str, label: &str) -> Map<String, Value> {
    let params = json!({"perPage": 10, "showPartialRows": false, "showMetricsAtAllLevels": false, "showTotal": false,
        "totalFunc": "sum", "percentageCol": ""});
    let highest = json!({"field": "outliers.score", "customLabel": "Highest score"});
    let aggregations = [n_documents(), aggregation(2, "max", "metric", highest), values(3, "bucket", key, label, 50)];
    chart("table", params, &aggregations)
}

fn shares(key: &str) -> Map<String, Value> {
    let params =
        json!({"type": "pie", "addTooltip": true, "addLegend": true, "legendPosition": "right", "isDonut": true});
    chart("pie", params, &[n_documents(), values(2, "segment", key, "Type", 12)])
}

fn over_time(time: &str) -> Map<String, Value> {
    let times = json!({"field": time, "interval": "auto", "min_doc_count": 1, "customLabel": "Time"});
    let aggregations = [
        n_documents(),
        aggregation(2, "date_histogram", "segment", times),
        values(3, "group", "model_name", "Use case", 12),
    ];
    chart("histogram", bars("stacked"), &aggregations)
}

fn scores() -> Map<String, Value> {
    let steps = json!({"field": "outliers.score", "interval": 5, "min_doc_count": false, "customLabel": "Score"});
    chart("histogram", bars("normal"), &[n_documents(), aggregation(2, "histogram", "segment", steps)])
}

fn bars(mode: &str) -> Value {
    json!({
        "type": "histogram",
        "grid": {"categoryLines": false},
        "categoryAxes": [{"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": true, "style": {},
            "scale": {"type": "linear"}, "labels": {"show": true, "filter": true, "truncate": 100}, "title": {}}],
        "valueAxes": [{"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": true,
            "style": {}, "scale": {"type": "linear", "mode": "normal"},
            "labels": {"show": true, "rotate": 0, "filter": false, "truncate": 100}, "title": {"text": "Documents"}}],
        "seriesParams": [{"show": true, "type": "histogram", "mode": mode, "data": {"id": "1", "label": "Documents"},
            "valueAxis": "ValueAxis-1", "drawLinesBetweenPoints": true, "showCircles": true}],
        "addTooltip": true, "addLegend": true, "legendPosition": "right", "times": [], "addTimeMarker": false,
    })
}

fn dashboard<const N: usize>(charts: [&str; N]) -> Value {
    const WIDTH: usize = 24;
    const HEIGHT: usize = 14;
    let mut panels = Vec::new();
    let mut references = Vec::new();
    let ids = charts.map(|id| ("visualization", format!("ee-outliers-{id}")));
    for (idx, (kind, id)) in ids.into_iter().chain([("search", SEARCH.to_owned())]).enumerate() {
        let width = if kind == "search" { 2 * WIDTH } else { WIDTH };
        let place = json!({"x": idx % 2 * WIDTH, "y": idx / 2 * HEIGHT, "w": width, "h": HEIGHT, "i": idx.to_string()});
        let name = format!("panel_{idx}");
        panels.push(json!({"version": "7.10.2", "gridData": place, "panelIndex": idx.to_string(),
            "embeddableConfig": {}, "panelRefName": name}));
        references.push(json!({"name": name, "type": kind, "id": id}));
    }
    let attributes = json!({
        "title": "Outliers",
        "description": "What ee-outliers found",
        "hits": 0,
        "panelsJSON": Value::Array(panels).to_string(),
        "optionsJSON": json!({"useMargins": true, "hidePanelTitles": false}).to_string(),
        "version": 1,
        "timeRestore": true,
        "timeFrom": "now-7d",
        "timeTo": "now",
        "kibanaSavedObjectMeta":
            {"searchSourceJSON": json!({"query": {"query": "", "language": "kuery"}, "filter": []}).to_string()},
    });
    object("dashboard", "ee-outliers", attributes, references.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn objects(program: Dashboards) -> Vec<Value> {
        saved_objects(program, "logs-*", "@timestamp").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Names of fields under `key`, in JSON and in JSON that is a text of it.
    fn used(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) if text.starts_with(['{', '[']) => used(&serde_json::from_str(text).unwrap(), found),
            Value::Array(elements) => elements.iter().for_each(|element| used(element, found)),
            Value::Object(members) => {
                found.extend(members.get("field").map(|name| name.as_str().unwrap().to_owned()));
                members.values().for_each(|member| used(member, found));
            }
            _ => {}
        }
    }

    #[test]
    fn every_field_that_is_used_is_stored() {
        let known: BTreeSet<String> =
            fields("@timestamp").iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(known.len(), fields("@timestamp").len(), "each once");
        let mut names = BTreeSet::from(COLUMNS.map(|key| format!("outliers.{key}")));
        objects(Dashboards::OpenSearch).iter().for_each(|object| used(object, &mut names));
        assert!(names.len() > 8, "{names:?}");
        assert!(names.is_subset(&known), "{:?}", names.difference(&known));
        for key in declared_keys() {
            let name = format!("outliers.{}", key.name);
            let is_listed = known.iter().any(|field| *field == name || field.starts_with(&format!("{name}.")));
            assert_eq!(is_listed, !matches!(key.kind, StoredKind::Dynamic), "{name}");
        }
    }

    #[test]
    fn every_reference_is_to_an_object_before_it() {
        for program in [Dashboards::Kibana, Dashboards::OpenSearch] {
            let mut known = BTreeSet::new();
            for object in objects(program) {
                for reference in object["references"].as_array().unwrap() {
                    assert!(
                        known.contains(&(reference["type"].to_string(), reference["id"].to_string())),
                        "{reference}"
                    );
                }
                known.insert((object["type"].to_string(), object["id"].to_string()));
            }
            assert_eq!(known.len(), 9);
        }
    }
}
