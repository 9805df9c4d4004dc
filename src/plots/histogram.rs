//! Histogram of a population, with the frontier and what lies beyond it.

use outlier_kernels::Side;

use super::axis::{Axis, Ruler};
use super::canvas::{Canvas, pixels, width};
use super::frame::{
    Area, BELOW, Heading, Labels, Marked, draw_frontier, draw_horizontal, draw_marked, draw_nothing, draw_vertical,
    widest_mark,
};

const HEIGHT: f64 = 320.0;

/// Number of bins across the whole axis.
const N_BINS: usize = 56;

/// Distribution of numbers, with a decision frontier and marked values.
#[derive(Debug, Clone)]
pub struct HistogramPlot {
    heading: Heading,
    x: Axis,
    counts: Axis,
    population: Vec<(f64, u64)>,
    frontier: Option<(f64, Side, String)>,
    marked: Vec<(f64, String)>,
    scale: Option<(String, Vec<(f64, String)>)>,
    /// Edges of bins and the numbers in them, if values were counted already.
    given: Option<(Vec<f64>, Vec<u64>)>,
    /// Numbers in the same bins of what stands out.
    marked_bins: Vec<u64>,
}

impl HistogramPlot {
    /// Plot without data. `description` says what there is to see, for people who cannot see it.
    pub fn new(title: impl Into<String>, description: impl Into<String>, x: Axis, counts: Axis) -> Self {
        HistogramPlot {
            heading: Heading::new(title, description),
            x,
            counts: counts.of_counts(),
            population: Vec::new(),
            frontier: None,
            marked: Vec::new(),
            scale: None,
            given: None,
            marked_bins: Vec::new(),
        }
    }

    /// Adds values, each with the number of times that it occurs.
    #[must_use]
    pub fn population(mut self, counts: impl IntoIterator<Item = (f64, u64)>) -> Self {
        self.population.extend(counts);
        self
    }

    /// Takes bins with their numbers instead of a population: one more edge than numbers, in
    /// ascending order. Without bins, there is nothing to draw.
    #[must_use]
    pub fn bins(mut self, edges: Vec<f64>, counts: Vec<u64>) -> Self {
        let is_usable =
            edges.len() == counts.len() + 1 && edges.len() > 1 && edges.iter().all(|edge| self.x.has(*edge));
        self.given = is_usable.then_some((edges, counts));
        self
    }

    /// Marks a part of the numbers in the given bins.
    #[must_use]
    pub fn marked_bins(mut self, counts: Vec<u64>) -> Self {
        self.marked_bins = counts;
        self
    }

    /// Marks the value beyond which values on one side are outliers.
    #[must_use]
    pub fn frontier(mut self, value: f64, side: Side, label: impl Into<String>) -> Self {
        self.frontier = Some((value, side, label.into()));
        self
    }

    /// Marks a value. It is not added to the population.
    #[must_use]
    pub fn mark(mut self, value: f64, label: impl Into<String>) -> Self {
        self.marked.push((value, label.into()));
        self
    }

    /// Adds a second scale above the plot: texts at some values.
    #[must_use]
    pub fn scale_above(mut self, label: impl Into<String>, marks: Vec<(f64, String)>) -> Self {
        self.scale = Some((label.into(), marks));
        self
    }

    /// Draws the plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let top = if self.scale.is_some() { 104.0 } else { 72.0 };
        let others = self.marked.iter().map(|(value, _)| *value).chain(self.frontier.iter().map(|frontier| frontier.0));
        // the bin of a count reaches half a count to both sides
        let half = if self.x.is_of_counts() { 0.5 } else { 0.0 };
        let population = || self.population.iter().flat_map(move |(value, _)| [value - half, value + half]);
        let given = || self.given.iter().flat_map(|(edges, _)| edges.iter().copied());
        let values = || population().chain(given()).chain(others.clone());
        // counts do not change with the width, so the left side may follow from their marks
        let rough = self.x.ruler(values(), (0.0, 1.0), 8);
        let (edges, bins, n_without_place) = self.given.clone().map_or_else(
            || {
                let mut edges = rough.bins(N_BINS);
                if let Some((frontier, ..)) = &self.frontier {
                    move_edge(&mut edges, *frontier);
                }
                let (bins, n_without_place) = self.counted(&edges);
                (edges, bins, n_without_place)
            },
            |(edges, counts)| (edges, counts, 0),
        );
        let vertical = (HEIGHT - BELOW, top);
        let y = self.counts.ruler(bins.iter().map(|n| *n as f64).chain([0.0]), vertical, 5);
        let area = Area::beside(widest_mark(&y), top, HEIGHT - BELOW);
        let x = self.x.ruler(values(), (area.left, area.right), 8);

        let mut canvas = Canvas::new(HEIGHT, &self.heading.title, &self.heading.description(n_without_place));
        draw_vertical(&mut canvas, area, &self.counts, &y);
        draw_horizontal(&mut canvas, area, &self.x, &x);
        if let Some((at, side)) = self.frontier.as_ref().and_then(|(value, side, _)| Some((x.at(*value)?, side))) {
            let (from, to) = if *side == Side::High { (at, area.right) } else { (area.left, at) };
            canvas.rectangle("shade", (from, area.top), (to, area.bottom));
        }
        canvas.path("bar", &bars(&edges, &bins, &x, &y));
        canvas.path("marked", &bars(&edges, &self.marked_bins[..self.marked_bins.len().min(bins.len())], &x, &y));
        if bins.iter().all(|n| *n == 0) {
            draw_nothing(&mut canvas, area);
        }
        if let Some((label, marks)) = &self.scale {
            draw_scale(&mut canvas, area, &x, label, marks);
        }
        if let Some((at, label)) = self.frontier.as_ref().and_then(|(value, _, label)| Some((x.at(*value)?, label))) {
            draw_frontier(&mut canvas, area, at, label);
        }
        // marks are on top of their bars
        let marked = self.marked.iter().filter(|(value, _)| self.x.has(*value)).map(|(value, label)| {
            let bin = bin_of(&edges, *value);
            let middle = (x.edge(edges[bin]) + x.edge(edges[bin + 1])) / 2.0;
            Marked { x: middle, y: y.edge(bins[bin] as f64) - 8.0, label: label.clone() }
        });
        let frontier = self.frontier.as_ref().and_then(|(value, ..)| x.at(*value));
        draw_marked(&mut canvas, area, marked.collect(), Labels::Above(frontier));
        canvas.finish()
    }

    /// Number of values in each bin, and of those that have no place.
    fn counted(&self, edges: &[f64]) -> (Vec<u64>, u64) {
        let mut bins = vec![0_u64; edges.len() - 1];
        let mut n_without_place = 0_u64;
        for &(value, n) in &self.population {
            let count = if self.x.has(value) { &mut bins[bin_of(edges, value)] } else { &mut n_without_place };
            *count = count.saturating_add(n);
        }
        (bins, n_without_place)
    }
}

/// Moves the edge next to a value there, so that no bin has values on both sides of it. The bin of
/// a single count stays.
fn move_edge(edges: &mut [f64], value: f64) {
    let bin = bin_of(edges, value);
    let is_count = value - edges[bin] == 0.5 && edges[bin + 1] - value == 0.5;
    if edges[bin] < value && value < edges[bin + 1] && !is_count {
        let is_last = bin + 2 == edges.len();
        edges[if bin == 0 || (!is_last && value - edges[bin] > edges[bin + 1] - value) { bin + 1 } else { bin }] =
            value;
    }
}

/// Bin of a value; those beyond the ends are in the first and the last one.
fn bin_of(edges: &[f64], value: f64) -> usize {
    edges.partition_point(|edge| *edge <= value).saturating_sub(1).min(edges.len() - 2)
}

/// Path around the bars of bins that are not empty. Bars of a single value can be seen.
fn bars(edges: &[f64], bins: &[u64], x: &Ruler, y: &Ruler) -> String {
    let bar = |(idx, n): (usize, &u64)| {
        let (left, right) = (x.edge(edges[idx]), x.edge(edges[idx + 1]));
        let top = y.edge(*n as f64).min(y.start - 2.0);
        let gap = ((right - left) / 8.0).min(1.0);
        let [left, right, top, bottom] = [left + gap, right - gap, top, y.start].map(pixels);
        format!("M{left} {bottom}V{top}H{right}V{bottom}z")
    };
    bins.iter().enumerate().filter(|(_, n)| **n > 0).map(bar).collect()
}

fn draw_scale(canvas: &mut Canvas, area: Area, x: &Ruler, label: &str, marks: &[(f64, String)]) {
    let line = area.top - 38.0;
    canvas.path("axis", &format!("M{} {}H{}", pixels(area.left), pixels(line), pixels(area.right)));
    let mut ticks = String::new();
    let mut free_from = 0.0;
    let mut places: Vec<(f64, &String)> =
        marks.iter().filter_map(|(value, text)| Some((x.at(*value)?, text))).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (at, text) in places {
        let half = width(text) / 2.0;
        if at - half >= free_from {
            ticks += &format!("M{} {}v5", pixels(at), pixels(line));
            canvas.text("quiet middle", (at, line - 5.0), text);
            free_from = at + half + 6.0;
        }
    }
    canvas.path("axis", &ticks);
    canvas.text("", (16.0, line - 22.0), label);
}
