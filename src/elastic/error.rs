//! Errors of servers, in messages that name the thing, the place and the cure.

use std::time::Duration;

use elasticsearch::http::response::Exception;
use serde::Deserialize;

use super::classify::{Class, classify};
use crate::runtime::Interrupted;
use crate::terminal::escape_controls;

/// Upper limit on the characters of a server's text that are shown.
const SHOWN: usize = 500;

/// Errors of a request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ElasticError {
    /// No host answers.
    #[error("cannot reach {host}: {reason}; {cure}")]
    Unreachable {
        /// Address of the host.
        host: String,
        /// Reason.
        reason: String,
        /// Cure.
        cure: String,
        /// True if the host may have received the request.
        may_have_arrived: bool,
    },
    /// A setting is unusable.
    #[error("{key}: {reason}; {cure}")]
    Setting {
        /// Key of the setting.
        key: &'static str,
        /// Reason.
        reason: String,
        /// Cure.
        cure: &'static str,
    },
    /// The credentials were rejected or do not allow the request.
    #[error("{what}: refused with status {}: {}; {cure}", fault.status, fault.reason)]
    Refused {
        /// Purpose of the request.
        what: String,
        /// The answer.
        fault: Fault,
        /// Cure.
        cure: &'static str,
    },
    /// Any other error from the server.
    #[error("{what}: {fault}")]
    Answered {
        /// Purpose of the request.
        what: String,
        /// The answer.
        fault: Fault,
    },
    /// The answer cannot be parsed.
    #[error("{what}: the answer cannot be read: {reason}")]
    Unreadable {
        /// Purpose of the request.
        what: String,
        /// Reason.
        reason: String,
    },
    /// A search did not see all documents.
    #[error("{what}: incomplete answer: {reason}")]
    Incomplete {
        /// Purpose of the request.
        what: String,
        /// Missing part.
        reason: String,
    },
    /// The run was interrupted while waiting for the server.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl ElasticError {
    /// Returns the error for a server's answer to `what`.
    pub(super) fn of(what: String, fault: Fault) -> Self {
        if fault.class() != Class::Refused {
            return Self::Answered { what, fault };
        }
        let cure = match fault.status {
            401 => "check es_username and es_password, es_api_key or es_bearer_auth",
            _ => "grant the user or key the privileges that docs/elasticsearch.md lists",
        };
        Self::Refused { what, fault, cure }
    }

    /// Returns the action to take next.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } | Self::Incomplete { .. } | Self::Unreadable { .. } => Class::Retry,
            Self::Setting { .. } | Self::Interrupted(_) => Class::Poison,
            Self::Refused { .. } => Class::Refused,
            Self::Answered { fault, .. } => fault.class(),
        }
    }

    /// True if the server may have done what the request asks for, although no answer says so: the
    /// answer was lost, or a proxy did not wait for it.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Unreachable { may_have_arrived, .. } => *may_have_arrived,
            Self::Unreadable { .. } | Self::Incomplete { .. } | Self::Interrupted(_) => true,
            Self::Answered { fault, .. } => matches!(fault.status, 408 | 500 | 502 | 504),
            Self::Setting { .. } | Self::Refused { .. } => false,
        }
    }

    /// The server's answer, if it gave one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Refused { fault, .. } | Self::Answered { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

/// Error as the server reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status, of the request or of an item.
    pub status: u16,
    /// `type` of the error, or empty.
    pub error_type: String,
    /// `reason` of the error, else the text of the answer; safe to show.
    pub reason: String,
    /// Time that the server asks to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// Error of one item of an answer, which stands without a status.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ItemError {
    #[serde(default, rename = "type")]
    pub(super) error_type: String,
    pub(super) reason: Option<String>,
}

impl ItemError {
    /// The fault that it means with this status.
    pub(super) fn fault(&self, status: u16) -> Fault {
        Fault::new(status, &self.error_type, self.reason.as_deref().unwrap_or_default())
    }
}

impl Fault {
    /// Parses the error in the body of an answer.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        let Ok(exception) = serde_json::from_slice::<Exception>(body) else {
            return Self::new(status, "", &String::from_utf8_lossy(body));
        };
        let error = exception.error();
        let (error_type, reason) = (error.ty().unwrap_or_default(), error.reason().unwrap_or_default());
        match error.root_cause().first() {
            // the cause on the shards says more than "all shards failed"
            Some(cause) if error_type == "search_phase_execution_exception" || reason.is_empty() => {
                let (error_type, reason) = (cause.ty().unwrap_or(error_type), cause.reason().unwrap_or(reason));
                match cause.caused_by().and_then(|inner| inner.reason()) {
                    Some(inner) => Self::new(status, error_type, &format!("{reason}: {inner}")),
                    None => Self::new(status, error_type, reason),
                }
            }
            _ => Self::new(status, error_type, reason),
        }
    }

    /// Returns an error with these texts, shortened and escaped.
    pub(super) fn new(status: u16, error_type: &str, reason: &str) -> Self {
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown = match reason.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}...", &reason[..end]),
            None => reason,
        };
        Self { status, error_type: error_type.to_owned(), reason: escape_controls(&shown), retry_after: None }
    }

    /// Returns the action to take next.
    pub fn class(&self) -> Class {
        classify(self.status, &self.error_type, &self.reason)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}", self.status)?;
        if !self.error_type.is_empty() {
            write!(f, " {}", escape_controls(&self.error_type))?;
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_from_every_form_of_answer() {
        for (body, error_type, reason) in [
            (r#"{"error":{"type":"t","reason":"r"},"status":400}"#, "t", "r"),
            (r#"{"error":"alone","status":400}"#, "", "alone"),
            (
                r#"{"error":{"root_cause":[{"type":"query_shard_exception","reason":"Failed to parse query [a:(]","caused_by":{"type":"parse_exception","reason":"Cannot parse"}}],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":400}"#,
                "query_shard_exception",
                "Failed to parse query [a:(]: Cannot parse",
            ),
            ("<html>\n<b>no</b>", "", "<html> <b>no</b>"),
            ("", "", ""),
            ("\u{1b}[2J", "", "\\u{1b}[2J"),
        ] {
            let fault = Fault::read(400, body.as_bytes());
            assert_eq!((fault.error_type.as_str(), fault.reason.as_str()), (error_type, reason), "{body}");
        }
        assert_eq!(Fault::read(400, "é".repeat(9000).as_bytes()).reason.chars().count(), SHOWN + 3);
    }
}
