//! Search for the smallest changes that turn a verdict. Each change that is found was judged.

use crate::config::TriggerMethod;

/// Values that a setting may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::models) enum Settings {
    /// From 0 to 100.
    Percentages,
    /// Between 0 and 1, exclusive.
    Rates,
    /// Any number.
    Numbers,
}

impl Settings {
    /// Values of `trigger_sensitivity`.
    pub(in crate::models) fn of(method: TriggerMethod) -> Self {
        match method {
            TriggerMethod::Percentile => Settings::Percentages,
            TriggerMethod::Fdr => Settings::Rates,
            _ => Settings::Numbers,
        }
    }

    /// Places of a value on the axis of the search, and back. Rates differ by factors.
    fn place(self, value: f64) -> f64 {
        if self == Settings::Rates { value.ln() } else { value }
    }

    fn value(self, place: f64) -> f64 {
        if self == Settings::Rates { place.exp() } else { place }
    }

    /// First and last place of the search.
    fn range(self, start: f64) -> [f64; 2] {
        match self {
            Settings::Percentages => [0.0, 100.0],
            Settings::Rates => [-300.0, -1e-6],
            Settings::Numbers => {
                let reach = 1e6 * start.abs().max(1.0);
                [start - reach, start + reach]
            }
        }
    }
}

/// Growth of the steps away from the present setting.
const GROWTH: f64 = 1.6;

/// Number of times that the stretch with the turn is halved.
const HALVINGS: u32 = 60;

/// Returns the setting nearest to `start` with which the verdict is the opposite of `flagged`, with
/// few digits; `None` if there is none.
pub(in crate::models) fn flipping_setting(
    settings: Settings,
    start: f64,
    flagged: bool,
    judge: impl Fn(f64) -> bool,
) -> Option<f64> {
    let flips = |place: f64| judge(settings.value(place)) != flagged;
    let from = settings.place(start);
    let found = settings.range(from).into_iter().filter_map(|end| {
        let (kept, flipped) = turn(from, end, &flips)?;
        Some((short(settings, kept, flipped, &flips), (flipped - from).abs()))
    });
    found.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(value, _)| value)
}

/// Neighbouring places, before and after the turn of the verdict on the way to `end`.
fn turn(from: f64, end: f64, flips: &impl Fn(f64) -> bool) -> Option<(f64, f64)> {
    let direction = (end - from).signum();
    let mut step = 1e-3 * from.abs().max(1.0);
    let (mut kept, mut flipped) = (from, from);
    while kept != end {
        let next = from + direction * step;
        flipped = if (end - next) * direction <= 0.0 { end } else { next };
        if flips(flipped) {
            break;
        }
        kept = flipped;
        step *= GROWTH;
    }
    if kept == end || from == end {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = kept + (flipped - kept) / 2.0;
        if middle == kept || middle == flipped {
            break;
        }
        if flips(middle) { flipped = middle } else { kept = middle }
    }
    Some((kept, flipped))
}

/// The value of `flipped`, or one a bit further from `kept` that takes fewer digits.
fn short(settings: Settings, kept: f64, flipped: f64, flips: &impl Fn(f64) -> bool) -> f64 {
    let exact = settings.value(flipped);
    let is_up = flipped > kept;
    (2..=15)
        .map(|digits| rounded(exact, digits, is_up))
        .find(|value| {
            let place = settings.place(*value);
            place.is_finite() && flips(place) && settings.range(kept).iter().all(|end| is_within(place, *end, flipped))
        })
        .unwrap_or(exact)
}

/// True if `place` is not beyond the end of the range on its side.
fn is_within(place: f64, end: f64, inside: f64) -> bool {
    if end >= inside { place <= end } else { place >= end }
}

/// A number with at most so many significant digits: the next greater or smaller one.
fn rounded(number: f64, digits: i32, is_up: bool) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let exponent = digits - 1 - number.abs().log10().floor() as i32;
    // powers of ten with negative exponents are not exact
    let scaled = if exponent >= 0 { number * 10_f64.powi(exponent) } else { number / 10_f64.powi(-exponent) };
    let whole = if is_up { scaled.ceil() } else { scaled.floor() };
    if exponent >= 0 { whole / 10_f64.powi(exponent) } else { whole * 10_f64.powi(-exponent) }
}

/// Numbers that are tried one by one.
const ONE_BY_ONE: u64 = 32;

/// Returns a small number, at most `most`, with which the verdict is the opposite of `flagged`. It
/// is the smallest one up to 32, and whatever the verdicts of smaller numbers otherwise, if they
/// turn once.
pub(in crate::models) fn flipping_number(most: u64, flagged: bool, judge: impl Fn(u64) -> bool) -> Option<u64> {
    let flips = |n: u64| judge(n) != flagged;
    if let Some(n) = (1..=most.min(ONE_BY_ONE)).find(|&n| flips(n)) {
        return Some(n);
    }
    let mut kept = ONE_BY_ONE;
    while kept < most {
        let next = kept.saturating_mul(2).min(most);
        if flips(next) {
            let mut flipped = next;
            while flipped - kept > 1 {
                let middle = kept + (flipped - kept) / 2;
                if flips(middle) { flipped = middle } else { kept = middle }
            }
            return Some(flipped);
        }
        kept = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_setting_that_turns_the_verdict_is_found() {
        let above = |start: f64, flagged: bool, least: f64| {
            flipping_setting(Settings::Numbers, start, flagged, |setting| setting > least)
        };
        assert_eq!(above(5.0, false, 7.123), Some(7.2));
        assert_eq!(above(10.0, true, 7.123), Some(7.1));
        assert_eq!(above(10.0, true, 7.0), Some(7.0));
        assert_eq!(above(0.0, true, -3.0), Some(-3.0));
        assert_eq!(flipping_setting(Settings::Numbers, 3.0, false, |_| false), None);
    }

    #[test]
    fn settings_stay_within_their_range() {
        let judge = |least: f64| move |setting: f64| setting >= least;
        assert_eq!(flipping_setting(Settings::Percentages, 95.0, false, judge(100.0)), Some(100.0));
        assert_eq!(flipping_setting(Settings::Percentages, 95.0, false, judge(100.1)), None);
        assert_eq!(flipping_setting(Settings::Percentages, 0.0, true, |setting| setting < 3.0), Some(3.0));
        let rate = flipping_setting(Settings::Rates, 0.05, false, judge(0.31)).unwrap();
        assert!((0.31..0.32).contains(&rate), "{rate}");
        let rate = flipping_setting(Settings::Rates, 0.05, true, |setting| setting > 1e-30).unwrap();
        assert!(rate <= 1e-30 && rate > 0.9e-30, "{rate}");
    }

    #[test]
    fn numbers_are_the_smallest_ones() {
        for least in [1, 2, 17, 32, 33, 100, 1_000_000] {
            assert_eq!(flipping_number(1_000_000, false, |n| n >= least), Some(least));
        }
        assert_eq!(flipping_number(99, false, |n| n >= 100), None);
        assert_eq!(flipping_number(0, false, |_| true), None);
    }
}
