//! The daemon: `nights` on a virtual clock, `process` the program with signals and HTTP,
//! `browser` its pages with hostile text, `kills` the program killed at random moments.
//! `exposition` parses metrics, `world` is the folder in which daemons run.

mod browser;
mod exposition;
mod kills;
mod nights;
pub(crate) mod process;
mod world;
