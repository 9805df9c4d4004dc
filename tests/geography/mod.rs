//! Geography: users who are at two places, and where addresses are.
//!
//! `travel` tests the model of that name on coordinates that events have, as a user would look for
//! impossible trips. `addresses` looks addresses up in databases, which `database` writes.

pub(crate) mod addresses;
mod database;
pub(crate) mod travel;

use std::path::Path;

use serde_json::{Map, Value};

use crate::outliers::{self, Outliers};
use crate::program::{self, Report};

/// Outliers that a run found.
struct Found {
    report: Report,
    /// Bytes of the output.
    output: String,
    outliers: Outliers,
}

impl Found {
    /// Texts of one observation of all outliers, sorted.
    fn all(&self, key: &str) -> Vec<String> {
        let texts = self.outliers.values().flat_map(|stored| stored[key].as_array().expect("a list"));
        let mut texts: Vec<String> = texts.map(|text| text.as_str().expect("a text").to_owned()).collect();
        texts.sort();
        texts
    }

    /// The only document with outliers.
    fn only(&self) -> &Map<String, Value> {
        let [stored] = self.outliers.values().collect::<Vec<_>>()[..] else { panic!("{}", self.output) };
        stored
    }
}

/// Runs `use_cases` on `events`, with more arguments.
fn run(folder: &Path, use_cases: &str, events: &str, more: &[&str]) -> Found {
    std::fs::write(folder.join("events.ndjson"), events).expect("written");
    run_on(folder, use_cases, "events.ndjson", more)
}

/// Runs `use_cases` on a file, with more arguments.
fn run_on(folder: &Path, use_cases: &str, events: &str, more: &[&str]) -> Found {
    std::fs::write(folder.join("geography.conf"), use_cases).expect("written");
    let args = ["run", "-q", "--use-cases", "geography.conf", "--events", events, "-o", "out.ndjson"];
    let args = [&args[..], &["--report", "report.json", "--findings", "findings.ndjson"], more].concat();
    program::run(folder, &args).expect_code(0);
    let output = std::fs::read_to_string(folder.join("out.ndjson")).expect("written");
    let outliers = outliers::read(&folder.join("out.ndjson")).expect("well-formed output");
    Found { report: Report::read(&folder.join("report.json")), output, outliers }
}
