//! Alerts as TheHive takes them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::DateTime;
use minijinja::Environment;
use serde_json::{Map, Value, json};

use super::text::{cut, one_line};
use super::view::{Bounds, View};
use crate::config::{CustomFieldType, FindingSeverity, TheHiveApi, TheHiveSettings};
use crate::delivery::{FindingNotice, Notice};

/// Upper limits on the texts of a description; TheHive takes a million characters.
const BOUNDS: Bounds = Bounds { text: 2000, document: 64 << 10 };

/// Upper limit on the observables of an alert.
const MOST_OBSERVABLES: usize = 100;

/// Upper limit on the characters of the data of an observable.
const DATA_CHARS: usize = 4096;

/// Data types of TheHive by the type of an asset.
const DATA_TYPES: [(&str, &str); 14] = [
    ("host", "hostname"),
    ("hostname", "hostname"),
    ("computer", "hostname"),
    ("machine", "hostname"),
    ("fqdn", "fqdn"),
    ("domain", "domain"),
    ("url", "url"),
    ("mail", "mail"),
    ("email", "mail"),
    ("file", "filename"),
    ("filename", "filename"),
    ("hash", "hash"),
    ("registry", "registry"),
    ("user_agent", "user-agent"),
];

/// The alert for a notice, with everything that is told when it is created.
pub(super) fn alert(notice: &Notice, settings: &TheHiveSettings, custom_fields: Option<Value>) -> Map<String, Value> {
    let view = View::new(notice, BOUNDS);
    let mut alert = Map::new();
    let mut add = |name: &str, value: Value| drop(alert.insert(name.to_owned(), value));
    add("type", json!(settings.alert_type));
    add("source", json!(settings.source));
    add("sourceRef", json!(cut(source_ref(notice), 128)));
    add("title", json!(view.title));
    add("description", json!(description(&view)));
    add("severity", json!(severity(view.severity)));
    add("tlp", json!(settings.tlp));
    add("pap", json!(settings.pap));
    add("tags", json!(tags(notice, settings)));
    if let Some(time) = finding(notice).and_then(|finding| finding.last.or(finding.first)) {
        add("date", json!(time.timestamp_millis()));
    }
    custom_fields.into_iter().for_each(|fields| add("customFields", fields));
    let observables = observables(notice, settings);
    match settings.api {
        TheHiveApi::Five => {
            add("observables", json!(observables));
            add("procedures", json!(procedures(notice)));
        }
        TheHiveApi::Four => add("artifacts", json!(observables)),
    }
    alert
}

fn finding(notice: &Notice) -> Option<&FindingNotice> {
    match notice {
        Notice::Finding(finding) | Notice::Sample(finding) => Some(finding),
        Notice::Digest(_) => None,
    }
}

fn source_ref(notice: &Notice) -> &str {
    finding(notice).map_or(notice.key(), |finding| &finding.finding_id)
}

fn severity(severity: FindingSeverity) -> u8 {
    match severity {
        FindingSeverity::Informational | FindingSeverity::Low => 1,
        FindingSeverity::Medium => 2,
        FindingSeverity::High => 3,
        FindingSeverity::Critical => 4,
    }
}

fn tags(notice: &Notice, settings: &TheHiveSettings) -> Vec<String> {
    let of_finding = finding(notice).into_iter().flat_map(|finding| {
        let types = finding.outlier_type.iter().chain(&finding.techniques).chain([&finding.use_case]);
        types.map(|tag| one_line(tag, 100)).collect::<Vec<_>>()
    });
    let own = ["outlier".to_owned()].into_iter().chain(settings.tags.iter().cloned());
    let mut seen = BTreeSet::new();
    own.chain(of_finding).filter(|tag| !tag.is_empty() && seen.insert(tag.clone())).collect()
}

/// The technique and the time of each procedure; TheHive knows its tactics.
fn procedures(notice: &Notice) -> Vec<Value> {
    let Some(finding) = finding(notice) else { return Vec::new() };
    let time = finding.first.unwrap_or(finding.found_at).timestamp_millis();
    let is_technique = |technique: &&String| {
        let (head, tail) = technique.split_once('.').unwrap_or((technique, "000"));
        let is_number = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        head.strip_prefix('T').is_some_and(|number| is_number(number, 4)) && is_number(tail, 3)
    };
    let procedure = |technique: &String| json!({"patternId": technique, "occurDate": time});
    finding.techniques.iter().filter(is_technique).map(procedure).collect()
}

/// The assets of a finding as observables, each once. An asset whose type says nothing is of the
/// type `other`.
fn observables(notice: &Notice, settings: &TheHiveSettings) -> Vec<Value> {
    let Some(finding) = finding(notice) else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let observable = |asset: &String| {
        let (kind, data) = asset.split_once(": ").unwrap_or(("", asset));
        let data = one_line(data, DATA_CHARS);
        let data_type = data_type(kind, &data, settings);
        let is_new = !data.is_empty() && seen.insert((data_type.clone(), data.clone()));
        let message = format!("{} of the finding", if kind.is_empty() { "asset" } else { kind });
        is_new.then(|| {
            json!({"dataType": data_type, "data": data, "message": one_line(&message, 200), "tlp": settings.tlp, "tags": ["outlier"]})
        })
    };
    finding.assets.iter().filter_map(observable).take(MOST_OBSERVABLES).collect()
}

fn data_type(kind: &str, data: &str, settings: &TheHiveSettings) -> String {
    let configured = settings.observables.iter().find(|(asset, _)| asset.eq_ignore_ascii_case(kind));
    if let Some((_, data_type)) = configured {
        return data_type.clone();
    }
    // whatever it is called
    if data.parse::<IpAddr>().is_ok() {
        return "ip".to_owned();
    }
    let known = DATA_TYPES.iter().find(|(asset, _)| asset.eq_ignore_ascii_case(kind));
    known.map_or("other", |(_, data_type)| data_type).to_owned()
}

/// Values of the configured fields, in the form of the version; `None` without fields.
///
/// # Errors
/// The reason why a template or its value cannot be used.
pub(super) fn custom_fields(
    settings: &TheHiveSettings,
    templates: &Environment<'_>,
    notice: &minijinja::Value,
) -> Result<Option<Value>, String> {
    let mut fields = Vec::new();
    for field in &settings.custom_fields {
        let rendered = templates.get_template(&field.name).and_then(|template| template.render(notice));
        let text = rendered.map_err(|error| one_line(&error.to_string(), 300))?;
        let value = typed(field.field_type, text.trim());
        fields.push((
            field,
            value.ok_or_else(|| {
                format!("{}: not of the type {}: {}", field.name, field.field_type.as_str(), one_line(&text, 100))
            })?,
        ));
    }
    if fields.is_empty() {
        return Ok(None);
    }
    Ok(Some(match settings.api {
        TheHiveApi::Five => fields.iter().map(|(field, value)| json!({"name": field.name, "value": value})).collect(),
        TheHiveApi::Four => {
            let field = |(field, value): (&crate::config::CustomField, Value)| {
                let mut typed = Map::new();
                typed.insert(field.field_type.as_str().to_owned(), value);
                (field.name.clone(), Value::Object(typed))
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
    }))
}

fn typed(field_type: CustomFieldType, text: &str) -> Option<Value> {
    Some(match field_type {
        CustomFieldType::Text => json!(one_line(text, 2000)),
        CustomFieldType::Integer => json!(text.parse::<i64>().ok()?),
        CustomFieldType::Float => json!(text.parse::<f64>().ok().filter(|number| number.is_finite())?),
        CustomFieldType::Boolean => json!(text.parse::<bool>().ok()?),
        CustomFieldType::Date => {
            let millis = text.parse::<i64>().ok();
            json!(millis.or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()))?)
        }
    })
}

/// The description in Markdown.
fn description(view: &View) -> String {
    let mut text = format!("**{}**\n\n", escaped(&view.title));
    text.push_str("| | |\n|---|---|\n");
    let row = |name: &str, value: &str| format!("| {} | {} |\n", escaped(name), escaped(value));
    view.facts.iter().for_each(|(name, value)| text.push_str(&row(name, value)));
    if !view.findings.is_empty() {
        text.push_str("\n### Findings with the highest scores\n\n");
        view.findings.iter().for_each(|finding| text.push_str(&format!("* {}\n", escaped(finding))));
    }
    if !view.observations.is_empty() {
        text.push_str("\n### What the model saw\n\n| | |\n|---|---|\n");
        view.observations.iter().for_each(|(name, value)| text.push_str(&row(name, value)));
    }
    if let Some(document) = &view.document {
        text.push_str("\n### Event\n\n");
        // an indented block has no end that a text could write
        document.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    text
}

/// Escapes what Markdown, or HTML in it, would read as markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c if "\\`*_{}[]()#+-!|~".contains(c) => escaped.extend(['\\', c]),
            // links are made of bare addresses, too
            ':' => escaped.push_str("&#58;"),
            c => escaped.push(c),
        }
    }
    escaped
}
