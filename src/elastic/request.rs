//! What is sent to a server, and what comes back.

use std::time::Duration;

use elasticsearch::http::Method;

use super::error::ElasticError;

/// What is asked of the server.
#[derive(Clone, Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path and query below the address, percent-encoded, with a leading slash.
    pub path: String,
    /// Body.
    pub body: Body,
    /// Whether it may be sent again.
    pub repeat: Repeat,
    /// What it is for, for messages.
    pub what: String,
    /// How long it may still take once the run was interrupted.
    pub grace: Duration,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Body {
    /// None.
    Empty,
    /// One JSON value.
    Json(Vec<u8>),
    /// Lines of JSON, each with its end.
    Lines(Vec<u8>),
}

/// Whether a request may be sent again when it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It gives the same, or does the same, as often as it is sent.
    Safe,
    /// Never, such as a scroll: the server has moved on, and what it answered is lost.
    Never,
}

/// An answer of the server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
    pub(super) retry_after: Option<Duration>,
}

impl Request {
    /// A request without a body that may be sent again.
    pub fn new(method: Method, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: Body::Empty,
            repeat: Repeat::Safe,
            what: what.into(),
            grace: Duration::ZERO,
        }
    }

    /// The same request with a JSON body.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Body::Json(body.to_string().into_bytes());
        self
    }

    /// The same request, which is sent once.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.repeat = Repeat::Never;
        self
    }

    /// The same request, which is not dropped as soon as the run is interrupted, but `grace` later.
    #[must_use]
    pub fn finishing_within(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub(super) fn unreadable(&self, error: impl std::fmt::Display) -> ElasticError {
        ElasticError::Unreadable { what: self.what.clone(), reason: error.to_string() }
    }
}
