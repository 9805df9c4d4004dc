//! Searches: surveys of indices, checks of queries, points in time and scrolls.

use std::time::Duration;

use elasticsearch::{
    ClearScrollParts, ClosePointInTimeParts, MsearchParts, OpenPointInTimeParts, ScrollParts, SearchParts,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::classify::Class;
use super::client::{Client, Failed};
use super::error::{ElasticError, Fault};
use super::flavour::PitDialect;
use super::page::{Page, context_id};
use super::request::{Body, Request};

/// Queries checked in one request.
const QUERIES_AT_ONCE: usize = 50;

/// Grace for opening and closing a search context once the run is interrupted. Without its id it
/// cannot be closed, and an open context uses resources on the server until it expires.
const CONTEXT_GRACE: Duration = Duration::from_secs(5);

/// Indices to search: names, wildcards, aliases and data streams, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchTarget(String);

/// Origin of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The first page of a scroll.
    Scroll,
    /// The next page of a scroll.
    Scrolled(String),
    /// A point in time; the body says where to continue.
    PointInTime,
}

/// Unchanging view of indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointInTime {
    /// Its id, which may change from page to page.
    pub id: String,
    dialect: PitDialect,
}

impl SearchTarget {
    /// Parses a list of names; whitespace around names is ignored.
    pub fn new(names: &str) -> Self {
        Self(names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(","))
    }

    /// True if a name belongs to another cluster (`cluster:index`), whose documents cannot be read
    /// by id.
    pub fn is_remote(&self) -> bool {
        // date math in names, such as `<logs-{now/d}>`, may have a colon in its time zone
        self.0.split(',').any(|name| !name.starts_with('<') && name.contains(':'))
    }

    /// Returns the names, separated by commas.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Size of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Number of matching documents.
    pub documents: u64,
    /// Number of shards searched.
    pub shards: u64,
}

impl Client {
    /// Counts the documents that match `query`.
    ///
    /// # Errors
    /// A missing index ([`Class::Gone`]), a query that is refused, failed shards.
    pub async fn survey(&self, target: &SearchTarget, query: &Value) -> Result<Survey, ElasticError> {
        let body = json!({"size": 0, "query": query, "track_total_hits": true});
        let request =
            Request::new(Method::POST, search_path(target, ""), format!("counting documents in {}", target.0))
                .json(&body);
        let survey = |page: Page<'_>| Survey { documents: page.total.unwrap_or_default(), shards: page.shards };
        self.read_with(&request, |body| read_page(&request.what, body).map(survey)).await
    }

    /// Returns the answer to a small search, from which sizes are measured.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn sample(&self, target: &SearchTarget, body: &Value) -> Result<Vec<u8>, ElasticError> {
        let request = Request::new(Method::POST, search_path(target, ""), format!("reading {}", target.0)).json(body);
        self.send(&request).await
    }

    /// Tries each query and returns the server's error for those that it refuses.
    ///
    /// # Errors
    /// A server that does not answer, or a missing index.
    pub async fn refused_queries(
        &self,
        target: &SearchTarget,
        queries: &[Value],
    ) -> Result<Vec<Option<Fault>>, ElasticError> {
        let mut refused = vec![None; queries.len()];
        let mut open: Vec<(usize, &[Value])> =
            queries.chunks(QUERIES_AT_ONCE).enumerate().map(|(idx, some)| (idx * QUERIES_AT_ONCE, some)).collect();
        while let Some((start, some)) = open.pop() {
            match self.refused_of(target, some).await {
                Ok(faults) => refused[start..start + faults.len()].clone_from_slice(&faults),
                // a query that cannot be parsed fails the whole request: bisect
                Err(ElasticError::Answered { fault, .. }) if fault.class() == Class::Poison => match some {
                    [_] => refused[start] = Some(fault),
                    _ => {
                        let (left, right) = some.split_at(some.len() / 2);
                        open.extend([(start, left), (start + left.len(), right)]);
                    }
                },
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    async fn refused_of(&self, target: &SearchTarget, queries: &[Value]) -> Result<Vec<Option<Fault>>, ElasticError> {
        #[derive(Deserialize)]
        struct Answers<'a> {
            #[serde(borrow)]
            responses: Vec<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Status {
            status: u16,
        }
        let mut lines = String::new();
        for query in queries {
            let body = json!({"size": 0, "query": query, "track_total_hits": false});
            lines.push_str("{\"allow_partial_search_results\":false}\n");
            lines.push_str(&body.to_string());
            lines.push('\n');
        }
        let path = MsearchParts::Index(&[&target.0]).url();
        let mut request = Request::new(Method::POST, path, format!("checking queries on {}", target.0));
        request.body = Body::Lines(lines.into_bytes());
        let refused = |response: &&RawValue| {
            let text = response.get();
            let Status { status } = serde_json::from_str(text).map_err(|error| request.unreadable(error))?;
            if status >= 300 {
                return Ok(Some(Fault::read(status, text.as_bytes())));
            }
            // a server that ignores the header reports failures in the page
            Ok(Page::read(text.as_bytes()).err().map(|reason| Fault::new(400, "", &reason)))
        };
        let read = |body: &[u8]| {
            let answers: Answers<'_> = serde_json::from_slice(body).map_err(|error| request.unreadable(error))?;
            let (n_answers, n_queries) = (answers.responses.len(), queries.len());
            if n_answers != n_queries {
                return Err(request.unreadable(format!("{n_answers} answers to {n_queries} queries")));
            }
            answers.responses.iter().map(refused).collect()
        };
        self.read_with(&request, read).await
    }

    /// Opens a point in time.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn open_pit(
        &self,
        dialect: PitDialect,
        target: &SearchTarget,
        keep_alive: &str,
    ) -> Result<PointInTime, ElasticError> {
        #[derive(Deserialize)]
        struct Opened {
            #[serde(alias = "pit_id")]
            id: String,
        }
        let path = match dialect {
            PitDialect::Elasticsearch => OpenPointInTimeParts::Index(&[&target.0]).url().into_owned(),
            PitDialect::OpenSearch => format!("{}/point_in_time", SearchParts::Index(&[&target.0]).url()),
        };
        let what = format!("opening a point in time of {}", target.0);
        let request = Request::new(Method::POST, format!("{path}?keep_alive={keep_alive}"), what);
        let Opened { id } = self.read(&request.finishing_within(CONTEXT_GRACE)).await?;
        Ok(PointInTime { id, dialect })
    }

    /// Closes a point in time; one that has already expired is not an error.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn close_pit(&self, pit: &PointInTime) -> Result<(), ElasticError> {
        let (path, body) = match pit.dialect {
            PitDialect::Elasticsearch => (ClosePointInTimeParts::None.url(), json!({"id": pit.id})),
            PitDialect::OpenSearch => ("/_search/point_in_time".into(), json!({"pit_id": [pit.id]})),
        };
        self.close(Request::new(Method::DELETE, path, "closing a point in time").json(&body)).await
    }

    /// Closes scrolls; those that have already expired are not errors.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn clear_scrolls(&self, ids: &[String]) -> Result<(), ElasticError> {
        let body = json!({"scroll_id": ids});
        self.close(Request::new(Method::DELETE, ClearScrollParts::None.url(), "closing scrolls").json(&body)).await
    }

    async fn close(&self, request: Request) -> Result<(), ElasticError> {
        match self.send(&request.finishing_within(CONTEXT_GRACE)).await {
            Err(error) if error.class() == super::Class::Gone => Ok(()),
            other => other.map(drop),
        }
    }

    /// Returns one page, unparsed. Later pages of a scroll are never requested twice: the server
    /// has moved on when it answers. `on_context` receives the id of each context that an answer
    /// names, even if the answer broke off.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn page(
        &self,
        target: &SearchTarget,
        cursor: &Cursor,
        keep_alive: &str,
        body: &Value,
        mut on_context: impl FnMut(String),
    ) -> Result<Vec<u8>, ElasticError> {
        let what = format!("reading {}", target.0);
        let request = match cursor {
            Cursor::PointInTime => {
                let path = format!("{}?allow_partial_search_results=false", SearchParts::None.url());
                Request::new(Method::POST, path, what).json(body)
            }
            Cursor::Scroll => {
                let path = search_path(target, &format!("&scroll={keep_alive}"));
                Request::new(Method::POST, path, what).json(body).finishing_within(CONTEXT_GRACE)
            }
            Cursor::Scrolled(id) => {
                let body = json!({"scroll_id": id, "scroll": keep_alive});
                Request::new(Method::POST, ScrollParts::None.url(), what).json(&body).once()
            }
        };
        self.send_until(&request, |attempt| {
            let begun = attempt.as_ref().unwrap_or_else(|failed: &Failed| &failed.begun);
            if let Some(id) = context_id(begun) {
                on_context(id);
            }
            attempt
        })
        .await
    }
}

fn search_path(target: &SearchTarget, more: &str) -> String {
    format!("{}?allow_partial_search_results=false{more}", SearchParts::Index(&[&target.0]).url())
}

/// Parses the page in an answer.
pub(super) fn read_page<'a>(what: &str, body: &'a [u8]) -> Result<Page<'a>, ElasticError> {
    Page::read(body).map_err(|reason| ElasticError::Incomplete { what: what.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_clusters_are_recognised() {
        for (names, is_remote) in [
            ("logs-*, metrics", false),
            ("<logs-{now/d{yyyy.MM.dd|+12:00}}>", false),
            ("logs,other:logs", true),
            ("*:logs", true),
        ] {
            assert_eq!(SearchTarget::new(names).is_remote(), is_remote, "{names}");
        }
    }
}
