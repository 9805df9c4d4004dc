//! `man` and `completions`: manual pages and completions, made from the command line itself.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::error::RunError;
use super::{printed, told};
use crate::cli::{Cli, CompletionsArgs, Example, ManArgs, examples_of};
use crate::delivery::SinkError;
use crate::report::Exit;
use crate::sinks::console::print_text;

const PROGRAM: &str = "ee-outliers";

/// Entries of a section of a page: names, each with its description.
type Entries = &'static [(&'static str, &'static str)];

/// Exit codes, as the manual explains them.
const EXIT_STATUS: Entries = &[
    ("0", "complete"),
    ("2", "invalid command line"),
    ("3", "partial: something was skipped or not written; the report says what"),
    ("4", "events could not be read, or there were none"),
    ("69", "the cluster is unavailable"),
    ("70", "a bug in the program"),
    ("74", "a local file could not be read or written"),
    ("75", "interrupted"),
    ("77", "the cluster rejected the credentials, or they lack a privilege"),
    ("78", "an error in the configuration"),
];

/// Variables that the program reads.
const ENVIRONMENT: Entries = &[
    ("es_password, es_api_key, es_bearer_auth", "Secrets for the cluster, in place of those in the configuration."),
    ("es_password_file, es_api_key_file, es_bearer_auth_file", "Files that hold them."),
    ("EE_OUTLIERS_LOG", "What is logged to standard error, such as ee_outliers=debug,warn."),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces are sent, by builds with the feature otel."),
    ("NO_COLOR", "If it is set, the log has no colours."),
    ("TMPDIR", "Directory for spilled data, unless --spill-dir names one."),
];

/// Files of the packages.
const FILES: Entries = &[
    ("/etc/ee-outliers/outliers.conf", "Main configuration of the service."),
    ("/etc/ee-outliers/use_cases/", "Use cases of the service."),
    ("/etc/default/ee-outliers", "Arguments and environment of the service."),
    ("/var/lib/ee-outliers/", "What the service keeps between runs."),
];

/// Prints a manual page, or writes all of them to a folder.
pub fn man(args: &ManArgs) -> Exit {
    print_or_write(args).map_or_else(told, |()| Exit::Done)
}

/// Prints the completions for a shell.
pub fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM, &mut script);
    printed(print_text(&String::from_utf8_lossy(&script))).map_or_else(told, |()| Exit::Done)
}

fn print_or_write(args: &ManArgs) -> Result<(), RunError> {
    let pages = pages();
    if let Some(folder) = &args.dir {
        return write(&pages, folder).map_err(|source| SinkError { path: folder.clone(), source }.into());
    }
    let wanted = args.command.as_ref().map_or_else(|| PROGRAM.to_owned(), |name| format!("{PROGRAM}-{name}"));
    let Some((_, text)) = pages.iter().find(|(name, _)| *name == wanted) else {
        let known: Vec<&str> = pages.iter().filter_map(|(name, _)| name.strip_prefix("ee-outliers-")).collect();
        let why = format!("there is no manual page `{wanted}`: write one of {}", known.join(", "));
        return Err(RunError::Usage(why));
    };
    printed(print_text(text))
}

fn write(pages: &[(String, String)], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|(name, text)| fs::write(folder.join(format!("{name}.1")), text))
}

/// Name and text of every page: one for the program, and one for each of its commands.
fn pages() -> Vec<(String, String)> {
    let mut program = Cli::command().disable_help_subcommand(true).long_version(None::<&str>);
    program.build();
    let visible = program.get_subcommands().filter(|command| !command.is_hide_set());
    let commands = visible.map(|command| {
        let name = format!("{PROGRAM}-{}", command.get_name());
        let man = page(command.clone());
        let mut more = Roff::new();
        examples(&mut more, command.get_name());
        see_also(&mut more, &[PROGRAM]);
        (name, render(|page| man.render(page), &more))
    });
    let mut pages: Vec<(String, String)> = commands.collect();
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let text = program_page(program.clone(), &names);
    pages.insert(0, (PROGRAM.to_owned(), text));
    pages
}

fn page(command: clap::Command) -> Man {
    let version = format!("{PROGRAM} {}", crate::version::VERSION);
    // examples have a section of their own
    let command = command.long_version(None::<&str>).after_long_help(None::<&str>);
    Man::new(command).source(version).manual(PROGRAM)
}

fn program_page(program: clap::Command, commands: &[&str]) -> String {
    let man = page(program);
    let mut more = Roff::new();
    section(&mut more, "EXIT STATUS", EXIT_STATUS, bold);
    section(&mut more, "ENVIRONMENT", ENVIRONMENT, bold);
    section(&mut more, "FILES", FILES, italic);
    see_also(&mut more, commands);
    render(|page| man.render(page), &more)
}

fn section(page: &mut Roff, title: &str, entries: Entries, tag: fn(&'static str) -> Inline) {
    page.control("SH", [title]);
    for (name, text) in entries {
        page.control("TP", []);
        page.text([tag(name)]);
        page.text([roman(*text)]);
    }
}

/// The examples of `--help`, as a section.
fn examples(page: &mut Roff, command: &str) {
    page.control("SH", ["EXAMPLES"]);
    for Example { about, line } in examples_of(command) {
        page.control("TP", []);
        page.text([roman(about)]);
        page.text([bold(line)]);
    }
}

fn see_also(page: &mut Roff, names: &[&str]) {
    page.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (idx, name) in names.iter().enumerate() {
        line.extend([bold(*name), roman(if idx + 1 < names.len() { "(1), " } else { "(1)" })]);
    }
    page.text(line);
}

fn render(page: impl FnOnce(&mut dyn io::Write) -> io::Result<()>, more: &Roff) -> String {
    let mut text = Vec::new();
    let written = page(&mut text).and_then(|()| more.to_writer(&mut text));
    debug_assert!(written.is_ok(), "memory can be written");
    String::from_utf8_lossy(&text).into_owned()
}
