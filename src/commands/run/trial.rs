//! Trying use cases: what they look at, and what they find with other values of a key. A trial
//! looks on while the run judges the events, which are read once.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::error::RunError;
use super::super::{load_setting, printed};
use super::request::{Request, override_of};
use super::{Once, Onlooker};
use crate::cli::Sweep;
use crate::config::{General, Severity, UseCase};
use crate::findings::{Finding, Findings, RollUp, RolledUp, StableId};
use crate::ingest::Usage;
use crate::models::method;
use crate::outlier::{FindingKey, Gathered, StoredOutliers};
use crate::report::{Report, Tried, TriedUseCase};
use crate::runtime::Interrupt;
use crate::scan_group::{GroupError, GroupResult, Overview, ReadGroup, ScanGroup, judge_as, overview};
use crate::sinks::console::print_text;

/// Key of triggers whose values are tried if none are named.
const SENSITIVITY: &str = "trigger_sensitivity";

/// Findings shown of those that are nearly outliers.
const MISSES: usize = 3;

/// Trial of the use cases of a run.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    key: &'a str,
    general: &'a General,
    interrupt: &'a Interrupt,
    spill_dir: PathBuf,
    /// Use cases with other values of the key, by the value.
    variants: Vec<(String, Vec<UseCase>)>,
    /// True if it is shown what the use cases look at.
    shows_events: bool,
    seen: Mutex<Seen>,
}

/// Parts of a run that were seen.
#[derive(Debug)]
struct Seen {
    /// Use cases by their numbers in the run.
    use_cases: BTreeMap<usize, SeenUseCase>,
    variants: Vec<Variant>,
    /// Outliers of the variants, by their numbers.
    gathered: Gathered,
    /// Variants that could not be judged, and why.
    failed: Vec<String>,
    tried: Vec<TriedUseCase>,
}

#[derive(Debug)]
struct SeenUseCase {
    use_case: Arc<UseCase>,
    usage: Usage,
    overview: Overview,
}

/// A use case with another value of a key.
#[derive(Debug)]
struct Variant {
    /// Number of the use case in the run.
    idx: usize,
    value: String,
    use_case: Arc<UseCase>,
}

/// Findings of the variants.
struct Found<'f> {
    variants: &'f [Variant],
    rolled_up: RolledUp,
}

impl<'a> Once<'a> {
    /// Prepares a trial, if the run is one: it writes nothing, and somebody reads what it prints.
    pub(super) fn trial(
        self,
        request: &Request,
        use_cases: &[Arc<UseCase>],
        interrupt: &'a Interrupt,
    ) -> Result<Option<Trial<'a>>, RunError> {
        let is_asked_for = self.sweep.is_some() || (self.args.dry_run && !self.args.only.is_empty());
        if !is_asked_for || self.table.is_none() {
            return Ok(None);
        }
        let spill_dir = request.limits.spill_dir.clone();
        Ok(Some(Trial {
            key: self.sweep.map_or(SENSITIVITY, |sweep| &sweep.key),
            general: &self.settings.main.general,
            interrupt,
            variants: self.variants(use_cases)?,
            shows_events: self.sweep.is_none(),
            seen: Mutex::new(Seen {
                use_cases: BTreeMap::new(),
                variants: Vec::new(),
                gathered: Gathered::new(&spill_dir),
                failed: Vec::new(),
                tried: Vec::new(),
            }),
            spill_dir,
        }))
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
}

impl Trial<'_> {
    /// Prints what was seen, and reports what could not be tried.
    ///
    /// # Errors
    /// A standard output that cannot be written.
    pub(super) fn tell(self, report: &mut Report) -> Result<(), RunError> {
        let Seen { tried, failed, .. } = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.missing.extend(failed);
        printed(print_text(&Tried { key: self.key.to_owned(), use_cases: tried }.text()))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges the variants of the use cases of a group.
    fn judge_variants(&self, group: &ScanGroup<'_>, read: &ReadGroup) -> Result<(), RunError> {
        let mut seen = self.seen();
        let variants = self.variants_in(group);
        let judged_as: Vec<_> =
            variants.iter().map(|variant| (variant.idx - group.n_before, Arc::clone(&variant.use_case))).collect();
        let judging = ScanGroup {
            plan: Arc::clone(&group.plan),
            options: group.options.clone(),
            gathered: &seen.gathered,
            n_before: seen.variants.len(),
            store: None,
            explains: false,
            explained: None,
            ..*group
        };
        let outcomes = judge_as(&judging, read, &judged_as)?;
        for (variant, outcome) in variants.iter().zip(outcomes) {
            let Variant { value, use_case, .. } = variant;
            seen.failed.extend(outcome.err().map(|why| format!("{}={value} of {}: {why}", self.key, use_case.id())));
        }
        seen.variants.extend(variants);
        Ok(())
    }

    /// Variants of the use cases of a group, each with a name of its own. What is remembered of
    /// earlier runs is not judged again for each value.
    fn variants_in(&self, group: &ScanGroup<'_>) -> Vec<Variant> {
        let mut found = Vec::new();
        for (value, use_cases) in &self.variants {
            for use_case in use_cases {
                let planned = &group.plan.use_cases;
                let Some(idx) = planned.iter().position(|of| of.use_case.location == use_case.location) else {
                    continue;
                };
                if group.store.is_some_and(|store| store.memory(use_case).is_some()) {
                    continue;
                }
                // the use case itself may be required by others, which must not take the variant
                // for it
                let model_name = format!("{} with {value}", use_case.model_name);
                let use_case = Arc::new(UseCase { model_name, ..use_case.clone() });
                found.push(Variant { idx: group.n_before + idx, value: value.clone(), use_case });
            }
        }
        found
    }
}

impl Onlooker for Trial<'_> {
    fn judged(&self, group: &ScanGroup<'_>, read: &ReadGroup, result: &GroupResult) -> Result<(), RunError> {
        self.judge_variants(group, read)?;
        for (mask_idx, (planned, result)) in group.plan.use_cases.iter().zip(&result.use_cases).enumerate() {
            let overview = match &result.outcome {
                Ok(detected) if self.shows_events => {
                    overview(group, read, mask_idx, detected).map_err(GroupError::from)?
                }
                _ => Overview::default(),
            };
            let use_case = Arc::clone(&planned.use_case);
            let seen = SeenUseCase { use_case, usage: result.usage, overview };
            self.seen().use_cases.insert(group.n_before + mask_idx, seen);
        }
        Ok(())
    }

    fn found(&self, findings: &Findings, outliers: &StoredOutliers) -> Result<(), RunError> {
        let seen = &mut *self.seen();
        let gathered = std::mem::replace(&mut seen.gathered, Gathered::new(&self.spill_dir));
        let use_cases = required(seen);
        // variants come first
        let n_variants = seen.variants.len();
        if !use_cases.is_empty() {
            let mut outliers = outliers.read()?;
            while let Some((_, mut outlier)) = outliers.next_outlier()? {
                if let Some(place) = use_cases.iter().position(|(idx, _)| *idx == outlier.use_case_idx) {
                    outlier.use_case_idx = n_variants + place;
                    gathered.extend([outlier])?;
                }
            }
        }
        let of_variants = seen.variants.iter().map(|variant| Arc::clone(&variant.use_case));
        let use_cases: Vec<Arc<UseCase>> =
            of_variants.chain(use_cases.into_iter().map(|(_, use_case)| use_case)).collect();
        let general = General { outlier_budget: None, ..self.general.clone() };
        let (spill_dir, interrupt) = (&*self.spill_dir, self.interrupt);
        let roll_up = RollUp { use_cases: &use_cases, general: &general, spill_dir, interrupt, keeps_scores: false };
        let rolled_up = roll_up.run(&gathered.store()?)?;
        let found = Found { variants: &seen.variants, rolled_up };
        seen.tried = tried(self.key, std::mem::take(&mut seen.use_cases), findings, &found)?;
        Ok(())
    }
}

/// Use cases that variants require, with their numbers in the run.
fn required(seen: &Seen) -> Vec<(usize, Arc<UseCase>)> {
    let is_required = |use_case: &UseCase| {
        let id = use_case.id();
        seen.variants.iter().any(|variant| variant.use_case.requires.contains(&id))
    };
    let required = seen.use_cases.iter().filter(|(_, seen)| is_required(&seen.use_case));
    required.map(|(idx, seen)| (*idx, Arc::clone(&seen.use_case))).collect()
}

/// Finds out what each value finds, and what is nearly an outlier.
fn tried(
    key: &str,
    use_cases: BTreeMap<usize, SeenUseCase>,
    findings: &Findings,
    found: &Found<'_>,
) -> Result<Vec<TriedUseCase>, RunError> {
    let mut known: HashSet<StableId> = HashSet::new();
    let mut of_base: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut read = findings.read()?;
    while let Some(finding) = read.next_if(|_| true)? {
        known.insert(finding.finding_id);
        let counts = of_base.entry(finding.use_case).or_default();
        *counts = (counts.0 + 1, counts.1 + finding.documents);
    }
    let idx_by_name: BTreeMap<String, usize> =
        found.variants.iter().enumerate().map(|(idx, variant)| (variant.use_case.id(), idx)).collect();
    let mut of_variants = vec![(0, 0); found.variants.len()];
    let mut misses: BTreeMap<(usize, FindingKey), (usize, Finding)> = BTreeMap::new();
    let mut read = found.rolled_up.findings.read()?;
    while let Some(finding) = read.next_if(|_| true)? {
        let Some(&idx) = idx_by_name.get(&finding.use_case) else { continue };
        let (n_findings, n_documents) = of_variants[idx];
        of_variants[idx] = (n_findings + 1, n_documents + finding.documents);
        let of = found.variants[idx].idx;
        let finding_key = FindingKey { aggregator: finding.aggregator.clone(), target: finding.target.clone() };
        let Some(seen) = use_cases.get(&of) else { continue };
        if known.contains(&StableId::of_finding(&seen.use_case.id(), &finding_key)) {
            continue;
        }
        // of several variants, that with the fewest findings is nearest to the one in use
        let place = misses.entry((of, finding_key)).or_insert_with(|| (idx, finding.clone()));
        if found.n_findings(idx) < found.n_findings(place.0) {
            *place = (idx, finding);
        }
    }
    let use_case = |(idx, seen): (usize, SeenUseCase)| {
        let SeenUseCase { use_case, usage, overview } = seen;
        let name = use_case.id();
        let mut near: Vec<&(usize, Finding)> =
            misses.iter().filter(|((of, _), _)| *of == idx).map(|(_, miss)| miss).collect();
        near.sort_by_key(|(idx, _)| found.n_findings(*idx));
        let miss = |(idx, finding): &&(usize, Finding)| (found.variants[*idx].value.clone(), finding.clone());
        let of_use_case = found.variants.iter().zip(&of_variants).filter(|(variant, _)| variant.idx == idx);
        let sensitivity = use_case.model.sensitivity().filter(|_| key == SENSITIVITY);
        TriedUseCase {
            n_events: usage.in_window,
            matching: usage.events,
            in_use: of_base.get(&name).copied().unwrap_or_default(),
            value_in_use: sensitivity.map(|in_use| in_use.value.to_string()),
            values: of_use_case.map(|(variant, counts)| (variant.value.clone(), *counts)).collect(),
            misses: near.iter().take(MISSES).map(miss).collect(),
            overview,
            name,
        }
    };
    Ok(use_cases.into_iter().map(use_case).collect())
}

impl Found<'_> {
    /// Number of findings of a variant.
    fn n_findings(&self, idx: usize) -> u64 {
        self.rolled_up.use_cases.get(idx).map_or(0, |counts| counts.findings)
    }
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

/// True if both need the same of the events.
fn reads_the_same(a: &UseCase, b: &UseCase) -> bool {
    let columns = |of: &UseCase| format!("{:?}", method(&of.model).columns());
    let query = a.query == b.query && a.history_window == b.history_window;
    let time = a.timestamp_field == b.timestamp_field && a.timestamp_format == b.timestamp_format;
    query && time && columns(a) == columns(b)
}
