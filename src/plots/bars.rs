//! Bars: a number per term.

use super::axis::Axis;
use super::canvas::{Canvas, WIDTH, pixels, shortened, width};
use super::frame::{Area, BELOW, Heading, draw_frontier, draw_horizontal, draw_nothing};
use super::numbers::{duration, number};
use crate::terminal::counted;

/// Most bars; marked ones are shown before others.
const MOST: usize = 40;

/// Most characters of a term.
const TERM: usize = 28;

/// Height of a bar and the gap below it.
const ROW: f64 = 22.0;

const TOP: f64 = 60.0;

/// Horizontal bars, one per term, in the order in which they were added.
#[derive(Debug, Clone)]
pub struct BarPlot {
    heading: Heading,
    axis: Axis,
    bars: Vec<Bar>,
    frontier: Option<(f64, String)>,
}

#[derive(Debug, Clone)]
struct Bar {
    term: String,
    value: f64,
    note: String,
    class: &'static str,
}

impl BarPlot {
    /// Plot without bars. `description` says what there is to see, for people who cannot see it.
    pub fn new(title: impl Into<String>, description: impl Into<String>, axis: Axis) -> Self {
        BarPlot { heading: Heading::new(title, description), axis, bars: Vec::new(), frontier: None }
    }

    /// Adds a bar, with a note behind its value.
    #[must_use]
    pub fn bar(self, term: impl Into<String>, value: f64, note: impl Into<String>) -> Self {
        self.with(Bar { term: term.into(), value, note: note.into(), class: "bar" })
    }

    /// Adds a bar that stands out.
    #[must_use]
    pub fn marked_bar(self, term: impl Into<String>, value: f64, note: impl Into<String>) -> Self {
        self.with(Bar { term: term.into(), value, note: note.into(), class: "marked" })
    }

    /// Marks the value beyond which terms are outliers.
    #[must_use]
    pub fn frontier(mut self, value: f64, label: impl Into<String>) -> Self {
        self.frontier = Some((value, label.into()));
        self
    }

    fn with(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }

    /// Draws the plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let shown = self.shown();
        let n_left_out = self.bars.len() - shown.len();
        let n_rows = shown.len() + usize::from(n_left_out > 0);
        let bottom = TOP + 6.0 + n_rows.max(1) as f64 * ROW;
        let terms = shown.iter().map(|bar| width(&shortened(&bar.term, TERM)));
        let mut area = Area::beside(terms.fold(0.0, f64::max), TOP, bottom);
        let texts = shown.iter().map(|bar| width(&self.text(bar)));
        // the longest bar leaves room for its text
        area.right = (WIDTH - 12.0 - texts.fold(0.0, f64::max)).max(area.left + 80.0);
        let values = shown.iter().map(|bar| bar.value).chain(self.frontier.iter().map(|frontier| frontier.0));
        let x = self.axis.ruler(values.chain([0.0]), (area.left, area.right), 6);
        let n_without_place = self.bars.iter().filter(|bar| !self.axis.has(bar.value)).count() as u64;

        let description = self.heading.description(n_without_place);
        let mut canvas = Canvas::new(bottom + BELOW, &self.heading.title, &description);
        draw_horizontal(&mut canvas, area, &self.axis, &x);
        if shown.is_empty() {
            draw_nothing(&mut canvas, area);
        }
        let frontier = self.frontier.as_ref().and_then(|(value, label)| Some((x.at(*value)?, label)));
        for (row, bar) in shown.iter().enumerate() {
            let top = TOP + 6.0 + row as f64 * ROW;
            let (end, base) = (x.at(bar.value), top + 13.0);
            let class = if bar.class == "bar" { "end" } else { "end strong" };
            canvas.text(class, (area.left - 8.0, base), &shortened(&bar.term, TERM));
            let end = end.map_or(area.left, |end| end.max(area.left + 2.0));
            canvas.rectangle(bar.class, (area.left, top + 1.0), (end, top + ROW - 4.0));
            let text = self.text(bar);
            let mut left = end + 6.0;
            if let Some((at, _)) = frontier.filter(|(at, _)| left < at + 4.0 && left + width(&text) > at - 4.0) {
                left = at + 6.0;
            }
            canvas.text(if bar.class == "bar" { "quiet" } else { "" }, (left, base), &text);
        }
        if n_left_out > 0 {
            let base = TOP + 19.0 + shown.len() as f64 * ROW;
            canvas.text(
                "quiet",
                (area.left + 6.0, base),
                &format!("and {} more", counted(n_left_out as u64, "term", "terms")),
            );
        }
        canvas.path("axis", &format!("M{} {}V{}", pixels(area.left), pixels(TOP), pixels(bottom)));
        if let Some((at, label)) = frontier {
            draw_frontier(&mut canvas, Area { top: TOP - 14.0, ..area }, at, label);
        }
        canvas.finish()
    }

    /// The bars that are shown: if there are too many, the first ones, and marked ones before
    /// others.
    fn shown(&self) -> Vec<&Bar> {
        let n_marked = self.bars.iter().filter(|bar| bar.class == "marked").count().min(MOST);
        let (mut marked, mut others) = (n_marked, MOST - n_marked);
        let mut is_shown = |bar: &&Bar| {
            let left = if bar.class == "marked" { &mut marked } else { &mut others };
            let is_shown = *left > 0;
            *left = left.saturating_sub(1);
            is_shown
        };
        self.bars.iter().filter(|bar| is_shown(bar)).collect()
    }

    /// Text behind a bar: its value and the note.
    fn text(&self, bar: &Bar) -> String {
        let value = match () {
            () if !bar.value.is_finite() => "unknown".to_owned(),
            () if self.axis.is_of_seconds() => duration(bar.value),
            () => number(bar.value),
        };
        if bar.note.is_empty() { value } else { format!("{value}: {}", shortened(&bar.note, 24)) }
    }
}
