//! Evidence of a verdict as facts and as a plot.

use outlier_kernels::Side;

use super::Fact;
use super::texts::shortened;
use crate::models::{Evidence, Neighbour, OutlierSide, Plot};
use crate::plots::{self, Axis, BarPlot, HistogramPlot};
use crate::terminal::{counted, thousands};

/// Upper limit on the characters of each text.
const SHOWN_CHARS: usize = 200;

/// Words that are listed.
const WORDS: usize = 8;

/// Counts that differ by more than this factor are drawn on a logarithmic axis.
const LINEAR_UP_TO: u64 = 100;

/// Facts about the value, the frontier and what is next to them.
pub(crate) fn facts_of(evidence: &Evidence) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(evidence.value.map(|value| Fact::new("Value", format!("{}: {}", evidence.measure, number(value)))));
    facts.extend(evidence.unadjusted.map(|value| Fact::new("Before adjustment for the hour", number(value))));
    if let Some(frontier) = evidence.frontier {
        let side = match evidence.side {
            Some(OutlierSide::Above) => "outliers are above ",
            Some(OutlierSide::Below) => "outliers are below ",
            None => "",
        };
        facts.push(Fact::new("Frontier", format!("{side}{}", number(frontier))));
    }
    if evidence.n_values > 0 {
        let compared = format!("{} {}", thousands(evidence.n_values), evidence.population);
        let rank = evidence.rank.map(|rank| format!("; rank {}", thousands(rank)));
        facts.push(Fact::new("Compared with", compared + &rank.unwrap_or_default()));
    }
    let next = [("Next below", &evidence.below), ("Next above", &evidence.above)];
    facts.extend(next.into_iter().filter_map(|(name, next)| Some(Fact::new(name, neighbour(next.as_ref()?)))));
    facts.extend(evidence.notes.iter().map(|note| Fact::new("Note", note)));
    let words = evidence.words.iter().take(WORDS);
    facts.extend(words.map(|fit| {
        let expected = fit.expected.as_deref().map(|word| format!("; {word} would fit"));
        let flagged = if fit.flagged { ", an outlier by itself" } else { "" };
        let text = format!("{}: {}{flagged}{}", fit.word, number(fit.score), expected.unwrap_or_default());
        Fact::new("Fit of a word", text)
    }));
    facts.extend(evidence.changes.iter().map(|change| Fact::new("Otherwise", change.to_string())));
    facts
}

fn neighbour(next: &Neighbour) -> String {
    let text = next.text.as_deref().map(|text| format!(": {}", shortened(text, SHOWN_CHARS)));
    let times = if next.n > 1 { format!(", {} times", thousands(next.n)) } else { String::new() };
    format!("{}{times}{}", number(next.value), text.unwrap_or_default())
}

/// A number with as many digits as people read.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let digits = thousands(value.abs() as u64);
        return if value < 0.0 { format!("-{digits}") } else { digits };
    }
    let rounded = format!("{value:.4}");
    if rounded.trim_start_matches('-').starts_with("0.000") {
        return format!("{value:.2e}");
    }
    rounded.trim_end_matches('0').to_owned()
}

/// The plot that explains a verdict, for a page that has the style of plots; `None` if there is
/// nothing to plot.
pub(crate) fn plot(evidence: &Evidence) -> Option<String> {
    let svg = match &evidence.plot {
        Plot::Nothing => return None,
        Plot::Histogram { bins } => {
            let mut edges: Vec<f64> = bins.iter().map(|bin| bin.from).chain(bins.last().map(|last| last.to)).collect();
            if let [from, to] = &mut edges[..]
                && from == to
            {
                // values that are all equal
                let half = (from.abs() / 20.0).max(0.5);
                (*from, *to) = (*from - half, *to + half);
            }
            let counts: Vec<u64> = bins.iter().map(|bin| bin.n).collect();
            let x = Axis::linear(&evidence.measure);
            let y = counts_axis(&evidence.population, &counts);
            let description = format!("Distribution of {}. The value of this finding is marked.", evidence.population);
            let mut plot = HistogramPlot::new(title(evidence), description, x, y).bins(edges, counts);
            if let Some((frontier, side)) = evidence.frontier.zip(side(evidence)) {
                plot = plot.frontier(frontier, side, format!("frontier {}", number(frontier)));
            }
            if let Some(value) = evidence.value {
                plot = plot.mark(value, number(value));
            }
            plot.svg()
        }
        Plot::Counts { bars, n_more } => {
            let description = match n_more {
                0 => format!("Counts of {}. This finding is marked.", evidence.population),
                n => {
                    let more = counted(*n, "text", "texts");
                    format!("Counts of {}. This finding is marked; {more} more are left out.", evidence.population)
                }
            };
            let counts: Vec<u64> = bars.iter().map(|bar| bar.n).collect();
            let mut plot = BarPlot::new(title(evidence), description, bars_axis(&evidence.measure, &counts));
            for bar in bars {
                plot = if bar.own {
                    plot.marked_bar(&bar.text, bar.n as f64, "this finding")
                } else {
                    plot.bar(&bar.text, bar.n as f64, "")
                };
            }
            // a frontier of something else than these counts has no place among them
            if let Some(frontier) = evidence.frontier.filter(|_| counts_are_judged(evidence)) {
                plot = plot.frontier(frontier, format!("frontier {}", number(frontier)));
            }
            plot.svg()
        }
        Plot::Arrivals { start, end, group, target } => {
            let n = group.len().max(1);
            let edge = |idx: usize| (*start as f64 + (*end as f64 - *start as f64) * (idx as f64 / n as f64)) / 1e6;
            let edges: Vec<f64> = (0..=n).map(edge).collect();
            let description = "Numbers of events over time. Those of this finding are marked.";
            let (x, y) = (Axis::linear("time (UTC)").of_times(), counts_axis("events", group));
            let plot = HistogramPlot::new(title(evidence), description, x, y).bins(edges, group.clone());
            let target = if target.is_empty() { group } else { target };
            plot.marked_bins(target.clone()).svg()
        }
    };
    Some(plots::part(&svg))
}

fn title(evidence: &Evidence) -> String {
    match evidence.group.as_deref().filter(|group| !group.is_empty()) {
        Some(group) => shortened(group, SHOWN_CHARS),
        None => evidence.population.clone(),
    }
}

fn side(evidence: &Evidence) -> Option<Side> {
    Some(match evidence.side? {
        OutlierSide::Above => Side::High,
        OutlierSide::Below => Side::Low,
    })
}

/// True if the value that is judged is the count of the bar that is marked.
fn counts_are_judged(evidence: &Evidence) -> bool {
    let Plot::Counts { bars, .. } = &evidence.plot else { return false };
    bars.iter().any(|bar| bar.own && evidence.value == Some(bar.n as f64))
}

fn counts_axis(label: &str, counts: &[u64]) -> Axis {
    match counts.iter().max() {
        Some(most) if *most > LINEAR_UP_TO => Axis::logarithmic(label).reaching(0.5),
        _ => Axis::linear(label),
    }
}

fn bars_axis(label: &str, counts: &[u64]) -> Axis {
    let least = counts.iter().copied().filter(|n| *n > 0).min().unwrap_or(1);
    match counts.iter().max() {
        Some(most) if *most / least > LINEAR_UP_TO => Axis::logarithmic(label).of_counts().reaching(0.5),
        _ => Axis::linear(label).of_counts(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Bar, PlotBin};

    fn evidence(plot: Plot) -> Evidence {
        Evidence {
            group: Some("<b>group</b>".to_owned()),
            measure: "occurrences".to_owned(),
            population: "terms of the group".to_owned(),
            value: Some(1.0),
            frontier: Some(2.5),
            side: Some(OutlierSide::Below),
            n_values: 1234,
            rank: Some(1),
            above: Some(Neighbour { value: 12.0, n: 3, text: Some("cmd.exe".to_owned()) }),
            plot,
            ..Evidence::default()
        }
    }

    #[test]
    fn every_kind_of_evidence_has_its_plot() {
        let bin = |from: f64, n: u64, own: bool| PlotBin { from, to: from + 1.0, n, own };
        let bar = |text: &str, n: u64, own: bool| Bar { text: text.to_owned(), n, own };
        let bars = vec![bar("cmd.exe", 900, false), bar("<script>", 1, true)];
        let arrivals = Plot::Arrivals { start: 0, end: 60_000_000, group: vec![3; 60], target: vec![1; 60] };
        for (kind, expected) in [
            (Plot::Histogram { bins: vec![bin(1.0, 1, true), bin(2.0, 5000, false)] }, "frontier 2.5"),
            (Plot::Counts { bars, n_more: 7 }, "&lt;script&gt;"),
            (arrivals, "time (UTC)"),
        ] {
            let svg = plot(&evidence(kind)).unwrap();
            assert!(svg.starts_with("<svg") && svg.contains(expected), "{svg}");
            assert!(svg.contains("class=\"marked\"") && !svg.contains("<style") && !svg.contains("<script"), "{svg}");
        }
        assert_eq!(plot(&evidence(Plot::Nothing)), None);
    }

    #[test]
    fn evidence_is_told_in_words() {
        let facts: Vec<String> =
            facts_of(&evidence(Plot::Nothing)).iter().map(|fact| format!("{}: {}", fact.name, fact.text)).collect();
        assert_eq!(
            facts,
            [
                "Value: occurrences: 1",
                "Frontier: outliers are below 2.5",
                "Compared with: 1,234 terms of the group; rank 1",
                "Next above: 12, 3 times: cmd.exe",
            ]
        );
        assert_eq!([-1234.0, 0.25, 0.00012].map(number), ["-1,234", "0.25", "1.20e-4"]);
    }
}
