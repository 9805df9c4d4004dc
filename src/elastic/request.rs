//! Requests.

use std::time::Duration;

use reqwest::Method;

use super::error::ElasticError;

/// Request to the server.
#[derive(Clone, Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path and query below the address, percent-encoded, with a leading slash.
    pub path: String,
    /// Body.
    pub body: Body,
    /// Tells if it may be sent again.
    pub repeat: Repeat,
    /// Its purpose, for messages.
    pub what: String,
    /// Time that it may still take once the run is interrupted.
    pub grace: Duration,
}

/// Body of a request.
#[derive(Clone, Debug)]
pub enum Body {
    /// No body.
    Empty,
    /// One JSON value.
    Json(Vec<u8>),
    /// Lines of JSON, each with a line feed.
    Lines(Vec<u8>),
}

/// Repeatability of a request whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// May be repeated: it gives or does the same every time.
    Safe,
    /// Must not be repeated, such as a page of a scroll: the server has moved on, and the lost
    /// answer is gone.
    Never,
}

impl Request {
    /// Returns a request without a body that may be repeated.
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

    /// Adds a JSON body.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Body::Json(body.to_string().into_bytes());
        self
    }

    /// Marks the request as not repeatable.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.repeat = Repeat::Never;
        self
    }

    /// Lets the request run for `grace` after an interrupt, instead of dropping it at once.
    #[must_use]
    pub fn finishing_within(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub(super) fn unreadable(&self, error: impl std::fmt::Display) -> ElasticError {
        ElasticError::Unreadable { what: self.what.clone(), reason: error.to_string() }
    }
}
