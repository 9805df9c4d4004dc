//! Rules of the source tree that no compiler checks. `src/ARCHITECTURE.md` explains them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Heavy or dangerous dependencies, and the prefixes of the paths that may use them.
const FENCES: &[(&str, &[&str])] = &[
    ("elasticsearch::", &["src/elastic/"]),
    (
        "datafusion::",
        &["src/table/", "src/engine/", "src/query/", "src/sources/files", "src/ingest/", "src/models/", "benches/"],
    ),
    ("candle_core", &["src/models/word2vec"]),
    ("candle_nn", &["src/models/word2vec"]),
    ("unsafe ", &["kernels/src/"]),
];

/// Packages that `kernels/` must not use.
const NOT_IN_KERNELS: &[&str] = &["tokio", "arrow", "datafusion"];

/// Upper limit on the lines of a file, without tests.
const MAX_LINES: usize = 400;

/// Files that may have up to 500 lines, and the reason.
const LONG_FILES: &[(&str, &str)] =
    &[("src/event/decode/walk.rs", "one serde visitor per kind of place: they make sense together only")];

const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".config",
    ".git",
    ".gitattributes",
    ".gitignore",
    ".rustfmt.toml",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile.cuda",
    "LICENSE",
    "README.md",
    "benches",
    "docs",
    "kernels",
    "src",
    "target",
    "tests",
    "use_cases",
];

/// Words that are forbidden in the source, tests included. They are split so that this file does
/// not match itself.
const NEVER: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimplem", "ented!("),
    concat!("#[ig", "nore"),
    concat!("db", "g!("),
    concat!("#[al", "low("),
    concat!("#![al", "low("),
];

/// Prefixes of absolute paths, which exist on one machine only.
const ABSOLUTE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tm", "p/"), concat!("/ho", "me/")];

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

    /// Lines before the test module at the end of the file.
    fn lines_without_tests(&self) -> Vec<&str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let end = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
        let is_test = self.path.ends_with("tests.rs") || self.path.contains("/tests/");
        if is_test { Vec::new() } else { lines[..end.unwrap_or(lines.len())].to_vec() }
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

/// Returns the modules of the crate that `code` names: `crate::x`, and `crate::{x, y::z}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut used = BTreeSet::new();
    for (start, found) in code.match_indices("crate::") {
        let is_whole = !code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &code[start + found.len()..];
        match rest.strip_prefix('{') {
            _ if !is_whole => {}
            Some(group) => used.extend(names_of_group(group).iter().map(|name| word(name))),
            None => drop(used.insert(word(rest))),
        }
    }
    used
}

/// Returns the entries of `{a, b::{c, d}, e}`, given the text after its opening brace.
fn names_of_group(group: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            c if depth == 0 && !c.is_whitespace() => names.last_mut().expect("never empty").push(c),
            _ => {}
        }
    }
    names
}

/// Returns the modules in the order in which events flow through them, which is their order in
/// `lib.rs`. A module may only use modules before it.
fn modules_in_order() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("the library has a root");
    text.lines().filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned())).collect()
}

#[test]
fn used_modules_are_found_in_every_notation() {
    let code =
        "use crate::config::UseCase;\nuse crate::{event::{Table, view}, query,\n run};\nfn f(x: crate::cli::Args) {}";
    let expected = ["cli", "config", "event", "query", "run"].map(str::to_owned);
    assert_eq!(used_modules(code), BTreeSet::from(expected));
}

#[test]
fn modules_use_only_modules_before_them() {
    let order = modules_in_order();
    assert!(order.len() > 10, "lib.rs lists {order:?}");
    let place = |module: &str| order.iter().position(|known| known == module);
    let mut problems = Vec::new();
    for file in source() {
        let Some(module) = file.module() else { continue };
        let Some(own) = place(module) else {
            problems.push(format!("{}: module {module} is not listed in lib.rs", file.path));
            continue;
        };
        let code = file.code();
        let later = used_modules(&code).into_iter().filter(|used| place(used).is_some_and(|used| used > own));
        problems.extend(later.map(|used| format!("{}: uses {used}, which comes after {module}", file.path)));
    }
    assert_none(&problems);
}

#[test]
fn fences_hold() {
    let mut problems = Vec::new();
    for file in source().iter().filter(|file| !file.path.starts_with("tests/")) {
        let code = file.code();
        for (what, allowed) in FENCES {
            let is_allowed = allowed.iter().any(|start| file.path.starts_with(start));
            // one of our own modules may have the name of a package
            let is_used = code.match_indices(what).any(|(start, _)| !code[..start].ends_with("::"));
            if !is_allowed && is_used {
                problems.push(format!("{}: `{what}` belongs in {allowed:?}", file.path));
            }
        }
        for word in NOT_IN_KERNELS.iter().filter(|_| file.path.starts_with("kernels/")) {
            if code.contains(&format!("{word}::")) {
                problems.push(format!("{}: kernels know nothing of {word}", file.path));
            }
        }
    }
    let manifest = fs::read_to_string(root().join("kernels/Cargo.toml")).expect("the kernels have a manifest");
    for word in NOT_IN_KERNELS {
        let is_dependency = manifest.lines().any(|line| line.trim_start().starts_with(word));
        problems.extend(is_dependency.then(|| format!("kernels/Cargo.toml: depends on {word}")));
    }
    assert_none(&problems);
}

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

#[test]
fn nothing_is_left_undone_or_silenced() {
    let mut problems = Vec::new();
    for file in source() {
        for (idx, line) in file.text.lines().enumerate() {
            let found = NEVER.iter().find(|word| line.contains(**word));
            problems.extend(found.map(|word| format!("{}:{}: {word}", file.path, idx + 1)));
        }
    }
    assert_none(&problems);
}

#[test]
fn no_absolute_paths() {
    let folders =
        ["src", "kernels", "benches", "tests", "docs", "use_cases", "README.md", "CHANGELOG.md", ".ci", "Cargo.toml"];
    let folders: Vec<&str> = folders.into_iter().filter(|folder| root().join(folder).exists()).collect();
    let mut problems = Vec::new();
    for file in files(&folders, &["rs", "md", "toml", "conf"]) {
        for (idx, line) in file.text.lines().enumerate() {
            let found = ABSOLUTE.iter().find(|path| line.contains(**path));
            problems.extend(found.map(|path| format!("{}:{}: {path}", file.path, idx + 1)));
        }
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

#[test]
fn one_version_of_arrow_and_datafusion() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is kept");
    let mut n_versions: BTreeMap<&str, usize> = BTreeMap::new();
    for name in lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')) {
        if ["arrow", "datafusion", "parquet"].iter().any(|start| name.starts_with(start)) {
            *n_versions.entry(name).or_default() += 1;
        }
    }
    assert!(n_versions.contains_key("arrow"), "no arrow in Cargo.lock");
    let several: Vec<String> =
        n_versions.iter().filter(|(_, n)| **n > 1).map(|(name, n)| format!("{name}: {n} versions")).collect();
    assert_none(&several);
}

#[test]
fn links_in_documents_are_not_dead() {
    let mut problems = Vec::new();
    for file in files(&["README.md", "CHANGELOG.md", "docs", "use_cases", "tests", "src"], &["md"]) {
        let folder = root().join(&file.path).parent().expect("a file has a folder").to_owned();
        let links = file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let path = link.split('#').next().expect("split gives one part");
            problems.extend((!folder.join(path).exists()).then(|| format!("{}: dead link {link}", file.path)));
        }
    }
    assert_none(&problems);
}

#[test]
fn shipped_use_cases_have_their_texts() {
    let models = ["simplequery", "metrics", "terms", "sudden_appearance", "word2vec"];
    let mut problems = Vec::new();
    let mut n_use_cases = 0;
    for file in files(&["use_cases"], &["conf"]) {
        for section in file.text.split("\n[").map(|section| section.trim_start_matches('[')) {
            let Some((name, body)) = section.split_once(']') else { continue };
            if !models.iter().any(|model| name.starts_with(model)) {
                continue;
            }
            n_use_cases += 1;
            for key in ["outlier_type=", "outlier_reason=", "outlier_summary=", "run_model="] {
                let is_given =
                    body.lines().any(|line| line.strip_prefix(key).is_some_and(|value| !value.trim().is_empty()));
                problems.extend((!is_given).then(|| format!("{}: [{name}] has no {key}", file.path)));
            }
        }
    }
    assert!(n_use_cases >= 8, "only {n_use_cases} use cases ship");
    assert_none(&problems);
}
