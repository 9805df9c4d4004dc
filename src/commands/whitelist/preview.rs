//! `whitelist preview`: what entries hide.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::super::error::RunError;
use super::super::run::Audience;
use super::super::{load, log_problems, printed, tell_problems};
use super::trial::{Effect, TestedWhitelist, Trial};
use super::{history, rerun, without_whitelists};
use crate::cli::{LabelArg, PreviewArgs};
use crate::config::{Configuration, Location, WhitelistEntries, WhitelistNote, n_errors, whitelist_of_file};
use crate::runtime::Interrupt;
use crate::sinks::console::{message_for, print_json, print_text, table_for};
use crate::terminal::{counted, escape_controls, quoted, thousands};

/// Counts what the entries of a file, or of the configuration, hide. Blocks.
///
/// # Errors
/// Files, events and a history that cannot be read.
pub(super) fn preview(args: &PreviewArgs, audience: Audience, interrupt: &Interrupt) -> Result<(), RunError> {
    let settings = load(&args.tested.config);
    tell_problems(&settings)?;
    let tested = match &args.file {
        Some(path) => of_file(path)?,
        None => of_configuration(&settings),
    };
    let mut tallies = Tallies::new(&tested, &args.tested.label);
    let each = |trial: Trial| {
        tallies.add(&trial, tested.of(&trial.use_case));
        Ok(())
    };
    let what = if args.tested.events.is_empty() {
        history::trials(&args.tested, each)?
    } else {
        rerun::trials(&args.tested, &without_whitelists(&settings), audience, interrupt, each)?
    };
    if args.json {
        return printed(print_json(&tallies.json(&what)));
    }
    printed(print_text(&tallies.text(&what)))
}

/// Whitelists to test.
struct Tested {
    /// For all use cases but the others.
    general: TestedWhitelist,
    of_use_cases: HashMap<String, TestedWhitelist>,
    notes: Vec<Arc<WhitelistNote>>,
}

impl Tested {
    fn of(&self, use_case: &str) -> &TestedWhitelist {
        self.of_use_cases.get(use_case).unwrap_or(&self.general)
    }
}

fn of_file(path: &Path) -> Result<Tested, RunError> {
    let (entries, problems) = whitelist_of_file(path);
    log_problems(&problems);
    if n_errors(&problems) > 0 {
        return Err(RunError::Configuration(format!("{}: entries have errors: correct them first", path.display())));
    }
    let notes: Vec<Arc<WhitelistNote>> = entries.notes().cloned().collect();
    if notes.is_empty() {
        return Err(RunError::Configuration(format!("{}: the file has no whitelist entry", path.display())));
    }
    let general = TestedWhitelist::new([Arc::new(entries), Arc::default()]);
    Ok(Tested { general, of_use_cases: HashMap::new(), notes })
}

fn of_configuration(settings: &Configuration) -> Tested {
    let global = &settings.main.whitelist;
    let by_place: BTreeMap<&Location, &Arc<WhitelistNote>> = global
        .notes()
        .chain(settings.use_cases.iter().flat_map(|use_case| use_case.whitelist.notes()))
        .map(|note| (&note.location, note))
        .collect();
    let tested = |of_file: &Arc<WhitelistEntries>| TestedWhitelist::new([Arc::clone(global), Arc::clone(of_file)]);
    let with_entries = settings.use_cases.iter().filter(|use_case| !use_case.whitelist.is_empty());
    Tested {
        general: tested(&Arc::default()),
        of_use_cases: with_entries.map(|use_case| (use_case.id(), tested(&use_case.whitelist))).collect(),
        notes: by_place.into_values().cloned().collect(),
    }
}

/// Counts of what an entry hides.
struct Tally {
    note: Arc<WhitelistNote>,
    outliers: u64,
    documents: u64,
    findings: HashSet<String>,
    /// Findings that it may hide.
    perhaps: u64,
    /// Documents of attacks.
    attacks: u64,
    /// The last document: outliers come in the order of documents.
    last: Option<(String, String)>,
}

/// Counts of what each entry hides, by place.
struct Tallies {
    of_entries: BTreeMap<Location, Tally>,
    findings: HashSet<String>,
    /// True if attacks can be counted.
    has_labels: bool,
}

impl Tallies {
    fn new(tested: &Tested, labels: &[LabelArg]) -> Self {
        let tally = |note: &Arc<WhitelistNote>| Tally {
            note: Arc::clone(note),
            outliers: 0,
            documents: 0,
            findings: HashSet::new(),
            perhaps: 0,
            attacks: 0,
            last: None,
        };
        let of_entries = tested.notes.iter().map(|note| (note.location.clone(), tally(note))).collect();
        Tallies { of_entries, findings: HashSet::new(), has_labels: !labels.is_empty() }
    }

    fn add(&mut self, trial: &Trial, whitelist: &TestedWhitelist) {
        self.findings.insert(trial.finding.clone());
        for (note, effect) in trial.effects(whitelist) {
            let Some(tally) = self.of_entries.get_mut(&note.location) else { continue };
            if matches!(effect, Effect::MayHide) {
                tally.perhaps += 1;
                continue;
            }
            tally.outliers += trial.outliers;
            tally.findings.insert(trial.finding.clone());
            let document = (trial.event.index.clone(), trial.event.id.clone());
            if tally.last.as_ref() != Some(&document) {
                tally.documents += trial.documents;
                tally.attacks += u64::from(trial.is_attack);
                tally.last = Some(document);
            }
        }
    }

    fn json(&self, what: &str) -> Value {
        let now = Utc::now();
        let entry = |tally: &Tally| {
            let Tally { note, outliers, documents, findings, perhaps, attacks, .. } = tally;
            let attacks = self.has_labels.then_some(attacks);
            json!({
                "name": note.name, "place": note.location.to_string(), "expires": note.expires,
                "is_expired": note.is_expired(now), "owner": note.owner, "reason": note.reason, "outliers": outliers,
                "documents": documents, "findings": findings.len(), "findings_perhaps": perhaps, "attacks": attacks,
            })
        };
        let entries: Vec<Value> = self.of_entries.values().map(entry).collect();
        json!({"tested_on": what, "findings": self.findings.len(), "entries": entries})
    }

    fn text(&self, what: &str) -> String {
        let now = Utc::now();
        let findings = counted(self.findings.len() as u64, "finding", "findings");
        let head = format!("tested on {findings} of {}\n\n", escape_controls(what));
        let heads = ["entry", "place", "findings", "perhaps", "outliers", "documents", "attacks", "owner", "expires"];
        let mut table = table_for(&io::stdout(), heads).with_numbers(2..=6);
        for Tally { note, outliers, documents, findings, perhaps, attacks, .. } in self.of_entries.values() {
            let expires = note.expires.map(|expires| expires.format("%Y-%m-%dT%H:%M:%SZ").to_string());
            let expires =
                expires.map(|expires| if note.is_expired(now) { format!("{expires}, expired") } else { expires });
            table.add_row([
                escape_controls(&note.name),
                note.location.to_string(),
                thousands(findings.len() as u64),
                thousands(*perhaps),
                thousands(*outliers),
                thousands(*documents),
                if self.has_labels { thousands(*attacks) } else { "?".to_owned() },
                note.owner.as_deref().map(escape_controls).unwrap_or_default(),
                expires.unwrap_or_default(),
            ]);
        }
        let mut text = "\n".to_owned();
        let unused: Vec<String> =
            self.of_entries.values().filter(|tally| tally.is_unused()).map(Tally::shown).collect();
        if !unused.is_empty() {
            let entries = counted(unused.len() as u64, "entry hides", "entries hide");
            text.push_str(&format!("{entries} nothing: {}\n", unused.join(", ")));
        }
        if self.of_entries.values().any(|tally| tally.perhaps > 0) {
            let why = "depends on fields of events, which the history does not have: --events PATH tells";
            text.push_str(&format!("perhaps: {why}\n"));
        }
        let hiding: Vec<String> =
            self.of_entries.values().filter(|tally| tally.attacks > 0).map(Tally::shown).collect();
        if !hiding.is_empty() {
            warn!("entries would hide events that are labelled as attacks: {}", hiding.join(", "));
        } else if !self.has_labels {
            info!("attacks: not counted without --label FIELD=VALUE");
        }
        let message = |text: &str| message_for(&io::stdout(), text);
        format!("{}{table}{}", message(&head), message(&text))
    }
}

impl Tally {
    fn is_unused(&self) -> bool {
        self.outliers == 0 && self.perhaps == 0
    }

    fn shown(&self) -> String {
        format!("{} ({})", quoted(&self.note.name), self.note.location)
    }
}
