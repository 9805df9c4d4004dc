//! `type = slack`: an incoming webhook of Slack.

use super::http::{Addresses, HttpSettings};
use crate::config::keys::Keys;

/// Settings of a channel in Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackSettings {
    /// Address and certificates.
    pub http: HttpSettings,
}

pub(super) fn read(keys: &mut Keys<'_>) -> Option<SlackSettings> {
    Some(SlackSettings { http: HttpSettings::read(keys, Addresses::Complete)? })
}
