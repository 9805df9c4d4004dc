//! Measurements as text.

use std::io;

use comfy_table::{CellAlignment, Table};

use super::Benchmark;
use super::sweep::Settings;
use crate::sinks::console::table_for;
use crate::terminal::thousands;

/// A row per setting.
pub(super) fn table(benchmark: &Benchmark) -> Table {
    let mut table = table_for(&io::stdout());
    table.set_header([
        "",
        "settings",
        "seconds",
        "events/s",
        "MB/s",
        "CPU s per million",
        "peak MB",
        "phases",
        "limit",
    ]);
    for measurement in &benchmark.measurements {
        let is_recommended = measurement.settings == benchmark.recommended;
        let shares = measurement.shares();
        let phases = shares.iter().filter(|(_, share)| *share >= 0.01);
        let phases: Vec<String> = phases.map(|(phase, share)| format!("{phase} {:.0} %", share * 100.0)).collect();
        table.add_row([
            if is_recommended { "*" } else { "" }.to_owned(),
            measurement.settings.to_string(),
            format!("{:.2}", measurement.median_seconds()),
            thousands(measurement.events_per_second() as u64),
            format!("{:.1}", measurement.megabytes_per_second()),
            format!("{:.2}", measurement.cpu_per_million()),
            thousands(measurement.peak_memory() / 1_000_000),
            phases.join(", "),
            measurement.limit().to_owned(),
        ]);
    }
    for column in 2..=6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
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
