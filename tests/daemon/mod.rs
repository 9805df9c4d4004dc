//! The daemon: `nights` on a virtual clock, `process` the program with signals and HTTP.
//! `exposition` parses metrics, `world` is the folder in which daemons run.

mod exposition;
mod nights;
mod process;
mod world;
