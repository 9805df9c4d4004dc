//! `[notifier]` and `type = mail`: e-mail.

use lettre::Address;

use super::tls::ChannelTls;
use crate::config::keys::Keys;
use crate::config::secret::Secret;
#[cfg(test)]
use crate::config::template_key::{TemplateKey, names_of};
use crate::spelling::named_values;

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::set("smtp_server", "mail.example.org", "host name of the mail server"),
    TemplateKey::optional("smtp_port", "465", "port of the mail server"),
    TemplateKey::optional(
        "smtp_tls",
        "smtps",
        "encryption: from the beginning, after the greeting, or none; without it, as usual for the port",
    )
    .one_of(|| names_of(&MailTls::NAMES)),
    TemplateKey::set("smtp_user", "outliers@example.org", "user, who is also the sender"),
    TemplateKey::set("smtp_pass", "secret", "password of the user"),
    TemplateKey::optional("smtp_pass_file", "/etc/ee-outliers/smtp-password", "file that holds the password"),
    TemplateKey::optional(
        "smtp_from",
        "outliers@example.org",
        "sender; with it, smtp_user may be missing: then the program does not log in",
    ),
    TemplateKey::set("notification_email", "soc@example.org", "recipients, with commas between them"),
];

/// Default of `smtp_port`.
const SMTPS_PORT: u16 = 465;

/// Ports on which nobody begins with TLS. Old configurations begin with it on all others.
const STARTTLS_PORTS: [u16; 3] = [25, 587, 2525];

named_values! {
    /// Encryption of the way to a mail server.
    MailTls {
        /// From the beginning.
        Smtps = "smtps",
        /// After the greeting; a server that cannot is refused.
        StartTls = "starttls",
        /// Never.
        Plain = "none",
    }
}

/// Settings of a channel that sends e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// Host name of the mail server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// Encryption of the way to it.
    pub encryption: MailTls,
    /// User name and password; `None`: without login.
    pub login: Option<(String, Secret)>,
    /// The sender.
    pub from: Address,
    /// Recipients, at least one.
    pub to: Vec<Address>,
    /// Certificates.
    pub tls: ChannelTls,
}

pub(super) fn read(keys: &mut Keys<'_>) -> Option<MailSettings> {
    let server = keys.required("smtp_server", "name the mail server").map(str::to_owned);
    let from = keys.filled("smtp_from");
    let (user, password) = read_login(keys, from);
    let to = read_recipients(keys);
    let port = super::read_port(keys, "smtp_port").unwrap_or(SMTPS_PORT);
    let encryption = keys.named("smtp_tls", &MailTls::NAMES);
    let by_port = if STARTTLS_PORTS.contains(&port) { MailTls::StartTls } else { MailTls::Smtps };
    let encryption = encryption.unwrap_or(by_port);
    if encryption == MailTls::Plain && user.is_some() {
        let help = "write smtp_tls = starttls or smtps, or leave out smtp_user and name the sender in smtp_from";
        keys.error("smtp_tls", "the password would be readable on its way", help);
        return None;
    }
    let tls = ChannelTls::read(keys);
    let from = match from {
        Some(from) => written_sender(keys, from),
        None => user_as_sender(keys, user?, server.as_deref()?),
    };
    let login = user.map(str::to_owned).zip(password);
    Some(MailSettings { server: server?, port, encryption, login, from: from?, to: to?, tls })
}

/// Reads user and password. Without `smtp_from`, the user is the sender.
fn read_login<'a>(keys: &mut Keys<'a>, from: Option<&str>) -> (Option<&'a str>, Option<Secret>) {
    let user = match from {
        Some(_) => keys.filled("smtp_user"),
        None => keys.required("smtp_user", "name the user, who is also the sender; without login, write smtp_from"),
    };
    let password = if user.is_some() || from.is_none() {
        Secret::required(keys, "smtp_pass", "smtp_pass_file", "write the password of the user")
    } else {
        Secret::written(keys, "smtp_pass", "smtp_pass_file")
    };
    (user, password)
}

fn read_recipients(keys: &mut Keys<'_>) -> Option<Vec<Address>> {
    let text = keys.required("notification_email", "name who is told; several are separated by commas")?;
    let addresses: Option<Vec<Address>> = text.split(',').map(|address| address.trim().parse().ok()).collect();
    if addresses.is_none() {
        keys.error("notification_email", "not an e-mail address", "write name@example.com");
    }
    addresses
}

fn written_sender(keys: &mut Keys<'_>, from: &str) -> Option<Address> {
    let address = from.parse().ok();
    if address.is_none() {
        keys.error("smtp_from", "not an e-mail address", "write name@example.com");
    }
    address
}

/// The sender of old configurations, which is the user, with or without a domain.
fn user_as_sender(keys: &mut Keys<'_>, user: &str, server: &str) -> Option<Address> {
    if let Ok(address) = user.parse() {
        return Some(address);
    }
    let Ok(address) = Address::new(user, server) else {
        keys.error("smtp_user", "cannot be the sender: it is not an e-mail address", "name the sender in smtp_from");
        return None;
    };
    keys.warn("smtp_user", format!("not an e-mail address: the sender is {address}"), "name another one in smtp_from");
    Some(address)
}
