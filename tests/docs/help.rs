//! Help of the commands: `-h` fits a screen, and `--help` has examples that work.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};
use ee_outliers::cli::{Cli, examples_of};

use super::shell::calls;

/// Lines and columns of a small screen.
const SCREEN: (usize, usize) = (24, 80);

/// Upper limit on the lines for commands with many options.
const MOST_LINES: usize = 40;

/// Commands whose `-h` may need more than a small screen.
const MANY_OPTIONS: &[&str] = &["", "daemon", "run"];

/// Every command by its path; that of the program itself is empty.
fn commands() -> Vec<(String, Command)> {
    fn add(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone().term_width(SCREEN.1)));
        let named = command.get_subcommands().filter(|command| command.get_name() != "help");
        named.for_each(|command| add(format!("{path} {}", command.get_name()).trim(), command, found));
    }
    let mut program = Cli::command();
    program.build();
    let mut found = Vec::new();
    add("", &program, &mut found);
    found
}

#[test]
fn short_help_fits_a_screen() {
    let mut long = BTreeSet::new();
    for (path, mut command) in commands() {
        let help = command.render_help().to_string();
        let (n_lines, width) = (help.lines().count(), help.lines().map(|line| line.chars().count()).max());
        assert!(width <= Some(SCREEN.1), "{path} -h has {width:?} columns:\n{help}");
        assert!(n_lines <= MOST_LINES, "{path} -h has {n_lines} lines, more than {MOST_LINES}:\n{help}");
        assert!(!help.contains("Examples"), "examples of {path} belong to --help");
        if n_lines > SCREEN.0 {
            long.insert(path);
        }
    }
    let listed: BTreeSet<String> = MANY_OPTIONS.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(long, listed, "commands whose -h has more than {} lines", SCREEN.0);
}

#[test]
fn long_help_ends_with_examples_of_the_command() {
    let commands = commands();
    assert!(commands.len() > 25, "{} commands", commands.len());
    for (path, mut command) in commands.into_iter().filter(|(path, _)| !path.is_empty()) {
        let help = command.render_long_help().to_string();
        let (_, shown) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{path} --help has no examples"));
        let examples = examples_of(&path);
        assert!(!examples.is_empty());
        for example in examples {
            let shown = shown.replace("\\\n", " ");
            let words: Vec<&str> = shown.split_whitespace().collect();
            assert!(
                words.join(" ").contains(&example.line.split_whitespace().collect::<Vec<_>>().join(" ")),
                "{shown}"
            );
            let calls = calls(example.line);
            assert!(calls.iter().any(|words| words[1..].join(" ").starts_with(&path)), "{}: not {path}", example.line);
            for words in calls {
                let parsed = Cli::command().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{}: {}", example.line, parsed.unwrap_err());
            }
        }
    }
}

#[test]
fn manual_pages_have_the_examples_of_the_help() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (path, _) in commands().into_iter().filter(|(path, _)| !path.is_empty() && !path.contains(' ')) {
        let page = crate::program::run(folder.path(), &["man", &path]).expect_code(0).stdout;
        let (_, shown) = page.split_once("\n.SH EXAMPLES\n").unwrap_or_else(|| panic!("{path}: {page}"));
        for example in examples_of(&path) {
            assert!(shown.replace("\\*(Aq", "'").replace('\\', "").contains(example.line), "{}: {shown}", example.line);
        }
    }
}
