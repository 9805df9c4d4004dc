//! Rules of the source tree that no compiler checks. `src/ARCHITECTURE.md` explains them.
//!
//! `layers` checks which module may use what, `circles` the imports between siblings, `names` types
//! and parameters, `form` the form of files, `content` their text.
//!
//! A list of exceptions must be exact: an entry that no longer occurs must be removed from it.

mod circles;
mod content;
mod form;
mod layers;
mod names;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text file of the project: path from the root, separated by `/`, and content.
struct File {
    path: String,
    text: String,
}

impl File {
    fn module(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        let first = inner.split('/').next()?;
        let module = first.strip_suffix(".rs").unwrap_or(first);
        (!["lib", "main"].contains(&module) && !first.ends_with(".md")).then_some(module)
    }

    /// Lines without test modules: declarations of files of tests, and what is below `mod NAME {`
    /// at the end of the file.
    fn lines_without_tests(&self) -> Vec<&str> {
        if self.path.ends_with("tests.rs") || self.path.contains("/tests/") {
            return Vec::new();
        }
        let mut kept = Vec::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            let module = lines.peek().filter(|next| line.trim() == "#[cfg(test)]" && next.contains("mod "));
            match module {
                Some(declared) if declared.ends_with(';') => drop(lines.next()),
                Some(_) if line.starts_with('#') => return kept,
                _ => kept.push(line),
            }
        }
        kept
    }

    /// Returns [`Self::lines_without_tests`] without comments, as one text.
    fn code(&self) -> String {
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        self.lines_without_tests().into_iter().filter(is_code).fold(String::new(), |text, line| text + line + "\n")
    }
}

/// Returns the files below the given folders that have one of `extensions`.
fn files(folders: &[&str], extensions: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path()));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            let inner = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push(File { path: inner, text: fs::read_to_string(&path).expect("text") });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn source() -> Vec<File> {
    files(&["src", "kernels/src", "benches", "tests"], &["rs"])
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Fails unless the findings are exactly the listed exceptions.
fn assert_listed(found: &BTreeSet<String>, listed: &BTreeSet<String>, problem: &str) {
    let surplus = found.difference(listed).map(|name| format!("{name}: {problem}"));
    let stale = listed.difference(found).map(|name| format!("{name}: no longer occurs; remove it from the list"));
    assert_none(&surplus.chain(stale).collect::<Vec<_>>());
}
