//! `[notifier]` and `[notifier_NAME]`: the channels through which people are told of outliers.
//!
//! `[notifier]` is the e-mail of old configurations, and the channel `mail`. Each other channel has
//! a section of its own, whose `type` says which keys it has: one file here per type.

mod elastic;
mod http;
mod mail;
mod slack;
mod syslog;
mod teams;
mod thehive;
mod tls;
mod webhook;

use std::num::NonZeroU32;
use std::time::Duration;

use super::cluster::Environment;
use super::ini::{Entry, Ini, Section};
use super::keys::Keys;
use super::outlier_limits;
use super::problem::Problem;
#[cfg(test)]
use super::template_key::{KeyTable, TemplateKey, names_of};
use crate::python::parse_int;
use crate::spelling::named_values;

pub use elastic::DataStreamSettings;
pub use http::HttpSettings;
pub use mail::{MailSettings, MailTls};
pub use slack::SlackSettings;
pub use syslog::{SyslogFormat, SyslogSettings, SyslogTransport};
pub use teams::TeamsSettings;
pub use thehive::{CustomField, CustomFieldType, TheHiveApi, TheHiveSettings};
pub use tls::ChannelTls;
pub use webhook::WebhookSettings;

/// The section of old configurations.
pub(super) const SECTION: &str = "notifier";

/// Name of the channel of that section.
const MAIL: &str = "mail";

/// Beginning of the names of all other sections.
pub(super) const SECTION_PREFIX: &str = "notifier_";

/// Default of `notify_digest_above`.
const DEFAULT_DIGEST_ABOVE: u64 = 50;

/// Default of `rate_limit`, in notices per minute.
const DEFAULT_RATE_LIMIT: NonZeroU32 = NonZeroU32::new(60).expect("not 0");

/// Default of `timeout`, in seconds.
const DEFAULT_TIMEOUT: u64 = 30;

/// Default of `notify_give_up_hours`.
const DEFAULT_GIVE_UP_HOURS: u64 = 72;

named_values! {
    /// Kind of a channel, as `type` names it.
    ChannelType {
        /// E-mail.
        Mail = "mail",
        /// Alerts in TheHive.
        TheHive = "thehive",
        /// Requests to any other program.
        Webhook = "webhook",
        /// Messages in Slack.
        Slack = "slack",
        /// Cards in Microsoft Teams.
        Teams = "teams",
        /// Detection documents in the configured cluster.
        Elastic = "elastic",
        /// Messages to a SIEM.
        Syslog = "syslog",
    }
}

/// Channels through which people are told of outliers.
#[derive(Clone, Debug)]
pub struct Notifiers {
    /// Channels that are on, in the order of the configuration.
    pub channels: Vec<ChannelSettings>,
    /// Names of channels that are switched off.
    pub switched_off: Vec<String>,
    /// Time after which a notice that no attempt could deliver is given up.
    pub give_up_after: Duration,
}

impl Notifiers {
    /// The channel of that name, if it is on.
    pub fn channel(&self, name: &str) -> Option<&ChannelSettings> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// Names of all channels, on or off.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| &channel.name).chain(&self.switched_off).map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }
}

/// A channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSettings {
    /// Name, as in `notify=NAME`.
    pub name: String,
    /// Score below which findings are not told, from 0 to 100.
    pub min_score: Option<f64>,
    /// Number of findings of a run above which a digest is told instead of each finding.
    pub digest_above: u64,
    /// Upper limit on the notices per minute.
    pub rate_limit: NonZeroU32,
    /// Upper limit on the time for telling one notice.
    pub timeout: Duration,
    /// The keys that only its type has.
    pub channel: Channel,
}

/// The settings that only one type of channels has.
#[derive(Clone, Debug, PartialEq)]
pub enum Channel {
    /// E-mail.
    Mail(MailSettings),
    /// Alerts in TheHive.
    TheHive(TheHiveSettings),
    /// Requests to any other program.
    Webhook(WebhookSettings),
    /// Messages in Slack.
    Slack(SlackSettings),
    /// Cards in Microsoft Teams.
    Teams(TeamsSettings),
    /// Detection documents in the configured cluster.
    Elastic(DataStreamSettings),
    /// Messages to a SIEM.
    Syslog(SyslogSettings),
}

impl Channel {
    fn read(channel_type: ChannelType, keys: &mut Keys<'_>) -> Option<Self> {
        match channel_type {
            ChannelType::Mail => mail::read(keys).map(Self::Mail),
            ChannelType::TheHive => thehive::read(keys).map(Self::TheHive),
            ChannelType::Webhook => webhook::read(keys).map(Self::Webhook),
            ChannelType::Slack => slack::read(keys).map(Self::Slack),
            ChannelType::Teams => teams::read(keys).map(Self::Teams),
            ChannelType::Elastic => elastic::read(keys).map(Self::Elastic),
            ChannelType::Syslog => syslog::read(keys).map(Self::Syslog),
        }
    }

    /// Its type.
    pub fn channel_type(&self) -> ChannelType {
        match self {
            Self::Mail(_) => ChannelType::Mail,
            Self::TheHive(_) => ChannelType::TheHive,
            Self::Webhook(_) => ChannelType::Webhook,
            Self::Slack(_) => ChannelType::Slack,
            Self::Teams(_) => ChannelType::Teams,
            Self::Elastic(_) => ChannelType::Elastic,
            Self::Syslog(_) => ChannelType::Syslog,
        }
    }
}

/// True if the section declares a channel.
pub(super) fn is_channel(section: &str) -> bool {
    section == SECTION || section.starts_with(SECTION_PREFIX)
}

/// Reads `notify_give_up_hours` of `[general]`: the time after which a notice that no attempt
/// delivered is given up.
pub(super) fn read_give_up(keys: &mut Keys<'_>) -> Duration {
    const MOST_HOURS: u64 = 24 * 3650;
    let hours = |text: &str| parse_int(text).and_then(|hours| u64::try_from(hours).ok());
    let hours = keys.parsed(
        "notify_give_up_hours",
        "not a number of hours from 0 on",
        "write a number of hours, such as 72",
        |text| hours(text).filter(|hours| *hours <= MOST_HOURS),
    );
    Duration::from_secs(hours.unwrap_or(DEFAULT_GIVE_UP_HOURS) * 3600)
}

/// Reads all channels.
pub(super) fn read(
    ini: &Ini,
    give_up_after: Duration,
    environment: &Environment<'_>,
    problems: &mut Vec<Problem>,
) -> Notifiers {
    let mut notifiers = Notifiers { channels: Vec::new(), switched_off: Vec::new(), give_up_after };
    let section = ini.section(SECTION);
    let variables = section.map(|section| of_environment(section, environment)).unwrap_or_default();
    let mail = Keys::read_with(ini, SECTION, variables.iter().collect(), problems, read_mail);
    if section.is_some() {
        notifiers.add(MAIL, mail);
    }
    for section in ini.sections.iter().filter(|section| section.name.starts_with(SECTION_PREFIX)) {
        let name = &section.name[SECTION_PREFIX.len()..];
        if let Some(problem) = problem_of_name(name, section, &notifiers) {
            problems.push(problem);
            continue;
        }
        let variables = of_environment(section, environment);
        let variables = variables.iter().collect();
        let read = Keys::read_with(ini, &section.name, variables, problems, |keys| read_channel(keys, name));
        notifiers.add(name, read);
    }
    notifiers
}

/// Secrets that the section does not have: those in variables called `SECTION_KEY`, or in files
/// that are named by variables called `SECTION_KEY_file`.
fn of_environment(section: &Section, environment: &Environment<'_>) -> Vec<Entry> {
    const SECRETS: [&str; 6] = ["url", "proxy", "headers", "api_key", "hmac_secret", "smtp_pass"];
    let keys = SECRETS.map(|key| [key.to_owned(), format!("{key}_file")]);
    let is_missing = |keys: &[String; 2]| {
        !section.entries.iter().any(|entry| keys.contains(&entry.key) && !entry.value.text().is_empty())
    };
    let entry = |key: String| {
        let text = environment(&format!("{}_{key}", section.name)).filter(|text| !text.is_empty())?;
        Some(Entry::at(key, text, section.location.clone()))
    };
    keys.into_iter().filter(is_missing).flatten().filter_map(entry).collect()
}

/// Contents of a section.
enum Read {
    /// The section has errors.
    Wrong,
    /// The channel is switched off.
    Off,
    /// The channel is on.
    On(Box<ChannelSettings>),
}

impl Notifiers {
    fn add(&mut self, name: &str, read: Read) {
        match read {
            Read::Wrong => {}
            Read::Off => self.switched_off.push(name.to_owned()),
            Read::On(channel) => self.channels.push(*channel),
        }
    }
}

/// Reads `[notifier]`, which is off unless `email_notifier` says otherwise.
fn read_mail(keys: &mut Keys<'_>) -> Read {
    let is_on = keys.bool("email_notifier").unwrap_or(false);
    // accepted for old configurations: an outlier is told once by its id, not by its summary
    keys.count("max_cache_ignore");
    read_settings(keys, MAIL, ChannelType::Mail, is_on.then_some(()))
}

fn read_channel(keys: &mut Keys<'_>, name: &str) -> Read {
    let is_on = keys.bool("enabled").unwrap_or(true);
    match keys.required_named("type", &ChannelType::NAMES) {
        Some(channel_type) => read_settings(keys, name, channel_type, is_on.then_some(())),
        None => Read::Wrong,
    }
}

/// Reads the keys of a channel. Nobody relies on those of a channel that is not on.
fn read_settings(keys: &mut Keys<'_>, name: &str, channel_type: ChannelType, on: Option<()>) -> Read {
    let read = |keys: &mut Keys<'_>| {
        let min_score = outlier_limits::min_score(keys);
        let digest_above = keys.count("notify_digest_above").unwrap_or(DEFAULT_DIGEST_ABOVE);
        let rate_limit = keys.parsed("rate_limit", "not a number from 1 on", "write notices per minute", |text| {
            text.parse::<NonZeroU32>().ok()
        });
        let timeout = keys.parsed("timeout", "not a number from 1 to 600", "write seconds, such as 30", |text| {
            text.parse().ok().filter(|seconds| (1..=600).contains(seconds))
        });
        let channel = Channel::read(channel_type, keys)?;
        Some(ChannelSettings {
            name: name.to_owned(),
            min_score,
            digest_above,
            rate_limit: rate_limit.unwrap_or(DEFAULT_RATE_LIMIT),
            timeout: Duration::from_secs(timeout.unwrap_or(DEFAULT_TIMEOUT)),
            channel,
        })
    };
    if on.is_none() {
        keys.optional(read);
        return Read::Off;
    }
    read(keys).map_or(Read::Wrong, |settings| Read::On(Box::new(settings)))
}

/// The problem of a channel's name, which use cases, metrics and the state store repeat.
fn problem_of_name(name: &str, section: &Section, known: &Notifiers) -> Option<Problem> {
    const LONGEST: usize = 40;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let problem = if name.is_empty() || name.len() > LONGEST || !name.chars().all(is_word) {
        Problem::error("not a name of a channel").help("write up to 40 letters, digits, `_` and `-`")
    } else if known.has(name) {
        Problem::error(format!("[{SECTION}] is the channel `{name}` already")).help("name the section otherwise")
    } else {
        return None;
    };
    Some(problem.at(section.location.clone()).in_section(&section.name))
}

fn read_port(keys: &mut Keys<'_>, key: &'static str) -> Option<u16> {
    let is_port = |text: &str| parse_int(text).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    keys.parsed(key, "not a port", "write a number from 1 to 65535", is_port)
}

/// Key of `[general]` that is read here, for the documentation.
#[cfg(test)]
pub(super) const GIVE_UP_KEYS: &[TemplateKey] = &[TemplateKey::optional(
    "notify_give_up_hours",
    "72",
    "hours after which a notice that no attempt delivered is given up",
)];

/// Keys that only the section of old configurations has.
#[cfg(test)]
const OLD_KEYS: &[TemplateKey] = &[
    TemplateKey::optional("email_notifier", "1", "1: the channel is on"),
    TemplateKey::optional("max_cache_ignore", "10", "accepted and ignored"),
];

/// Keys that only sections with a type have.
#[cfg(test)]
const FIRST_KEYS: &[TemplateKey] = &[
    TemplateKey::set("type", "mail", "kind of the channel").one_of(|| names_of(&ChannelType::NAMES)),
    TemplateKey::optional("enabled", "1", "0: the channel is off"),
];

/// Keys of every channel.
#[cfg(test)]
const SHARED_KEYS: &[TemplateKey] = &[
    TemplateKey::optional("min_score", "60", "findings with a lower score are not told, from 0 to 100"),
    TemplateKey::optional("notify_digest_above", "50", "runs with more findings are told as one digest"),
    TemplateKey::optional("rate_limit", "60", "upper limit on the notices per minute"),
    TemplateKey::optional("timeout", "30", "seconds for one attempt, at most 600"),
];

/// Keys of channels with their sections, for the documentation.
#[cfg(test)]
pub(super) fn key_tables() -> Vec<KeyTable> {
    let all = || ChannelType::NAMES.map(|(name, _)| name);
    let of_type = |kind: &str| format!("{SECTION_PREFIX}{kind}");
    let table = |title: &str, kinds: &[&str], keys: &[&[TemplateKey]]| {
        KeyTable::new(format!("`[notifier_NAME]`{title}"), kinds.iter().map(|kind| of_type(kind)), keys)
    };
    let mut with_mail = table(" and `[notifier]`, all types", &all(), &[SHARED_KEYS]);
    with_mail.sections.push(SECTION.to_owned());
    let mut mail = table(" and `[notifier]`, `type = mail`", &["mail"], &[mail::KEYS]);
    mail.sections.push(SECTION.to_owned());
    let mut certificates = table(" and `[notifier]`, all types but elastic", &[], &[tls::KEYS]);
    certificates.sections = all().into_iter().filter(|kind| *kind != "elastic").map(of_type).collect();
    certificates.sections.push(SECTION.to_owned());
    vec![
        KeyTable::new("`[notifier]`".to_owned(), [SECTION.to_owned()], &[OLD_KEYS]),
        table(", all types", &all(), &[FIRST_KEYS]),
        with_mail,
        certificates,
        table(", types that are reached over HTTP", &["slack", "teams", "thehive", "webhook"], &[http::KEYS]),
        mail,
        table(", `type = elastic`", &["elastic"], &[elastic::KEYS]),
        table(", `type = syslog`", &["syslog"], &[syslog::KEYS]),
        table(", `type = thehive`", &["thehive"], &[thehive::KEYS]),
        table(", `type = webhook`", &["webhook"], &[webhook::KEYS]),
    ]
}

#[cfg(test)]
mod tests;
