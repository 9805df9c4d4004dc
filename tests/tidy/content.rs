//! Content of the files: forbidden words, paths, links, use cases.

use std::collections::BTreeSet;

use super::{assert_listed, assert_none, files, root, source};

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

/// Pictures that the Markdown files show are there, and no picture is left over.
#[test]
fn pictures_are_there_and_shown() {
    let mut shown = BTreeSet::new();
    for file in files(&["README.md", "CHANGELOG.md", "docs", "use_cases", "benches"], &["md"]) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let pictures = file.text.split("![").skip(1).filter_map(|rest| rest.split_once("](")?.1.split_once(')'));
        shown.extend(pictures.map(|(path, _)| format!("{folder}/{path}").trim_start_matches('/').to_owned()));
    }
    let stored = std::fs::read_dir(root().join("docs/pictures")).expect("a folder");
    let stored = stored.map(|entry| entry.expect("readable").file_name().display().to_string());
    let stored = stored.map(|name| format!("docs/pictures/{name}")).collect();
    assert_listed(&stored, &shown, "no Markdown file shows this picture");
}

#[test]
fn shipped_use_cases_have_their_texts() {
    let models = ["simplequery", "metrics", "terms", "sudden_appearance", "word2vec", "beacon", "travel"];
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
