//! Assets with what contributed to their scores.

use super::TextPage;
use super::told::{MOST_LINES, one_decimal, shown};
use crate::findings::{AssetEvidence, RankedAsset};
use crate::terminal::{Colour, counted, escape_controls, wrapped};

/// Use cases named of an asset.
const NAMED_USE_CASES: usize = 4;

/// Columns in front of the text: a score of 100.0, and two spaces.
const INDENT: usize = 7;

impl TextPage {
    pub(super) fn assets(self, assets: &[RankedAsset]) -> String {
        let mut text = self.head_of_scores("asset, with what contributed");
        for asset in assets {
            let findings = counted(asset.findings, "finding", "findings");
            let head = format!("{}: {findings}, {} bits", shown(&asset.asset), one_decimal(asset.surprise));
            text.push_str(&self.scored(asset.score, &head, &contributions(&asset.use_cases)));
        }
        text
    }

    /// Line above scores and what has them.
    pub fn head_of_scores(self, what: &str) -> String {
        format!("{}\n", self.palette.paint(Colour::Faint, &format!("score  {what}")))
    }

    /// A score with what has it, and lines about it.
    pub fn scored(self, score: f64, head: &str, about: &str) -> String {
        let most = self.width - INDENT;
        let mut text = String::new();
        for (idx, line) in wrapped(head, most, MOST_LINES).iter().enumerate() {
            let score = if idx == 0 { one_decimal(score) } else { String::new() };
            text.push_str(&format!("{score:>5}  {}\n", self.palette.paint(Colour::Strong, line)));
        }
        for line in wrapped(about, most, MOST_LINES).iter().filter(|line| !line.is_empty()) {
            text.push_str(&format!("{}{}\n", " ".repeat(INDENT), self.palette.paint(Colour::Faint, line)));
        }
        text
    }
}

/// Shares of use cases, the greatest first.
pub(super) fn contributions(evidence: &[AssetEvidence]) -> String {
    let share = |of: &AssetEvidence| {
        let findings = if of.findings == 1 { String::new() } else { format!(" of {} findings", of.findings) };
        format!("{} {}{findings}", escape_controls(&of.use_case), one_decimal(of.surprise))
    };
    let mut shares: Vec<String> = evidence.iter().take(NAMED_USE_CASES).map(share).collect();
    if evidence.len() > NAMED_USE_CASES {
        shares.push(format!("{} more", evidence.len() - NAMED_USE_CASES));
    }
    shares.join(" · ")
}
