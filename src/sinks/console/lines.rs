//! Findings as a few lines each, for narrow terminals.

use super::TextPage;
use super::told::{MOST_LINES, colour, facts, one_decimal, shown};
use crate::findings::Finding;
use crate::terminal::{Colour, wrapped};

/// Columns in front of the text: a score of 100.0, and two spaces.
const INDENT: usize = 7;

impl TextPage {
    pub(super) fn lines(self, findings: &[Finding]) -> String {
        let mut text = self.head_of_scores("finding, why, where");
        findings.iter().for_each(|finding| text.push_str(&self.block(finding)));
        text
    }

    /// A finding: its score and what it is, why, and the facts.
    pub(super) fn block(self, finding: &Finding) -> String {
        let most = self.width - INDENT;
        let strong = colour(finding.severity);
        let mut text = String::new();
        for (idx, line) in wrapped(&shown(&finding.summary), most, MOST_LINES).iter().enumerate() {
            let score = if idx == 0 { one_decimal(finding.score) } else { String::new() };
            text.push_str(&format!("{score:>5}  {}\n", self.palette.paint(strong, line)));
        }
        let mut add = |lines: Vec<String>, colour: Option<Colour>| {
            for line in lines {
                let line = colour.map_or_else(|| line.clone(), |colour| self.palette.paint(colour, &line));
                text.push_str(&format!("{}{line}\n", " ".repeat(INDENT)));
            }
        };
        if let Some(reason) = &finding.reason {
            add(wrapped(&shown(reason), most, MOST_LINES), None);
        }
        let facts = format!("{} · {}", facts(finding), finding.finding_id.short());
        add(wrapped(&facts, most, 2 * MOST_LINES), Some(Colour::Faint));
        text
    }

    /// Findings as one line each, with nothing left out.
    pub(super) fn unbounded(self, findings: &[Finding]) -> String {
        let line = |finding: &Finding| {
            let reason = finding.reason.as_deref().map(|reason| format!(" · {}", shown(reason))).unwrap_or_default();
            let summary = self.palette.paint(colour(finding.severity), &shown(&finding.summary));
            let (score, id) = (one_decimal(finding.score), finding.finding_id.short());
            format!("{score:>5}  {id}  {summary}{reason} · {}\n", facts(finding))
        };
        findings.iter().map(line).collect()
    }
}
