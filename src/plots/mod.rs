//! Small plots as SVG text: distributions, terms, arrivals over time, curves.
//!
//! Each plot is a builder whose `svg` gives a whole image, which a file, a Markdown document or an
//! HTML page can hold. The pictures of `docs/` are made of them.
//!
//! # What holds for every plot
//!
//! * It stands alone: no script, no reference, no font of its own. Text is text.
//! * It has a title, and a description for people who cannot see it. Meaning is never told by
//!   colour alone.
//! * It follows the light or dark mode of the page around it, on a background of its own. A page
//!   that it is a part of can style its classes, all below `.plot`, and its width.
//! * Labels may come from events. Whatever they contain, they are shown as shortened text.
//! * A million values take as little space as a few hundred: events in one column of pixels are
//!   one.
//! * Numbers that have no place on an axis, such as infinities, are left out, and the description
//!   counts them.
//! * The same data give the same bytes.
//!
//! # Why no library draws them
//!
//! `plotters` 0.3 gives each value an element, each element fixed colours, and writes control
//! characters of labels into the SVG, which is then not well-formed. It knows neither titles nor
//! dark mode.

mod arrivals;
mod axis;
mod bars;
mod canvas;
mod curves;
mod frame;
mod histogram;
mod numbers;

pub use arrivals::ArrivalPlot;
pub use axis::Axis;
pub use bars::BarPlot;
pub use canvas::{STYLE, part};
pub use curves::CurvePlot;
pub use histogram::HistogramPlot;

#[cfg(test)]
mod tests;
