//! Syslog messages (RFC 5424) for SIEMs, over TLS or TCP with octet counting, or as datagrams.
//!
//! Nothing confirms a syslog message. Over TCP and TLS, each message has a connection of its own,
//! whose end the receiver sees before we take the message for told: one that was refused or reset
//! is not.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{SecondsFormat, Utc};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::text::{cut, fitting, one_line};
use super::tls::{explain, no_certificates, read_certificates, trusting_anyone};
use super::{Notifier, NotifyError, OpenError, Told, cef, view};
use crate::config::{ChannelSettings, FindingSeverity, SyslogFormat, SyslogSettings, SyslogTransport};
use crate::delivery::Notice;

/// Name of this program in messages.
const APP_NAME: &str = "ee-outliers";

/// Id of the structured data: 32473 is the number for examples, as we have none of our own.
const STRUCTURED_DATA_ID: &str = "outlier@32473";

/// Upper limit on the characters of a text in a message.
const TEXT_CHARS: usize = 4000;

/// Time in which the receiver can refuse a message that was written.
const LINGER: Duration = Duration::from_millis(500);

/// Channel that sends syslog messages.
#[derive(Debug)]
pub(super) struct SyslogChannel {
    name: String,
    settings: SyslogSettings,
    hostname: String,
    timeout: Duration,
    tls: Option<Arc<ClientConfig>>,
}

impl SyslogChannel {
    pub(super) fn open(settings: &ChannelSettings, syslog: &SyslogSettings) -> Result<Self, OpenError> {
        let is_tls = syslog.transport == SyslogTransport::Tls;
        let tls = is_tls.then(|| tls_config(&settings.name, syslog)).transpose()?;
        let hostname = syslog.hostname.clone().unwrap_or_else(own_hostname);
        let (name, settings, timeout) = (settings.name.clone(), syslog.clone(), settings.timeout);
        Ok(SyslogChannel { name, settings, hostname, timeout, tls })
    }

    /// The message for a notice, no longer than receivers take it.
    fn message(&self, notice: &Notice) -> String {
        let SyslogSettings { facility, format, max_bytes, .. } = &self.settings;
        let priority = u32::from(*facility) * 8 + severity(view::severity(notice));
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let process = std::process::id();
        let kind = match notice {
            Notice::Finding(_) => "finding",
            Notice::Sample(_) => "test",
            Notice::Digest(_) => "digest",
        };
        let head = format!("<{priority}>1 {time} {} {APP_NAME} {process} {kind}", self.hostname);
        let render = |most_chars: usize| match format {
            SyslogFormat::Cef => format!("{head} - {}", cef::message(notice, most_chars)),
            SyslogFormat::Rfc5424 => {
                let title = cut(&view::title(notice), most_chars);
                // the mark says that the text is UTF-8
                let mark = if title.is_ascii() { "" } else { "\u{feff}" };
                format!("{head} {} {mark}{title}", structured_data(notice, most_chars))
            }
        };
        fitting(TEXT_CHARS, render, |message| message.len() <= *max_bytes)
    }
}

#[async_trait]
impl Notifier for SyslogChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        let message = self.message(notice);
        let sender = Sender { settings: self.settings.clone(), timeout: self.timeout, tls: self.tls.clone() };
        let n_bytes = message.len();
        let sent = tokio::task::spawn_blocking(move || sender.send(&message)).await;
        let server = format!("{}:{}", self.settings.server, self.settings.port);
        match sent {
            Ok(Ok(())) => Ok(Told::Accepted(format!("{n_bytes} bytes are sent to {server}, which confirms nothing"))),
            Ok(Err(error)) => {
                let reason = explain(&error).unwrap_or_else(|| {
                    format!("{}; check server, port and transport", one_line(&error.to_string(), 200))
                });
                Err(NotifyError::temporary(format!("cannot send to {server}: {reason}")))
            }
            Err(_) => Err(NotifyError::temporary(format!("sending to {server} was given up"))),
        }
    }
}

/// Sends messages from a thread that may block.
struct Sender {
    settings: SyslogSettings,
    timeout: Duration,
    tls: Option<Arc<ClientConfig>>,
}

impl Sender {
    fn send(&self, message: &str) -> io::Result<()> {
        let frame = format!("{} {message}", message.len());
        match (self.settings.transport, &self.tls) {
            (SyslogTransport::Udp, _) => self.send_datagram(message),
            (SyslogTransport::Tls, Some(config)) => {
                let name = ServerName::try_from(self.settings.server.clone()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(connection, self.connect()?);
                stream.write_all(frame.as_bytes())?;
                stream.conn.send_close_notify();
                stream.flush()?;
                linger(&stream.sock.try_clone()?, &mut stream)
            }
            _ => {
                let mut stream = self.connect()?;
                stream.write_all(frame.as_bytes())?;
                stream.flush()?;
                linger(&stream.try_clone()?, &mut stream)
            }
        }
    }

    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok((self.settings.server.as_str(), self.settings.port).to_socket_addrs()?.collect())
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.addresses()? {
            match TcpStream::connect_timeout(&address, self.timeout) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(self.timeout))?;
                    stream.set_write_timeout(Some(self.timeout))?;
                    return Ok(stream);
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn send_datagram(&self, message: &str) -> io::Result<()> {
        let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let address = self.addresses()?.into_iter().next().ok_or_else(none)?;
        let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own)?;
        socket.connect(address)?;
        socket.send(message.as_bytes())?;
        // a host without a receiver says so soon, if at all
        socket.set_read_timeout(Some(LINGER))?;
        match socket.recv(&mut [0; 1]) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(error),
            _ => Ok(()),
        }
    }
}

/// Ends the sending side, and waits a moment for a reset or the end of the other one.
fn linger(socket: &TcpStream, stream: &mut impl Read) -> io::Result<()> {
    socket.set_read_timeout(Some(LINGER))?;
    socket.shutdown(std::net::Shutdown::Write)?;
    match stream.read(&mut [0; 64]) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(()),
        // the end without a farewell of TLS
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

fn tls_config(name: &str, syslog: &SyslogSettings) -> Result<Arc<ClientConfig>, OpenError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| OpenError::new(name, error.to_string()))?;
    if !syslog.tls.verify_certs {
        return Ok(Arc::new(trusting_anyone(builder, provider)));
    }
    let mut roots = RootCertStore::empty();
    match &syslog.tls.ca_certs {
        Some(path) => {
            let pem = read_certificates(name, path)?;
            let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
            if roots.add_parsable_certificates(certificates).0 == 0 {
                return Err(no_certificates(name, path));
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Severity by its number (RFC 5424, 6.2.1): 2 is critical, 6 is informational.
fn severity(severity: FindingSeverity) -> u32 {
    match severity {
        FindingSeverity::Informational => 6,
        FindingSeverity::Low => 5,
        FindingSeverity::Medium => 4,
        FindingSeverity::High => 3,
        FindingSeverity::Critical => 2,
    }
}

/// Name of this machine, or the sign for none.
fn own_hostname() -> String {
    let read =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name: String = read.unwrap_or_default().trim().chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

fn structured_data(notice: &Notice, most_chars: usize) -> String {
    let text = |value: &str| one_line(value, most_chars);
    let fields = match notice {
        Notice::Finding(finding) | Notice::Sample(finding) => vec![
            ("notice", finding.key.clone()),
            ("finding", text(&finding.finding_id)),
            ("run", text(&finding.run_id)),
            ("useCase", text(&finding.use_case)),
            ("score", view::shown_score(finding.score)),
            ("severity", view::severity(notice).as_str().to_owned()),
            ("type", text(&finding.outlier_type.join(", "))),
            ("reason", text(&finding.reason.join(", "))),
            ("aggregator", text(finding.aggregator.as_deref().unwrap_or_default())),
            ("target", text(finding.target.as_deref().unwrap_or_default())),
            ("assets", text(&finding.assets.join(", "))),
            ("documents", finding.n_documents.to_string()),
        ],
        Notice::Digest(digest) => vec![
            ("notice", digest.key.clone()),
            ("run", text(&digest.run_id)),
            ("findings", digest.n_findings.to_string()),
            ("outliers", digest.n_outliers.to_string()),
        ],
    };
    let filled = fields.iter().filter(|(_, value)| !value.is_empty());
    let fields: String = filled.map(|(name, value)| format!(" {name}=\"{}\"", in_data(value))).collect();
    format!("[{STRUCTURED_DATA_ID}{fields}]")
}

/// Escapes a value of structured data (RFC 5424, 6.3.3).
fn in_data(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace(']', r"\]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_no_structured_data() {
        assert_eq!(in_data(r#"a"b]c\d"#), r#"a\"b\]c\\d"#);
    }
}
