//! The daemon as a process: signals, systemd, HTTP.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::exposition::Samples;
use super::world::{USE_CASES, World, events};
use crate::program::{Running, finish, signal, start_with};

const TOKEN: &str = "0123456789abcdef";

/// The longest that anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A daemon that runs, with its log.
pub(crate) struct Process {
    child: Running,
    lines: Receiver<String>,
    log: String,
}

impl Process {
    pub(super) fn start(world: &World, variables: &[(&str, &OsStr)]) -> Self {
        let arguments = [vec!["-v".to_owned()], world.arguments()].concat();
        Process::start_in(world.folder(), variables, &arguments)
    }

    /// Starts a daemon in a folder of the caller's.
    pub(crate) fn start_in(folder: &Path, variables: &[(&str, &OsStr)], arguments: &[String]) -> Self {
        let mut child = start_with(folder, variables, arguments);
        let stderr = child.stderr.take().expect("stderr is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        Process { child, lines, log: String::new() }
    }

    /// Waits for a line of the log, and returns what follows `part` in it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, part: &str) -> String {
        let until = Instant::now() + LONG;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.log += &format!("{line}\n");
            if let Some((_, rest)) = line.split_once(part) {
                return rest.to_owned();
            }
        }
        panic!("no line with {part} in the log:\n{}", self.log);
    }

    /// Asks for a run of all use cases.
    pub(crate) fn ask_for_run(&self) {
        signal(&self.child, "USR1");
    }

    /// Kills the daemon, which notices nothing.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    #[track_caller]
    pub(crate) fn end(self, code: i32) {
        let (ended, log) = self.terminate();
        assert_eq!(ended, code, "{log}");
    }

    /// Ends the daemon; returns its exit code and its log.
    pub(super) fn terminate(self) -> (i32, String) {
        signal(&self.child, "TERM");
        let started = Instant::now();
        let (finished, log) = (finish(self.child), self.log);
        assert!(started.elapsed() < Duration::from_secs(30));
        (finished.code, log)
    }
}

/// Sends a request; returns the status line with the headers, and the body.
pub(super) fn request(address: &str, method: &str, path: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("a server");
    stream.set_read_timeout(Some(LONG)).expect("a time-out");
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers");
    (head.to_owned(), body.to_owned())
}

#[track_caller]
fn metrics(address: &str) -> Samples {
    let (head, body) = request(address, "GET", "/metrics", &format!("Authorization: Bearer {TOKEN}\r\n"));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    Samples::parse(&body)
}

#[test]
fn the_daemon_obeys_signals_systemd_and_http() {
    let main = format!("[daemon]\nschedule=0 0 1 1 *\n[http]\nlisten=127.0.0.1:0\ntoken={TOKEN}\n");
    let world = World::new(&main, "2024-05-08T12:00:00Z");
    let socket = world.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        let mut message = [0; 1000];
        while let Ok(n) = manager.recv(&mut message)
            && sender.send(String::from_utf8_lossy(&message[..n]).into_owned()).is_ok()
        {}
    });
    let told = || messages.recv_timeout(LONG).expect("a message to the service manager");
    let variables = [("NOTIFY_SOCKET", socket.as_os_str()), ("WATCHDOG_USEC", OsStr::new("900000"))];
    let mut process = Process::start(&world, &variables);
    let address = process.wait_for("address=").trim().to_owned();
    while !told().contains("READY=1") {}
    process.wait_for("the run is complete");
    let samples = metrics(&address);
    assert_eq!(samples.get("ee_outliers_runs_total{status=\"complete\"}"), 1.0);
    assert_eq!(samples.get("ee_outliers_use_case_outliers{use_case=\"terms_rare_user\"}"), 1.0);
    assert_eq!(samples.get("ee_outliers_run_last_exit_code"), 0.0);
    assert!(samples.has("ee_outliers_next_run_timestamp_seconds"));
    assert!(samples.get("process_resident_memory_bytes") > 1e6);
    // signals
    process.ask_for_run();
    process.wait_for("reason=\"request\"");
    process.wait_for("the run is complete");
    world.write("main.conf", "[general\n");
    signal(&process.child, "HUP");
    process.wait_for("the one that was read before is used");
    assert!(process.log.contains("main.conf:1:1: "), "{}", process.log);
    assert_eq!(metrics(&address).get("ee_outliers_config_reload_failed"), 1.0);
    // requests
    assert!(request(&address, "GET", "/healthz", "").0.starts_with("HTTP/1.1 200 "));
    assert_eq!(request(&address, "GET", "/readyz", "").1, "ready\n");
    assert!(request(&address, "GET", "/metrics", "").0.starts_with("HTTP/1.1 401 "));
    assert!(request(&address, "POST", "/api/runs", "").0.starts_with("HTTP/1.1 401 "));
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let (head, body) = request(&address, "POST", "/api/runs", &token);
    assert!(head.starts_with("HTTP/1.1 202 "), "{head} {body}");
    process.wait_for("the run is complete");
    let (head, body) = request(&address, "GET", "/api/runs", &token);
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["daemon"]["recent_runs"].as_array().map(Vec::len), Some(3), "{answer}");
    assert!(!body.contains(TOKEN) && !process.log.contains(TOKEN));
    // signs of life while nothing happens
    while !told().contains("WATCHDOG=1") {}
    process.end(0);
    while !told().contains("STOPPING=1") {}
}

#[test]
fn a_test_that_panics_leaves_no_daemon_behind() {
    let world = World::new("[daemon]\nschedule=0 0 1 1 *\n[http]\nlisten=\n", "2024-05-08T12:00:00Z");
    let mut process = Process::start(&world, &[]);
    process.wait_for("the run is complete");
    let folder = format!("/proc/{}", process.child.id());
    assert!(Path::new(&folder).exists());
    let test = std::panic::AssertUnwindSafe(move || {
        assert_eq!(process.log, "", "a test that fails");
        process.end(0);
    });
    assert!(std::panic::catch_unwind(test).is_err());
    assert!(!Path::new(&folder).exists());
}

#[test]
fn sigterm_ends_a_run_with_75() {
    let world = World::new("[daemon]\nschedule=0 0 1 1 *\n[http]\nlisten=\n", "2024-05-08T12:00:00Z");
    let pipe = world.path("events.ndjson");
    std::fs::remove_file(&pipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let mut process = Process::start(&world, &[]);
    process.wait_for("the run begins");
    let writer = std::thread::spawn(move || {
        let mut file = std::fs::OpenOptions::new().write(true).open(&pipe).expect("a reader");
        while file.write_all(events().as_bytes()).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    process.end(75);
    writer.join().unwrap();
}

#[test]
fn a_client_that_says_no_more_does_not_hold_up_the_end() {
    let world = World::new("[daemon]\nschedule=0 0 1 1 *\n[http]\nlisten=127.0.0.1:0\n", "2024-05-08T12:00:00Z");
    let mut process = Process::start(&world, &[]);
    let address = process.wait_for("address=").trim().to_owned();
    process.wait_for("the run is complete");
    let mut stream = TcpStream::connect(&address).expect("a server");
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}").expect("sent");
    assert!(request(&address, "GET", "/healthz", "").0.starts_with("HTTP/1.1 200 "));
    process.end(0);
}

/// Reads until the server closes the connection.
#[track_caller]
fn wait_for_the_end(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(LONG)).expect("a time-out");
    let ended = stream.read_to_end(&mut Vec::new());
    let is_open = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    assert!(!ended.as_ref().is_err_and(is_open), "the connection is still open: {ended:?}");
}

#[test]
fn clients_that_say_nothing_shut_nobody_out() {
    let world = World::new("[daemon]\nschedule=0 0 1 1 *\n[http]\nlisten=127.0.0.1:0\n", "2024-05-08T12:00:00Z");
    let mut process = Process::start(&world, &[]);
    let address = process.wait_for("address=").trim().to_owned();
    process.wait_for("the run is complete");
    // more than the server keeps at a time
    let started = Instant::now();
    let silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(&address).expect("a server")).collect();
    let mut slow = TcpStream::connect(&address).expect("a server");
    write!(slow, "GET / HTTP/1.1\r\nHost: {address}\r\n").expect("sent");
    let asked = Instant::now();
    assert!(request(&address, "GET", "/healthz", "").0.starts_with("HTTP/1.1 200 "));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    // the oldest made room for others, the newest had their time
    wait_for_the_end(&silent[0]);
    wait_for_the_end(&silent[299]);
    wait_for_the_end(&slow);
    assert!(started.elapsed() > Duration::from_secs(4), "slow clients have some time: {:?}", started.elapsed());
    assert!(request(&address, "GET", "/healthz", "").0.starts_with("HTTP/1.1 200 "));
    process.end(0);
}

#[test]
fn what_cannot_work_is_refused_at_the_start() {
    for (main, expected) in [
        ("", "there is no schedule"),
        ("[daemon]\nschedule=never\n", "main.conf:2:10: [daemon] schedule: not a cron expression: `never`"),
        ("[daemon]\nschedule=0 0 * * *\n[http]\nlisten=0.0.0.0:9597\n", "[http] listen: others can reach this address"),
        (
            "[daemon]\nschedule=0 0 * * *\n[http]\nlisten=192.0.2.1:9597\ntoken=0123456789abcdef\n",
            "cannot listen on 192.0.2.1",
        ),
    ] {
        let world = World::new(main, "2024-05-08T12:00:00Z");
        world.write("use_cases.conf", USE_CASES);
        let finished = crate::program::run(world.folder(), &world.arguments()).expect_code(78);
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    }
}
