//! A receiver of webhooks that is down at times.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub(super) struct Receiver(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_down: AtomicBool,
    bodies: Mutex<Vec<Value>>,
}

impl Receiver {
    /// Starts to listen; returns the address, too.
    pub(super) fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let receiver = Receiver::default();
        let answering = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answering.answer(stream);
            }
        });
        (receiver, address)
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.0.is_down.store(is_down, Ordering::SeqCst);
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a clone"));
        let mut n_bytes = 0;
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => {}
            }
            if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                n_bytes = n.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; n_bytes];
        reader.read_exact(&mut body).expect("a body");
        let is_down = self.0.is_down.load(Ordering::SeqCst);
        if !is_down {
            self.0.bodies.lock().unwrap().push(serde_json::from_slice(&body).expect("JSON"));
        }
        let status = if is_down { "503 Service Unavailable" } else { "200 OK" };
        let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }

    /// How often each user was named by a summary.
    pub(super) fn users(&self) -> BTreeMap<String, usize> {
        let mut users = BTreeMap::new();
        for body in self.0.bodies.lock().unwrap().iter() {
            let text = body.to_string();
            let after = text.split("rare user ").nth(1).unwrap_or_else(|| panic!("no user in {text}"));
            let user = after.split(|c: char| !c.is_alphanumeric() && c != '-').next().expect("a name");
            *users.entry(user.to_owned()).or_default() += 1;
        }
        users
    }
}
