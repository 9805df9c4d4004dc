//! A random sample of the documents of a cluster, as a file of hits.

use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::config::ElasticSettings;
use crate::elastic::{Client, ElasticError, Page, SearchTarget};
use crate::sources::SourceError;
use crate::spill::SpillError;

/// Upper limit on the documents of a sample: servers page no further.
pub const MOST_SAMPLED: u64 = 10_000;

/// Documents per page.
const PAGE: u64 = 500;

/// Some documents of a cluster. The file is removed when this is dropped.
#[derive(Debug)]
pub struct SampledEvents {
    file: NamedTempFile,
    /// Number of documents in the indices.
    pub n_documents: u64,
}

impl SampledEvents {
    /// The file: one hit per line.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Reads at most `most` documents of the configured indices: those with the highest scores, which
/// the server draws from their sequence numbers. So they are the same as long as no document
/// changes.
///
/// # Errors
/// A server that does not answer, indices that do not exist, and a spill directory that cannot be
/// used.
pub async fn sample_events(
    client: &Client,
    settings: &ElasticSettings,
    most: u64,
    spill_dir: &Path,
) -> Result<SampledEvents, SourceError> {
    let target = SearchTarget::new(&settings.es_index_pattern);
    let n_documents = client.survey(&target, &json!({"match_all": {}})).await?.documents;
    let in_folder = SpillError::in_folder(spill_dir);
    let file = tempfile::Builder::new().suffix(".ndjson").tempfile_in(spill_dir).map_err(&in_folder)?;
    let mut lines = BufWriter::new(file.reopen().map_err(&in_folder)?);
    let most = most.min(MOST_SAMPLED);
    let mut n_read = 0;
    while n_read < most {
        let size = PAGE.min(settings.es_scan_size as u64).min(most - n_read).max(1);
        let answer = client.sample(&target, &body(n_read, size)).await?;
        let page = Page::read(&answer).map_err(|reason| ElasticError::Incomplete {
            what: format!("reading a sample of {}", target.as_str()),
            reason,
        })?;
        if page.hits.is_empty() {
            break;
        }
        n_read += page.hits.len() as u64;
        for hit in &page.hits {
            let source = hit.source.map_or("{}", |source| source.get());
            // a document may be stored on several lines, a hit in a file has one
            let source = source.replace(['\n', '\r'], " ");
            let (index, id) = (hit.index.get(), hit.id.get());
            writeln!(lines, r#"{{"_index":{index},"_id":{id},"_source":{source}}}"#).map_err(&in_folder)?;
        }
    }
    lines.flush().map_err(&in_folder)?;
    Ok(SampledEvents { file, n_documents })
}

fn body(from: u64, size: u64) -> Value {
    let random = json!({"seed": 1, "field": "_seq_no"});
    json!({
        "from": from,
        "size": size,
        "query": {"function_score": {"query": {"match_all": {}}, "random_score": random}},
        "track_total_hits": false,
    })
}
