//! Compares the dialects of the configuration with Python's own parser. `expected.json` holds
//! Python's results, `make_expected.py` writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ee_outliers::config::ini::{Dialect, parse};
use ee_outliers::config::{Severity, load};
use ee_outliers::python::{parse_float, parse_int};
use serde::Deserialize;

/// Files that Python rejects because of their byte order mark and that we accept on purpose. There
/// are no other differences.
const READ_ALTHOUGH_PYTHON_REJECTS: [&str; 2] = ["bom.conf", "bom_comment_first.conf"];

/// Names of sections, and the pairs visible in them.
type Sections = Vec<(String, Vec<(String, String)>)>;

#[derive(Deserialize)]
struct Expected {
    files: BTreeMap<String, Answers>,
    texts: Vec<String>,
    /// Pattern, and per text `1` if it matches or `0` if not; `None` if Python does not compile it.
    patterns: Vec<(String, Option<String>)>,
    /// Text, and its `repr` as an integer and as a float; `None` if it is not one.
    numbers: Vec<(String, Option<String>, Option<String>)>,
}

#[derive(Deserialize)]
struct Answers {
    main: Answer,
    use_cases: Answer,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Sections(Sections),
    /// Class of Python's exception.
    Error(String),
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn expected() -> Expected {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("answers of Python");
    serde_json::from_str(&text).expect("answers of Python")
}

/// Reads a file with our parser; `None` if it is rejected.
fn read(name: &str, dialect: Dialect) -> Option<Sections> {
    let path = folder().join("corpus").join(name);
    let text = String::from_utf8(std::fs::read(&path).expect("a file of the corpus")).ok()?;
    let (ini, problems) = parse(&text, dialect, &Arc::from(path.as_path()));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return None;
    }
    let pairs = |section| {
        ini.visible(section).iter().map(|entry| (entry.key.clone(), entry.value.text().to_owned())).collect::<Vec<_>>()
    };
    Some(ini.sections.iter().map(|section| (section.name.clone(), pairs(section))).collect())
}

#[test]
fn files_are_read_as_python_reads_them() {
    let files = expected().files;
    assert!(files.len() >= 60, "the corpus is complete");
    let mut differing = Vec::new();
    for (name, answers) in files {
        for (dialect, answer) in [(Dialect::Main, answers.main), (Dialect::UseCases, answers.use_cases)] {
            let ours = read(&name, dialect);
            if READ_ALTHOUGH_PYTHON_REJECTS.contains(&name.as_str()) {
                assert!(matches!(answer, Answer::Error(_)) && ours.is_some(), "{name}");
                continue;
            }
            let agree = match &answer {
                Answer::Sections(sections) => ours.as_ref() == Some(sections),
                Answer::Error(_) => ours.is_none(),
            };
            if !agree {
                differing.push(format!("{name} {dialect:?}\n  python {answer:?}\n  ours   {ours:?}"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn patterns_match_as_in_python() {
    let expected = expected();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("main.conf");
    let line = |(idx, (pattern, _)): (usize, &(String, Option<String>))| format!("p{idx}={pattern}\n");
    let lines: String = expected.patterns.iter().enumerate().map(line).collect();
    std::fs::write(&path, format!("[whitelist_regexps]\n{lines}")).expect("a scratch file");
    let regexps = load(&[path], &[]).main.whitelist.regexps.clone();

    let mut differing = Vec::new();
    for (pattern, matches) in &expected.patterns {
        let compiled = regexps.iter().map(|parts| &parts[0].value).find(|regex| regex.as_str() == pattern);
        match (compiled, matches) {
            (None, None) => {}
            (Some(regex), Some(matches)) => {
                for (text, matched) in expected.texts.iter().zip(matches.chars()) {
                    if regex.is_match(text) != Ok(matched == '1') {
                        differing.push(format!("{pattern} on {text:?}: python says {matched}"));
                    }
                }
            }
            (None, Some(_)) => differing.push(format!("{pattern} is refused")),
            (Some(_), None) => differing.push(format!("{pattern} is not refused")),
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn numbers_are_read_as_python_reads_them() {
    for (text, int, float) in expected().numbers {
        assert_eq!(parse_int(&text).map(|number| number.to_string()), int, "int({text:?})");
        let bits = |number: f64| if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
        let float = float.map(|float| bits(float.parse().expect("a number")));
        assert_eq!(parse_float(&text).map(bits), float, "float({text:?})");
    }
}
