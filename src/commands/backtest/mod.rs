//! `backtest`: how good use cases are on events whose labels say what is an attack.
//!
//! Events are read once, with their labels (`run/variants`, `labels`). All of them are counted
//! (`census`), and what use cases find is compared with that (`tally`, `ranking`, `measures`): once
//! as configured, and with other sensitivities (`curves`), from which some are proposed
//! (`suggestion`). `evaluation` puts it together to a `result`. `comparison` does so for two
//! configurations. No use case sees labels, unless it names their fields (`leaks`).

mod census;
mod comparison;
mod counts;
mod curves;
mod evaluation;
mod labels;
mod leaks;
mod measures;
mod output;
mod ranking;
mod result;
mod suggestion;
mod tally;

use std::path::Path;

use super::error::RunError;
use super::run::Audience;
use super::{load, printed, told};
use crate::cli::{BacktestArgs, BacktestFormat, ConfigArgs};
use crate::report::Exit;
use crate::runtime::Interrupt;
use crate::sinks::console::print_text;
use crate::sinks::files::{check_writable, is_standard_output, write_whole};
use crate::telemetry;
use evaluation::Evaluation;

/// Judges use cases by labelled events. `quiet` shows no progress.
pub async fn backtest(args: &BacktestArgs, quiet: bool, interrupt: Interrupt) -> Exit {
    let audience = if quiet { Audience::QuietTerminal } else { Audience::Terminal };
    tokio::task::block_in_place(|| judge(args, audience, &interrupt)).unwrap_or_else(told)
}

fn judge(args: &BacktestArgs, audience: Audience, interrupt: &Interrupt) -> Result<Exit, RunError> {
    let format = args.format.or(args.output.as_deref().map(BacktestFormat::of_name)).unwrap_or(BacktestFormat::Table);
    let file = args.output.as_deref().filter(|path| !is_standard_output(path));
    file.map_or(Ok(()), check_writable)?;
    let load = |config: &ConfigArgs| {
        let settings = load(config);
        telemetry::follow(&settings.main.log, false);
        (BacktestArgs { config: config.clone(), ..args.clone() }, settings)
    };
    if let Some(names) = &args.compare {
        let (result, exit) = comparison::compare(args, names, |config, findings| {
            let (args, settings) = load(config);
            Evaluation { args: &args, settings: &settings, audience, interrupt }.run(|finding| findings.push(finding))
        })?;
        write(&output::of_comparison(&result, format)?, file)?;
        return Ok(exit);
    }
    let (args, settings) = load(&args.config);
    let (result, exit) = Evaluation { args: &args, settings: &settings, audience, interrupt }.run(|_| {})?;
    write(&output::of_result(&result, format)?, file)?;
    Ok(exit)
}

/// Writes a result to a file, or to standard output.
fn write(text: &str, file: Option<&Path>) -> Result<(), RunError> {
    match file {
        Some(path) => Ok(write_whole(path, text.as_bytes())?),
        None => printed(print_text(text)),
    }
}
