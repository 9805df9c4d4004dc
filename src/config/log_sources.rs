//! `[log_sources]` of profiles: conditions by which programs and forms of logs are recognised.

use super::comments::{self, Form as CommentForm};
use super::ini::Ini;
use super::problem::Problem;

pub(super) const SECTION: &str = "log_sources";

/// A program that writes events, or a form in which they are collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSource {
    /// Its name for people.
    pub name: String,
    /// Lucene query string that matches its events.
    pub condition: String,
}

/// Reads `NAME=CONDITION`.
pub(super) fn read(ini: &Ini, problems: &mut Vec<Problem>) -> Vec<LogSource> {
    let mut sources = Vec::new();
    for entry in ini.own_entries(SECTION) {
        problems.extend(comments::warning(entry, SECTION, CommentForm::Tight));
        let condition = entry.value.text().trim_start();
        if condition.is_empty() {
            let problem = Problem::error("the log source has no condition").at(entry.value.location());
            problems.push(problem.in_section(SECTION).of_key(&entry.key).help("write a Lucene query string"));
        } else {
            sources.push(LogSource { name: entry.key.clone(), condition: condition.to_owned() });
        }
    }
    sources
}
