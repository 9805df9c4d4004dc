//! Measurements as text.

use std::io;

use super::Benchmark;
use super::sweep::Settings;
use crate::sinks::console::table_for;
use crate::terminal::{WordTable, thousands};

/// A row per setting.
pub(super) fn table(benchmark: &Benchmark) -> WordTable {
    let heads = ["settings", "seconds", "events/s", "MB/s", "CPU s per million", "peak MB", "phases", "limit"];
    let mut table = table_for(&io::stdout(), heads).with_numbers(1..=5);
    for measurement in &benchmark.measurements {
        let is_recommended = measurement.settings == benchmark.recommended;
        let shares = measurement.shares();
        let phases = shares.iter().filter(|(_, share)| *share >= 0.01);
        let phases: Vec<String> = phases.map(|(phase, share)| format!("{phase} {:.0} %", share * 100.0)).collect();
        table.add_row([
            format!("{}{}", measurement.settings, if is_recommended { " *" } else { "" }),
            format!("{:.2}", measurement.median_seconds()),
            thousands(measurement.events_per_second() as u64),
            format!("{:.1}", measurement.megabytes_per_second()),
            format!("{:.2}", measurement.cpu_per_million()),
            thousands(measurement.peak_memory() / 1_000_000),
            phases.join(", "),
            measurement.limit().to_owned(),
        ]);
    }
    table
}

/// Lines to paste into a command and a configuration file.
pub(super) fn recommendation(settings: &Settings) -> String {
    let mut text = "Recommended (*)".to_owned();
    match settings.options().as_slice() {
        [] => text += ":\n",
        options => text += &format!(": ee-outliers run {}\n", options.join(" ")),
    }
    if let Some(configuration) = settings.configuration() {
        text += &format!("and in the main configuration:\n\n{configuration}");
    }
    text
}
