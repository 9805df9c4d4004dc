//! Explanations as text for a terminal. Texts of events are shown escaped.

use std::fmt::Write;

use super::looking::{AcceptingEntry, Explanation, Verdict};
use crate::findings::shown_time;
use crate::models::{Bar, Evidence, Neighbour, OutlierSide, Plot, PlotBin, WordFit};
use crate::query::MatchedField;
use crate::terminal::{counted, escape_controls, number, thousands};

/// Characters of the longest bar.
const BAR: usize = 40;

/// Characters shown of a text of events.
const TEXT: usize = 60;

/// Characters shown of a text that is a line of its own.
const LINE: usize = 300;

/// Fields shown of those in which the query matches.
const MATCHED: usize = 12;

/// Mark of the bar that holds the explained value.
const OWN: &str = "  <- this one";

/// Heights of arrivals, from none to most.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Text about a document.
pub(super) fn text(document: &str, explanations: &[Explanation]) -> String {
    let mut text = format!("{}\n", escape_controls(document));
    for explanation in explanations {
        text.push('\n');
        add_explanation(&mut text, explanation);
    }
    text
}

fn add_explanation(text: &mut String, explanation: &Explanation) {
    let Explanation { use_case, verdict, finding, evidence, .. } = explanation;
    let mut line = |name: &str, value: &str| {
        // writing into a String cannot fail
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    line("use case", &escape_controls(use_case));
    line("verdict", verdict_text(*verdict));
    for AcceptingEntry { name, section, place, owner, reason } in &explanation.accepted_by {
        let owner = owner.iter().map(|owner| format!("; owner: {owner}"));
        let more: String = owner.chain(reason.iter().map(|reason| format!("; {reason}"))).collect();
        let entry = if name == section { format!("[{name}]") } else { format!("{name} of [{section}]") };
        line("whitelist", &shortened(&format!("{entry} at {place}{more}"), LINE));
    }
    if let Some(finding) = finding {
        line("finding", &format!("{}, own score {}", finding.id, number(finding.own_score)));
    }
    if let Some(group) = &evidence.group {
        line("group", &shortened(group, LINE));
    }
    if let Some(target) = &evidence.target {
        line("target", &shortened(target, LINE));
    }
    if let Some(value) = evidence.value {
        line("value", &value_text(value, evidence));
    }
    line("frontier", &frontier_text(evidence));
    if let Some(rank) = evidence.rank {
        line("rank", &format!("{} of {} {}", thousands(rank), thousands(evidence.n_values), evidence.population));
    } else if evidence.n_values > 0 {
        line("of", &format!("{} {}", thousands(evidence.n_values), evidence.population));
    }
    for (name, neighbour) in [("above", &evidence.above), ("below", &evidence.below)] {
        if let Some(neighbour) = neighbour {
            line(name, &neighbour_text(neighbour));
        }
    }
    for MatchedField { field, values } in explanation.matched.iter().take(MATCHED) {
        let values: Vec<String> = values.iter().map(|value| shortened(value, TEXT)).collect();
        line("matched", &shortened(&format!("{field} = {}", values.join(", ")), LINE));
    }
    evidence.notes.iter().for_each(|note| line("note", &shortened(note, LINE)));
    evidence.changes.iter().for_each(|change| line("but", &change.to_string()));
    if !explanation.stored.is_empty() {
        let stored: Vec<String> = explanation
            .stored
            .iter()
            .map(|(name, value)| format!("{name} = {}", shortened(&value.to_string(), TEXT)))
            .collect();
        let alone = if explanation.recomputable { ": the document alone tells the verdict" } else { "" };
        line("stored", &format!("{}{alone}", stored.join(", ")));
    }
    if explanation.more_rows > 0 {
        let rows = counted(explanation.more_rows as u64, "more row", "more rows");
        line("rows", &format!("the document has {rows}, which are not shown"));
    }
    add_plot(text, evidence);
    add_words(text, &evidence.words);
}

fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Outlier => "outlier",
        Verdict::LeftOut => "outlier, left out by min_score, requires, max_outliers or outlier_budget",
        Verdict::Whitelisted => "outlier, accepted by an entry of the whitelist",
        Verdict::Ordinary => "not an outlier",
    }
}

fn value_text(value: f64, evidence: &Evidence) -> String {
    let unadjusted = evidence.unadjusted.map_or_else(String::new, |value| format!("; {} unadjusted", number(value)));
    format!("{} ({}{unadjusted})", number(value), escape_controls(&evidence.measure))
}

fn frontier_text(evidence: &Evidence) -> String {
    let side = match evidence.side {
        Some(OutlierSide::Above) => "greater ones are outliers",
        Some(OutlierSide::Below) => "smaller ones are outliers",
        None => return "none".to_owned(),
    };
    match evidence.frontier {
        Some(frontier) => format!("{} ({side})", number(frontier)),
        None => format!("none in this group ({side})"),
    }
}

fn neighbour_text(Neighbour { value, n, text }: &Neighbour) -> String {
    let times = if *n == 1 { "once".to_owned() } else { format!("{} times", thousands(*n)) };
    let text = text.as_deref().map_or_else(String::new, |text| format!(", such as {}", shortened(text, TEXT)));
    format!("{} ({times}{text})", number(*value))
}

fn add_plot(text: &mut String, evidence: &Evidence) {
    match &evidence.plot {
        Plot::Nothing => {}
        Plot::Histogram { bins } => add_histogram(text, bins),
        Plot::Counts { bars, n_more } => add_counts(text, bars, *n_more),
        Plot::Arrivals { start, end, group, target } => {
            text.push('\n');
            let mut row = |name: &str, counts: &[u64]| {
                let n: u64 = counts.iter().sum();
                let _ = writeln!(text, "  {name:<10} |{}| {}", heights(counts), counted(n, "event", "events"));
            };
            row("group", group);
            if !target.is_empty() {
                row("target", target);
            }
            let times = [start, end].map(|time| shown_time(*time).unwrap_or_default());
            let _ = writeln!(text, "  {:<10} {} to {}", "", times[0], times[1]);
        }
    }
}

fn add_histogram(text: &mut String, bins: &[PlotBin]) {
    let row = |bin: PlotBin| (format!("{} to {}", number(bin.from), number(bin.to)), bin.n, bin.own);
    add_bars(text, without_gaps(bins).into_iter().map(row).collect());
}

/// The same bins, but empty ones side by side are one.
fn without_gaps(bins: &[PlotBin]) -> Vec<PlotBin> {
    let is_empty = |bin: &PlotBin| bin.n == 0 && !bin.own;
    let runs = bins.chunk_by(|a, b| is_empty(a) && is_empty(b));
    runs.filter_map(|run| Some(PlotBin { to: run.last()?.to, ..*run.first()? })).collect()
}

fn add_counts(text: &mut String, bars: &[Bar], n_more: u64) {
    let row = |bar: &Bar| (shortened(&bar.text, TEXT / 2), bar.n, bar.own);
    let width = add_bars(text, bars.iter().map(row).collect());
    if n_more > 0 {
        let _ = writeln!(text, "  {:>width$} and {} more", "", thousands(n_more));
    }
}

/// Adds a bar per name with its number; the last member marks the own one. Returns the width of the
/// names.
fn add_bars(text: &mut String, rows: Vec<(String, u64, bool)>) -> usize {
    text.push('\n');
    let most = rows.iter().map(|(_, n, _)| *n).max().unwrap_or(0);
    let width = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    for (name, n, own) in rows {
        let mark = if own { OWN } else { "" };
        let _ = writeln!(text, "  {name:>width$} {} {}{mark}", bar(n, most), thousands(n));
    }
    width
}

fn add_words(text: &mut String, words: &[WordFit]) {
    if words.is_empty() {
        return;
    }
    text.push_str("\n  words that fit worst\n");
    for WordFit { word, score, frontier, flagged, expected } in words {
        let frontier = frontier.map_or_else(String::new, |frontier| format!(", frontier {}", number(frontier)));
        let expected = expected
            .as_deref()
            .map_or_else(String::new, |expected| format!("; {} fits here", shortened(expected, TEXT)));
        let flagged = if *flagged { ", an outlier" } else { "" };
        let word = if word.is_empty() { "(empty)".to_owned() } else { shortened(word, TEXT) };
        let _ = writeln!(text, "  {word}: score {}{frontier}{flagged}{expected}", number(*score));
    }
}

/// Bar of at least one character for any number but 0.
fn bar(n: u64, most: u64) -> String {
    let length = (n as f64 / most.max(1) as f64 * BAR as f64).round() as usize;
    "█".repeat(length.max(usize::from(n > 0)))
}

fn heights(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let height = |n: u64| (n * (HEIGHTS.len() as u64 - 1)).div_ceil(most) as usize;
    counts.iter().map(|&n| HEIGHTS[height(n)]).collect()
}

/// A text of an event on one line.
fn shortened(text: &str, most: usize) -> String {
    let escaped = escape_controls(text);
    match escaped.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_heights_show_every_event() {
        assert_eq!(bar(1, 1_000_000), "█");
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10).chars().count(), BAR);
        assert_eq!(heights(&[0, 1, 500, 1000]), " ▁▄█");
    }

    #[test]
    fn gaps_are_one_line() {
        let bin = |from: f64, n: u64| PlotBin { from, to: from + 1.0, n, own: false };
        let mut text = String::new();
        add_histogram(&mut text, &[bin(0.0, 4), bin(1.0, 0), bin(2.0, 0), bin(3.0, 2)]);
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).map(str::trim_end).collect();
        let (full, half) = ("█".repeat(BAR), "█".repeat(BAR / 2));
        assert_eq!(lines, [&format!("  0 to 1 {full} 4"), "  1 to 3  0", &format!("  3 to 4 {half} 2")]);
    }

    #[test]
    fn texts_cannot_steer_the_terminal() {
        assert_eq!(shortened("a\u{1b}[2Jb\nc", 99), "a\\u{1b}[2Jb\\nc");
        assert_eq!(shortened("abcdef", 3), "abc…");
    }
}
