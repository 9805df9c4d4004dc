//! `whitelist suggest`: the narrowest entry for a finding, with what it would hide.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::super::error::RunError;
use super::super::run::Audience;
use super::super::{load, printed, tell_problems};
use super::narrowest::parts;
use super::trial::{Effect, TestedWhitelist, Trial};
use super::{history, rerun};
use crate::cli::SuggestArgs;
use crate::config::{Configuration, WrittenWhitelistEntry, whitelist_of, written_entry};
use crate::runtime::Interrupt;
use crate::sinks::console::print_text;
use crate::terminal::{counted, escape_controls, thousands};

/// Digits of the id of a finding that name an entry.
const NAMING_DIGITS: usize = 8;

/// Digits of the ids in a list.
const LISTED_DIGITS: usize = 12;

/// Findings that are listed.
const LISTED: usize = 1_000;

/// Characters of a summary.
const SUMMARY_CHARS: usize = 200;

/// Cure for an id that is not known.
const LIST: &str = "`ee-outliers whitelist suggest` without an id lists them";

/// Prints an entry, or without an id the findings. Blocks.
///
/// # Errors
/// No finding with this id or several, and events or a history that cannot be read.
pub(super) fn suggest(args: &SuggestArgs, audience: Audience, interrupt: &Interrupt) -> Result<(), RunError> {
    let settings = load(&args.tested.config);
    tell_problems(&settings)?;
    let pass = Pass { args, settings: &settings, audience, interrupt };
    let Some(wanted) = args.finding.as_ref().map(|id| id.to_ascii_lowercase()) else { return pass.list() };
    if wanted.is_empty() || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let shown = escape_controls(&wanted);
        return Err(RunError::Usage(format!("not the id of a finding: {shown}: {LIST}")));
    }
    let mut found: Option<Trial> = None;
    let mut ids = HashSet::new();
    let what = pass.trials(|trial| {
        if trial.finding.starts_with(&wanted) {
            ids.insert(trial.finding.clone());
            found.get_or_insert(trial);
        }
        Ok(())
    })?;
    let found = match (found, ids.len()) {
        (Some(found), 1) => found,
        (None, _) => {
            let why = format!("no finding of {what} has an id that begins with {wanted}");
            return Err(RunError::Usage(format!("{why}: {LIST}")));
        }
        (Some(_), n) => {
            let why = format!("{n} findings of {what} have an id that begins with {wanted}");
            return Err(RunError::Usage(format!("{why}: write more digits")));
        }
    };
    let entry = WrittenWhitelistEntry {
        name: format!("{} {}", found.use_case, digits_of(&found, NAMING_DIGITS)),
        parts: parts(&found),
        expires: args.expires.map(|day| day.to_string()),
        owner: args.owner.clone(),
        reason: args.reason.clone(),
    };
    let section = written_entry(&entry)
        .ok_or_else(|| RunError::Internal("no entry could be written for these values".to_owned()))?;
    let hidden = pass.hidden_by(&section, &found.finding)?;
    printed(print_text(&format!("{}{section}", hidden.comment(&found, &what))))
}

/// Pass over the findings.
#[derive(Clone, Copy)]
struct Pass<'a> {
    args: &'a SuggestArgs,
    settings: &'a Configuration,
    audience: Audience,
    interrupt: &'a Interrupt,
}

impl Pass<'_> {
    fn trials(self, each: impl FnMut(Trial) -> Result<(), RunError>) -> Result<String, RunError> {
        let Pass { args, settings, audience, interrupt } = self;
        if args.tested.events.is_empty() {
            history::trials(&args.tested, each)
        } else {
            rerun::trials(&args.tested, settings, audience, interrupt, each)
        }
    }

    /// Prints the ids of the findings.
    fn list(self) -> Result<(), RunError> {
        let mut known = HashSet::new();
        let mut text = String::new();
        let what = self.trials(|trial| {
            if known.insert(trial.finding.clone()) && known.len() <= LISTED {
                let (id, use_case) = (digits_of(&trial, LISTED_DIGITS), escape_controls(&trial.use_case));
                text.push_str(&format!("{id}  {use_case}: {}\n", summary_of(&trial)));
            }
            Ok(())
        })?;
        let findings = counted(known.len() as u64, "finding", "findings");
        let more =
            if known.len() > LISTED { format!("; the first {}", thousands(LISTED as u64)) } else { String::new() };
        printed(print_text(&format!("{findings} of {}{more}\n\n{text}", escape_controls(&what))))
    }

    /// Tests an entry on all findings.
    fn hidden_by(self, section: &str, finding: &str) -> Result<Hidden, RunError> {
        let (entries, _) = whitelist_of(section, Path::new("suggested"));
        let whitelist = TestedWhitelist::new([Arc::new(entries), Arc::default()]);
        let mut hidden = Hidden::default();
        self.trials(|trial| {
            let hides = trial.effects(&whitelist).iter().any(|(_, effect)| matches!(effect, Effect::Hides));
            match (trial.finding == finding, hides) {
                (true, true) => {
                    hidden.outliers += trial.outliers;
                    hidden.attacks += u64::from(trial.is_attack);
                }
                (true, false) => hidden.left += trial.outliers,
                (false, true) => drop(hidden.others.insert(trial.finding)),
                (false, false) => {}
            }
            Ok(())
        })?;
        Ok(hidden)
    }
}

fn digits_of(trial: &Trial, n: usize) -> String {
    trial.finding.chars().take(n).collect()
}

fn summary_of(trial: &Trial) -> String {
    let summary: String = trial.outlier.unwrapped_summary().chars().take(SUMMARY_CHARS).collect();
    escape_controls(&summary)
}

/// Counts of what an entry hides.
#[derive(Default)]
struct Hidden {
    /// Outliers of the finding.
    outliers: u64,
    /// Outliers of the finding that it does not hide.
    left: u64,
    /// Those of attacks.
    attacks: u64,
    /// Other findings.
    others: HashSet<String>,
}

impl Hidden {
    fn comment(&self, found: &Trial, what: &str) -> String {
        let Hidden { outliers, left, attacks, others } = self;
        let mut text = format!("# {}: {}\n", found.finding, summary_of(found));
        let outliers = counted(*outliers, "outlier", "outliers");
        let others = match others.len() as u64 {
            0 => "nothing else".to_owned(),
            n => counted(n, "other finding", "other findings"),
        };
        text.push_str(&format!("# Hides {outliers} of it and {others}, tested on {}.\n", escape_controls(what)));
        if *left > 0 {
            text.push_str(&format!("# {} of it stay.\n", counted(*left, "outlier", "outliers")));
        }
        if *attacks > 0 {
            text.push_str(&format!(
                "# ATTACK: {} labelled as such.\n",
                counted(*attacks, "outlier is", "outliers are")
            ));
        }
        text
    }
}
