//! Words about findings, in any layout.

use super::TextPage;
use crate::config::FindingSeverity;
use crate::findings::{Finding, shown_time};
use crate::terminal::{Colour, counted, escape_controls, width, wrapped};

/// Characters shown of a text: laying it out takes time.
const SHOWN_CHARS: usize = 1000;

/// Lines of a text that an event chose.
pub(super) const MOST_LINES: usize = 4;

/// Start of a text that comes from events, escaped.
pub(super) fn shown(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS) else { return escape_controls(text) };
    format!("{} …", escape_controls(&text[..end]))
}

pub(super) fn one_decimal(number: f64) -> String {
    format!("{number:.1}")
}

/// First and last time of a finding, to the second; the last one without what it has in common.
pub(super) fn times(finding: &Finding) -> Vec<String> {
    let text = |micros: Option<i64>| {
        let text = micros.and_then(|micros| shown_time(micros - micros.rem_euclid(1_000_000)))?;
        Some(text.replace('T', " ").trim_end_matches('Z').to_owned())
    };
    let (Some(first), Some(last)) = (text(finding.first), text(finding.last)) else { return Vec::new() };
    let (day, time) = last.split_once(' ').unwrap_or((&last, ""));
    match first == last {
        true => vec![first],
        false if first.starts_with(day) => vec![first.clone(), time.to_owned()],
        false => vec![first, last],
    }
}

/// Facts about a finding besides what was found and why.
pub(super) fn facts(finding: &Finding) -> String {
    let severity = finding.severity.map(|severity| severity.as_str().to_owned());
    let documents = counted(finding.documents, "document", "documents");
    let support = match finding.supported_by.as_slice() {
        [] => None,
        names => Some(format!("also {}", escape_controls(&names.join(", ")))),
    };
    let times = (!times(finding).is_empty()).then(|| times(finding).join(" to "));
    let assets = (!finding.assets.is_empty()).then(|| shown(&finding.assets.join(", ")));
    let techniques = (!finding.techniques.is_empty()).then(|| escape_controls(&finding.techniques.join(", ")));
    let facts =
        [severity, Some(documents), times, assets, techniques, Some(escape_controls(&finding.use_case)), support];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Colour of what a finding of this severity is called.
pub(super) fn colour(severity: Option<FindingSeverity>) -> Colour {
    match severity {
        Some(FindingSeverity::Critical) => Colour::Alarm,
        Some(FindingSeverity::High) => Colour::Warning,
        Some(FindingSeverity::Medium) => Colour::Notice,
        Some(FindingSeverity::Low | FindingSeverity::Informational) | None => Colour::Strong,
    }
}

impl TextPage {
    /// Text of any length in lines that fit, `indent` columns from the left.
    pub fn paragraph(self, text: &str, indent: usize) -> String {
        let most = if self.wide { usize::MAX } else { self.width - indent };
        let lines = wrapped(text, most, usize::MAX);
        lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
    }

    /// Line that says what to do next. A command is one line, to be copied.
    pub(super) fn next(self, best: &Finding, source: &str) -> String {
        let command = format!("ee-outliers explain {}{source}", best.finding_id.short());
        let before = "Next, why the first one is an outlier: ";
        let is_short = width(before) + width(&command) <= self.width;
        format!(
            "{}{}{}",
            before.trim_end(),
            if is_short { " " } else { "\n" },
            self.palette.paint(Colour::Strong, &command)
        )
    }
}
