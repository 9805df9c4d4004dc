//! Curves: lines and points over two axes.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::{Axis, Ruler};
use super::canvas::{Canvas, N_STYLES, WIDTH, pixels, shortened, width};
use super::frame::{
    Area, BELOW, Heading, Labels, Marked, draw_horizontal, draw_marked, draw_nothing, draw_vertical, widest_mark,
};

const HEIGHT: f64 = 340.0;

/// Most curves.
const MOST: usize = 12;

/// Most points of a series; more are reduced to the cells of a coarser grid.
const MOST_POINTS: usize = 2000;

/// Lines and points, with a legend.
#[derive(Debug, Clone)]
pub struct CurvePlot {
    heading: Heading,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    levels: Vec<(f64, String)>,
    marked: Vec<(f64, f64, String)>,
}

#[derive(Debug, Clone)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    class: &'static str,
}

impl CurvePlot {
    /// Plot without data. `description` says what there is to see, for people who cannot see it.
    pub fn new(title: impl Into<String>, description: impl Into<String>, x: Axis, y: Axis) -> Self {
        CurvePlot {
            heading: Heading::new(title, description),
            x,
            y,
            series: Vec::new(),
            levels: Vec::new(),
            marked: Vec::new(),
        }
    }

    /// Adds a line through points, in the order of their x.
    #[must_use]
    pub fn line(self, name: impl Into<String>, mut points: Vec<(f64, f64)>) -> Self {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.with(Series { name: name.into(), points, class: "line" })
    }

    /// Adds points.
    #[must_use]
    pub fn points(self, name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        self.with(Series { name: name.into(), points, class: "dots" })
    }

    /// Adds a dashed horizontal line with a label.
    #[must_use]
    pub fn level(mut self, y: f64, label: impl Into<String>) -> Self {
        self.levels.push((y, label.into()));
        self
    }

    /// Marks a point.
    #[must_use]
    pub fn mark(mut self, x: f64, y: f64, label: impl Into<String>) -> Self {
        self.marked.push((x, y, label.into()));
        self
    }

    fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Draws the plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let shown = &self.series[..self.series.len().min(MOST)];
        let (legend, n_lines) = legend(shown);
        let top = 66.0 + 18.0 * n_lines as f64;
        let points = || shown.iter().flat_map(|series| series.points.iter().copied());
        let marked = || self.marked.iter().map(|(x, y, _)| (*x, *y));
        let has_place = |(x, y): &(f64, f64)| self.x.has(*x) && self.y.has(*y);
        let placed = || points().chain(marked()).filter(has_place);
        let levels = self.levels.iter().map(|(y, _)| *y);
        let y = self.y.ruler(placed().map(|(_, y)| y).chain(levels), (HEIGHT - BELOW, top), 6);
        let area = Area::beside(widest_mark(&y), top, HEIGHT - BELOW);
        let x = self.x.ruler(placed().map(|(x, _)| x), (area.left, area.right), 8);
        let n_without_place = points().filter(|point| !has_place(point)).count() as u64;

        let description = self.heading.description(n_without_place);
        let mut canvas = Canvas::new(HEIGHT, &self.heading.title, &description);
        draw_vertical(&mut canvas, area, &self.y, &y);
        draw_horizontal(&mut canvas, area, &self.x, &x);
        for (at, label) in self.levels.iter().filter_map(|(level, label)| Some((y.at(*level)?, label))) {
            canvas.path("level", &format!("M{} {}H{}", pixels(area.left), pixels(at), pixels(area.right)));
            canvas.text("quiet end", (area.right - 4.0, at - 5.0), &shortened(label, 40));
        }
        if placed().next().is_none() {
            draw_nothing(&mut canvas, area);
        }
        for (idx, series) in shown.iter().enumerate() {
            let path = if series.class == "line" { line(&series.points, &x, &y) } else { dots(&series.points, &x, &y) };
            canvas.path(&format!("{} s{}", series.class, idx % N_STYLES), &path);
        }
        for (idx, (left, base, name)) in legend.into_iter().enumerate() {
            let class = shown[idx].class;
            let [from, at] = [left, base - 4.0].map(pixels);
            let swatch = if class == "line" { format!("M{from} {at}h24") } else { format!("M{from} {at}m12 0h0") };
            canvas.path(&format!("{class} s{}", idx % N_STYLES), &swatch);
            canvas.text("", (left + 30.0, base), &name);
        }
        let marked = self
            .marked
            .iter()
            .filter_map(|(at_x, at_y, label)| Some(Marked { x: x.at(*at_x)?, y: y.at(*at_y)?, label: label.clone() }));
        draw_marked(&mut canvas, area, marked.collect(), Labels::Beside);
        canvas.finish()
    }
}

/// Places and texts of the legend, and its number of lines. A single series needs none: the labels
/// of the axes say what it is.
fn legend(series: &[Series]) -> (Vec<(f64, f64, String)>, usize) {
    if series.len() < 2 {
        return (Vec::new(), 0);
    }
    let (mut left, mut line) = (16.0, 0);
    let mut places = Vec::new();
    for series in series {
        let name = shortened(&series.name, 40);
        let size = 30.0 + width(&name);
        if left > 16.0 && left + size > WIDTH - 16.0 {
            (left, line) = (16.0, line + 1);
        }
        places.push((left, 46.0 + 18.0 * f64::from(line), name));
        left += size + 14.0;
    }
    (places, line as usize + 1)
}

/// Path through points. Of those in one column of pixels, the first and last, the lowest and the
/// highest are enough. The line is broken where a point has no place.
fn line(points: &[(f64, f64)], x: &Ruler, y: &Ruler) -> String {
    let mut path = String::new();
    let mut column: Vec<(f64, f64)> = Vec::new();
    let mut command = 'M';
    for point in points {
        let Some(place) = x.at(point.0).zip(y.at(point.1)) else {
            flush(&mut path, &mut command, &mut column);
            command = 'M';
            continue;
        };
        if column.first().is_some_and(|first| first.0 as i64 != place.0 as i64) {
            flush(&mut path, &mut command, &mut column);
        }
        match column.len() {
            // first, lowest, highest, last
            4 => {
                column[1] = if place.1 < column[1].1 { place } else { column[1] };
                column[2] = if place.1 > column[2].1 { place } else { column[2] };
                column[3] = place;
            }
            0 => column.push(place),
            _ => column.extend([place; 3]),
        }
    }
    flush(&mut path, &mut command, &mut column);
    path
}

fn flush(path: &mut String, command: &mut char, column: &mut Vec<(f64, f64)>) {
    column.dedup();
    for (x, y) in column.drain(..) {
        *path += &format!("{command}{} {}", pixels(x), pixels(y));
        *command = 'L';
    }
}

/// Path of dots, each a line without length. Of dots in one cell of a grid, the first is drawn; the
/// grid is coarse enough for the number of dots.
fn dots(points: &[(f64, f64)], x: &Ruler, y: &Ruler) -> String {
    let places = || points.iter().filter_map(|point| x.at(point.0).zip(y.at(point.1)));
    for size in 1.. {
        let size = f64::from(size);
        let mut cells: BTreeMap<(i64, i64), (f64, f64)> = BTreeMap::new();
        let is_small = places().all(|place| {
            cells.entry(((place.0 / size) as i64, (place.1 / size) as i64)).or_insert(place);
            cells.len() <= MOST_POINTS
        });
        if is_small {
            let distinct: BTreeSet<String> =
                cells.values().map(|place| format!("M{} {}h0", pixels(place.0), pixels(place.1))).collect();
            return distinct.into_iter().collect();
        }
    }
    String::new()
}
