//! Integration tests, in one binary: each executable that links the query engine costs link time
//! and disk space.
//!
//! `golden` compares with the reference implementation. `properties` compares runs of our own
//! (order, threads, memory), `plans` executes plans elsewhere. `fuzz` runs readers on inputs that
//! nobody would write. `cli` tests the command line as a user sees it, `check` what it finds wrong
//! in configurations, `inputs` the events and files that it reads, `outputs` the files that it
//! writes, `import` the use cases that it makes of rules, `findings` what it makes of outliers,
//! `assets` whom these name, `table` what a person reads after a run, `trying` how use cases are
//! made and tried, `explain` why an event is an outlier or not, `fields` what events can tell,
//! `whitelists` what entries hide, `report_page` the report for a browser, `browser` a real one,
//! `config` its configuration files, `query` the query languages, `beacon`, `sudden_appearance` and
//! `word2vec` these models, `geography` where users are, `docs` the pictures of the documentation,
//! `scores` what all of them say about an outlier, `comparison` what they compare it with, `bench`
//! what runs take, `backtest` how good use cases are, `recordings` the use cases and recordings
//! that ship with the project, `memory` what runs remember, `state` the folder of that, `runs` the
//! history, `outbox` who is told of what, `notifiers` the channels through which people are told,
//! `daemon` many runs of one process, `servers` real clusters, `tidy` the rules of the source tree,
//! `usability` what use cases say that cannot use the events, `profiles` the names that fields
//! have, `use_cases` the test events of the bundled use cases, `telemetry` the log, `secrets` that
//! nothing shows them, `packaging` and `monitoring` what ships beside the program. `certificates`,
//! `program`, `outliers`, `random`, `receiver` and `site` are shared by the tests.

mod assets;
mod backtest;
mod beacon;
mod bench;
mod browser;
mod certificates;
mod check;
mod cli;
mod comparison;
mod config;
mod daemon;
mod docs;
mod explain;
mod fields;
mod findings;
mod fuzz;
mod geography;
mod golden;
mod import;
mod inputs;
mod memory;
mod monitoring;
mod notifiers;
mod outbox;
mod outliers;
mod outputs;
mod packaging;
mod plans;
mod profiles;
mod program;
mod properties;
mod query;
mod random;
mod receiver;
mod recordings;
mod report_page;
mod runs;
mod scores;
mod secrets;
mod servers;
mod site;
mod state;
mod sudden_appearance;
mod table;
mod telemetry;
mod tidy;
mod trying;
mod usability;
mod use_cases;
mod whitelists;
mod word2vec;
