//! Channels through which people are told of outliers: one file each, behind one trait.
//!
//! A channel tells one notice at a time and says what the receiver answered. Which channel is told
//! what, how often it is tried again, and what was told before is the business of its caller.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::delivery::Notice;

/// A channel.
#[async_trait]
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Its name, as in `notify=NAME`.
    fn name(&self) -> &str;

    /// Makes one attempt to tell a notice, within the channel's own time limit. It is safe to tell
    /// a notice again whose outcome is unknown: receivers that can recognise repeats do.
    ///
    /// # Errors
    /// The receiver could not be reached, or did not accept the notice.
    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError>;
}

/// What the receiver did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It took the notice. The text says how, in one short line that is safe to print.
    Accepted(String),
    /// It knew the notice already.
    AlreadyKnown,
}

/// A notice was not told. The reasons are one line each, bounded and safe to print: no secret, and
/// nothing that steers a terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// Another attempt may succeed: the receiver is busy or away, or refuses what the configuration
    /// or its own administrator can change, such as credentials.
    #[error("{reason}")]
    Temporary {
        /// Reason, and the cure if there is one.
        reason: String,
        /// Time that the receiver asks to wait.
        retry_after: Option<Duration>,
    },
    /// The receiver never accepts this notice, whenever it is sent.
    #[error("{reason}")]
    Permanent {
        /// Reason, and the cure if there is one.
        reason: String,
    },
}
