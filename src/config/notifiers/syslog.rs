//! `type = syslog`: messages to a SIEM.

use super::tls::ChannelTls;
use crate::config::keys::Keys;
#[cfg(test)]
use crate::config::template_key::{TemplateKey, names_of};
use crate::spelling::named_values;

named_values! {
    /// Way on which messages reach the receiver.
    SyslogTransport {
        /// TLS over TCP (RFC 5425).
        Tls = "tls",
        /// TCP with octet counting (RFC 6587).
        Tcp = "tcp",
        /// UDP, one datagram per message (RFC 5426).
        Udp = "udp",
    }
}

impl SyslogTransport {
    /// Port that receivers usually have.
    fn default_port(self) -> u16 {
        match self {
            Self::Tls => 6514,
            Self::Tcp => 601,
            Self::Udp => 514,
        }
    }

    /// Bytes of a message that receivers have to take, or usually take.
    fn default_max_bytes(self) -> usize {
        match self {
            Self::Tls | Self::Tcp => 8192,
            Self::Udp => 2048,
        }
    }
}

named_values! {
    /// Form of the text of messages.
    SyslogFormat {
        /// Common Event Format.
        Cef = "cef",
        /// Structured data and a sentence (RFC 5424).
        Rfc5424 = "rfc5424",
    }
}

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::set("server", "siem.example", "host that receives the messages"),
    TemplateKey::optional("transport", "tls", "way on which messages reach it")
        .one_of(|| names_of(&SyslogTransport::NAMES)),
    TemplateKey::optional("port", "6514", "port of the receiver"),
    TemplateKey::optional("format", "cef", "form of the text of messages").one_of(|| names_of(&SyslogFormat::NAMES)),
    TemplateKey::optional("facility", "local0", "facility of messages, such as local0, authpriv or daemon"),
    TemplateKey::optional("hostname", "outliers1", "name of this machine in messages; without it, as the system says"),
    TemplateKey::optional("max_bytes", "8192", "upper limit on the bytes of a message; texts are cut to fit"),
];

/// Settings of a channel that sends syslog messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Name or address of the receiver.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// Way on which messages reach it.
    pub transport: SyslogTransport,
    /// Form of the text.
    pub format: SyslogFormat,
    /// Number of the facility, from 0 to 23.
    pub facility: u8,
    /// Name of this machine in messages; `None`: as the system says.
    pub hostname: Option<String>,
    /// Upper limit on the bytes of a message.
    pub max_bytes: usize,
    /// Certificates, for TLS.
    pub tls: ChannelTls,
}

pub(super) fn read(keys: &mut Keys<'_>) -> Option<SyslogSettings> {
    let transport = keys.named("transport", &SyslogTransport::NAMES).unwrap_or(SyslogTransport::Tls);
    let format = keys.named("format", &SyslogFormat::NAMES).unwrap_or(SyslogFormat::Cef);
    let port = super::read_port(keys, "port").unwrap_or_else(|| transport.default_port());
    let help = "write a name such as local0, authpriv or daemon";
    let facility = keys.parsed("facility", "not a facility", help, facility).unwrap_or(LOCAL0);
    let is_hostname = |text: &str| {
        let is_printed = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_printed.then(|| text.to_owned())
    };
    let hostname = keys.parsed("hostname", "not a host name", "write up to 255 characters without blanks", is_hostname);
    // what is left of a message whose texts are cut to nothing has to fit
    let (least, problem) = match format {
        SyslogFormat::Cef => (600, "not a size from 600 to 65000, which cef needs"),
        SyslogFormat::Rfc5424 => (480, "not a size from 480 to 65000"),
    };
    let size = |text: &str| text.parse().ok().filter(|size| (least..=65_000).contains(size));
    let max_bytes = keys.parsed("max_bytes", problem, "write bytes, such as 2048", size);
    let tls = ChannelTls::read(keys);
    let server = keys.required("server", "name the host that receives the messages")?.to_owned();
    let max_bytes = max_bytes.unwrap_or_else(|| transport.default_max_bytes());
    Some(SyslogSettings { server, port, transport, format, facility, hostname, max_bytes, tls })
}

const LOCAL0: u8 = 16;

/// Number of a facility by its name (RFC 5424, 6.2.1).
fn facility(name: &str) -> Option<u8> {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
        "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];
    NAMES.iter().zip(0..).find(|(known, _)| **known == name).map(|(_, number)| number)
}
