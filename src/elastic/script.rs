//! Scripted server for tests, for behaviour that a real one cannot be made to show.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Request from a client.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Method and path with query.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Behaviour of the server.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Json(u16, String),
    /// Answers with status, headers as lines, and body.
    With(u16, String, String),
    /// Closes the connection without an answer.
    Hang,
    /// Says nothing for a while.
    Silence(Duration),
    /// Begins an answer and never finishes it.
    Half,
    /// Begins an answer with this text and closes the connection.
    Cut(String),
}

/// Introduction of an Elasticsearch that has points in time.
pub(crate) const HELLO: &str = r#"{"cluster_name":"c","version":{"number":"8.15.5"},"tagline":"You Know, for Search"}"#;

/// Introduction of an Elasticsearch that has no points in time.
pub(crate) const OLD_HELLO: &str =
    r#"{"cluster_name":"c","version":{"number":"7.10.2"},"tagline":"You Know, for Search"}"#;

/// Running server; its thread ends with the test.
pub(crate) struct Script {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Script {
    /// Answers each request with `reply`; each connection serves one request.
    pub(crate) fn start(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let log = Arc::clone(&received);
        let reply = Arc::new(reply);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                std::thread::spawn(move || serve(stream, &log, &*reply));
            }
        });
        Script { url, received }
    }

    /// Answers the introduction itself, and everything else with `reply`.
    pub(crate) fn behind_hello(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(
            move |request| if request.line == "GET /" { Reply::Json(200, HELLO.to_owned()) } else { reply(request) },
        )
    }

    /// Returns the requests so far, without the introductions.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().iter().filter(|request| request.line != "GET /").cloned().collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.received().into_iter().map(|request| request.line).collect()
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Received>>, reply: &dyn Fn(&Received) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some(request) = read(&mut reader) else { return };
    log.lock().unwrap().push(request.clone());
    let (status, headers, body) = match reply(&request) {
        Reply::Json(status, body) => (status, String::new(), body),
        Reply::With(status, headers, body) => (status, headers, body),
        Reply::Hang => return,
        Reply::Silence(time) => return std::thread::sleep(time),
        Reply::Cut(begun) => {
            let length = begun.len() + 100;
            return write(&stream, &format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{begun}"));
        }
        Reply::Half => {
            write(&stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":");
            return std::thread::sleep(Duration::from_secs(10));
        }
    };
    let length = body.len();
    write(
        &stream,
        &format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"),
    );
}

/// Ignores errors: the client may be gone.
fn write(mut stream: &TcpStream, text: &str) {
    drop(stream.write_all(text.as_bytes()));
}

fn read(reader: &mut impl BufRead) -> Option<Received> {
    let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Received { line, headers, body: String::from_utf8(body).unwrap() })
}
