//! `[notifier]`: who is told of outliers by e-mail. Not built yet.

use super::keys::Keys;
use super::secret::Secret;
use crate::python::parse_int;

pub(super) const SECTION: &str = "notifier";

/// Who is told of outliers by e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifierSettings {
    /// Host name of the mail server.
    pub smtp_server: String,
    /// Its port.
    pub smtp_port: u16,
    /// User name, also the sender.
    pub smtp_user: String,
    /// Password.
    pub smtp_password: Secret,
    /// The recipient.
    pub notification_email: String,
    /// Number of recent notifications to remember and not repeat; 0 repeats all.
    pub max_cache_ignore: usize,
}

/// Reads the section; `None` if the notifier is off, or if something is wrong.
pub(super) fn read(keys: &mut Keys<'_>) -> Option<NotifierSettings> {
    let is_on = keys.bool("email_notifier").unwrap_or(false);
    if !is_on {
        keys.lenient(|keys| read_settings(keys, Keys::filled));
        return None;
    }
    let settings = read_settings(keys, |keys, key| keys.required(key, "needed because email_notifier is on"))?;
    keys.warn(
        "email_notifier",
        "not built yet: [notifier] is read and checked, but nothing is sent",
        "write email_notifier = 0 to silence this warning",
    );
    Some(settings)
}

fn read_settings<'a>(
    keys: &mut Keys<'a>,
    text: impl Fn(&mut Keys<'a>, &'static str) -> Option<&'a str>,
) -> Option<NotifierSettings> {
    let smtp_server = text(keys, "smtp_server");
    let smtp_user = text(keys, "smtp_user");
    let smtp_password = text(keys, "smtp_pass");
    let notification_email = text(keys, "notification_email");
    let is_port = |text: &str| parse_int(text).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let smtp_port = keys.parsed("smtp_port", "not a port", "write a number from 1 to 65535", is_port).unwrap_or(465);
    let max_cache_ignore = keys.count("max_cache_ignore").unwrap_or(1000);
    Some(NotifierSettings {
        smtp_server: smtp_server?.to_owned(),
        smtp_port,
        smtp_user: smtp_user?.to_owned(),
        smtp_password: Secret::new(smtp_password?),
        notification_email: notification_email?.to_owned(),
        max_cache_ignore: usize::try_from(max_cache_ignore).unwrap_or(usize::MAX),
    })
}
