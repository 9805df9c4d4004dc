//! Trying use cases: what they find with other values of a key, from one pass over the events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::super::error::RunError;
use super::super::{load_setting, printed};
use super::request::{Request, override_of};
use super::variants::{Events, Judged, Settings};
use super::{Once, RequestedSource};
use crate::cli::Sweep;
use crate::config::{Severity, UseCase};
use crate::findings::{Finding, StableId};
use crate::models::method;
use crate::outlier::FindingKey;
use crate::query::Mapping;
use crate::report::{Report, Tried, TriedUseCase};
use crate::runtime::Interrupt;
use crate::sinks::console::{self, print_text};

/// Key of triggers whose values are tried if none are named.
const SENSITIVITY: &str = "trigger_sensitivity";

/// Findings shown of those that are nearly outliers.
const MISSES: usize = 3;

/// A use case with another value of a key.
struct Variant {
    /// Number of the use case in the plan.
    idx: usize,
    value: String,
    use_case: Arc<UseCase>,
}

impl Once<'_> {
    /// True if the run tries use cases: it writes nothing, and somebody reads what it prints.
    pub(super) fn is_trial(&self, request: &Request) -> bool {
        // what is remembered is not judged again for each value
        let is_forgetful = self.settings.main.general.state_dir.is_none();
        let is_file = matches!(request.source, RequestedSource::Files(_));
        let is_asked_for = self.sweep.is_some() || (self.args.dry_run && !self.args.only.is_empty() && is_forgetful);
        is_asked_for && is_file && self.table.is_some()
    }

    /// Reads `events` once, judges them with `use_cases` as they are and with other values, and
    /// prints what each finds.
    pub(super) fn try_out(
        self,
        events: &[String],
        request: &Request,
        use_cases: Vec<Arc<UseCase>>,
        mapping: Option<&Mapping>,
        (interrupt, report): (&Interrupt, &mut Report),
    ) -> Result<(), RunError> {
        let main = &self.settings.main;
        let judging = Settings { main, mapping, request, audience: self.audience, interrupt };
        let variants = self.variants(&use_cases)?;
        let events = Events::read(&judging, events, None, use_cases, report)?;
        let (judged, group) = events.judge()?;
        report.rank(&judged.rolled_up.findings, &HashMap::new())?;
        report.group(&events.plan, group, main.general.on_unusable);
        let planned: Vec<&Arc<UseCase>> = events.use_cases().collect();
        let variants = planned_variants(variants, &planned);
        let judged_as: Vec<_> = variants.iter().map(|variant| (variant.idx, Arc::clone(&variant.use_case))).collect();
        let (found, failed) = events.judge_variants(&judged_as, &judged)?;
        for (idx, why) in failed {
            let Variant { value, use_case, .. } = &variants[idx];
            report.missing.push(format!("{}={value} of {}: {why}", self.key(), use_case.id()));
        }
        let tried = self.tried(&planned, &variants, (&judged, &found), report)?;
        if let Some(look) = self.table {
            console::print_findings(&judged.rolled_up.findings, look, &self.args.source_options())?;
        }
        printed(print_text(&tried.text()))
    }

    fn key(&self) -> &str {
        self.sweep.map_or(SENSITIVITY, |sweep| &sweep.key)
    }

    /// Returns the use cases with other values, as the configuration would give them.
    fn variants(&self, use_cases: &[Arc<UseCase>]) -> Result<Vec<(String, Vec<UseCase>)>, RunError> {
        let Some(Sweep { key, values }) = self.sweep else {
            return Ok(sensitivities(use_cases));
        };
        let with = |value: &String| -> Result<(String, Vec<UseCase>), RunError> {
            let set = [self.set, &[override_of(key, value, self.args)]].concat();
            let settings = load_setting(&self.args.config, &set);
            let is_ours = |problem: &&crate::config::Problem| {
                problem.severity == Severity::Error && problem.key.as_deref() == Some(key)
            };
            if let Some(problem) = settings.problems.iter().find(is_ours) {
                return Err(RunError::Configuration(
                    problem.without_severity().to_string().replacen("--set", "--sweep", 1),
                ));
            }
            let named =
                |of: &Arc<UseCase>| settings.use_cases.iter().find(|other| other.location == of.location).cloned();
            Ok((value.clone(), use_cases.iter().filter_map(named).collect()))
        };
        let variants: Vec<(String, Vec<UseCase>)> = values.iter().map(with).collect::<Result<_, RunError>>()?;
        for (value, changed) in &variants {
            let mut pairs = use_cases.iter().zip(changed.iter());
            let differing = pairs.find(|pair| !reads_the_same(pair.0, pair.1));
            if let Some((use_case, _)) = differing {
                let why = "it changes what is read of the events, which are read once";
                let cure = format!("use --set {key}={value}, in a run per value");
                return Err(RunError::Usage(format!("--sweep {key}: {why}; {cure} ({})", use_case.id())));
            }
        }
        Ok(variants)
    }

    fn tried(
        &self,
        planned: &[&Arc<UseCase>],
        variants: &[Variant],
        (judged, found): (&Judged, &Judged),
        report: &Report,
    ) -> Result<Tried, RunError> {
        let mut known: HashSet<StableId> = HashSet::new();
        let mut of_base: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut read = judged.rolled_up.findings.read()?;
        while let Some(finding) = read.next_if(|_| true)? {
            known.insert(finding.finding_id);
            let counts = of_base.entry(finding.use_case).or_default();
            *counts = (counts.0 + 1, counts.1 + finding.documents);
        }
        let idx_by_name: BTreeMap<String, usize> =
            variants.iter().enumerate().map(|(idx, variant)| (variant.use_case.id(), idx)).collect();
        let mut of_variants = vec![(0, 0); variants.len()];
        let mut misses: BTreeMap<(usize, FindingKey), (usize, Finding)> = BTreeMap::new();
        let mut read = found.rolled_up.findings.read()?;
        while let Some(finding) = read.next_if(|_| true)? {
            let Some(&idx) = idx_by_name.get(&finding.use_case) else { continue };
            let (n_findings, n_documents) = of_variants[idx];
            of_variants[idx] = (n_findings + 1, n_documents + finding.documents);
            let plan_idx = variants[idx].idx;
            let key = FindingKey { aggregator: finding.aggregator.clone(), target: finding.target.clone() };
            if known.contains(&StableId::of_finding(&planned[plan_idx].id(), &key)) {
                continue;
            }
            // of several variants, that with the fewest findings is nearest to the one in use
            let place = misses.entry((plan_idx, key)).or_insert_with(|| (idx, finding.clone()));
            if of_variant_total(found, planned.len() + idx) < of_variant_total(found, planned.len() + place.0) {
                *place = (idx, finding);
            }
        }
        let events: BTreeMap<&str, u64> =
            report.use_cases.iter().map(|use_case| (use_case.name.as_str(), use_case.events)).collect();
        let use_case = |(plan_idx, of): (usize, &&Arc<UseCase>)| {
            let name = of.id();
            let mut near: Vec<&(usize, Finding)> =
                misses.iter().filter(|((idx, _), _)| *idx == plan_idx).map(|(_, miss)| miss).collect();
            near.sort_by_key(|(idx, _)| of_variant_total(found, planned.len() + idx));
            let miss = |(idx, finding): &&(usize, Finding)| (variants[*idx].value.clone(), finding.clone());
            let of_use_case = variants.iter().zip(&of_variants).filter(|(variant, _)| variant.idx == plan_idx);
            TriedUseCase {
                matching: events.get(name.as_str()).copied().unwrap_or_default(),
                in_use: of_base.get(&name).copied().unwrap_or_default(),
                value_in_use: of
                    .model
                    .sensitivity()
                    .filter(|_| self.key() == SENSITIVITY)
                    .map(|it| it.value.to_string()),
                values: of_use_case.map(|(variant, counts)| (variant.value.clone(), *counts)).collect(),
                misses: near.iter().take(MISSES).map(miss).collect(),
                name,
            }
        };
        let use_cases = planned.iter().enumerate().map(use_case).collect();
        Ok(Tried { key: self.key().to_owned(), n_events: report.source.events, use_cases })
    }
}

fn of_variant_total(found: &Judged, idx: usize) -> u64 {
    found.rolled_up.use_cases.get(idx).map_or(0, |counts| counts.findings)
}

/// Use cases with the sensitivities around those in use.
fn sensitivities(use_cases: &[Arc<UseCase>]) -> Vec<(String, Vec<UseCase>)> {
    let around = |of: &Arc<UseCase>| {
        let in_use = of.model.sensitivity();
        let others =
            in_use.into_iter().flat_map(|in_use| in_use.around().into_iter().filter(move |it| *it != in_use.value));
        let model = |value: f64| UseCase { model: of.model.with_sensitivity(value), ..UseCase::clone(of) };
        others.map(|value| (value.to_string(), vec![model(value)])).collect::<Vec<_>>()
    };
    use_cases.iter().flat_map(around).collect()
}

/// Variants of the use cases that are planned, each with a name of its own.
fn planned_variants(variants: Vec<(String, Vec<UseCase>)>, planned: &[&Arc<UseCase>]) -> Vec<Variant> {
    let mut found = Vec::new();
    for (value, use_cases) in variants {
        for use_case in use_cases {
            let Some(idx) = planned.iter().position(|of| of.location == use_case.location) else { continue };
            // the use case itself may be required by others, which must not take the variant for it
            let model_name = format!("{} with {value}", use_case.model_name);
            let use_case = Arc::new(UseCase { model_name, ..use_case });
            found.push(Variant { idx, value: value.clone(), use_case });
        }
    }
    found
}

/// True if both need the same of the events.
fn reads_the_same(a: &UseCase, b: &UseCase) -> bool {
    let columns = |of: &UseCase| format!("{:?}", method(&of.model).columns());
    let query = a.query == b.query && a.history_window == b.history_window;
    let time = a.timestamp_field == b.timestamp_field && a.timestamp_format == b.timestamp_format;
    query && time && columns(a) == columns(b)
}
