//! The report of a run as one page that needs nothing else: no server, no network, no other file.
//!
//! `read` is a report as it was written; `list` the findings, of which a page holds those with the
//! highest scores; `attack` the matrix of techniques; `sections` the rest.

mod attack;
mod list;
mod read;
mod sections;

use minijinja::context;

use super::{Templates, shown};

pub use list::{FindingList, Room};
pub use read::{ReadReport, ReportPageError};

/// Filters, sorts and pages the findings.
const SCRIPT: &str = include_str!("report.js");

/// Page of a report with these findings.
///
/// # Errors
/// A template with a mistake.
pub fn report_page(report: &ReadReport, findings: &FindingList) -> Result<String, ReportPageError> {
    let templates = Templates::read(&[("report", include_str!("report.html"))])?;
    let missing = templates.lines("Missing", "alarm", &report.missing)?;
    let warnings = templates.lines("Warnings", "", &report.warnings)?;
    let listed = context! {
        note => findings.note(report.totals.findings),
        rows => &findings.rows,
        ..findings.filters()
    };
    let (run, source) = (shown(&sections::run(report)), shown(&sections::source(&report.source)));
    let assets = shown(&sections::assets(&report.assets, report.totals.assets));
    let sections = context! {
        tactics => shown(&attack::matrix(&report.use_cases)),
        whitelisted => shown(&sections::whitelisted(&report.use_cases)),
        use_cases => shown(&sections::use_cases(&report.use_cases)),
        timeline => findings.timeline(),
        sections => shown(&sections::SECTIONS),
    };
    let title = format!("Run of {}", sections::started(report));
    let context = context! { title, run, missing, warnings, findings => listed, assets, source, ..sections };
    Ok(templates.render_alone("report", Some(SCRIPT), context)?)
}

/// Link that shows the findings with this value of a filter.
fn link(filter: &str, value: &str) -> String {
    let mut link = format!("#{filter}=");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push_str(&format!("%{byte:02X}"));
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_hold_any_text() {
        assert_eq!(link("q", "host: a&b=\"é\"#"), "#q=host%3A%20a%26b%3D%22%C3%A9%22%23");
    }
}
