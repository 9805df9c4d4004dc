//! Use cases with other sensitivities, from the same events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::info;

use super::super::error::RunError;
use super::super::run::variants::{Events, Judged};
use super::census::Census;
use super::labels::LabelledEvents;
use super::measures::Measures;
use super::result::Point;
use super::tally::{Comparing, Tally};
use crate::config::UseCase;
use crate::report::Report;
use crate::runtime::Interrupt;

/// Labels and figures with which points of curves are compared.
pub(super) struct Truth<'a, 'e> {
    pub(super) events: &'a mut LabelledEvents<'e>,
    pub(super) census: &'a Census,
    pub(super) interrupt: &'a Interrupt,
}

/// Points by the name of the use case, in the order of their sensitivities. A use case without
/// sensitivity has the one point in use. Each is judged alone: together with the use cases that it
/// requires, and without the `outlier_budget` of the run.
pub(super) fn curves(
    events: &Events<'_>,
    judged: &Judged,
    truth: &mut Truth<'_, '_>,
    report: &mut Report,
) -> Result<BTreeMap<String, Vec<Point>>, RunError> {
    let mut curves: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    let in_use = events.without_budget(judged)?;
    let mut tallies = tally(&in_use, truth)?;
    let mut known = BTreeSet::new();
    let use_cases: Vec<_> = events.use_cases().enumerate().filter(|(_, of)| known.insert(of.id())).collect();
    for (_, use_case) in &use_cases {
        let sensitivity = use_case.model.sensitivity().map(|sensitivity| sensitivity.value);
        let tally = tallies.remove(&use_case.id()).unwrap_or_default();
        let point = Point { in_use: true, ..point(sensitivity, &tally, truth.census) };
        curves.insert(use_case.id(), vec![point]);
    }
    for level in 0.. {
        let variants: Vec<Variant> = use_cases.iter().filter_map(|of| variant(*of, level)).collect();
        if variants.is_empty() {
            break;
        }
        info!(use_cases = variants.len(), "judging other sensitivities");
        let judged_as: Vec<(usize, Arc<UseCase>)> =
            variants.iter().map(|variant| (variant.mask_idx, Arc::clone(&variant.use_case))).collect();
        let (found, failed) = events.judge_variants(&judged_as, judged)?;
        let mut tallies = tally(&found, truth)?;
        for (idx, variant) in variants.iter().enumerate() {
            let Variant { name, sensitivity, use_case, .. } = variant;
            if let Some((_, why)) = failed.iter().find(|(failed, _)| *failed == idx) {
                report.missing.push(format!("{name} with sensitivity {sensitivity}: {why}"));
                continue;
            }
            let tally = tallies.remove(&use_case.id()).unwrap_or_default();
            curves.entry(name.clone()).or_default().push(point(Some(*sensitivity), &tally, truth.census));
        }
    }
    let order = |a: &Point, b: &Point| a.sensitivity.partial_cmp(&b.sensitivity).unwrap_or(std::cmp::Ordering::Equal);
    curves.values_mut().for_each(|points| points.sort_by(order));
    Ok(curves)
}

/// A use case with another sensitivity.
struct Variant {
    /// Number of the use case in the plan.
    mask_idx: usize,
    /// Name of the use case.
    name: String,
    sensitivity: f64,
    /// The variant, which has a name of its own.
    use_case: Arc<UseCase>,
}

/// Returns the use case with the sensitivity number `level` of those around the one in use.
fn variant((mask_idx, use_case): (usize, &Arc<UseCase>), level: usize) -> Option<Variant> {
    let in_use = use_case.model.sensitivity()?;
    let sensitivity = in_use.around().into_iter().filter(|other| *other != in_use.value).nth(level)?;
    let model = use_case.model.with_sensitivity(sensitivity);
    // the use case itself may be required by others, which must not take the variant for it
    let model_name = format!("{} with sensitivity {sensitivity}", use_case.model_name);
    let variant = Arc::new(UseCase { model, model_name, ..UseCase::clone(use_case) });
    Some(Variant { mask_idx, name: use_case.id(), sensitivity, use_case: variant })
}

fn tally(judged: &Judged, truth: &mut Truth<'_, '_>) -> Result<BTreeMap<String, Tally>, RunError> {
    let Truth { census, interrupt, .. } = *truth;
    let comparing = Comparing { judged, census, interrupt };
    Ok(comparing.tally(truth.events, |_, _| {})?.use_cases)
}

fn point(sensitivity: Option<f64>, tally: &Tally, census: &Census) -> Point {
    Point { sensitivity, in_use: false, measures: Measures::of(tally, census), items: tally.items() }
}
