//! Form of the files: length, width of comments, place.

use std::collections::BTreeSet;
use std::fs;

use super::{File, assert_listed, assert_none, files, root, source};

/// Upper limit on the lines of a file, without tests.
const MAX_LINES: usize = 400;

/// Files that may have up to 500 lines, and the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Upper limit on the width of comments.
const MAX_COMMENT: usize = 100;

/// Folders and files whose comments are still wider; this list is to be emptied.
const NOT_WRAPPED: &[&str] = &[];

const TOP_LEVEL: &[&str] = &[
    ".deny.toml",
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".config",
    ".dockerignore",
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "Dockerfile.cuda",
    "LICENSE",
    "README.md",
    "benches",
    "docs",
    "hunting",
    "kernels",
    "packaging",
    "profiles",
    "src",
    "target",
    "tests",
    "use_cases",
];

#[test]
fn files_are_short() {
    let mut problems = Vec::new();
    for file in source().iter().filter(|file| !file.path.starts_with("tests/")) {
        let n_lines = file.lines_without_tests().len();
        let limit = if LONG_FILES.iter().any(|(path, _)| *path == file.path) { 500 } else { MAX_LINES };
        problems
            .extend((n_lines > limit).then(|| format!("{}: {n_lines} lines without tests, limit {limit}", file.path)));
    }
    assert_none(&problems);
}

/// Returns the numbers of the lines that are comments and too wide.
fn wide_comments(file: &File) -> Vec<usize> {
    let is_wide = |line: &str| line.trim_start().starts_with("//") && line.chars().count() > MAX_COMMENT;
    file.text.lines().enumerate().filter(|(_, line)| is_wide(line)).map(|(idx, _)| idx + 1).collect()
}

#[test]
fn wide_comments_are_found() {
    let (fits, wide) = ("x".repeat(MAX_COMMENT - 3), "x".repeat(MAX_COMMENT - 2));
    let text = format!("// {fits}\n    // {fits}\n/// {wide}\nlet {wide} = 1;\n//! é{fits}\n//\u{e9}{fits}\n");
    let file = File { path: "src/a.rs".to_owned(), text };
    assert_eq!(wide_comments(&file), [2, 3, 5]);
}

#[test]
fn comments_are_at_most_100_columns_wide() {
    let mut found = BTreeSet::new();
    for file in source() {
        let lines = wide_comments(&file);
        match NOT_WRAPPED.iter().find(|start| file.path.starts_with(**start)) {
            _ if lines.is_empty() => {}
            Some(start) => drop(found.insert((*start).to_owned())),
            None => found.extend(lines.iter().map(|line| format!("{}:{line}", file.path))),
        }
    }
    let listed = NOT_WRAPPED.iter().map(|start| (*start).to_owned()).collect();
    assert_listed(&found, &listed, &format!("a comment is wider than {MAX_COMMENT} columns"));
}

/// Returns the numbers of the lines of prose that are too wide: neither tables nor code nor quotes.
fn wide_prose(file: &File) -> Vec<usize> {
    let mut is_code = false;
    let mut wide = Vec::new();
    for (idx, line) in file.text.lines().enumerate() {
        is_code ^= line.trim_start().starts_with("```");
        let is_prose = !is_code && !line.starts_with(['|', '>']);
        wide.extend((is_prose && line.chars().count() > MAX_COMMENT).then_some(idx + 1));
    }
    wide
}

#[test]
fn prose_is_at_most_100_columns_wide() {
    let long = "x".repeat(MAX_COMMENT + 1);
    let text = format!("{long}\n| {long} |\n```text\n{long}\n```\n> {long}\n  {long}\n");
    assert_eq!(wide_prose(&File { path: "a.md".to_owned(), text }), [1, 7]);
    let folders = ["README.md", "CHANGELOG.md", "docs", "src", "kernels", "benches", "tests", "use_cases"];
    let wide = |file: File| -> Vec<String> {
        wide_prose(&file).iter().map(|line| format!("{}:{line}: wider than {MAX_COMMENT} columns", file.path)).collect()
    };
    assert_none(&files(&folders, &["md"]).into_iter().flat_map(wide).collect::<Vec<_>>());
}

/// A module with a folder is `x/mod.rs`, never `x.rs` beside `x/`.
#[test]
fn modules_with_a_folder_are_inside_it() {
    let mut problems = Vec::new();
    for file in files(&["src", "kernels/src"], &["rs"]) {
        let folder = root().join(file.path.trim_end_matches(".rs"));
        problems.extend(folder.is_dir().then(|| format!("{}: move it to mod.rs in its folder", file.path)));
    }
    assert_none(&problems);
}

#[test]
fn the_top_level_has_only_known_entries() {
    let entries = fs::read_dir(root()).expect("readable").map(|entry| entry.expect("readable").file_name());
    let surplus: Vec<String> = entries
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| format!("{name}: not a known top-level entry"))
        .collect();
    assert_none(&surplus);
}
