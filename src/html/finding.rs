//! Views of findings: the line in a list, and the facts below it.

use serde::Serialize;
use serde_json::Value;

use super::texts::{shortened, time};
use crate::state::KeptFinding;
use crate::terminal::{counted, thousands};

/// Assets in the line of a finding.
const SHOWN_ASSETS: usize = 5;

/// Upper limit on the characters of each text of a finding.
const SHOWN_CHARS: usize = 600;

/// A finding in a list.
#[derive(Debug, Serialize)]
pub(crate) struct FindingView {
    /// Page of the finding, if it has one of its own.
    link: Option<String>,
    score: String,
    severity: &'static str,
    headline: String,
    reason: Option<String>,
    use_case: String,
    documents: String,
    /// Times of its first and last event.
    when: String,
    assets: String,
}

/// A name and a text.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(super) name: String,
    pub(super) text: String,
}

impl Fact {
    /// A fact.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Fact { name: name.into(), text: text.into() }
    }
}

impl FindingView {
    /// The line of a finding.
    pub(crate) fn of(finding: &KeptFinding) -> Self {
        let mut assets: Vec<String> =
            finding.assets.iter().take(SHOWN_ASSETS).map(|asset| shortened(asset, 100)).collect();
        if finding.assets.len() > SHOWN_ASSETS {
            assets.push("…".to_owned());
        }
        let headline = if finding.summary.is_empty() { "without a summary" } else { &finding.summary };
        FindingView {
            link: None,
            score: format!("{:.1}", finding.score),
            severity: finding.severity.map_or("", |severity| severity.as_str()),
            headline: shortened(headline, SHOWN_CHARS),
            reason: finding.reason.as_deref().map(|reason| shortened(reason, SHOWN_CHARS)),
            use_case: finding.use_case.clone(),
            documents: counted(finding.documents, "document", "documents"),
            when: when(finding),
            assets: assets.join(", "),
        }
    }

    /// The same with a link to the page of the finding.
    pub(crate) fn linked(self, link: String) -> Self {
        FindingView { link: Some(link), ..self }
    }
}

fn when(finding: &KeptFinding) -> String {
    match (finding.first, finding.last) {
        (Some(first), Some(last)) if time(first) != time(last) => format!("{} to {}", time(first), time(last)),
        (first, last) => first.or(last).map(time).unwrap_or_default(),
    }
}

/// Facts about a finding, besides what the model saw.
pub(crate) fn facts(finding: &KeptFinding) -> Vec<Fact> {
    let text = |text: &str| shortened(text, SHOWN_CHARS);
    let mut facts = vec![Fact::new(
        "Score",
        format!("{:.1} of 100 ({:.1} bits; alone {:.1})", finding.score, finding.surprise, finding.own_score),
    )];
    facts.extend(finding.reason.as_deref().map(|reason| Fact::new("Why", text(reason))));
    facts.push(Fact::new("Use case", finding.use_case.clone()));
    facts.extend(finding.severity.map(|severity| Fact::new("Severity", severity.as_str())));
    let lists = [("ATT&CK", &finding.techniques), ("Also flagged by", &finding.supported_by)];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    facts.extend(lists.map(|(name, list)| Fact::new(name, list.join(", "))));
    facts.extend(finding.aggregator.as_deref().map(|of| Fact::new("Aggregator", text(of))));
    facts.extend(finding.target.as_deref().map(|of| Fact::new("Target", text(of))));
    facts.extend(finding.first.map(|first| Fact::new("First event", time(first))));
    facts.extend(finding.last.map(|last| Fact::new("Last event", time(last))));
    facts.push(Fact::new("Documents", thousands(finding.documents)));
    if !finding.assets.is_empty() {
        let assets: Vec<String> = finding.assets.iter().map(|asset| text(asset)).collect();
        facts.push(Fact::new("Assets", assets.join(", ")));
    }
    let place = format!("{} in {}", text(&finding.document), text(&finding.index));
    facts.push(Fact::new("Strongest event", place));
    facts.push(Fact::new("Id", finding.id.clone()));
    facts
}

/// Observations of the model, if they were kept.
pub(crate) fn observations(finding: &KeptFinding) -> Vec<Fact> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let members = finding.outlier.iter().flatten();
    members.map(|(name, value)| Fact::new(name, text(value))).collect()
}
