//! A headless Chromium, steered by its DevTools protocol through two pipes.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Names under which Chromium is installed.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Longest time that the browser may take for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page, and what happened on it.
pub(crate) struct Browser {
    process: Child,
    commands: File,
    messages: Receiver<Value>,
    n_sent: u64,
    session: Option<String>,
    /// Messages that the page logged, and those of the browser about it.
    pub(crate) console: Vec<String>,
    /// Addresses that the page asked for.
    pub(crate) requests: Vec<String>,
    is_loaded: bool,
}

impl Browser {
    /// Starts a browser, whose files are in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let has = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
        let browser = BROWSERS.iter().find(has).expect("no Chromium on PATH (Debian: apt-get install chromium)");
        let pipes = ["commands", "messages"].map(|name| folder.join(name));
        let made = Command::new("mkfifo").args(&pipes).status().expect("mkfifo runs");
        assert!(made.success(), "no pipes in {}", folder.display());
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        // the browser reads commands from descriptor 3, and writes messages to 4
        let process = Command::new("sh")
            .args(["-c", "to=$1; from=$2; shift 2; exec \"$0\" \"$@\" 3<\"$to\" 4>\"$from\"", browser])
            .args(&pipes)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", &profile])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a browser");
        let commands = File::options().write(true).open(&pipes[0]).expect("a pipe");
        let mut from_browser = BufReader::new(File::open(&pipes[1]).expect("a pipe"));
        let (send, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while from_browser.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if send.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Browser {
            process,
            commands,
            messages,
            n_sent: 0,
            session: None,
            console: Vec::new(),
            requests: Vec::new(),
            is_loaded: false,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let about = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", about);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Opens an address, and waits until it is loaded.
    pub(crate) fn open(&mut self, url: &str) {
        // a page that differs in its fragment only would not be loaded again
        self.load("about:blank");
        (self.console, self.requests) = Default::default();
        self.load(url);
    }

    fn load(&mut self, url: &str) {
        self.is_loaded = false;
        self.call("Page.navigate", json!({"url": url}));
        while !self.is_loaded {
            self.receive();
        }
    }

    /// Opens a file.
    pub(crate) fn open_file(&mut self, path: &Path) {
        self.open(&format!("file://{}", path.display()));
    }

    /// Value of an expression on the page.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Presses and releases a key.
    pub(crate) fn press(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Shows the page in another medium, or in another mode of colour.
    pub(crate) fn emulate(&mut self, medium: &str, colours: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": colours}]);
        self.call("Emulation.setEmulatedMedia", json!({"media": medium, "features": features}));
    }

    /// Stores a picture of the page in a window of this size.
    pub(crate) fn picture(&mut self, (width, height): (u32, u32), path: &Path) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let bytes = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        fs::write(path, bytes).expect("written");
    }

    /// Sends a command, and waits for its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.n_sent += 1;
        let mut command = json!({"id": self.n_sent, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = session.clone().into();
        }
        self.commands.write_all(format!("{command}\0").as_bytes()).expect("the browser runs");
        loop {
            let message = self.receive();
            if message["id"] == self.n_sent {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// Waits for the next message, and notes what it says.
    #[track_caller]
    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE).expect("the browser answers");
        let about = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.is_loaded = true,
            "Network.requestWillBeSent" => self.requests.extend(about["request"]["url"].as_str().map(str::to_owned)),
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => {
                self.console.push(about.to_string());
            }
            _ => {}
        }
        message
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
