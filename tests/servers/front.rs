//! Front with TLS and credentials for a real server, whose published jars have neither.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::certificates::{Authority, Certificate};

/// Access rules: returns a refusal, or `None` to let a request pass.
pub(super) type Judge = fn(&Request) -> Option<Refusal>;

/// Front that listens until the tests end.
pub(super) struct Front {
    /// `https://localhost:PORT`.
    pub(super) url: String,
    authorizations: Arc<Mutex<Vec<String>>>,
}

/// Request as seen by the front.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// Method, path and version.
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Answer of a secured server to a request that it refuses.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: String,
}

/// Allows everything to everybody.
pub(super) fn anybody(_: &Request) -> Option<Refusal> {
    None
}

impl Front {
    /// Presents `certificate`, requires a client certificate issued by `clients` if given, and
    /// forwards the requests that `judge` accepts to the server at `upstream`.
    pub(super) fn start(upstream: &str, certificate: &Certificate, clients: Option<&Authority>, judge: Judge) -> Self {
        let config = Arc::new(config(certificate, clients));
        let upstream = upstream.strip_prefix("http://").expect("servers speak HTTP").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
        let authorizations = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&authorizations);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, upstream, seen) = (Arc::clone(&config), upstream.clone(), Arc::clone(&seen));
                std::thread::spawn(move || {
                    let connection = ServerConnection::new(config).expect("the settings were checked");
                    // a failed connection is reported by the client
                    drop(serve(StreamOwned::new(connection, stream), &upstream, judge, &seen));
                });
            }
        });
        Self { url, authorizations }
    }

    /// Returns the distinct `Authorization` headers of all requests, empty for requests without
    /// one.
    pub(super) fn authorizations(&self) -> Vec<String> {
        let mut seen = self.authorizations.lock().expect("no panic holds it").clone();
        seen.sort();
        seen.dedup();
        seen
    }
}

impl Request {
    /// Returns the value of a header, or an empty text.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut request = Request::default();
        from.read_line(&mut request.line)?;
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            request.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let length = request.header("content-length").parse().unwrap_or(0);
        request.body = vec![0; length];
        from.read_exact(&mut request.body)?;
        Ok(request)
    }
}

fn config(certificate: &Certificate, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows them");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der()).expect("a certificate");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("there is a root"))
        }
    };
    builder.with_single_cert(vec![certificate.der.clone()], certificate.key_der()).expect("a certificate and its key")
}

/// Serves one request per connection: connection headers apply to one hop only.
fn serve(
    tls: StreamOwned<ServerConnection, TcpStream>,
    upstream: &str,
    judge: Judge,
    seen: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut tls = BufReader::new(tls);
    let request = Request::read(&mut tls)?;
    seen.lock().expect("no panic holds it").push(request.header("authorization").to_owned());
    let answer = match judge(&request) {
        Some(refusal) => refused(&refusal),
        None => forward(&request, upstream)?,
    };
    let mut tls = tls.into_inner();
    tls.write_all(&answer)?;
    tls.conn.send_close_notify();
    tls.flush()
}

fn refused(Refusal { status, reason }: &Refusal) -> Vec<u8> {
    let error = json!({"type": "security_exception", "reason": reason});
    let body =
        json!({"error": {"root_cause": [error], "type": "security_exception", "reason": reason}, "status": status});
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn forward(request: &Request, upstream: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream)?;
    let mut head = format!("{}\r\nconnection: close\r\n", request.line.trim_end());
    // the server behind has no credentials to compare them with
    let kept = request
        .headers
        .iter()
        .filter(|(name, _)| !["connection", "authorization"].iter().any(|own| name.eq_ignore_ascii_case(own)));
    kept.for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    head += "\r\n";
    stream.write_all(head.as_bytes())?;
    stream.write_all(&request.body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end_of_line = answer.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    answer.splice(end_of_line..end_of_line, *b"connection: close\r\n");
    Ok(answer)
}
