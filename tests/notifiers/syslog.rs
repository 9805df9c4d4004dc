//! Syslog messages, as receivers over UDP, TCP and TLS take them apart.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc::{Receiver as Queue, channel as queue};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use regex::Regex;
use rustls::{ServerConnection, StreamOwned};

use super::receiver::server_config;
use super::{Trust, accepted, assert_harmless, channel, digest, hostile, postponed, usual};
use crate::certificates::Certificate;

/// Header of a message, and the rest (RFC 5424, 6).
static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?s)^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (.*)$",
    )
    .expect("a valid pattern")
});

const WAIT: Duration = Duration::from_secs(10);

/// Takes frames with octet counting apart, and passes their messages on.
fn read_frames(stream: impl Read, sender: &std::sync::mpsc::Sender<String>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut count = Vec::new();
        if !matches!(stream.read_until(b' ', &mut count), Ok(1..)) {
            return;
        }
        let count: usize = String::from_utf8_lossy(&count).trim_end().parse().expect("a count of octets");
        let mut message = vec![0; count];
        stream.read_exact(&mut message).expect("as many octets as counted");
        drop(sender.send(String::from_utf8(message).expect("UTF-8")));
    }
}

fn tcp() -> (u16, Queue<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (sender, received) = queue();
    std::thread::spawn(move || {
        listener.incoming().map_while(Result::ok).for_each(|stream| read_frames(stream, &sender));
    });
    (port, received)
}

fn tls(certificate: &Certificate) -> (u16, Queue<String>) {
    let config = Arc::new(server_config(certificate));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (sender, received) = queue();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("the settings were checked");
            read_frames(StreamOwned::new(connection, stream), &sender);
        }
    });
    (port, received)
}

fn config(port: u16, more: &str) -> String {
    format!("[notifier_siem]\ntype=syslog\nserver=localhost\nport={port}\nhostname=sensor-1\ntimeout=5\n{more}")
}

/// Extension of a message in CEF: names and values.
fn extension(text: &str) -> Vec<(String, String)> {
    let name = Regex::new(r"(?:^|[^\\]) ?\b([A-Za-z0-9]+)=").expect("a valid pattern");
    let starts: Vec<_> = name.captures_iter(text).filter_map(|found| found.get(1)).collect();
    let ends = starts.iter().skip(1).map(|next| next.start() - 1).chain([text.len()]);
    let unescaped = |value: &str| value.replace(r"\=", "=").replace(r"\n", "\n").replace(r"\\", r"\");
    let pairs =
        starts.iter().zip(ends).map(|(name, end)| (name.as_str().to_owned(), unescaped(&text[name.end() + 1..end])));
    pairs.collect()
}

/// Fields of the head of a message in CEF, and its extension.
fn cef(text: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut fields = vec![String::new()];
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => fields.last_mut().expect("one").push(chars.next().expect("escaped").1),
            '|' if fields.len() == 7 => return (fields, extension(&text[at + 1..])),
            '|' => fields.push(String::new()),
            c => fields.last_mut().expect("one").push(c),
        }
    }
    panic!("no extension: {text}")
}

#[test]
fn messages_are_framed_and_in_the_common_event_format() {
    let (port, received) = tcp();
    let channel = channel(&config(port, "transport=tcp\nfacility=authpriv\n"));
    let told = accepted(&*channel, &usual());
    assert!(told.contains(&format!("localhost:{port}, which confirms nothing")), "{told}");
    let message = received.recv_timeout(WAIT).expect("a message");
    let parts = MESSAGE.captures(&message).unwrap_or_else(|| panic!("{message}"));
    // 10 is the number of authpriv, 4 that of a warning
    assert_eq!((&parts[1], &parts[3], &parts[4], &parts[6]), ("84", "sensor-1", "ee-outliers", "finding"));
    let (head, fields) = cef(parts[7].strip_prefix("- ").expect("no structured data"));
    assert_eq!(head[0], "CEF:0");
    assert_eq!(
        (head[4].as_str(), head[5].as_str(), head[6].as_str()),
        ("terms_rare_process", "rare process evil.exe on web-1", "5")
    );
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    for (name, expected) in [
        ("rt", "1700000000000"),
        ("start", "1699996400000"),
        ("end", "1699999940000"),
        ("externalId", "00112233445566778899aabbccddeeff"),
        ("cnt", "3"),
        ("shost", "web-1"),
        ("suser", "ann"),
        ("src", "192.0.2.7"),
        ("cfp1Label", "score"),
        ("cfp1", "61.2"),
        ("cs2", "host: web-1, user: ann, ip: 192.0.2.7, ip: 192.0.2.7"),
        ("msg", "rare process evil.exe on web-1"),
    ] {
        assert_eq!(field(name), Some(expected), "{name}: {message}");
    }
    accepted(&*channel, &digest());
    let message = received.recv_timeout(WAIT).expect("a message");
    assert!(message.contains(" digest - CEF:0|") && message.contains(" cnt=1234 "), "{message}");
}

#[test]
fn structured_data_can_be_sent_instead() {
    let (port, received) = tcp();
    let channel = channel(&config(port, "transport=tcp\nformat=rfc5424\n"));
    accepted(&*channel, &usual());
    let message = received.recv_timeout(WAIT).expect("a message");
    let rest = MESSAGE.captures(&message).unwrap_or_else(|| panic!("{message}"))[7].to_owned();
    let (data, text) = rest.split_once("] ").expect("structured data and a text");
    assert!(data.starts_with("[outlier@32473 notice=\"00112233445566778899aabbccddeeff\" finding=\""), "{data}");
    assert!(data.contains(" useCase=\"terms_rare_process\"") && data.contains(" score=\"61.2\""), "{data}");
    assert_eq!(text, "rare process evil.exe on web-1");
    accepted(&*channel, &hostile());
    let message = received.recv_timeout(WAIT).expect("a message");
    let rest = &MESSAGE.captures(&message).unwrap_or_else(|| panic!("{message}"))[7];
    // names, and values in which quotes, brackets and backslashes are escaped
    let data = Regex::new(r#"^\[[!-~&&[^ ="\]]]+(?: [!-~&&[^ ="\]]]{1,32}="(?:[^"\\\]]|\\["\\\]])*")+\] "#)
        .expect("a valid pattern");
    let end = data.find(rest).unwrap_or_else(|| panic!("{rest}")).end();
    assert!(rest[end..].starts_with("\u{feff}</td>"), "{rest}");
}

#[test]
fn messages_are_as_long_as_receivers_take_them_and_stay_in_their_fields() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(WAIT)).expect("a time-out");
    let port = socket.local_addr().expect("bound").port();
    let config = config(port, "transport=udp\n").replace("localhost", "127.0.0.1");
    for (more, most_bytes) in [("", 2048), ("max_bytes=600\n", 600), ("max_bytes=20000\n", 20_000)] {
        accepted(&*channel(&format!("{config}{more}")), &hostile());
        let mut buffer = vec![0; 65_536];
        let n_bytes = socket.recv(&mut buffer).expect("a datagram");
        assert!(n_bytes <= most_bytes, "{n_bytes}");
        let message = std::str::from_utf8(&buffer[..n_bytes]).expect("UTF-8, to the end");
        assert_harmless(message);
        assert!(!message.contains(['\n', '\r']), "{message}");
        let parts = MESSAGE.captures(message).unwrap_or_else(|| panic!("{message}"));
        let (head, fields) = cef(parts[7].strip_prefix("- ").expect("no structured data"));
        assert_eq!((head.len(), head[6].as_str()), (7, "5"));
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let known = [
            "rt",
            "start",
            "end",
            "externalId",
            "cat",
            "cnt",
            "suser",
            "cfp1Label",
            "cfp1",
            "cs1Label",
            "cs1",
            "cs2Label",
            "cs2",
            "cs3Label",
            "cs3",
            "cs4Label",
            "cs4",
            "cs5Label",
            "cs5",
            "cs6Label",
            "cs6",
            "msg",
        ];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}: {message}");
    }
}

#[test]
fn certificates_are_verified() {
    let trust = Trust::new();
    let (ca, trusting) = (&trust.ca, trust.key());
    let (port, received) = tls(&ca.sign("localhost"));
    accepted(&*channel(&config(port, &trusting)), &usual());
    let message = received.recv_timeout(WAIT).expect("a message");
    assert!(MESSAGE.is_match(&message), "{message}");
    for (certificate, more) in [
        (ca.sign("localhost"), ""),
        (ca.sign("elsewhere.example"), trusting.as_str()),
        (ca.sign_expired("localhost"), trusting.as_str()),
        (Certificate::self_signed("localhost"), trusting.as_str()),
    ] {
        let (port, received) = tls(&certificate);
        let (reason, _) = postponed(&*channel(&config(port, more)), &usual());
        assert!(reason.contains("the server's certificate is not valid") && reason.contains("ca_certs"), "{reason}");
        assert!(received.try_recv().is_err());
        accepted(&*channel(&config(port, "verify_certs=0\n")), &usual());
    }
    let (port, _received) = tcp();
    let (reason, _) = postponed(&*channel(&config(port, &trusting)), &usual());
    assert!(reason.contains("check server, port and transport") || reason.contains("TLS"), "{reason}");
}

#[test]
fn what_does_not_answer_is_tried_again() {
    for transport in ["tcp", "tls", "udp"] {
        let closed = config(1, &format!("transport={transport}\n"));
        let (reason, _) = postponed(&*channel(&closed.replace("localhost", "127.0.0.1")), &usual());
        assert!(reason.starts_with("cannot send to 127.0.0.1:1: "), "{reason}");
    }
    // the receiver closes the connection as soon as it is open
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(drop));
    let told = super::tell(&*channel(&config(port, "transport=tcp\n")), &usual());
    assert!(told.is_err(), "{told:?}");
}
