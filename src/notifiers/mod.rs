//! Channels through which people are told of outliers: one file each, behind one trait.
//!
//! A channel tells one notice at a time and says what the receiver answered. Which channel is told
//! what, how often it is tried again, and what was told before is the business of its caller.

mod addresses;
mod cef;
mod context;
mod elastic;
mod http;
mod mail;
mod sample;
mod slack;
mod syslog;
mod teams;
mod text;
mod thehive;
mod thehive_alert;
mod tls;
mod view;
mod webhook;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::{Channel, ChannelSettings, MainConfig};
use crate::delivery::Notice;
use crate::runtime::Interrupt;

pub use sample::sample;

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

/// Reaction of the receiver.
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

impl NotifyError {
    fn temporary(reason: String) -> Self {
        Self::Temporary { reason, retry_after: None }
    }
}

/// A channel cannot be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("channel {channel}: {reason}")]
pub struct OpenError {
    /// Name of the channel.
    pub channel: String,
    /// Reason and cure, safe to print.
    pub reason: String,
}

impl OpenError {
    fn new(channel: &str, reason: String) -> Self {
        Self { channel: channel.to_owned(), reason }
    }
}

/// Prepares all channels of the configuration that are on. Nothing is sent yet.
///
/// # Errors
/// The first channel whose files or addresses cannot be used.
pub fn open(main: &MainConfig, interrupt: &Interrupt) -> Result<Vec<Box<dyn Notifier>>, OpenError> {
    main.notifiers.channels.iter().map(|settings| open_channel(main, settings, interrupt)).collect()
}

/// Prepares one channel. `interrupt` ends requests to the configured cluster.
///
/// # Errors
/// Its files or addresses cannot be used.
pub fn open_channel(
    main: &MainConfig,
    settings: &ChannelSettings,
    interrupt: &Interrupt,
) -> Result<Box<dyn Notifier>, OpenError> {
    let channel: Box<dyn Notifier> = match &settings.channel {
        Channel::Mail(mail) => Box::new(mail::MailChannel::open(settings, mail)?),
        Channel::TheHive(thehive) => Box::new(thehive::TheHiveChannel::open(settings, thehive)?),
        Channel::Webhook(webhook) => Box::new(webhook::WebhookChannel::open(settings, webhook)?),
        Channel::Slack(slack) => Box::new(slack::SlackChannel::open(settings, slack)?),
        Channel::Teams(teams) => Box::new(teams::TeamsChannel::open(settings, teams)?),
        Channel::Elastic(stream) => Box::new(elastic::ElasticChannel::new(settings, stream, &main.elastic, interrupt)),
        Channel::Syslog(syslog) => Box::new(syslog::SyslogChannel::open(settings, syslog)?),
    };
    Ok(Box::new(TimedChannel { channel, timeout: settings.timeout }))
}

/// A channel whose attempts end in time, however many requests they need.
#[derive(Debug)]
struct TimedChannel {
    channel: Box<dyn Notifier>,
    timeout: Duration,
}

#[async_trait]
impl Notifier for TimedChannel {
    fn name(&self) -> &str {
        self.channel.name()
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        let timed = tokio::time::timeout(self.timeout, self.channel.tell(notice)).await;
        let reason = || format!("no answer within {} s; check the receiver, or raise timeout", self.timeout.as_secs());
        timed.unwrap_or_else(|_| Err(NotifyError::temporary(reason())))
    }
}
