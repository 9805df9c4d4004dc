//! A receiver over HTTP, with or without TLS.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::certificates::Certificate;

/// A request as it was received.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// Method and path.
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// An answer.
pub(super) struct Answer {
    status: u16,
    headers: String,
    body: String,
}

/// A running receiver; its thread ends with the tests.
pub(super) struct Receiver {
    /// Its address, without a path.
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Everything that was received, as one text.
    pub(super) fn whole(&self) -> String {
        format!("{}\n{:?}\n{}", self.line, self.headers, self.body)
    }
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Answer { status, headers: String::new(), body: body.into() }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).with("content-type", "application/json")
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }
}

impl Receiver {
    pub(super) fn start(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer)
    }

    /// Presents a certificate.
    pub(super) fn start_with(
        certificate: Option<&Certificate>,
        answer: impl Fn(&Received) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let tls = certificate.map(|certificate| Arc::new(server_config(certificate)));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let url = if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (log, answer) = (Arc::clone(&received), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, answer, tls) = (Arc::clone(&log), Arc::clone(&answer), tls.clone());
                std::thread::spawn(move || {
                    // a connection that fails is reported by the client
                    drop(match tls {
                        Some(config) => {
                            let connection = ServerConnection::new(config).expect("the settings were checked");
                            serve(StreamOwned::new(connection, stream), &log, &*answer)
                        }
                        None => serve(stream, &log, &*answer),
                    });
                });
            }
        });
        Receiver { url, received }
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic holds it").clone()
    }

    /// The only request so far.
    pub(super) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].clone()
    }
}

/// Settings of a server that presents a certificate.
pub(super) fn server_config(certificate: &Certificate) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der.clone()], certificate.key_der())
        .expect("a certificate and its key")
}

fn serve<S: Read + Write>(
    stream: S,
    log: &Mutex<Vec<Received>>,
    answer: &(impl Fn(&Received) -> Answer + ?Sized),
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut received = Received::default();
        if stream.read_line(&mut received.line)? == 0 {
            return Ok(());
        }
        received.line = received.line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            received.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut body = vec![0; received.header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut body)?;
        received.body = String::from_utf8(body).map_err(io::Error::other)?;
        let Answer { status, headers, body } = answer(&received);
        log.lock().expect("no panic holds it").push(received);
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} Answer\r\n{headers}content-length: {length}\r\n\r\n{body}");
        stream.get_mut().write_all(answer.as_bytes())?;
        stream.get_mut().flush()?;
    }
}
