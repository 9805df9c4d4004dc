//! Commands of the documents and of the help, executed in a folder like that of a reader.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use clap::CommandFactory;
use ee_outliers::cli::{Cli, examples_of};
use tempfile::TempDir;

use super::blocks::{Block, blocks_of, documents, not_printed, texts_of};
use super::shell::calls;
use crate::program::{self, Finished};

/// Examples of the help that are parsed only, by their beginning, and what they need.
const PARSED_EXAMPLES: [(&str, &str); 8] = [
    ("ee-outliers run --config outliers.conf --dry-run", "a cluster"),
    ("ee-outliers daemon ", "a service that runs until it is ended"),
    ("ee-outliers wipe ", "a cluster"),
    ("ee-outliers setup --config ", "a cluster"),
    ("ee-outliers notify --config outliers.conf --test ", "a receiver"),
    ("ee-outliers health", "a daemon"),
    ("ee-outliers man run |", "a pager"),
    ("ee-outliers bench ", "minutes of measurements"),
];

/// A use case of a reader.
const USE_CASE: &str = "[terms_rare_port]\nes_query_filter=_path:conn\ntarget=id_resp_p\naggregator=id_orig_h\n\
target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\ntrigger_sensitivity=2\n\
outlier_type=network\noutlier_reason=rare port\noutlier_summary={id_orig_h} rarely connects to port {term}\nrun_model=1\n";

const WHITELIST: &str = "[whitelist:file server]\nliterals = outliers.model_name:rare_protocol_on_port, id_resp_p:445\n\
expires = 2099-12-31\nowner = ann\nreason = file server\n";

const SIGMA: &str = "title: Whoami\nid: e28a5a99-da44-436d-b7a0-2afc20a5f413\nlogsource:\n    category: process_creation\n    \
product: windows\ndetection:\n    selection:\n        Image|endswith: '\\whoami.exe'\n    condition: selection\nlevel: low\n";

const ELASTALERT: &str = "name: whoami\ntype: any\nindex: logs-*\nfilter:\n- query_string:\n    query: \"process.name: whoami.exe\"\nalert: \
debug\n";

/// Number of events of the Windows recording that readers have: enough to name an attack.
const N_WINDOWS: usize = 3000;

/// Events of the Windows recording: some of attacks, and others.
static WINDOWS: LazyLock<String> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings/windows.ndjson.zst");
    let all = zstd::decode_all(&*fs::read(path).expect("a recording")).expect("zstd");
    let all = String::from_utf8(all).expect("UTF-8");
    let (attacks, others): (Vec<&str>, Vec<&str>) =
        all.lines().partition(|line| line.contains("\"attack\":\"attack\""));
    attacks.into_iter().take(N_WINDOWS / 3).chain(others.into_iter().take(N_WINDOWS)).collect::<Vec<_>>().join("\n")
});

/// The folder of a reader: a checkout, with events, a configuration and use cases of their own.
pub(super) struct Reader(TempDir);

impl Reader {
    pub(super) fn new() -> Self {
        let reader = Self(TempDir::new().expect("a folder"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["docs", "hunting", "packaging", "profiles", "tests", "use_cases"] {
            std::os::unix::fs::symlink(root.join(name), reader.path().join(name)).expect("a link");
        }
        let zeek = fs::read(root.join("tests/data/recordings/zeek.ndjson.zst")).expect("a recording");
        reader.write("logs/zeek.ndjson.zst", &zeek);
        reader.write("recordings/windows.ndjson", WINDOWS.as_bytes());
        let main = fs::read_to_string(root.join("docs/outliers.conf")).expect("the example");
        let main = main.replacen("[general]\n", "[general]\nstate_dir=state\n", 1);
        let mail = "\n[notifier]\nemail_notifier=1\nsmtp_server=127.0.0.1\nsmtp_from=outliers@example.org\nnotification_email=soc@example.org\n";
        for (name, text) in [
            ("outliers.conf", &format!("{main}{mail}")[..]),
            ("my/rare.conf", USE_CASE),
            ("new.conf", WHITELIST),
            ("rules/whoami.yml", SIGMA),
            ("elastalert/whoami.yaml", ELASTALERT),
        ] {
            reader.write(name, text.as_bytes());
        }
        reader
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Executes the commands of a block, and returns what each printed.
    ///
    /// # Panics
    ///
    /// Panics if a command fails, or does not print what the document shows.
    pub(super) fn execute(&self, block: &Block) -> Vec<Finished> {
        let mut finished = Vec::new();
        for (idx, command) in block.commands.iter().enumerate() {
            let ended = program::shell(self.path(), &command.line);
            let is_last = idx + 1 == block.commands.len();
            let code = if is_last { block.code } else { 0 };
            let output = format!("--- stdout\n{}\n--- stderr\n{}", ended.stdout, ended.stderr);
            assert_eq!(ended.code, code, "{}: {}\n{output}", block.place, command.line);
            let missing = command.shown.as_deref().and_then(|shown| not_printed(shown, &ended.stdout));
            assert!(missing.is_none(), "{}: {}\nnot printed: {missing:?}\n{output}", block.place, command.line);
            finished.push(ended);
        }
        finished
    }
}

/// Fails unless every call of the program in the script is understood.
fn check_calls(place: &str, script: &str) {
    // what a checkout builds, and what it runs
    let script =
        script.replace("cargo run --release --", "ee-outliers").replace("target/release/ee-outliers ", "ee-outliers ");
    for words in calls(&script) {
        if let Err(error) = Cli::command().try_get_matches_from(&words) {
            panic!("{place}: {}\n{error}", words.join(" "));
        }
    }
}

#[test]
fn commands_of_the_documents_do_what_they_say() {
    let execute = |document: &str| -> Vec<String> {
        let mut reader = None;
        let mut done = Vec::new();
        for block in blocks_of(document) {
            block.commands.iter().for_each(|command| check_calls(&block.place, &command.line));
            let what = match block.needs {
                Some(needs) => format!("only parsed, needs {needs}"),
                None => {
                    reader.get_or_insert_with(Reader::new).execute(&block);
                    "executed".to_owned()
                }
            };
            done.push(format!("{}: {} commands: {what}", block.place, block.commands.len()));
        }
        done
    };
    let documents = documents();
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = documents.iter().map(|document| scope.spawn(|| execute(document))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    assert!(done.iter().all(Result::is_ok), "see the documents above");
    let done: Vec<String> = done.into_iter().flatten().flatten().collect();
    done.iter().for_each(|line| println!("{line}"));
    let n_executed = done.iter().filter(|line| line.ends_with(": executed")).count();
    assert!(n_executed >= 15, "only {n_executed} blocks are executed:\n{}", done.join("\n"));
}

#[test]
fn use_cases_of_the_documents_are_valid() {
    let folder = TempDir::new().expect("a folder");
    let mut n_checked = 0;
    for (place, text) in documents().iter().flat_map(|document| texts_of(document, "ini")) {
        if !text.contains("\nrun_model=1\n") {
            continue;
        }
        fs::write(folder.path().join("u.conf"), &text).expect("written");
        let checked =
            program::shell(folder.path(), "ee-outliers check --use-cases u.conf --fields auto --deny-warnings");
        assert_eq!(checked.code, 0, "{place}: {}", checked.stderr);
        n_checked += 1;
    }
    assert!(n_checked >= 8, "{n_checked} use cases");
}

/// Executes an example of the help where a reader has run the program twice before.
fn execute_example(line: &str) {
    let reader = Reader::new();
    let run = |line: &str| {
        let ended = program::shell(reader.path(), line);
        assert_eq!(ended.code, 0, "{line}\n{}\n{}", ended.stdout, ended.stderr);
    };
    if line.contains("state") || line.contains("report.json") {
        let before =
            "ee-outliers run -q --config outliers.conf --use-cases my/rare.conf --events logs/ --report report.json";
        run(before);
        run(before);
    }
    run(line);
}

#[test]
fn examples_of_the_help_work() {
    let program = Cli::command();
    let examples = program.get_subcommands().flat_map(|command| examples_of(command.get_name()));
    let (mut parsed, mut executed) = (BTreeSet::new(), Vec::new());
    for example in examples {
        match PARSED_EXAMPLES.iter().find(|(start, _)| example.line.starts_with(start)) {
            Some((start, needs)) => {
                println!("{}: only parsed, needs {needs}", example.line);
                parsed.insert(*start);
            }
            None => executed.push(example.line),
        }
    }
    assert_eq!(parsed.len(), PARSED_EXAMPLES.len(), "{parsed:?}");
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = executed.iter().map(|line| scope.spawn(|| execute_example(line))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    executed.iter().for_each(|line| println!("{line}: executed"));
    assert!(done.iter().all(Result::is_ok), "see the examples above");
}
