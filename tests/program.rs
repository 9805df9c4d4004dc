//! Runs the built program as a user would.

use std::ffi::OsStr;
use std::io::Write;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Result of one run of the program.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Fails the test and shows all output unless the exit code is `code`.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

/// A program that runs. It is killed when its test ends without waiting for it, as one that panics
/// does.
#[derive(Debug)]
pub(crate) struct Running(Option<Child>);

impl Running {
    fn of(command: &mut Command) -> Self {
        Running(Some(command.spawn().expect("the program starts")))
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.0.as_ref().expect("it is taken at its end only")
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        self.0.as_mut().expect("it is taken at its end only")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // it may have ended by itself
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns the program without arguments, in `folder`, without settings from the developer's
/// environment.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ee-outliers"));
    command.current_dir(folder).env("NO_COLOR", "1").env("TZ", "UTC").env_remove("NOTIFY_SOCKET").env_remove("COLUMNS");
    const SECRETS: [&str; 3] = ["es_password", "es_api_key", "es_bearer_auth"];
    let files = SECRETS.map(|name| format!("{name}_file"));
    let others = ["es_username", "verify_certs", "ca_certs", "client_cert", "client_key", "RUST_LOG"];
    for name in SECRETS.into_iter().chain(others).chain(files.iter().map(String::as_str)) {
        command.env_remove(name);
    }
    command
}

/// Runs the program in `folder` until it ends, with an empty standard input.
pub(crate) fn run<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Finished {
    run_with_input(folder, args, "")
}

/// Runs the program in `folder` until it ends, with `input` on its standard input.
pub(crate) fn run_with_input<S: AsRef<OsStr>>(folder: &Path, args: &[S], input: &str) -> Finished {
    let mut child = start(folder, args);
    // A program that needs no input may have exited already, so a closed pipe is not a failure.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    finish(child)
}

/// Starts the program in `folder`, with an open standard input.
pub(crate) fn start<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Running {
    start_with(folder, &[], args)
}

/// As [`start`], with variables of the environment.
pub(crate) fn start_with<S: AsRef<OsStr>>(folder: &Path, variables: &[(&str, &OsStr)], args: &[S]) -> Running {
    let mut command = program(folder);
    command.envs(variables.iter().copied());
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::of(&mut command)
}

/// Runs the program in `folder` from a shell that executes `script` first.
pub(crate) fn run_after<S: AsRef<OsStr>>(folder: &Path, script: &str, args: &[S]) -> Finished {
    let program = program(folder);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{script}\nexec \"$0\" \"$@\"")]).arg(program.get_program()).args(args);
    shell.current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(Running::of(&mut shell))
}

/// Executes a script of a reader, who calls the program by its name, on a terminal of 80 columns.
pub(crate) fn shell(folder: &Path, script: &str) -> Finished {
    let mut shell = Command::new("bash");
    let installed = format!("ee-outliers() {{ {} \"$@\"; }}\n{script}", env!("CARGO_BIN_EXE_ee-outliers"));
    shell.args(["-c", &installed]).current_dir(folder).env("NO_COLOR", "1").env("TZ", "UTC").env("COLUMNS", "80");
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(Running::of(&mut shell))
}

/// Sends a signal, such as `TERM`, to a program that runs.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(status.expect("kill runs").success(), "the program runs no more");
}

/// Waits for the end of the program.
pub(crate) fn finish(mut running: Running) -> Finished {
    let child = running.0.take().expect("it is taken at its end only");
    let output = child.wait_with_output().expect("the program ends");
    Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// The report written by `--report`.
pub(crate) struct Report(Value);

/// Numbers of one use case in the report.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) events: u64,
    pub(crate) documents: u64,
    pub(crate) outliers: u64,
    pub(crate) whitelisted: u64,
}

impl Report {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the report is written");
        Self(serde_json::from_str(&text).expect("the report is JSON"))
    }

    /// Names of the use cases, `MODEL_NAME`, in the order of the report.
    pub(crate) fn use_cases(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Numbers of the use case `[MODEL_NAME]`.
    pub(crate) fn numbers(&self, use_case: &str) -> Numbers {
        let entry = self
            .entries()
            .iter()
            .find(|entry| entry["name"] == use_case)
            .unwrap_or_else(|| panic!("the report has no use case {use_case}: {}", self.0));
        let number = |key: &str| entry[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {entry}"));
        Numbers {
            events: number("events"),
            documents: number("documents"),
            outliers: number("outliers"),
            whitelisted: number("whitelisted"),
        }
    }

    pub(crate) fn json(&self) -> &Value {
        &self.0
    }

    fn entries(&self) -> &[Value] {
        self.0["use_cases"].as_array().map_or(&[], Vec::as_slice)
    }
}
