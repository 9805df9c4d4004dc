//! SVG text: elements, escaping, style.

use std::fmt::Write as _;

use crate::terminal::escape_controls;

/// Width of every plot in pixels.
pub(super) const WIDTH: f64 = 640.0;

/// Width of a character in pixels, on average and rather too wide: fonts differ.
pub(super) const CHARACTER: f64 = 7.0;

/// Most characters of a label.
pub(super) const LABEL: usize = 60;

/// Most characters of a description.
const DESCRIPTION: usize = 1000;

/// Style of plots. Colours are those of Okabe and Ito, which colour-blind people can distinguish,
/// lighter on dark pages. Selectors begin with `.plot`: the style of an SVG within a page applies
/// to all of it.
pub const STYLE: &str = "\
.plot{font-family:system-ui,sans-serif;font-size:12px}
.plot .page{fill:#fff}
.plot text{fill:#1f2328}
.plot .title{font-size:14px;font-weight:600}
.plot .strong{font-weight:600}
.plot .quiet{fill:#59636e}
.plot .end{text-anchor:end}
.plot .middle{text-anchor:middle}
.plot .grid{stroke:#d1d9e0}
.plot .axis{stroke:#59636e}
.plot .bar{fill:#56a0d3}
.plot .tick{stroke:#0072b2}
.plot .shade{fill:#e69f00;fill-opacity:.16}
.plot .frontier{stroke:#1f2328;stroke-width:1.5;stroke-dasharray:6 4}
.plot .level{stroke:#59636e;stroke-dasharray:2 4}
.plot .marked{fill:#d55e00}
.plot .beat{stroke:#d55e00;stroke-width:1.5}
.plot .line{fill:none;stroke-width:2;stroke-linejoin:round}
.plot .dots{fill:none;stroke-width:5;stroke-linecap:round}
.plot .s0{stroke:#0072b2}
.plot .s1{stroke:#d55e00;stroke-dasharray:8 3}
.plot .s2{stroke:#009e73;stroke-dasharray:3 3}
.plot .s3{stroke:#b35a8f;stroke-dasharray:10 3 2 3}
.plot .s4{stroke:#a67300;stroke-dasharray:1 4}
.plot .dots{stroke-dasharray:none}
@media(prefers-color-scheme:dark){
.plot .page{fill:#0d1117}
.plot text{fill:#e6edf3}
.plot .quiet{fill:#9198a1}
.plot .grid{stroke:#30363d}
.plot .axis{stroke:#9198a1}
.plot .bar{fill:#2f81b7}
.plot .tick{stroke:#56b4e9}
.plot .shade{fill-opacity:.22}
.plot .frontier{stroke:#e6edf3}
.plot .level{stroke:#9198a1}
.plot .marked{fill:#ff8f4d}
.plot .beat{stroke:#ff8f4d}
.plot .s0{stroke:#56b4e9}
.plot .s1{stroke:#ff8f4d}
.plot .s2{stroke:#2fc79a}
.plot .s3{stroke:#e59bc8}
.plot .s4{stroke:#e6b94d}
}
";

/// Number of styles of lines and dots, `s0` and so on.
pub(super) const N_STYLES: usize = 5;

/// SVG under construction.
#[derive(Debug)]
pub(super) struct Canvas {
    svg: String,
}

impl Canvas {
    /// Begins an image of [`WIDTH`] times `height` pixels, with its title at the top.
    pub(super) fn new(height: f64, title: &str, description: &str) -> Self {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\">\n<title>{}</title>\n<desc>{}</desc>\n{}",
            escaped(title, LABEL + 20),
            escaped(description, DESCRIPTION),
            style_element(),
            w = pixels(WIDTH),
            h = pixels(height),
        );
        svg += "<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n";
        let mut canvas = Canvas { svg };
        canvas.text("title", (16.0, 24.0), title);
        canvas
    }

    /// Draws lines along `path`, in SVG's path language.
    pub(super) fn path(&mut self, class: &str, path: &str) {
        if !path.is_empty() {
            self.add(format_args!("<path class=\"{class}\" d=\"{path}\"/>\n"));
        }
    }

    /// Draws a rectangle, if it has an area.
    pub(super) fn rectangle(&mut self, class: &str, (left, top): (f64, f64), (right, bottom): (f64, f64)) {
        if right > left && bottom > top {
            let [x, y, width, height] = [left, top, right - left, bottom - top].map(pixels);
            self.add(format_args!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>\n"
            ));
        }
    }

    /// Writes text, however hostile, with its baseline at this place.
    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        if !text.is_empty() {
            let (x, y, text) = (pixels(x), pixels(y), escaped(text, LABEL + 20));
            self.add(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>\n"));
        }
    }

    /// Draws a diamond around this place.
    pub(super) fn diamond(&mut self, x: f64, y: f64) {
        let [left, middle] = [x - 5.0, y].map(pixels);
        self.path("marked", &format!("M{left} {middle}l5-6l5 6l-5 6z"));
    }

    pub(super) fn finish(mut self) -> String {
        self.svg += "</svg>\n";
        self.svg
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // writing into a String cannot fail
        let _ = self.svg.write_fmt(element);
    }
}

/// A place in pixels, rounded to a tenth: rounding errors of logarithms do not change the text.
pub(super) fn pixels(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == 0.0 || !rounded.is_finite() { "0".to_owned() } else { rounded.to_string() }
}

/// The first characters of a text, with an ellipsis for the rest. Control characters and those that
/// reorder text are shown as escapes.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let start: String = text.chars().take(most + 1).collect();
    let shown = escape_controls(&start);
    if shown.chars().count() <= most {
        return shown;
    }
    shown.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Text for an element, shortened.
fn escaped(text: &str, most: usize) -> String {
    let mut escaped = String::with_capacity(text.len().min(most));
    for c in shortened(text, most).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // the only characters besides control characters that XML forbids
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A plot for a page that has [`STYLE`] in its own style sheet.
#[must_use]
pub fn part(svg: &str) -> String {
    svg.replacen(&style_element(), "", 1)
}

fn style_element() -> String {
    format!("<style>\n{STYLE}</style>\n")
}

/// Width of a text in pixels, about.
pub(super) fn width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(
            escaped("<script>\"a\" & 'b'</script>", 60),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;"
        );
        assert_eq!(escaped("a\u{1b}[2J\n\u{202e}b\0", 60), "a\\u{1b}[2J\\n\\u{202e}b\\u{0}");
        assert_eq!(escaped("\u{fffe}\u{ffff}é", 60), "\u{fffd}\u{fffd}é");
        let long = escaped(&"&".repeat(1_000_000), 10);
        assert_eq!(long, "&amp;".repeat(9) + "…");
    }

    #[test]
    fn places_are_short_and_finite() {
        for (value, expected) in [
            (12.0, "12"),
            (0.04, "0"),
            (-0.04, "0"),
            (1.25, "1.3"),
            (-3.16, "-3.2"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ] {
            assert_eq!(pixels(value), expected, "{value}");
        }
    }
}
