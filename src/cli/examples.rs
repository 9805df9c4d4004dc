//! Examples of command lines, for `--help` and the manual pages.

/// Command line that works, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Words about it.
    pub about: &'static str,
    /// The line, as typed in a shell.
    pub line: &'static str,
}

/// Upper limit on the width of a part of a line.
const WIDTH: usize = 68;

/// Examples by command.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "run",
        &[
            ("the bundled use cases over a folder of events", "ee-outliers run --events logs/"),
            (
                "your own use cases; the results go to files",
                "ee-outliers run --use-cases 'my/**/*.conf' --events logs/ -o outliers.ndjson --html report.html",
            ),
            ("events of a cluster, without writing to it", "ee-outliers run --config outliers.conf --dry-run"),
            (
                "what a use case finds with other sensitivities",
                "ee-outliers run --use-cases my/rare.conf --only terms_rare_port --events logs/ \
                 --sweep trigger_sensitivity=1..20",
            ),
        ],
    ),
    (
        "daemon",
        &[(
            "on the schedule of the configuration",
            "ee-outliers daemon --config outliers.conf --use-cases 'my/**/*.conf'",
        )],
    ),
    (
        "explain",
        &[
            ("the strongest event of a finding", "ee-outliers explain 21ed98d9 --events logs/"),
            ("a finding of a report, without the events", "ee-outliers explain 68a967f9 --report report.json"),
            (
                "any event, for one use case",
                "ee-outliers explain --document zeek.ndjson.zst/000000004017 --events logs/ \
                 --use-case terms_rare_protocol_on_port",
            ),
        ],
    ),
    (
        "check",
        &[
            (
                "the main configuration and all use cases",
                "ee-outliers check --config outliers.conf --use-cases 'my/**/*.conf'",
            ),
            (
                "use cases that cannot use these events, too",
                "ee-outliers check --use-cases my/rare.conf --events logs/",
            ),
        ],
    ),
    (
        "fields",
        &[
            ("what is in a folder of events", "ee-outliers fields --events logs/"),
            ("use cases to begin with", "ee-outliers fields --events logs/ --suggest > suggested.conf"),
        ],
    ),
    (
        "whitelist suggest",
        &[
            ("the findings of the bundled use cases, with their ids", "ee-outliers whitelist suggest --events logs/"),
            (
                "an entry for one of them",
                "ee-outliers whitelist suggest 9ea6b17e --events logs/ --owner ann --reason 'file server' >> my/rare.conf",
            ),
        ],
    ),
    (
        "whitelist preview",
        &[
            ("what the entries of a file would hide", "ee-outliers whitelist preview new.conf --events logs/"),
            (
                "which attacks they would hide",
                "ee-outliers whitelist preview new.conf --events recordings/ --label labels.attack=attack",
            ),
        ],
    ),
    (
        "list",
        &[
            ("the bundled use cases", "ee-outliers list"),
            (
                "your own, and whether they can use these events",
                "ee-outliers list --use-cases my/rare.conf --events logs/",
            ),
        ],
    ),
    ("new", &[("a use case that looks for rare values", "ee-outliers new terms > my/new.conf")]),
    ("wipe", &[("how many outliers would be removed", "ee-outliers wipe --config outliers.conf --dry-run")]),
    ("runs list", &[("the runs of the history", "ee-outliers runs list --state-dir state")]),
    ("runs show", &[("the first run, with its findings", "ee-outliers runs show 1 --state-dir state")]),
    (
        "runs diff",
        &[("what the second run found that the first did not", "ee-outliers runs diff 1 2 --state-dir state")],
    ),
    (
        "report",
        &[
            ("a page of a report", "ee-outliers report report.json --html report.html"),
            ("a page of a run of the history", "ee-outliers report 1 --state-dir state --html run-1.html"),
        ],
    ),
    ("state show", &[("what a folder holds", "ee-outliers state show --state-dir state")]),
    ("state verify", &[("whether a backup is sound", "ee-outliers state verify --state-dir state")]),
    (
        "state export",
        &[("everything, for other programs", "ee-outliers state export --state-dir state > state.ndjson")],
    ),
    (
        "setup",
        &[
            ("the template for a kind of cluster", "ee-outliers setup --flavour opensearch"),
            ("store it in the cluster of the configuration", "ee-outliers setup --config outliers.conf --apply"),
        ],
    ),
    (
        "notify",
        &[
            ("the channels of the configuration", "ee-outliers notify --config outliers.conf --list"),
            ("send a sample by e-mail", "ee-outliers notify --config outliers.conf --test mail"),
        ],
    ),
    (
        "bench",
        &[
            ("which settings are fast for these events", "ee-outliers bench --events logs/"),
            (
                "without events of your own",
                "ee-outliers bench --generate 1000000 --sweep threads=1,2,4 --repeat 5 --json bench.json",
            ),
        ],
    ),
    (
        "import sigma",
        &[(
            "all rules of a folder, and what became of them",
            "ee-outliers import sigma rules/ -o sigma.conf --report coverage.json",
        )],
    ),
    (
        "import elastalert",
        &[("all rules of a pattern", "ee-outliers import elastalert 'elastalert/*.yaml' -o elastalert.conf")],
    ),
    (
        "backtest",
        &[(
            "which attacks of recordings are found, with other sensitivities, too",
            "ee-outliers backtest --events recordings/ --label labels.attack=attack --recording labels.dataset \
             --curves -o backtest.html",
        )],
    ),
    ("health", &[("the daemon of this machine", "ee-outliers health")]),
    ("completions", &[("for bash", "ee-outliers completions bash > ee-outliers.bash")]),
    (
        "man",
        &[("the page of a command", "ee-outliers man run | man -l -"), ("all pages", "ee-outliers man --dir pages")],
    ),
];

/// Examples of a command, or of its subcommands.
pub fn examples_of(command: &str) -> Vec<Example> {
    let is_meant = |path: &str| path == command || path.strip_prefix(command).is_some_and(|rest| rest.starts_with(' '));
    let found = EXAMPLES.iter().filter(|(path, _)| is_meant(path)).flat_map(|(_, examples)| *examples);
    found.map(|(about, line)| Example { about, line }).collect()
}

/// The same as the last part of `--help`.
pub(super) fn help_of(command: &str) -> String {
    let examples = examples_of(command);
    let lines = examples.iter().map(|Example { about, line }| format!("  # {about}\n  {}", broken(line)));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// Breaks a line in front of options, in the way of shells, so that it can be copied from a small
/// terminal.
fn broken(line: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for part in parts(line) {
        if width + part.len() > WIDTH {
            text.push_str("\\\n      ");
            width = 0;
        }
        text.push_str(&part);
        text.push(' ');
        width += part.len() + 1;
    }
    text.trim_end().to_owned()
}

/// Parts of a line: words up to the next option, redirection or pipe.
fn parts(line: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match parts.last_mut() {
            Some(part) if !word.starts_with(['-', '>', '|']) => part.extend([" ", word]),
            _ => parts.push(word.to_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_in_front_of_options() {
        assert_eq!(broken("ee-outliers run --events logs/"), "ee-outliers run --events logs/");
        let long = format!("ee-outliers run --events logs/ --only {} --set 'a b' >> x", "y".repeat(WIDTH - 7));
        let lines = ["ee-outliers run --events logs/ \\", &format!("      --only {} \\", "y".repeat(WIDTH - 7))];
        assert_eq!(broken(&long), format!("{}\n{}\n      --set 'a b' >> x", lines[0], lines[1]));
        for (_, examples) in EXAMPLES {
            let is_wide = |line: &str| line.lines().any(|line| line.len() > 78);
            assert!(examples.iter().all(|(_, line)| !is_wide(&format!("  {}", broken(line)))), "{examples:?}");
        }
    }
}
