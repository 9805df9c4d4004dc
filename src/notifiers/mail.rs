//! E-mail: one message per notice, with a part as text and one as HTML.
//!
//! The message is built by a library that encodes headers, so a text of an event cannot become one;
//! texts are on one line before they get there. The `Message-ID` is the same for a repeat, and the
//! `References` for all notices about a finding, which mail programs show as one thread.

use std::fmt;

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error as SmtpError};
use lettre::{Address, AsyncTransport, Message, Tokio1Executor};
use minijinja::context;

use super::context::environment;
use super::text::one_line;
use super::tls::{explain, innermost, no_certificates, read_certificates};
use super::view::{Bounds, View};
use super::{Notifier, NotifyError, OpenError, Told};
use crate::config::{ChannelSettings, ChannelTls, MailSettings, MailTls};
use crate::delivery::Notice;
use crate::elastic::hide;

/// Beginning of the subject of the predecessor, on which filters of mail programs rely.
const SUBJECT: &str = "Eagle Eye - outlier alert: ";

/// Beginning of the subject of a digest.
const DIGEST_SUBJECT: &str = "Eagle Eye - outlier digest: ";

/// Upper limits on the texts of a message.
const BOUNDS: Bounds = Bounds { text: 2000, document: 64 << 10 };

/// Name of the template of the HTML part; its ending says how texts are escaped.
const TEMPLATE: &str = "mail.html";

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Channel that sends e-mail.
pub(super) struct MailChannel {
    name: String,
    transport: Transport,
    settings: MailSettings,
}

impl fmt::Debug for MailChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailChannel").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl MailChannel {
    pub(super) fn open(settings: &ChannelSettings, mail: &MailSettings) -> Result<Self, OpenError> {
        let name = settings.name.clone();
        let encryption = match mail.encryption {
            MailTls::Smtps => Tls::Wrapper(tls_parameters(&name, mail)?),
            MailTls::StartTls => Tls::Required(tls_parameters(&name, mail)?),
            MailTls::Plain => Tls::None,
        };
        let mut builder = Transport::builder_dangerous(&mail.server).port(mail.port).tls(encryption);
        builder = builder.timeout(Some(settings.timeout));
        if let Some((user, password)) = &mail.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
            builder = builder.authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(MailChannel { name, transport: builder.build(), settings: mail.clone() })
    }

    fn message(&self, notice: &Notice) -> Result<Message, NotifyError> {
        let view = View::new(notice, BOUNDS);
        let subject = match notice {
            Notice::Digest(_) => format!("{DIGEST_SUBJECT}{}", view.title),
            Notice::Finding(_) | Notice::Sample(_) => format!("{SUBJECT}{}", view.title),
        };
        let recipients: Mailboxes = self.settings.to.iter().map(|address| mailbox(address.clone())).collect();
        let mut builder = Message::builder()
            .from(mailbox(self.settings.from.clone()))
            .mailbox(lettre::message::header::To::from(recipients))
            .subject(subject)
            .message_id(Some(self.id("notice", notice.key())))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Notice::Finding(finding) = notice {
            builder = builder.references(self.id("finding", &finding.finding_id));
        }
        let parts = MultiPart::alternative_plain_html(text(&view), html(&view)?);
        builder.multipart(parts).map_err(|error| NotifyError::temporary(format!("cannot write the message: {error}")))
    }

    /// An identity at the domain of the sender.
    fn id(&self, kind: &str, key: &str) -> String {
        let word: String = key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(128).collect();
        format!("<{word}.{kind}.{}@{}>", self.name, self.settings.from.domain())
    }

    fn explained(&self, error: &SmtpError) -> NotifyError {
        let server = format!("{}:{}", self.settings.server, self.settings.port);
        if let Some(status) = error.status() {
            // an answer may repeat what was sent
            let said = self.without_password(&innermost(error));
            let said = one_line(&said, 300);
            let cure = match u16::from(status) {
                530 | 534 | 535 => "; check smtp_user and smtp_pass",
                _ => "",
            };
            let reason = format!("{server} answers {status} {said}{cure}");
            let is_of_notice = error.is_permanent() && [552, 554].contains(&u16::from(status));
            return if is_of_notice { NotifyError::Permanent { reason } } else { NotifyError::temporary(reason) };
        }
        let reason = explain(error).unwrap_or_else(|| {
            let said = one_line(&self.without_password(&innermost(error)), 300);
            format!("{said}; check smtp_server, smtp_port and smtp_tls")
        });
        NotifyError::temporary(format!("cannot send through {server}: {reason}"))
    }

    fn without_password(&self, text: &str) -> String {
        let passwords = self.settings.login.iter().map(|(_, password)| password.expose().to_owned());
        let passwords: Vec<String> = passwords.filter(|password| !password.is_empty()).collect();
        hide(&passwords, text)
    }
}

#[async_trait]
impl Notifier for MailChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice) -> Result<Told, NotifyError> {
        let message = self.message(notice)?;
        let response = self.transport.send(message).await.map_err(|error| self.explained(&error))?;
        let said: Vec<&str> = response.message().collect();
        let said = one_line(&self.without_password(&said.join(" ")), 300);
        Ok(Told::Accepted(format!("{} {said}", response.code())))
    }
}

fn mailbox(address: Address) -> Mailbox {
    Mailbox::new(None, address)
}

fn tls_parameters(name: &str, mail: &MailSettings) -> Result<TlsParameters, OpenError> {
    let ChannelTls { ca_certs, verify_certs } = &mail.tls;
    let mut builder = TlsParameters::builder(mail.server.clone());
    if let Some(path) = ca_certs {
        builder = builder.certificate_store(CertificateStore::None);
        let certificates = Certificate::from_pem(&read_certificates(name, path)?);
        builder = builder.add_root_certificate(certificates.map_err(|_| no_certificates(name, path))?);
    }
    if !verify_certs {
        builder = builder.dangerous_accept_invalid_certs(true).dangerous_accept_invalid_hostnames(true);
    }
    builder.build().map_err(|error| OpenError::new(name, format!("ca_certs: {}", innermost(&error))))
}

fn text(view: &View) -> String {
    let mut text = format!("{}\n\n=======\noutlier\n=======\n", view.title);
    let facts = view.facts.iter().map(|(name, value)| (*name, value));
    let observations = view.observations.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in facts.chain(observations) {
        text.push_str(&format!("{name}\t -> {value}\n"));
    }
    if !view.findings.is_empty() {
        text.push_str("\n========FINDINGS========\n\n");
        view.findings.iter().for_each(|finding| text.push_str(&format!("{finding}\n")));
    }
    if let Some(document) = &view.document {
        text.push_str(&format!("\n\n========RAW EVENT========\n\n\n{document}\n"));
    }
    text
}

fn html(view: &View) -> Result<String, NotifyError> {
    let mut environment = environment();
    let View { title, facts, observations, findings, document, .. } = view;
    let rendered = environment.add_template(TEMPLATE, include_str!("mail.html")).and_then(|()| {
        environment.get_template(TEMPLATE)?.render(context! { title, facts, observations, findings, document })
    });
    rendered.map_err(|error| NotifyError::temporary(format!("cannot write the message: {error}")))
}
