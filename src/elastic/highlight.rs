//! Highlights: the parts of documents that a query matches.

use std::collections::BTreeMap;

use elasticsearch::SearchParts;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::classify::Class;
use super::client::Client;
use super::documents::DocumentId;
use super::error::ElasticError;
use super::page::Hit;
use super::request::Request;
use super::search::read_page;

/// Documents per request.
const DOCUMENTS_AT_ONCE: usize = 256;

/// Marks before and after a matching part.
pub const MARKS: [&str; 2] = ["<value>", "</value>"];

/// Parts of a fragment between `marks`.
pub fn marked<'a>(fragment: &'a str, [start, end]: [&'a str; 2]) -> impl Iterator<Item = &'a str> {
    fragment.split(start).skip(1).filter_map(move |behind| Some(behind.split_once(end)?.0))
}

/// Id of a document, and its matching parts by field.
type Highlighted = (String, Map<String, Value>);

impl Client {
    /// Returns, for each document and by field, the fragments in which `query` matches, with
    /// [`MARKS`] around the matching parts; empty if nothing can be highlighted or the document is
    /// gone.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn highlights(&self, ids: &[DocumentId], query: &Value) -> Result<Vec<Map<String, Value>>, ElasticError> {
        let mut highlights = vec![Map::new(); ids.len()];
        let mut by_index: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (idx, id) in ids.iter().enumerate() {
            by_index.entry(&id.index).or_default().push(idx);
        }
        for (index, wanted) in by_index {
            for some in wanted.chunks(DOCUMENTS_AT_ONCE) {
                let places: BTreeMap<&str, usize> = some.iter().map(|&idx| (ids[idx].id.as_str(), idx)).collect();
                for (id, highlight) in self.highlights_in(index, places.keys().copied().collect(), query).await? {
                    if let Some(&idx) = places.get(id.as_str()) {
                        highlights[idx] = highlight;
                    }
                }
            }
        }
        Ok(highlights)
    }

    async fn highlights_in(
        &self,
        index: &str,
        ids: Vec<&str>,
        query: &Value,
    ) -> Result<Vec<Highlighted>, ElasticError> {
        let body = json!({
            "size": ids.len(),
            "query": {"bool": {"filter": [{"ids": {"values": ids}}]}},
            "_source": false,
            "track_total_hits": false,
            "highlight": {
                "pre_tags": [MARKS[0]],
                "post_tags": [MARKS[1]],
                "highlight_query": query,
                "fields": {"*": {}},
            },
        });
        let path = format!("{}?allow_partial_search_results=false", SearchParts::Index(&[index]).url());
        let request = Request::new(Method::POST, path, format!("highlighting matches in {index}")).json(&body);
        let read = |body: &[u8]| {
            let hits = read_page(&request.what, body)?.hits;
            hits.iter().map(highlighted).collect::<Result<_, _>>().map_err(|error| request.unreadable(error))
        };
        match self.read_with(&request, read).await {
            // for example a text that is too long to be highlighted: the outliers are kept, without
            // highlights
            Err(error) if error.class() == Class::Poison => {
                tracing::warn!(documents = ids.len(), "{error}: no matched_fields for these documents");
                Ok(Vec::new())
            }
            result => result,
        }
    }
}

fn highlighted(hit: &Hit<'_>) -> serde_json::Result<Highlighted> {
    let highlight = hit.highlight.map_or_else(|| Ok(Map::new()), |highlight| serde_json::from_str(highlight.get()))?;
    Ok((serde_json::from_str(hit.id.get())?, highlight))
}
