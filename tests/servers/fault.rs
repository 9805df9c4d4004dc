//! Proxy in front of a real server that breaks its answers.

use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::front::Request;
use super::node::Node;

/// Proxy that listens until the tests end.
pub(super) struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub(super) url: String,
}

/// Treatment of a request.
pub(super) enum Fault {
    /// The server answers.
    None,
    /// The server answers, and its answer is changed.
    Edit(Box<dyn FnOnce(&mut Value)>),
    /// The proxy answers with this status and text; the server sees nothing.
    Answer(u16, String),
    /// The server answers, and the answer is delayed by this time.
    Late(Duration),
    /// The connection is closed after this time; the server sees nothing.
    Hang(Duration),
}

impl Fault {
    pub(super) fn edit(edit: impl FnOnce(&mut Value) + 'static) -> Self {
        Self::Edit(Box::new(edit))
    }
}

/// Returns the method and path of a request, without its parameters: `POST /_bulk`.
pub(super) fn call(request: &Request) -> &str {
    let end = request.line.find('?').or_else(|| request.line.rfind(' '));
    request.line[..end.unwrap_or(request.line.len())].trim_end()
}

impl Proxy {
    /// Forwards requests to `node` unless `judge` returns a fault.
    pub(super) fn start(node: &'static Node, judge: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let judge = Arc::new(judge);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let judge = Arc::clone(&judge);
                // a client that has gone away does not fail the test
                std::thread::spawn(move || drop(serve(stream, node, &*judge)));
            }
        });
        Self { url }
    }
}

/// Serves one request per connection.
fn serve(stream: TcpStream, node: &'static Node, judge: &dyn Fn(&Request) -> Fault) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let request = Request::read(&mut stream)?;
    let (status, body) = match judge(&request) {
        Fault::None => forward(node, &request, |_| {})?,
        Fault::Edit(edit) => forward(node, &request, edit)?,
        Fault::Answer(status, body) => (status, body),
        Fault::Late(time) => {
            let answer = forward(node, &request, |_| {})?;
            std::thread::sleep(time);
            answer
        }
        Fault::Hang(time) => {
            std::thread::sleep(time);
            return Ok(());
        }
    };
    let length = body.len();
    let head = "content-type: application/json\r\nconnection: close\r\n";
    write!(stream.get_mut(), "HTTP/1.1 {status} x\r\n{head}content-length: {length}\r\n\r\n{body}")
}

fn forward(node: &Node, request: &Request, edit: impl FnOnce(&mut Value)) -> io::Result<(u16, String)> {
    let mut words = request.line.split(' ');
    let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
    let body = String::from_utf8(request.body.clone()).expect("UTF-8");
    let mut answer = node.try_send(method, path, (!body.is_empty()).then_some(body)).map_err(io::Error::other)?;
    edit(&mut answer.body);
    Ok((answer.status, answer.body.to_string()))
}
