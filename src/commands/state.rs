//! `state`: what is kept between runs.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracing::{error, warn};

use super::error::RunError;
use super::{printed, spill_dir, told};
use crate::cli::{StateCommand, StatePlace};
use crate::delivery::SinkError;
use crate::report::Exit;
use crate::sinks::console::{print_json, print_text};
use crate::state::{
    MemorySummary, StateError, StateStore, StoreSummary, Verified, export_memories, set_aside_files, survey_memories,
    verify,
};
use crate::terminal::{counted, escape_controls, thousands};

/// Shows, checks or exports the state.
pub fn state(command: &StateCommand) -> Exit {
    let done = match command {
        StateCommand::Show { place, json } => show(place, *json),
        StateCommand::Verify { place } => check(place),
        StateCommand::Export { place } => export(place),
    };
    done.unwrap_or_else(told)
}

/// Returns the folder that is meant.
///
/// # Errors
/// Arguments and a configuration that name none.
pub(super) fn folder(place: &StatePlace) -> Result<PathBuf, RunError> {
    if let Some(folder) = &place.state_dir {
        return if folder.is_dir() {
            Ok(folder.clone())
        } else {
            Err(RunError::Usage(format!("--state-dir {}: there is no such folder", folder.display())))
        };
    }
    let settings = crate::config::load(&place.config, &[]);
    super::tell_problems(&settings)?;
    settings.main.general.state_dir.ok_or_else(|| {
        RunError::Usage("no state_dir: name the folder with --state-dir, or a configuration with --config".to_owned())
    })
}

fn show(place: &StatePlace, json: bool) -> Result<Exit, RunError> {
    let folder = folder(place)?;
    let store = StateStore::open_to_read(&folder)?.map(|store| store.summary()).transpose()?;
    let set_aside = set_aside_files(&folder)?;
    let (mut memories, mut damaged) = (Vec::new(), Vec::new());
    for memory in survey_memories(&folder)? {
        match memory {
            Ok(memory) => memories.push(memory),
            Err(state_error) => damaged.push(state_error.to_string()),
        }
    }
    if json {
        let all = json!({
            "folder": folder, "store": store, "memories": memories, "damaged": damaged, "set_aside": set_aside,
        });
        printed(print_json(&all))?;
    } else {
        let mut text = format!("{}\n", folder.display());
        text.push_str(&store.map_or_else(|| "no state store\n".to_owned(), |store| store_text(&store)));
        memories.iter().for_each(|memory| text.push_str(&memory_text(memory)));
        set_aside.iter().for_each(|name| text.push_str(&format!("set aside: {}\n", escape_controls(name))));
        damaged.iter().for_each(|line| text.push_str(&format!("damaged: {}\n", escape_controls(line))));
        printed(print_text(&text))?;
    }
    Ok(Exit::Done)
}

fn store_text(store: &StoreSummary) -> String {
    let StoreSummary { version, bytes, runs, last_run, told, announced, channels } = store;
    let mut text = format!(
        "store: version {version}, {} bytes, {}, {} told\n",
        thousands(*bytes),
        counted(*runs, "run", "runs"),
        counted(*told, "outlier", "outliers")
    );
    if let Some(run) = last_run {
        text.push_str(&format!("last run: {} {}, {}\n", run.number, run.id, run.outcome.as_str()));
    }
    if *announced > 0 {
        let outliers = counted(*announced, "outlier", "outliers");
        text.push_str(&format!("unfinished: {outliers} of runs that were killed or failed\n"));
    }
    for channel in channels {
        let counts = &channel.counts;
        text.push_str(&format!(
            "channel {}: {} waiting, {} told, {} given up{}\n",
            escape_controls(&channel.name),
            thousands(channel.pending),
            thousands(counts.told),
            thousands(counts.given_up),
            counts.reason.as_ref().map(|reason| format!("; {}", escape_controls(reason))).unwrap_or_default()
        ));
    }
    text
}

fn memory_text(memory: &MemorySummary) -> String {
    format!(
        "memory of {}: {}, {}, {} bytes\n",
        escape_controls(&memory.use_case),
        counted(memory.size.days, "day", "days"),
        counted(memory.size.tallies, "tally", "tallies"),
        thousands(memory.bytes)
    )
}

fn check(place: &StatePlace) -> Result<Exit, RunError> {
    let folder = folder(place)?;
    let mut n_damaged = 0;
    let mut tell = |error: &StateError| {
        error!("{error}");
        n_damaged += 1;
    };
    let store = match verify(&folder) {
        Ok(Verified::Nothing) => "no state store",
        Ok(Verified::Values) => {
            warn!("a program uses the folder: the values of the store were checked, its pages were not");
            "state store sound"
        }
        Ok(Verified::Everything) => "state store sound",
        Err(state_error) => {
            tell(&state_error);
            "state store damaged"
        }
    };
    let memories = survey_memories(&folder)?;
    memories.iter().filter_map(|memory| memory.as_ref().err()).for_each(&mut tell);
    let n_memories = counted(memories.len() as u64, "memory", "memories");
    printed(print_text(&format!("{store}, {n_memories} checked, {n_damaged} damaged\n")))?;
    Ok(if n_damaged > 0 { Exit::LocalFile } else { Exit::Done })
}

fn export(place: &StatePlace) -> Result<Exit, RunError> {
    let folder = folder(place)?;
    let scratch = spill_dir(None)?;
    let store = StateStore::open_to_read(&folder)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut n_lines = 0;
    let mut print = |line: Value| {
        n_lines += 1;
        writeln!(out, "{line}").map_err(ExportError::Output)
    };
    let exported = store.map_or(Ok(()), |store| store.export(&mut print));
    let exported = exported.and_then(|()| export_memories(&folder, &scratch, &mut print));
    match exported.and_then(|()| out.flush().map_err(ExportError::Output)) {
        Ok(()) if n_lines == 0 => Err(RunError::Usage(format!("{}: nothing is kept there", folder.display()))),
        Ok(()) => Ok(Exit::Done),
        Err(ExportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(ExportError::Output(error)) => Err(SinkError::new(Path::new("standard output"))(error).into()),
        Err(ExportError::State(error)) => Err(error.into()),
    }
}

/// Reasons why an export ends early.
enum ExportError {
    Output(io::Error),
    State(StateError),
}

impl From<StateError> for ExportError {
    fn from(error: StateError) -> Self {
        ExportError::State(error)
    }
}
