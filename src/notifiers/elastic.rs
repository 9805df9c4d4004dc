//! Detection documents in a data stream of the configured cluster, in the fields of the Elastic
//! Common Schema 9.
//!
//! `event.kind` is `alert`: `signal` belongs to the alerts that Kibana writes. A document is
//! created under the key of its notice, so a repeat is recognised, as long as the data stream
//! writes to the same index.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::text::one_line;
use super::view::{self, shown_time};
use super::{Notifier, NotifyError, Told};
use crate::config::{ChannelSettings, DataStreamSettings, ElasticSettings};
use crate::delivery::{FindingNotice, Notice};
use crate::elastic::{Class, Client, ElasticError, Request};
use crate::runtime::Interrupt;

/// Version of the schema.
const ECS_VERSION: &str = "9.0.0";

/// Upper limit on the characters of a text.
const TEXT_CHARS: usize = 8000;

/// Channel that stores documents.
#[derive(Debug)]
pub(super) struct ElasticChannel {
    name: String,
    data_stream: String,
    cluster: ElasticSettings,
    interrupt: Interrupt,
    /// Connected at the first notice, when the data stream is there.
    client: OnceCell<Client>,
}

impl ElasticChannel {
    pub(super) fn new(
        settings: &ChannelSettings,
        stream: &DataStreamSettings,
        cluster: &ElasticSettings,
        interrupt: &Interrupt,
    ) -> Self {
        ElasticChannel {
            name: settings.name.clone(),
            data_stream: stream.data_stream.clone(),
            // the outbox tries again
            cluster: ElasticSettings { es_retry_deadline: Duration::ZERO, ..cluster.clone() },
            interrupt: interrupt.clone(),
            client: OnceCell::new(),
        }
    }

    async fn connect(&self) -> Result<Client, NotifyError> {
        let client = Client::connect(&self.cluster, &self.interrupt).await.map_err(|error| refused(&error))?;
        let path = format!("/_data_stream/{}", self.data_stream);
        let look_up = Request::new(Method::GET, path.as_str(), format!("looking up data stream {}", self.data_stream));
        match client.send_once(&look_up).await {
            Ok(_) => return Ok(client),
            Err(error) if error.class() == Class::Gone => {}
            Err(error) => return Err(refused(&error)),
        }
        // fails unless an index template says that it is a data stream: no other index is created
        let create = Request::new(Method::PUT, path, format!("creating data stream {}", self.data_stream));
        match client.send_once(&create).await {
            Ok(_) => Ok(client),
            Err(error) if error.fault().is_some_and(|fault| fault.reason.contains("already exists")) => Ok(client),
            Err(error) if error.class() == Class::Poison => {
                let cure = "store the index template of docs/notifiers.md in the cluster, or name another data stream";
                Err(NotifyError::temporary(format!("{error}; {cure}")))
            }
            Err(error) => Err(refused(&error)),
        }
    }
}

#[async_trait]
impl Notifier for ElasticChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        let path = format!("/{}/_create/{}", self.data_stream, id(notice));
        let what = format!("storing a document in {}", self.data_stream);
        let request = Request::new(Method::PUT, path, what).json(&document(notice));
        match client.send_once(&request).await {
            Ok(_) => Ok(Told::Accepted(format!("document {} is stored in {}", id(notice), self.data_stream))),
            Err(error) if error.fault().is_some_and(|fault| fault.status == 409) => Ok(Told::AlreadyKnown),
            Err(error) => Err(refused(&error)),
        }
    }
}

fn refused(error: &ElasticError) -> NotifyError {
    let reason = one_line(&error.to_string(), 1000);
    match error.class() {
        // such as a field of the data stream that has another type
        Class::Poison if error.fault().is_some() => NotifyError::Permanent { reason },
        _ => NotifyError::Temporary { reason, retry_after: error.fault().and_then(|fault| fault.retry_after) },
    }
}

/// The key as an id, which is part of a path.
fn id(notice: &Notice) -> String {
    notice.key().chars().filter(char::is_ascii_alphanumeric).take(128).collect()
}

/// The document for a notice.
fn document(notice: &Notice) -> Value {
    let (severity, title) = (view::severity(notice), view::title(notice));
    let highest = view::highest_score(notice);
    let mut document = match notice {
        Notice::Finding(finding) | Notice::Sample(finding) => of_finding(finding),
        Notice::Digest(digest) => json!({
            "@timestamp": shown_time(digest.found_at),
            "event": {"severity": highest.round() as i64, "risk_score": highest},
            "ee_outliers": {
                "run_id": digest.run_id,
                "n_findings": digest.n_findings,
                "n_outliers": digest.n_outliers,
                "n_use_cases": digest.n_use_cases
            }
        }),
    };
    let kind = match notice {
        Notice::Finding(_) => "finding",
        Notice::Sample(_) => "test",
        Notice::Digest(_) => "digest",
    };
    document["ecs"] = json!({"version": ECS_VERSION});
    document["message"] = json!(title);
    document["tags"] = json!(["outlier", kind]);
    for (name, value) in [
        ("kind", "alert"),
        ("module", "ee_outliers"),
        ("dataset", "outliers.detections"),
        ("provider", "ee-outliers"),
        ("id", notice.key()),
    ] {
        document["event"][name] = json!(value);
    }
    document["ee_outliers"]["kind"] = json!(kind);
    document["ee_outliers"]["severity"] = json!(severity.as_str());
    document["ee_outliers"]["notice"] = json!(notice.key());
    document
}

fn of_finding(finding: &FindingNotice) -> Value {
    let text = |text: &str| one_line(text, TEXT_CHARS);
    let texts = |texts: &[String]| texts.iter().map(|value| text(value)).collect::<Vec<_>>();
    let mut event = json!({"severity": finding.score.round() as i64, "risk_score": finding.score, "reason": text(&finding.summary)});
    for (name, time) in [("start", finding.first), ("end", finding.last)] {
        if let Some(time) = time {
            event[name] = json!(shown_time(time));
        }
    }
    let mut document = json!({
        "@timestamp": shown_time(finding.found_at),
        "event": event,
        "rule": {
            "id": text(&finding.use_case),
            "name": text(&finding.use_case),
            "ruleset": "ee-outliers",
            "category": texts(&finding.outlier_type).join(", ")
        },
        "related": related(&finding.assets),
        "ee_outliers": {
            "run_id": finding.run_id,
            "finding_id": finding.finding_id,
            "score": finding.score,
            "n_documents": finding.n_documents,
            "type": texts(&finding.outlier_type),
            "reason": texts(&finding.reason),
            "assets": texts(&finding.assets),
            "supported_by": texts(&finding.supported_by),
            // as text: fields of any name and type would exhaust the mapping
            "observations": one_line(&Value::Object(finding.observations.clone()).to_string(), TEXT_CHARS)
        }
    });
    if let Some(description) = &finding.description {
        document["rule"]["description"] = json!(text(description));
    }
    for (name, value) in [("aggregator", &finding.aggregator), ("target", &finding.target)] {
        if let Some(value) = value {
            document["ee_outliers"][name] = json!(text(value));
        }
    }
    if let Some(example) = &finding.example {
        document["ee_outliers"]["example"] = json!({"index": example.index, "id": example.id});
    }
    if !finding.techniques.is_empty() {
        document["threat"] = threat(&finding.techniques);
    }
    document
}

/// Techniques, and those of them that are parts of others.
fn threat(techniques: &[String]) -> Value {
    let mut seen = BTreeSet::new();
    let mut heads: Vec<&str> = techniques.iter().map(|id| id.split('.').next().unwrap_or(id)).collect();
    heads.retain(|head| seen.insert(*head));
    let parts: Vec<&String> = techniques.iter().filter(|id| id.contains('.')).collect();
    let mut technique = json!({"id": heads});
    if !parts.is_empty() {
        technique["subtechnique"] = json!({"id": parts});
    }
    json!({"framework": "MITRE ATT&CK", "technique": technique})
}

/// Assets in the fields in which other documents are looked up.
fn related(assets: &[String]) -> Value {
    let mut related: Map<String, Value> = Map::new();
    for asset in assets {
        let (kind, value) = asset.split_once(": ").unwrap_or(("", asset));
        let field = match kind.to_lowercase().as_str() {
            _ if value.parse::<IpAddr>().is_ok() => "ip",
            "host" | "hostname" | "computer" | "machine" | "fqdn" => "hosts",
            "user" | "username" | "account" => "user",
            "hash" | "md5" | "sha1" | "sha256" => "hash",
            _ => continue,
        };
        let values = related.entry(field).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            let value = json!(one_line(value, 1000));
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    Value::Object(related)
}
