//! The integration tests, one binary: each executable that links the query engine costs a link and much disk.
//!
//! `golden` compares with the reference implementation, `properties` with ourselves (order, threads, memory),
//! `cli` is the command line as a user meets it, `word2vec` that model, `recordings` the use cases and recordings that ship with the
//! project, `servers` real clusters, `tidy` the rules of the source tree. `program` and `outliers` are what they stand on.

mod cli;
mod config;

mod golden;
mod outliers;
mod program;
mod properties;
mod query;

mod recordings;
mod servers;
mod tidy;
mod word2vec;
