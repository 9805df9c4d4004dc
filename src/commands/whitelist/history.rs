//! Findings of an earlier run, from the history.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tracing::info;

use super::super::error::RunError;
use super::super::state::folder;
use super::trial::{Trial, model_of, outlier_of};
use crate::cli::{StatePlace, TestedFindings};
use crate::event::Document;
use crate::state::{KeptFinding, RunRecord, StateStore};
use crate::terminal::{escape_controls, thousands};

/// Calls `each` with the findings of the run that is meant. Returns what they are, for people.
///
/// # Errors
/// No history, no such run, and those of `each`.
pub(super) fn trials(
    args: &TestedFindings,
    mut each: impl FnMut(Trial) -> Result<(), RunError>,
) -> Result<String, RunError> {
    let place = StatePlace { config: args.config.config.clone(), state_dir: args.state_dir.clone() };
    if place.config.is_empty() && place.state_dir.is_none() {
        let why = "no findings were named: give --config FILE with a state_dir, or --events PATH to run use cases anew";
        return Err(RunError::Usage(why.to_owned()));
    }
    let folder = folder(&place)?;
    let none = || RunError::Usage(format!("{}: no run is recorded there: give --events PATH", folder.display()));
    let store = StateStore::open_to_read(&folder)?.ok_or_else(none)?;
    let run = run(&store, args)?.ok_or_else(none)?;
    if run.n_findings > run.n_kept {
        info!("only the {} findings with the highest scores are kept of run {}", thousands(run.n_kept), run.number);
    }
    store.findings(run.number)?.into_iter().try_for_each(|finding| each(trial(finding)?))?;
    Ok(format!("run {} ({})", run.number, run.id))
}

fn run(store: &StateStore, args: &TestedFindings) -> Result<Option<RunRecord>, RunError> {
    let Some(name) = &args.run else {
        let runs = store.runs()?;
        let with_findings = runs.iter().rposition(|run| run.n_kept > 0);
        return Ok(with_findings.and_then(|idx| runs.into_iter().nth(idx)));
    };
    let unknown =
        || RunError::Usage(format!("no run is called {}: see `ee-outliers runs list`", escape_controls(name)));
    store.find_run(name)?.ok_or_else(unknown).map(Some)
}

fn trial(finding: KeptFinding) -> Result<Trial, RunError> {
    let fields =
        finding.outlier.map_or_else(|| known_of(&finding.use_case, &finding.summary, &finding.assets), Value::Object);
    Ok(Trial {
        outlier: outlier_of(fields, &finding.summary)?,
        use_case: finding.use_case,
        finding: finding.id,
        aggregator: finding.aggregator,
        target: finding.target,
        event: Document { index: finding.index, id: finding.document, source: Map::new(), names: Arc::default() },
        is_event_known: false,
        outliers: finding.outliers,
        documents: finding.documents,
        is_attack: false,
    })
}

/// Fields that are known of an outlier although they were not kept.
fn known_of(use_case: &str, summary: &str, assets: &[String]) -> Value {
    let (model_type, model_name) = model_of(use_case).unwrap_or(("", use_case));
    json!({"model_type": model_type, "model_name": model_name, "summary": summary, "assets": assets})
}
