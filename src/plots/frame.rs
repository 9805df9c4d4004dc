//! Parts that plots have in common: title, axes, marked places and their labels.

use std::collections::BTreeSet;

use super::axis::{Axis, Ruler};
use super::canvas::{CHARACTER, Canvas, WIDTH, pixels, shortened, width};

/// Title and description of a plot.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    pub(super) title: String,
    /// Description for people who cannot see the plot.
    pub(super) description: String,
}

impl Heading {
    pub(super) fn new(title: impl Into<String>, description: impl Into<String>) -> Self {
        Heading { title: title.into(), description: description.into() }
    }

    /// The description, and how much of the data has no place in the plot.
    pub(super) fn description(&self, n_without_place: u64) -> String {
        match n_without_place {
            0 => self.description.clone(),
            n => format!("{} Not shown, because the axes have no place for them: {n}.", self.description),
        }
    }
}

/// Area in which data are drawn, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// Distance of the area from the right side of the image.
const RIGHT: f64 = 20.0;

/// Height of the marks below the area and of the label below these.
pub(super) const BELOW: f64 = 46.0;

impl Area {
    /// Area whose left side leaves room for texts of `width` pixels.
    pub(super) fn beside(width: f64, top: f64, bottom: f64) -> Self {
        Area { left: (width + 26.0).max(44.0), top, right: WIDTH - RIGHT, bottom }
    }
}

/// Draws a horizontal axis below the area, with grid lines across it.
pub(super) fn draw_horizontal(canvas: &mut Canvas, area: Area, axis: &Axis, ruler: &Ruler) {
    let [top, bottom, left, right] = [area.top, area.bottom, area.left, area.right].map(pixels);
    let marks = ruler.marks();
    let grid: String = marks.iter().map(|(x, _)| format!("M{} {top}V{bottom}", pixels(*x))).collect();
    canvas.path("grid", &grid);
    canvas.path("axis", &format!("M{left} {bottom}H{right}"));
    let mut free_from = 0.0;
    for (x, text) in &marks {
        let half = width(text) / 2.0;
        if x - half >= free_from {
            canvas.text("quiet middle", (x.min(WIDTH - half), area.bottom + 17.0), text);
            free_from = x + half + CHARACTER;
        }
    }
    let label = match ruler.date() {
        Some(date) => format!("{}, {date}", axis.label()),
        None => axis.label().to_owned(),
    };
    canvas.text("middle", ((area.left + area.right) / 2.0, area.bottom + 36.0), &label);
}

/// Says in an empty area that there is nothing to draw.
pub(super) fn draw_nothing(canvas: &mut Canvas, area: Area) {
    canvas.text("quiet middle", ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0 + 4.0), "no data");
}

/// Draws a vertical axis at the left of the area, with grid lines across it. Its label is above.
pub(super) fn draw_vertical(canvas: &mut Canvas, area: Area, axis: &Axis, ruler: &Ruler) {
    let [left, right] = [area.left, area.right].map(pixels);
    let marks = ruler.marks();
    let grid: String = marks.iter().map(|(y, _)| format!("M{left} {}H{right}", pixels(*y))).collect();
    canvas.path("grid", &grid);
    for (y, text) in &marks {
        canvas.text("quiet end", (area.left - 8.0, y + 4.0), text);
    }
    canvas.text("", (16.0, area.top - 12.0), axis.label());
}

/// Width of the widest mark of a vertical axis.
pub(super) fn widest_mark(ruler: &Ruler) -> f64 {
    ruler.marks().iter().map(|(_, text)| width(text)).fold(0.0, f64::max)
}

/// Draws a dashed line at `x` with its label, beside it on the side where there is room.
pub(super) fn draw_frontier(canvas: &mut Canvas, area: Area, x: f64, label: &str) {
    let [at, top, bottom] = [x, area.top - 4.0, area.bottom].map(pixels);
    canvas.path("frontier", &format!("M{at} {top}V{bottom}"));
    let label = shortened(label, 40);
    let (class, x) = if x + 6.0 + width(&label) < WIDTH { ("", x + 6.0) } else { ("end", x - 6.0) };
    canvas.text(class, (x, area.top + 7.0), &label);
}

/// A place that is marked, and its label.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) label: String,
}

/// Most labels of marked places: more would cover each other.
const MOST_LABELS: usize = 8;

/// Distance between the baselines of labels.
const LINE: f64 = 15.0;

/// Place of the labels of marked places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Labels {
    /// Above the diamond, and on its side of a frontier at this place, if there is room.
    Above(Option<f64>),
    /// To the upper right, away from a line through the diamond.
    Beside,
}

impl Labels {
    /// Left end of the label of a place.
    fn left(self, area: Area, place: &Marked, width: f64) -> f64 {
        let most = WIDTH - 8.0 - width;
        let within = |left: f64| left.min(most).max(area.left + 6.0);
        match self {
            Labels::Beside if place.x + 9.0 > most => place.x - 9.0 - width,
            Labels::Beside => place.x + 9.0,
            Labels::Above(None) => within(place.x - width / 2.0),
            Labels::Above(Some(at)) => {
                let (before, behind) = (at - 14.0 - width, at + 14.0);
                match within(place.x - width / 2.0) {
                    left if place.x >= at => left.max(behind.min(most)),
                    left => left.min(before.max(area.left + 6.0)),
                }
            }
        }
    }
}

/// Draws a diamond at each place and labels near the first places, on as many lines as keep them
/// apart. Diamonds that would cover each other are drawn once.
pub(super) fn draw_marked(canvas: &mut Canvas, area: Area, mut places: Vec<Marked>, labels: Labels) {
    let mut drawn = BTreeSet::new();
    for place in &places {
        if drawn.insert(((place.x / 5.0) as i64, (place.y / 5.0) as i64)) {
            canvas.diamond(place.x, place.y);
        }
    }
    places.retain(|place| !place.label.is_empty());
    places.truncate(MOST_LABELS);
    // from the right, so that labels are not in the way of the lines that lead to other labels
    places.sort_by(|a, b| b.x.total_cmp(&a.x).then_with(|| a.y.total_cmp(&b.y)));
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for place in &places {
        let label = shortened(&place.label, 40);
        let left = labels.left(area, place, width(&label));
        let right = left + width(&label);
        let nearest = place.y - if labels == Labels::Beside { 7.0 } else { 12.0 };
        let mut y = nearest;
        let is_taken = |y: f64| taken.iter().any(|(from, to, at)| left < *to && right > *from && (y - at).abs() < LINE);
        while is_taken(y) {
            y -= LINE;
        }
        if y < nearest && labels != Labels::Beside {
            canvas.path("axis", &format!("M{} {}V{}", pixels(place.x), pixels(place.y - 8.0), pixels(y + 5.0)));
        }
        taken.push((left, right, y));
        // the width is a guess, so a label that was moved starts or ends exactly where it was put
        let (class, x) = match left - (place.x - width(&label) / 2.0) {
            moved if moved > 0.5 => ("", left),
            moved if moved < -0.5 => ("end", right),
            _ => ("middle", place.x),
        };
        canvas.text(class, (x, y), &label);
    }
}
