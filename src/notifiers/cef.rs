//! Findings in the Common Event Format, for SIEMs.

use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};

use super::text::{cut, one_line};
use super::view;
use crate::config::FindingSeverity;
use crate::delivery::{FindingNotice, Notice};

/// The message of a notice, each of whose texts has at most `most_chars` characters.
pub(super) fn message(notice: &Notice, most_chars: usize) -> String {
    let (kind, fields) = match notice {
        Notice::Finding(finding) => (finding.use_case.as_str(), of_finding(finding, most_chars)),
        Notice::Sample(finding) => ("test", of_finding(finding, most_chars)),
        Notice::Digest(digest) => (
            "digest",
            vec![
                ("rt", millis(digest.found_at)),
                ("externalId", digest.key.clone()),
                ("cnt", digest.n_findings.to_string()),
                ("cs1Label", "run".to_owned()),
                ("cs1", one_line(&digest.run_id, most_chars)),
            ],
        ),
    };
    let title = view::title(notice);
    let head = [
        "ee-outliers".to_owned(),
        "ee-outliers".to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
        one_line(kind, 100),
        cut(&title, most_chars.clamp(20, 200)),
        severity(view::severity(notice)).to_string(),
    ];
    let mut message = "CEF:0".to_owned();
    head.iter().for_each(|field| message.push_str(&format!("|{}", in_head(field))));
    message.push('|');
    let message_text = ("msg", cut(&title, most_chars));
    let fields = fields.into_iter().chain([message_text]).filter(|(_, value)| !value.is_empty());
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}={}", in_extension(&value))).collect();
    message.push_str(&fields.join(" "));
    message
}

fn of_finding(finding: &FindingNotice, most_chars: usize) -> Vec<(&'static str, String)> {
    let text = |value: &str| one_line(value, most_chars);
    let list = |values: &[String]| text(&values.join(", "));
    let time = |time: Option<DateTime<Utc>>| time.map_or_else(String::new, millis);
    let asset = |kinds: &[&str]| {
        let value = |asset: &String| {
            let (kind, value) = asset.split_once(": ")?;
            kinds.iter().any(|known| known.eq_ignore_ascii_case(kind)).then(|| text(value))
        };
        finding.assets.iter().find_map(value).unwrap_or_default()
    };
    let is_address = |asset: &String| {
        let (_, value) = asset.split_once(": ")?;
        value.parse::<Ipv4Addr>().ok().map(|address| address.to_string())
    };
    vec![
        ("rt", millis(finding.found_at)),
        ("start", time(finding.first)),
        ("end", time(finding.last)),
        ("externalId", finding.key.clone()),
        ("cat", list(&finding.outlier_type)),
        ("cnt", finding.n_documents.to_string()),
        ("shost", asset(&["host", "hostname", "computer", "machine"])),
        ("suser", asset(&["user", "username", "account"])),
        ("src", finding.assets.iter().find_map(is_address).unwrap_or_default()),
        ("cfp1Label", "score".to_owned()),
        ("cfp1", view::shown_score(finding.score)),
        ("cs1Label", "finding".to_owned()),
        ("cs1", text(&finding.finding_id)),
        ("cs2Label", "assets".to_owned()),
        ("cs2", list(&finding.assets)),
        ("cs3Label", "reason".to_owned()),
        ("cs3", list(&finding.reason)),
        ("cs4Label", "aggregator".to_owned()),
        ("cs4", text(finding.aggregator.as_deref().unwrap_or_default())),
        ("cs5Label", "target".to_owned()),
        ("cs5", text(finding.target.as_deref().unwrap_or_default())),
        ("cs6Label", "run".to_owned()),
        ("cs6", text(&finding.run_id)),
    ]
}

fn millis(time: DateTime<Utc>) -> String {
    time.timestamp_millis().to_string()
}

/// Severity from 0 to 10.
fn severity(severity: FindingSeverity) -> u8 {
    match severity {
        FindingSeverity::Informational => 1,
        FindingSeverity::Low => 3,
        FindingSeverity::Medium => 5,
        FindingSeverity::High => 8,
        FindingSeverity::Critical => 10,
    }
}

/// Escapes a field of the head, which ends at `|`.
fn in_head(text: &str) -> String {
    text.replace('\\', r"\\").replace('|', r"\|")
}

/// Escapes a value of the extension, which ends before the next `NAME=`.
fn in_extension(text: &str) -> String {
    text.replace('\\', r"\\").replace('=', r"\=").replace('\r', r"\r").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_no_field() {
        assert_eq!(in_head(r"a|b\c=d"), r"a\|b\\c=d");
        assert_eq!(in_extension("a|b\\c=d\n"), r"a|b\\c\=d\n");
    }
}
