//! Running server, shared by the tests of this process, and requests to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::home;
use super::java;
use super::kind::{Kind, Published};

/// Runs a server until standard input ends, which happens when the tests end, however they end.
/// Then nothing of it is left: neither the process nor its folder, unless the server is to come
/// back in it. Signals to the whole group, such as Ctrl-C, are left to the tests.
const KEEPER: &str = r#"
trap '' HUP INT TERM
folder=$1
shift
exec 3<&0 </dev/null
"$@" >"$folder/log" 2>&1 &
server=$!
( read -r end <&3; [ -e "$folder/ended" ] || kill -9 "$server" ) &
keeper=$!
wait "$server"
echo "$?" >"$folder/ended"
wait "$keeper"
[ -e "$folder/comes-back" ] || rm -rf "$folder"
"#;

/// Limit on the start of a server, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Server that answers.
pub(super) struct Node {
    pub(super) kind: Kind,
    port: AtomicU16,
    client: reqwest::Client,
    folder: PathBuf,
    command: Vec<String>,
    /// Process whose standard input keeps the server alive.
    keeper: Mutex<Child>,
}

/// Answer to a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Node {
    /// Returns the server of this kind, started by the first test that needs it.
    pub(super) fn of(kind: Kind) -> &'static Node {
        static NODES: [OnceLock<Result<Node, String>>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
        match NODES[kind as usize].get_or_init(|| start(kind)) {
            Ok(node) => node,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// Returns a server that no other test uses, for crashes. It lives until the tests end.
    pub(super) fn of_its_own(kind: Kind) -> &'static Node {
        match start(kind) {
            Ok(node) => Box::leak(Box::new(node)),
            Err(reason) => panic!("{reason}"),
        }
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.load(Ordering::Relaxed))
    }

    /// Kills the server at once.
    pub(super) fn crash(&self) {
        let mut keeper = self.keeper.lock().expect("no panic holds it");
        fs::write(self.folder.join("comes-back"), "").expect("written");
        drop(keeper.stdin.take());
        keeper.wait().expect("the keeper ends");
    }

    /// Restarts a crashed server with its data, at another port.
    pub(super) fn come_back(&self) {
        let mut keeper = self.keeper.lock().expect("no panic holds it");
        for left in ["comes-back", "ended", "log"] {
            fs::remove_file(self.folder.join(left)).expect("it was there");
        }
        *keeper = keep(&self.folder, &self.command).expect("sh");
        let port = port(&self.folder).unwrap_or_else(|reason| panic!("{}: {reason}", self.kind.name()));
        self.port.store(port, Ordering::Relaxed);
    }

    /// Sends a request; `body` is JSON, or lines of JSON.
    pub(super) fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        let answer = self.try_send(method, path, body);
        answer.unwrap_or_else(|error| panic!("{}: {path}: {error}", self.kind.name()))
    }

    /// Sends a request, which fails if the server is down.
    pub(super) fn try_send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, reqwest::Error> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let is_lines = body.as_ref().is_some_and(|body| body.ends_with('\n'));
        let mut request = self.client.request(method, format!("{}{path}", self.url()));
        if let Some(body) = body {
            let content_type = if is_lines { "application/x-ndjson" } else { "application/json" };
            request = request.header("content-type", content_type).body(body);
        }
        let (status, bytes) = runtime().block_on(async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.bytes().await?))
        })?;
        let body =
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
        Ok(Answer { status, body })
    }

    /// Sends a request that must succeed.
    pub(super) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.send(method, path, body.map(Value::to_string));
        assert!(answer.status < 300, "{}: {method} {path}: {} {}", self.kind.name(), answer.status, answer.body);
        answer.body
    }

    /// Sends bulk items that must all succeed, and makes them visible.
    pub(super) fn bulk(&self, lines: String) {
        let answer = self.send("POST", "/_bulk?refresh=true", Some(lines));
        let failed = answer.body["items"].as_array().and_then(|items| {
            items
                .iter()
                .find(|item| item.as_object().is_none_or(|item| item.values().any(|item| item["error"].is_object())))
        });
        assert!(answer.status == 200 && failed.is_none(), "{}: bulk: {} {failed:?}", self.kind.name(), answer.status);
        assert_eq!(answer.body["errors"], false, "{}: {}", self.kind.name(), answer.body);
    }
}

/// Returns the runtime of all requests of the tests.
fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    })
}

fn start(kind: Kind) -> Result<Node, String> {
    let jdk = java::jdk(kind.java())?;
    let home = home::ready(kind, &jdk)?;
    let folder = tempfile::Builder::new().prefix(kind.name()).tempdir().map_err(|error| error.to_string())?;
    let config = folder.path().join("node_1/config");
    let log_settings = home::sources().join("log4j2.properties");
    fs::create_dir_all(&config)
        .and_then(|()| fs::copy(&log_settings, config.join("log4j2.properties")))
        .map_err(|error| format!("{}: {error}", folder.path().display()))?;
    // from here on, the keeper removes the folder
    let folder = folder.keep();
    let command = command(kind, &jdk, &home, &folder);
    let mut keeper = keep(&folder, &command).map_err(|error| format!("sh: {error}"))?;
    match port(&folder) {
        Ok(port) => {
            let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
            Ok(Node { kind, port: AtomicU16::new(port), client, folder, command, keeper: Mutex::new(keeper) })
        }
        Err(reason) => {
            drop(keeper.stdin.take());
            // it removes the folder; its exit status is irrelevant
            drop(keeper.wait());
            Err(format!("{} did not start: {reason}", kind.name()))
        }
    }
}

/// Starts a server in `folder`, which lives until the keeper's standard input ends.
fn keep(folder: &Path, server: &[String]) -> io::Result<Child> {
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "keeper"]).arg(folder).args(server);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Returns the command line of a server in `folder`.
fn command(kind: Kind, jdk: &Path, home: &Path, folder: &Path) -> Vec<String> {
    let text = |path: PathBuf| path.display().to_string();
    // start-up costs more than better-compiled code would save
    let mut command = vec![text(jdk.join("bin/java"))];
    command.extend(["-Xms128m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(str::to_owned));
    command.extend(kind.java_options().iter().map(|option| (*option).to_owned()));
    command.push(format!("-Djava.io.tmpdir={}", folder.display()));
    match kind.published() {
        Published::WithRunner(..) => {
            let classes = format!("{}:{}", home.join("main").display(), home.join("lib/*").display());
            command.extend(["-cp".to_owned(), classes, "StartNode".to_owned(), folder.display().to_string()]);
        }
        Published::InParts => {
            command.extend([
                format!("-Dlog4j2.configurationFile={}", home::sources().join("log4j2.properties").display()),
                "-Des.distribution.type=tar".to_owned(),
                format!("-Des.path.home={}", home.display()),
                "-p".to_owned(),
                text(home.join("lib")),
                "--add-modules".to_owned(),
                "ALL-MODULE-PATH,jdk.net,jdk.management".to_owned(),
                "-cp".to_owned(),
                text(home.join("main")),
                "StartNode".to_owned(),
                text(home.to_owned()),
                text(folder.to_owned()),
            ]);
        }
    }
    command
}

/// Returns the port of the server in `folder`, once it answers.
fn port(folder: &Path) -> Result<u16, String> {
    let started = Instant::now();
    loop {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        if log.lines().any(|line| line.contains("GatewayService] recovered"))
            && let Some(port) = log.lines().find_map(http_port)
        {
            return Ok(port);
        }
        let has_ended = folder.join("ended").exists();
        if has_ended || started.elapsed() > PATIENCE {
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(60)..].join("\n");
            let what = if has_ended { "it ended" } else { "it takes too long" };
            return Err(format!("{what}; the end of its log:\n{end}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn http_port(line: &str) -> Option<u16> {
    let address = line.split_once("HttpServerTransport] publish_address {")?.1;
    address.split_once('}')?.0.rsplit_once(':')?.1.parse().ok()
}

#[test]
fn nothing_is_left_of_a_server_after_its_tests() {
    let command = |script: &str| ["sh", "-c", script].map(str::to_owned);
    // one that never ends on its own, and one that has ended before its tests
    for (script, ends) in [("echo $$; exec sleep 100000", false), ("echo $$; exit 3", true)] {
        let folder = tempfile::tempdir().expect("a scratch folder").keep();
        let mut keeper = keep(&folder, &command(script)).expect("a shell");
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        while !log().ends_with('\n') || (ends && !folder.join("ended").exists()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let server: u32 = log().trim().parse().expect("its number");
        drop(keeper.stdin.take());
        keeper.wait().expect("the keeper ends");
        assert!(!folder.exists(), "{script}: its folder is left");
        assert!(!Path::new("/proc").join(server.to_string()).exists(), "{script}: it still runs");
    }
}
