//! Types with names of their own, and parameters that say what they mean.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{assert_listed, files, source};

/// Names of several public types, and the reason.
const SHARED_NAMES: &[(&str, &str)] = &[];

/// Functions with a `bool` parameter, and the reason why an enum would not say more.
const SWITCHES: &[(&str, &[&str])] = &[
    (
        "an option of the user, under the name that the user gives it",
        &[
            "src/commands/backtest/mod.rs backtest",
            "src/commands/fields/mod.rs fields",
            "src/commands/run/progress.rs start",
            "src/commands/runs.rs diff",
            "src/commands/runs.rs list",
            "src/commands/runs.rs show",
            "src/commands/state.rs show",
            "src/commands/whitelist/mod.rs whitelist",
            "src/commands/wipe.rs wipe",
            "src/query/filter.rs resolve_leaf",
            "src/query/predicate/fuzzy.rs new",
            "src/query/predicate/mod.rs new",
            "src/query/regexp/mod.rs new",
            "src/query/regexp/mod.rs push_literal",
            "src/query/regexp/wildcard.rs new",
            "src/query/regexp/parse.rs parse",
            "src/telemetry/mod.rs follow",
        ],
    ),
    (
        "a value of the data, such as a sign, that is stored or returned",
        &[
            "kernels/src/simd/exact_sum.rs add_shifted",
            "src/event/decode/columns.rs end_row",
            "src/event/decode/row.rs accept",
            "src/event/decode/row.rs push_in_array",
            "src/http/metrics/mod.rs flag",
            "src/models/word2vec/confusion.rs count",
            "src/python/regex/translate.rs set",
            "src/query/dsl/element.rs flag",
            "src/sinks/elasticsearch/changes/mod.rs done",
            "src/sinks/elasticsearch/changes/mod.rs send",
        ],
    ),
    (
        "a method of a trait that is not ours",
        &["src/event/decode/oracle.rs visit_bool", "src/inventory/walk.rs visit_bool"],
    ),
];

/// Returns the names of the public types that `code` declares.
fn public_types(code: &str) -> Vec<&str> {
    let declaration = Regex::new(r"(?m)^\s*pub (?:struct|enum|trait) (\w+)").expect("a valid pattern");
    declaration.captures_iter(code).filter_map(|found| Some(found.get(1)?.as_str())).collect()
}

/// Returns the names of the functions in `code` with a `bool` parameter.
fn switched_functions(code: &str) -> Vec<&str> {
    let declaration = Regex::new(r"\bfn (\w+)").expect("a valid pattern");
    let functions = declaration.captures_iter(code).filter_map(|found| found.get(1));
    let is_switched = |name: &regex::Match<'_>| {
        parameters(&code[name.end()..]).split(',').any(|parameter| parameter.trim_end().ends_with(": bool"))
    };
    functions.filter(is_switched).map(|name| name.as_str()).collect()
}

/// Returns the text between the parentheses of a declaration, given the text after the function's
/// name.
fn parameters(declaration: &str) -> &str {
    let (mut n_angles, mut n_parens, mut start) = (0, 0, None);
    let mut previous = ' ';
    for (at, c) in declaration.char_indices() {
        match (c, start) {
            ('<', None) => n_angles += 1,
            ('>', None) if previous != '-' => n_angles -= 1,
            ('(', None) if n_angles == 0 => start = Some(at + 1),
            ('(', Some(_)) => n_parens += 1,
            (')', Some(start)) if n_parens == 0 => return &declaration[start..at],
            (')', Some(_)) => n_parens -= 1,
            _ => {}
        }
        previous = c;
    }
    ""
}

#[test]
fn declarations_are_found_in_every_notation() {
    let code = "pub struct A;\n    pub enum B<T> {}\npub(super) struct C;\nstruct D;\npub trait E {}\npub fn f() {}\n";
    assert_eq!(public_types(code), ["A", "B", "E"]);
    let code = "fn a(x: bool) {}\nfn b<F: Fn(bool) -> bool>(\n    self,\n    f: F,\n    x: bool,\n) -> u8 {}\n\
                fn c(f: impl Fn(u8) -> bool, x: Option<bool>) -> bool {}\nfn d(mut x: (u8, u8), is_x: bool) {}\nfn e() {}";
    assert_eq!(switched_functions(code), ["a", "b", "d"]);
}

#[test]
fn public_types_have_names_of_their_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files(&["src", "kernels/src"], &["rs"]) {
        for name in public_types(&file.code()) {
            places.entry(name.to_owned()).or_default().push(file.path.clone());
        }
    }
    assert!(places.len() > 100, "only {} public types were found", places.len());
    let shared: BTreeMap<&String, &Vec<String>> = places.iter().filter(|(_, files)| files.len() > 1).collect();
    let found = shared.keys().map(|name| (*name).clone()).collect();
    let listed = SHARED_NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_listed(&found, &listed, &format!("several public types have this name: {shared:?}"));
}

#[test]
fn parameters_are_not_bare_switches() {
    let mut found = BTreeSet::new();
    for file in source().iter().filter(|file| !file.path.starts_with("tests/")) {
        let code = file.code();
        found.extend(switched_functions(&code).iter().map(|name| format!("{} {name}", file.path)));
    }
    let listed = SWITCHES.iter().flat_map(|(_, functions)| functions.iter().map(|name| (*name).to_owned()));
    assert_listed(&found, &listed.collect(), "has a `bool` parameter; use an enum or two functions");
}
