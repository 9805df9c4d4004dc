//! Geography of events: points on earth, and where addresses are.

mod point;

pub use point::{parse_point, point_text};
