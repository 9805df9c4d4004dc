//! `type = teams`: a workflow of Microsoft Teams that is started by a webhook request.

use super::http::{Addresses, HttpSettings};
use crate::config::keys::Keys;

/// Settings of a channel in Teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamsSettings {
    /// Address and certificates.
    pub http: HttpSettings,
}

pub(super) fn read(keys: &mut Keys<'_>) -> Option<TeamsSettings> {
    Some(TeamsSettings { http: HttpSettings::read(keys, Addresses::Complete)? })
}
