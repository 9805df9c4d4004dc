//! Layers: a module uses only earlier modules, and heavy dependencies stay behind their fences.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{assert_none, root, source};

/// Heavy or dangerous dependencies, and the prefixes of the paths that may use them.
const FENCES: &[(&str, &[&str])] = &[
    ("elasticsearch::", &["src/elastic/"]),
    (
        "datafusion::",
        &["src/table/", "src/engine/", "src/query/", "src/sources/files", "src/ingest/", "src/models/", "benches/"],
    ),
    ("redb::", &["src/state/store/"]),
    ("maxminddb::", &["src/event/geo/"]),
    ("candle_core", &["src/models/word2vec"]),
    ("candle_nn", &["src/models/word2vec"]),
    ("unsafe ", &["kernels/src/"]),
];

/// Packages that `kernels/` must not use.
const NOT_IN_KERNELS: &[&str] = &["tokio", "arrow", "datafusion"];

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
