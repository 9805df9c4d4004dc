//! Sensitivities of all use cases that together stay within a budget.
//!
//! Use cases compete: each step takes the change of one use case's sensitivity that finds most more
//! for each background finding more, until none is left that the budget allows. It begins with all
//! use cases switched off.

use std::collections::BTreeMap;

use super::result::{Point, Proposal, Suggestion, UseCaseResult};

/// One use case with one sensitivity.
#[derive(Debug, Clone, Copy)]
struct Choice<'a> {
    n_background: u64,
    items: &'a [u64],
    /// True if it is the point in use.
    in_use: bool,
}

impl<'a> Choice<'a> {
    fn of(point: &'a Point) -> Self {
        let Point { measures, items, in_use, .. } = point;
        Choice { n_background: measures.findings.background, items, in_use: *in_use }
    }
}

/// A change of one use case.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    use_case: usize,
    /// Its new point; `None` switches it off.
    point: Option<usize>,
    /// True if that is the point in use.
    in_use: bool,
    /// More that is found.
    gain: i64,
    /// More background findings.
    cost: i64,
}

impl Step {
    /// True if a step is better than another: more found for each background finding. Without
    /// more of these, what is gained is free. Of equal ones, what is in use is better.
    fn is_better_than(&self, other: &Step) -> bool {
        let rate = |step: &Step| if step.cost <= 0 { f64::INFINITY } else { step.gain as f64 / step.cost as f64 };
        let order = rate(self).total_cmp(&rate(other)).then(self.gain.cmp(&other.gain));
        order.then(other.cost.cmp(&self.cost)).then(self.in_use.cmp(&other.in_use)).is_gt()
    }
}

/// Proposes sensitivities that stay within `budget` background findings per day, of `n_days` days.
pub(super) fn suggest(use_cases: &[UseCaseResult], budget: f64, n_days: u64, of: &'static str) -> Suggestion {
    let choices: Vec<Vec<Choice<'_>>> = use_cases.iter().map(choices).collect();
    let chosen = choose(&choices, budget * n_days as f64);
    let in_use: Vec<Option<usize>> =
        use_cases.iter().map(|use_case| use_case.curve.iter().position(|point| point.in_use)).collect();
    let per_day = |n: u64| n as f64 / n_days as f64;
    let proposal = |(use_case, chosen): (&UseCaseResult, &Option<usize>)| {
        let point = chosen.map(|point| &use_case.curve[point]);
        Proposal {
            name: use_case.name.clone(),
            in_use: use_case.sensitivity,
            sensitivity: point.and_then(|point| point.sensitivity),
            run: point.is_some(),
            found: point.map_or(0, |point| point.items.len() as u64),
            background_findings_per_day: per_day(point.map_or(0, |point| point.measures.findings.background)),
        }
    };
    let (found, n_background) = sums(&choices, &chosen);
    let (found_in_use, n_background_in_use) = sums(&choices, &in_use);
    Suggestion {
        budget,
        background_findings_per_day: per_day(n_background),
        of,
        found,
        found_in_use,
        background_findings_per_day_in_use: per_day(n_background_in_use),
        use_cases: use_cases.iter().zip(&chosen).map(proposal).collect(),
    }
}

fn choices(use_case: &UseCaseResult) -> Vec<Choice<'_>> {
    use_case.curve.iter().map(Choice::of).collect()
}

/// Returns the number of things that the chosen points find together, and of their background
/// findings.
fn sums(choices: &[Vec<Choice<'_>>], chosen: &[Option<usize>]) -> (u64, u64) {
    let chosen = || choices.iter().zip(chosen).filter_map(|(choices, point)| choices.get((*point)?));
    let mut items: Vec<u64> = chosen().flat_map(|choice| choice.items.iter().copied()).collect();
    items.sort_unstable();
    items.dedup();
    (items.len() as u64, chosen().map(|choice| choice.n_background).sum())
}

/// Chooses a point of each use case, or none.
fn choose(choices: &[Vec<Choice<'_>>], most: f64) -> Vec<Option<usize>> {
    let mut chosen: Vec<Option<usize>> = vec![None; choices.len()];
    let mut n_background = 0_i64;
    // number of chosen points that find an item
    let mut finders: BTreeMap<u64, u64> = BTreeMap::new();
    while let Some(step) = best_step(choices, &chosen, &finders, most - n_background as f64) {
        let points = &choices[step.use_case];
        if let Some(old) = std::mem::replace(&mut chosen[step.use_case], step.point) {
            points[old].items.iter().for_each(|item| *finders.entry(*item).or_default() -= 1);
        }
        let new = step.point.map_or(&[][..], |point| points[point].items);
        new.iter().for_each(|item| *finders.entry(*item).or_default() += 1);
        n_background += step.cost;
    }
    chosen
}

/// The best change that costs at most `most`; `None` if no change is worth it.
fn best_step(
    choices: &[Vec<Choice<'_>>],
    chosen: &[Option<usize>],
    finders: &BTreeMap<u64, u64>,
    most: f64,
) -> Option<Step> {
    let n_finders = |item: &u64| finders.get(item).copied().unwrap_or_default();
    let mut best: Option<Step> = None;
    for (use_case, points) in choices.iter().enumerate() {
        let old = chosen[use_case].map(|point| points[point]);
        let is_of_old = |item: &u64| old.is_some_and(|old| old.items.binary_search(item).is_ok());
        // what only the old point of the use case finds
        let n_lost = old.map_or(0, |old| old.items.iter().filter(|item| n_finders(item) == 1).count());
        let n_old_background = old.map_or(0, |old| old.n_background);
        let off = Choice { n_background: 0, items: &[], in_use: false };
        let useful = points.iter().enumerate().filter(|(_, choice)| !choice.items.is_empty());
        let with_off = useful.map(|(point, choice)| (Some(point), choice)).chain([(None, &off)]);
        for (point, choice) in with_off {
            let is_new = |item: &&u64| n_finders(item) == u64::from(is_of_old(item));
            let n_new = choice.items.iter().filter(is_new).count();
            let gain = n_new as i64 - n_lost as i64;
            let cost = choice.n_background as i64 - n_old_background as i64;
            let step = Step { use_case, point, in_use: choice.in_use, gain, cost };
            let is_worth_it = gain > 0 || (gain == 0 && cost < 0);
            if is_worth_it && cost as f64 <= most && best.is_none_or(|best| step.is_better_than(&best)) {
                best = Some(step);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(use_cases: &[&[(u64, &[u64])]], most: f64) -> Vec<Option<usize>> {
        let choices: Vec<Vec<Choice<'_>>> = use_cases
            .iter()
            .map(|points| {
                points.iter().map(|&(n_background, items)| Choice { n_background, items, in_use: false }).collect()
            })
            .collect();
        choose(&choices, most)
    }

    #[test]
    fn what_finds_most_for_its_price_comes_first() {
        let cheap: &[(u64, &[u64])] = &[(1, &[1]), (4, &[1, 2, 3]), (20, &[1, 2, 3, 4])];
        let dear: &[(u64, &[u64])] = &[(10, &[1, 2, 5])];
        // 1/1, then 2/3, then item 5 for 10, then item 4 for 16
        assert_eq!(chosen(&[cheap, dear], 0.0), [None, None]);
        assert_eq!(chosen(&[cheap, dear], 3.0), [Some(0), None]);
        assert_eq!(chosen(&[cheap, dear], 4.0), [Some(1), None]);
        assert_eq!(chosen(&[cheap, dear], 14.0), [Some(1), Some(0)]);
        assert_eq!(chosen(&[cheap, dear], 30.0), [Some(2), Some(0)]);
    }

    #[test]
    fn what_costs_nothing_is_taken_and_what_adds_nothing_is_not() {
        let free: &[(u64, &[u64])] = &[(0, &[1, 2])];
        let same: &[(u64, &[u64])] = &[(1, &[2])];
        let empty: &[(u64, &[u64])] = &[(0, &[])];
        assert_eq!(chosen(&[same, free, empty], 5.0), [None, Some(0), None]);
    }

    #[test]
    fn what_others_find_as_well_is_switched_off() {
        let narrow: &[(u64, &[u64])] = &[(1, &[1, 2])];
        let wide: &[(u64, &[u64])] = &[(5, &[1, 2, 3, 4])];
        let two: &[(u64, &[u64])] = &[(0, &[]), (1, &[1, 2])];
        assert_eq!(chosen(&[two, wide], 6.0), [None, Some(0)]);
        assert_eq!(chosen(&[narrow, wide], 5.0), [Some(0), None]);
        assert_eq!(chosen(&[narrow, wide], 6.0), [None, Some(0)]);
    }

    #[test]
    fn a_cheaper_point_replaces_a_dearer_one_that_others_made_needless() {
        let wide: &[(u64, &[u64])] = &[(1, &[1]), (2, &[1, 2, 3, 4])];
        let other: &[(u64, &[u64])] = &[(4, &[2, 3, 4, 5, 6, 7, 8])];
        assert_eq!(chosen(&[wide, other], 10.0), [Some(0), Some(0)]);
    }
}
