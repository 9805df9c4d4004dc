//! Explanations: they agree with the verdicts, and what they say would turn a verdict does.

mod agreement;
mod changes;
mod command;
mod trips;
mod world;
