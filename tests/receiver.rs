//! A receiver of webhooks: a real HTTP server on a port of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// Receives notices until it is dropped.
pub(crate) struct Receiver {
    /// Address that it receives notices at.
    pub(crate) url: String,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// Status of its answers.
    status: AtomicU16,
    is_ended: AtomicBool,
    /// Requests that it accepted.
    accepted: Mutex<Vec<Value>>,
}

impl Receiver {
    /// Starts to receive.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let url = format!("http://127.0.0.1:{port}/hook");
        let accepted = Mutex::default();
        let shared = Arc::new(Shared { status: AtomicU16::new(200), is_ended: AtomicBool::new(false), accepted });
        let receiving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if receiving.is_ended.load(Ordering::SeqCst) {
                    return;
                }
                let receiving = Arc::clone(&receiving);
                // a client that is killed breaks its connection
                std::thread::spawn(move || stream.ok().and_then(|stream| receiving.answer(&stream)));
            }
        });
        Receiver { url, port, shared }
    }

    /// Sets the status of the answers from now on.
    pub(crate) fn answer_with(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Takes the notices that were accepted since the last call.
    pub(crate) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.shared.accepted.lock().expect("not poisoned"))
    }

    /// Takes the notices that were accepted, and counts them by a member.
    pub(crate) fn take_counts(&self, member: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for notice in self.take() {
            *counts.entry(notice[member].as_str().expect("a text").to_owned()).or_default() += 1;
        }
        counts
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl Shared {
    /// Answers the one request of a connection.
    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n_read| *n_read > 0)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let status = self.status.load(Ordering::SeqCst);
        if status < 300 {
            self.accepted.lock().expect("not poisoned").push(serde_json::from_slice(&body).expect("JSON"));
        }
        let text = "answered";
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
        stream.write_all(format!("{head}{text}").as_bytes()).ok()
    }
}
