//! Blocks of code in the Markdown files, and the commands in them.
//!
//! Every block says what it is. `sh` is commands, `console` commands after `$` with what they print
//! (`...` stands for any lines). Both are executed, unless `needs=` says what a test does not have;
//! `code=` is the exit code of the last command, if it is not 0. No other block holds commands.

use std::fs;
use std::path::Path;

/// Needs of documents that tests cannot meet.
const NEEDS: [(&str, &str); 5] = [
    ("build", "a build of the program"),
    ("cluster", "a cluster of servers or containers"),
    ("minutes", "minutes of measurements"),
    ("root", "an installed package, and the rights of root"),
    ("service", "a service that runs until it is ended, or a receiver"),
];

/// Languages of blocks that are no commands.
const TEXTS: [&str; 10] = ["csv", "ini", "json", "python", "sql", "svg", "text", "toml", "yaml", "zeek"];

/// A block of commands.
#[derive(Debug)]
pub(super) struct Block {
    /// File and line.
    pub(super) place: String,
    /// Need of it that tests cannot meet.
    pub(super) needs: Option<&'static str>,
    /// Exit code of the last command.
    pub(super) code: i32,
    pub(super) commands: Vec<Written>,
}

/// A command as written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) line: String,
    /// Lines that it prints, if the block shows them.
    pub(super) shown: Option<Vec<String>>,
}

/// Paths of the documents, from the root of the project.
pub(super) fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec!["README.md".to_owned(), "use_cases/README.md".to_owned()];
    for folder in ["docs", "docs/monitoring"] {
        let files =
            fs::read_dir(root.join(folder)).expect("a folder").map(|entry| entry.expect("readable").file_name());
        let names = files.map(|name| name.into_string().expect("UTF-8")).filter(|name| name.ends_with(".md"));
        found.extend(names.map(|name| format!("{folder}/{name}")));
    }
    found.sort();
    found
}

/// The text of a file of the project.
pub(super) fn text_of(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Place, words after the fence, and lines of each block in a document.
fn fenced(document: &str, text: &str) -> Vec<(String, String, Vec<String>)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((idx, line)) = lines.next() {
        let Some(words) = line.trim_start().strip_prefix("```") else { continue };
        let body = lines.by_ref().map(|(_, line)| line.to_owned());
        let body = body.take_while(|line| !line.trim_start().starts_with("```")).collect();
        found.push((format!("{document}:{}", idx + 1), words.to_owned(), body));
    }
    found
}

/// Places and texts of the blocks of one language.
pub(super) fn texts_of(document: &str, language: &str) -> Vec<(String, String)> {
    let blocks = fenced(document, &text_of(document)).into_iter().filter(|(_, words, _)| words == language);
    blocks.map(|(place, _, body)| (place, body.join("\n") + "\n")).collect()
}

/// The blocks of commands in a document.
///
/// # Panics
///
/// Panics if a block does not say what it is.
pub(super) fn blocks_of(document: &str) -> Vec<Block> {
    let blocks = fenced(document, &text_of(document));
    blocks.iter().filter_map(|(place, words, body)| block(place, words, body)).collect()
}

fn block(place: &str, words: &str, body: &[String]) -> Option<Block> {
    let mut words = words.split_whitespace();
    let language = words.next().unwrap_or_else(|| panic!("{place}: say what the block is, such as ```sh or ```text"));
    if TEXTS.contains(&language) {
        let command = body.iter().find(|line| line.starts_with("$ "));
        assert!(command.is_none(), "{place}: {language} is not for commands: use sh or console");
        return None;
    }
    let is_console = language == "console";
    assert!(is_console || language == "sh", "{place}: unknown language {language}");
    let mut block = Block { place: place.to_owned(), needs: None, code: 0, commands: Vec::new() };
    for word in words {
        match word.split_once('=') {
            Some(("needs", what)) => {
                let known = NEEDS.iter().find(|(name, _)| *name == what);
                block.needs = Some(known.unwrap_or_else(|| panic!("{place}: unknown need {what}")).1);
            }
            Some(("code", code)) => block.code = code.parse().unwrap_or_else(|_| panic!("{place}: {code}")),
            _ => panic!("{place}: unknown word {word}"),
        }
    }
    block.commands = if is_console { session(place, body) } else { script(body) };
    assert!(!block.commands.is_empty(), "{place}: no command");
    Some(block)
}

/// Commands of a script: lines, joined where a backslash ends one.
fn script(body: &[String]) -> Vec<Written> {
    let mut commands = Vec::new();
    let mut line = String::new();
    for part in body {
        line.push_str(part);
        if line.ends_with('\\') {
            line.push('\n');
        } else {
            let line = std::mem::take(&mut line);
            commands.extend((!line.trim().is_empty()).then_some(Written { line, shown: None }));
        }
    }
    commands
}

/// Commands of a session, each with the lines below it.
fn session(place: &str, body: &[String]) -> Vec<Written> {
    let mut commands: Vec<Written> = Vec::new();
    for line in body {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(line), _) => commands.push(Written { line: line.to_owned(), shown: Some(Vec::new()) }),
            (None, Some(last)) if last.line.ends_with('\\') => {
                last.line.push('\n');
                last.line.push_str(line);
            }
            (None, Some(last)) => last.shown.get_or_insert_default().push(line.clone()),
            (None, None) => panic!("{place}: a session begins with $"),
        }
    }
    commands
}

/// Returns the first of the `shown` lines that is not printed where it should be.
pub(super) fn not_printed<'a>(shown: &'a [String], printed: &str) -> Option<&'a str> {
    let mut printed = printed.lines().map(str::trim_end);
    let mut is_free = false;
    for line in shown.iter().map(|line| line.trim_end()) {
        if line.trim() == "..." {
            is_free = true;
            continue;
        }
        let is_there = if is_free { printed.any(|found| found == line) } else { printed.next() == Some(line) };
        if !is_there {
            return Some(line);
        }
        is_free = false;
    }
    (!is_free).then(|| printed.next()).flatten().map(|_| "the end")
}

#[test]
fn printed_lines_are_compared_where_they_stand() {
    let check = |shown: &str, printed: &str, expected: Option<&str>| {
        let shown: Vec<String> = shown.lines().map(str::to_owned).collect();
        assert_eq!(not_printed(&shown, printed), expected, "{shown:?} {printed:?}");
    };
    check("a\nb", "a  \nb\n", None);
    check("a\n...\nd", "a\nb\nc\nd\n", None);
    check("a\n...", "a\nb\n", None);
    check("...\nb", "a\nb\n", None);
    check("...\na\n...", "a\n", None);
    check("", "", None);
    check("a", "a\nb\n", Some("the end"));
    check("a\nb", "a\n", Some("b"));
    check("a\n...\nx", "a\nb\n", Some("x"));
    check("b", "a\nb\n", Some("b"));
    check("...\nb\nd", "a\nb\nc\nd\n", Some("d"));
}
