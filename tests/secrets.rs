//! Secrets never appear: not on standard output or standard error, in reports, logs, the state or
//! any other file that a run writes, nor in core dumps. Every secret is a mark that is looked for,
//! in the forms in which it is sent.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::program::{self, Finished};

/// Secrets of the configuration: section, what else the section needs, key. A channel of a
/// notifier is added here.
const SECRETS: &[(&str, &str, &str)] = &[
    ("general", "es_username=analyst", "es_password"),
    ("general", "", "es_api_key"),
    ("general", "", "es_bearer_auth"),
    (
        "notifier",
        "email_notifier=1\nsmtp_server=127.0.0.1\nsmtp_port=1\nsmtp_user=analyst\nnotification_email=soc@example.org",
        "smtp_pass",
    ),
];

/// Secrets that a file may hold, or the environment.
const OUTSIDE: [&str; 3] = ["es_password", "es_api_key", "es_bearer_auth"];

/// Base64 of the marks: as they are, and after a user name.
const ENCODED: &[(&str, &str)] = &[("es_password", "YW5hbHlzdDpNQVJLRUQtZXNfcGFzc3dvcmQ=")];

const USE_CASE: &str = "\
[simplequery_shell]
es_query_filter=process.name:powershell.exe
outlier_type=process
outlier_reason=shell
outlier_summary=shell run by {user.name}
run_model=1
should_notify=1
";

const EVENTS: &str = "{\"process\":{\"name\":\"powershell.exe\"},\"user\":{\"name\":\"ann\"}}\n";

fn mark(key: &str) -> String {
    format!("MARKED-{key}")
}

/// Server that answers every request with a status and, as the text of its error, what it was sent.
struct Echo {
    url: String,
    seen: Arc<Mutex<String>>,
}

impl Echo {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::<Mutex<String>>::default();
        let heard = Arc::clone(&seen);
        std::thread::spawn(move || {
            // a client that has gone away does not fail the test
            listener.incoming().map_while(Result::ok).for_each(|stream| drop(answer(stream, status, &heard)));
        });
        Self { url, seen }
    }
}

fn answer(stream: TcpStream, status: u16, heard: &Mutex<String>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while stream.read_line(&mut head)? > 2 {}
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    heard.lock().expect("no panic").push_str(&head);
    let error = serde_json::json!({"type": "security_exception", "reason": head});
    let text = serde_json::json!({"error": {"root_cause": [error], "type": "x", "reason": head}, "status": status});
    let text = text.to_string();
    write!(
        stream.get_mut(),
        "HTTP/1.1 {status} X\r\nX-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    )
}

/// Everything below a folder that the program wrote, each with its name.
fn written(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable")) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(written(&path));
        } else if !name.starts_with("given-") {
            found.push((name, fs::read(&path).expect("readable")));
        }
    }
    found
}

fn assert_unseen(folder: &Path, command: &str, finished: &Finished) {
    let mut places = written(folder);
    places.push(("standard output".to_owned(), finished.stdout.clone().into_bytes()));
    places.push(("standard error".to_owned(), finished.stderr.clone().into_bytes()));
    let marks =
        ENCODED.iter().map(|(_, encoded)| encoded.trim_end_matches('=').as_bytes()).chain([b"MARKED-".as_slice()]);
    for mark in marks {
        for (place, bytes) in &places {
            let at = bytes.windows(mark.len()).position(|window| window == mark);
            let shown = at.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..bytes.len().min(at + 80)]));
            assert!(shown.is_none(), "{command}: {place} shows a secret: ... {}", shown.unwrap_or_default());
        }
    }
}

const COMMANDS: &[&str] = &[
    "run --config given-main.conf --use-cases given-use-cases.conf --report report.json -o out.ndjson --findings f.csv",
    "run --config given-main.conf --use-cases given-use-cases.conf --events given-events.ndjson --report report.json",
    "check --config given-main.conf --use-cases given-use-cases.conf --format json",
    "setup --config given-main.conf",
    "setup --config given-main.conf --apply",
    "wipe --config given-main.conf --use-cases given-use-cases.conf",
];

/// Runs all commands with a configuration, as talkative as they get.
fn run_all(folder: &Path, config: &str, environment: &str) {
    fs::write(folder.join("given-main.conf"), config).expect("written");
    fs::write(folder.join("given-use-cases.conf"), USE_CASE).expect("written");
    fs::write(folder.join("given-events.ndjson"), EVENTS).expect("written");
    for command in COMMANDS {
        for log in ["-vv", "-vv --log-format json"] {
            let line = format!("{command} {log}");
            let script = format!("export EE_OUTLIERS_LOG=trace\n{environment}");
            let finished = program::run_after(folder, &script, &line.split_whitespace().collect::<Vec<_>>());
            assert_unseen(folder, &line, &finished);
        }
    }
}

fn general(url: &str) -> String {
    format!(
        "[general]\nes_url={url}\nes_timeout=2\nes_retry_deadline=0\nlog_file=run.log\nlog_level=NOTSET\nstate_dir=state\n\
         print_outliers_to_console=1\n"
    )
}

#[test]
fn no_output_shows_a_secret_of_the_configuration() {
    for &(section, more, key) in SECRETS {
        for status in [401, 403, 500] {
            let folder = tempfile::tempdir().expect("a scratch folder");
            let server = Echo::start(status);
            let header = if section == "general" { String::new() } else { format!("[{section}]\n") };
            let config = format!("{}{header}{more}\n{key}={}\n", general(&server.url), mark(key));
            run_all(folder.path(), &config, "");
            let seen = server.seen.lock().expect("no panic");
            let encoded = ENCODED.iter().find(|(name, _)| *name == key).map(|(_, encoded)| *encoded);
            let is_sent = seen.contains(encoded.unwrap_or(&mark(key)));
            assert!(is_sent || section != "general", "{key} was never used: {seen}");
        }
    }
}

#[test]
fn no_output_shows_a_secret_of_the_environment_or_a_file() {
    for key in OUTSIDE {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let server = Echo::start(401);
        let user = if key == "es_password" { "es_username=analyst\n" } else { "" };
        run_all(folder.path(), &format!("{}{user}", general(&server.url)), &format!("export {key}={}", mark(key)));
        fs::write(folder.path().join("given-secret"), mark(key)).expect("written");
        let config = format!("{}{user}{key}_file=given-secret\n", general(&server.url));
        run_all(folder.path(), &config, "");
    }
}

#[test]
fn no_output_shows_a_password_in_an_address() {
    for server in ["http://analyst:MARKED-es_password@127.0.0.1:1", "https://analyst:MARKED-es_password@127.0.0.1:1/x"]
    {
        let folder = tempfile::tempdir().expect("a scratch folder");
        run_all(folder.path(), &general(server), "");
    }
    let folder = tempfile::tempdir().expect("a scratch folder");
    let server = Echo::start(500);
    run_all(folder.path(), &general(&server.url.replace("//", "//analyst:MARKED-es_password@")), "");
    assert!(server.seen.lock().expect("no panic").contains(ENCODED[0].1));
}

#[test]
fn memory_is_not_dumped() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("main.conf"), "[general]\nlog_file=run.log\n").expect("written");
    fs::write(folder.path().join("use_cases.conf"), USE_CASE).expect("written");
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_ee-outliers"));
    shell.args(["run", "--config", "main.conf", "--use-cases", "use_cases.conf", "--events", "-"]);
    shell.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.spawn().expect("a shell");
    let started = Instant::now();
    // the configuration, and with it the secrets, was read
    while !folder.path().join("run.log").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "it does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    program::signal(&child, "ABRT");
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
}
