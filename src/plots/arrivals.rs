//! Arrivals: when events happened, a row for each source.

use std::collections::BTreeSet;

use super::axis::Axis;
use super::canvas::{Canvas, WIDTH, pixels, shortened, width};
use super::frame::{Area, BELOW, Heading, draw_horizontal, draw_nothing};
use crate::terminal::counted;

/// Most rows.
const MOST: usize = 40;

/// Most characters of the names and notes of rows.
const NAME: usize = 24;

const ROW: f64 = 30.0;

const TOP: f64 = 44.0;

/// Rows of ticks over time, one for each event.
#[derive(Debug, Clone)]
pub struct ArrivalPlot {
    heading: Heading,
    axis: Axis,
    rows: Vec<Row>,
    windows: Vec<(f64, f64)>,
}

#[derive(Debug, Clone)]
struct Row {
    name: String,
    times: Vec<f64>,
    note: String,
    class: &'static str,
}

impl ArrivalPlot {
    /// Plot without rows. `description` says what there is to see, for people who cannot see it.
    pub fn new(title: impl Into<String>, description: impl Into<String>, axis: Axis) -> Self {
        ArrivalPlot { heading: Heading::new(title, description), axis, rows: Vec::new(), windows: Vec::new() }
    }

    /// Adds a row of events, with a note at its end.
    #[must_use]
    pub fn row(self, name: impl Into<String>, times: Vec<f64>, note: impl Into<String>) -> Self {
        self.with(Row { name: name.into(), times, note: note.into(), class: "tick" })
    }

    /// Adds a row that stands out.
    #[must_use]
    pub fn marked_row(self, name: impl Into<String>, times: Vec<f64>, note: impl Into<String>) -> Self {
        self.with(Row { name: name.into(), times, note: note.into(), class: "beat" })
    }

    /// Shades a stretch of time in all rows.
    #[must_use]
    pub fn window(mut self, from: f64, to: f64) -> Self {
        self.windows.push((from, to));
        self
    }

    fn with(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// Draws the plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let shown = &self.rows[..self.rows.len().min(MOST)];
        let n_left_out = self.rows.len() - shown.len();
        let n_rows = shown.len() + usize::from(n_left_out > 0);
        let bottom = TOP + n_rows.max(1) as f64 * ROW;
        let widest =
            |text: fn(&Row) -> &str| shown.iter().map(|row| width(&shortened(text(row), NAME))).fold(0.0, f64::max);
        let mut area = Area::beside(widest(|row| &row.name), TOP, bottom);
        area.right = (WIDTH - 16.0 - widest(|row| &row.note)).min(area.right);
        let times = || shown.iter().flat_map(|row| row.times.iter().copied());
        let windows = self.windows.iter().flat_map(|(from, to)| [*from, *to]);
        let x = self.axis.ruler(times().chain(windows), (area.left, area.right), 8);
        let n_without_place = times().filter(|time| !self.axis.has(*time)).count() as u64;

        let description = self.heading.description(n_without_place);
        let mut canvas = Canvas::new(bottom + BELOW, &self.heading.title, &description);
        draw_horizontal(&mut canvas, area, &self.axis, &x);
        for (from, to) in self.windows.iter().take(MOST) {
            if let (Some(from), Some(to)) = (x.at(*from), x.at(*to)) {
                canvas.rectangle("shade", (from, area.top), (to, area.bottom));
            }
        }
        if times().next().is_none() {
            draw_nothing(&mut canvas, area);
        }
        for (idx, row) in shown.iter().enumerate() {
            let top = TOP + idx as f64 * ROW + 5.0;
            let class = if row.class == "tick" { "end" } else { "end strong" };
            canvas.text(class, (area.left - 10.0, top + 14.0), &shortened(&row.name, NAME));
            // events closer than a pixel are one line
            let places: BTreeSet<i64> =
                row.times.iter().filter_map(|time| Some((x.at(*time)? * 2.0).round() as i64)).collect();
            let height = ROW - 10.0;
            let mut free_from = 0;
            let mut path = String::new();
            for place in places.into_iter().filter(|place| {
                let is_free = *place >= free_from;
                free_from = if is_free { place + 2 } else { free_from };
                is_free
            }) {
                path += &format!("M{} {}v{}", pixels(place as f64 / 2.0), pixels(top), pixels(height));
            }
            canvas.path(row.class, &path);
            canvas.text("", (area.right + 8.0, top + 14.0), &shortened(&row.note, NAME));
        }
        if n_left_out > 0 {
            let base = TOP + shown.len() as f64 * ROW + 19.0;
            canvas.text("quiet", (area.left, base), &format!("and {} more", counted(n_left_out as u64, "row", "rows")));
        }
        canvas.finish()
    }
}
