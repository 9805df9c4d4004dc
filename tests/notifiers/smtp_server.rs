//! A mail server: SMTP with TLS from the beginning, with STARTTLS, or without.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::receiver::server_config;
use crate::certificates::Certificate;

/// Encryption that a server offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Smtps,
    StartTls,
    Nothing,
}

/// A message that was taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Mail {
    pub(super) is_encrypted: bool,
    /// User and password, with a colon between.
    pub(super) login: Option<String>,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    /// The message as it was sent, with lines ended by line feeds.
    pub(super) text: String,
}

/// A running server; its thread ends with the tests.
pub(super) struct SmtpServer {
    pub(super) port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    commands: Arc<Mutex<Vec<String>>>,
}

struct Session {
    offer: Offer,
    tls: Arc<ServerConfig>,
    /// Answers instead of the usual ones, by the beginning of the command; `.` is the end of a
    /// message.
    answers: Vec<(&'static str, &'static str)>,
    mails: Arc<Mutex<Vec<Mail>>>,
    commands: Arc<Mutex<Vec<String>>>,
}

enum End {
    Quit,
    StartTls,
}

impl SmtpServer {
    pub(super) fn start(offer: Offer, certificate: &Certificate, answers: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (mails, commands) = (Arc::default(), Arc::default());
        let session = Arc::new(Session {
            offer,
            tls: Arc::new(server_config(certificate)),
            answers: answers.to_vec(),
            mails: Arc::clone(&mails),
            commands: Arc::clone(&commands),
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let session = Arc::clone(&session);
                // a connection that fails is reported by the client
                std::thread::spawn(move || drop(session.serve(stream)));
            }
        });
        SmtpServer { port, mails, commands }
    }

    pub(super) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().expect("no panic holds it").clone()
    }

    /// First words of the commands so far.
    pub(super) fn commands(&self) -> Vec<String> {
        self.commands.lock().expect("no panic holds it").clone()
    }
}

impl Session {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let encrypted = |stream| {
            let connection = ServerConnection::new(Arc::clone(&self.tls)).expect("the settings were checked");
            StreamOwned::new(connection, stream)
        };
        if self.offer == Offer::Smtps {
            self.talk(encrypted(stream), true, Greeting::Sent).map(drop)
        } else {
            match self.talk(stream.try_clone()?, false, Greeting::Sent)? {
                End::Quit => Ok(()),
                End::StartTls => self.talk(encrypted(stream), true, Greeting::Omitted).map(drop),
            }
        }
    }

    fn answer(&self, command: &str, usual: &str) -> String {
        let own = self.answers.iter().find(|(start, _)| command.starts_with(start));
        own.map_or(usual, |(_, answer)| answer).to_owned()
    }

    fn talk<S: Read + Write>(&self, stream: S, is_encrypted: bool, greeting: Greeting) -> io::Result<End> {
        let mut stream = BufReader::new(stream);
        let say = |stream: &mut BufReader<S>, text: &str| {
            stream.get_mut().write_all(format!("{text}\r\n").as_bytes())?;
            stream.get_mut().flush()
        };
        if greeting == Greeting::Sent {
            say(&mut stream, &self.answer("greeting", "220 mail.example ESMTP"))?;
        }
        let mut mail = Mail { is_encrypted, ..Mail::default() };
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(End::Quit);
            }
            let line = line.trim_end();
            let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
            self.commands.lock().expect("no panic holds it").push(command.to_owned());
            match command {
                "EHLO" => {
                    let start_tls =
                        if self.offer == Offer::StartTls && !is_encrypted { "250-STARTTLS\r\n" } else { "" };
                    say(&mut stream, &format!("250-mail.example\r\n{start_tls}250-8BITMIME\r\n250 AUTH PLAIN LOGIN"))?;
                }
                "STARTTLS" => {
                    say(&mut stream, "220 go ahead")?;
                    return Ok(End::StartTls);
                }
                "AUTH" => {
                    let encoded = rest.strip_prefix("PLAIN ").unwrap_or_default();
                    let decoded = STANDARD.decode(encoded).map_err(io::Error::other)?;
                    let login = String::from_utf8_lossy(&decoded).trim_start_matches('\0').replace('\0', ":");
                    mail.login = Some(login);
                    say(&mut stream, &self.answer(line, "235 2.7.0 welcome"))?;
                }
                "MAIL" => {
                    mail.from = address(rest);
                    say(&mut stream, &self.answer(line, "250 2.1.0 ok"))?;
                }
                "RCPT" => {
                    mail.to.push(address(rest));
                    say(&mut stream, &self.answer(line, "250 2.1.5 ok"))?;
                }
                "DATA" => {
                    say(&mut stream, "354 go on")?;
                    mail.text = message(&mut stream)?;
                    let answer = self.answer(".", "250 2.0.0 queued as 4711");
                    if answer.starts_with('2') {
                        self.mails.lock().expect("no panic holds it").push(mail.clone());
                    }
                    say(&mut stream, &answer)?;
                }
                "QUIT" => {
                    say(&mut stream, "221 bye")?;
                    return Ok(End::Quit);
                }
                _ => say(&mut stream, "500 5.5.1 what?")?,
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Greeting {
    Sent,
    Omitted,
}

/// The address between `<` and `>`.
fn address(text: &str) -> String {
    let inner = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}

/// Reads a message up to the line with a dot.
fn message(stream: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end_matches(['\r', '\n']) {
            "." => return Ok(text),
            line => text += &format!("{}\n", line.strip_prefix('.').unwrap_or(line)),
        }
    }
}

impl Mail {
    /// Headers of the message, unfolded: names and values.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        headers(self.text.split_once("\n\n").expect("a head and a body").0)
    }

    pub(super) fn header(&self, name: &str) -> String {
        let found = self.headers().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).unwrap_or_default()
    }

    /// Decoded text of the part of this type.
    pub(super) fn part(&self, content_type: &str) -> String {
        let boundary = self.header("content-type");
        let boundary = boundary.split_once("boundary=\"").and_then(|(_, rest)| rest.split_once('"')).expect("parts").0;
        for part in self.text.split(&format!("--{boundary}")) {
            let Some((head, body)) = part.trim_start().split_once("\n\n") else { continue };
            let head = headers(head);
            let value = |name: &str| {
                let found = head.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map_or("", |(_, value)| value.as_str())
            };
            if value("content-type").starts_with(content_type) {
                return decoded(value("content-transfer-encoding"), body);
            }
        }
        panic!("no part of type {content_type}: {}", self.text)
    }
}

fn headers(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    unfolded
        .lines()
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

fn decoded(encoding: &str, body: &str) -> String {
    let bytes = match encoding {
        "base64" => STANDARD.decode(body.replace('\n', "").trim()).expect("base64"),
        "quoted-printable" => quoted_printable(body),
        "7bit" | "8bit" | "" => body.as_bytes().to_vec(),
        other => panic!("encoding {other}"),
    };
    String::from_utf8(bytes).expect("UTF-8").replace("\r\n", "\n")
}

fn quoted_printable(body: &str) -> Vec<u8> {
    let joined = body.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let code = (byte == b'=').then(|| std::str::from_utf8(behind.get(..2)?).ok()).flatten();
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                bytes.push(code);
                rest = &behind[2..];
            }
            None => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    bytes
}

/// Decodes the encoded words of a header.
pub(super) fn decoded_words(value: &str) -> String {
    let mut text = String::new();
    for word in value.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|rest| rest.strip_suffix("?="));
        match encoded {
            Some(encoded) => text += &String::from_utf8_lossy(&STANDARD.decode(encoded).expect("base64")),
            None => {
                if !text.is_empty() {
                    text.push(' ');
                }
                text += word;
            }
        }
    }
    text
}
