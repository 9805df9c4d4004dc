//! Axes: from values to places, and the values that have a mark.

use super::numbers::{DAY, LARGE, SMALL, duration, exponent, number_in_steps, power, power_of_ten, time};

/// Axis of a plot: its label, how values are spaced, and how they are written.
#[derive(Debug, Clone)]
pub struct Axis {
    label: String,
    spacing: Spacing,
    unit: Unit,
    /// Values that the axis reaches, whatever the data are.
    reached: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    Linear,
    Logarithmic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Number,
    /// Counts of something: marks are integers.
    Count,
    Seconds,
    /// Seconds since 1970.
    Time,
}

impl Axis {
    /// Axis of equal steps.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis { label: label.into(), spacing: Spacing::Linear, unit: Unit::Number, reached: Vec::new() }
    }

    /// Axis of equal ratios. Values that are not above 0 have no place on it.
    pub fn logarithmic(label: impl Into<String>) -> Self {
        Axis { spacing: Spacing::Logarithmic, ..Axis::linear(label) }
    }

    /// Values are counts, so marks are integers.
    #[must_use]
    pub fn of_counts(self) -> Self {
        Axis { unit: Unit::Count, ..self }
    }

    /// Values are durations in seconds, written as `5 min`.
    #[must_use]
    pub fn of_seconds(self) -> Self {
        Axis { unit: Unit::Seconds, ..self }
    }

    /// Values are times in seconds since 1970, written in UTC.
    #[must_use]
    pub fn of_times(self) -> Self {
        Axis { unit: Unit::Time, ..self }
    }

    /// Extends the axis to `value`, whatever the data are.
    #[must_use]
    pub fn reaching(mut self, value: f64) -> Self {
        self.reached.push(value);
        self
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn is_of_counts(&self) -> bool {
        self.unit == Unit::Count
    }

    pub(super) fn is_of_seconds(&self) -> bool {
        self.unit == Unit::Seconds
    }

    /// True if `value` has a place on the axis.
    pub(super) fn has(&self, value: f64) -> bool {
        value.is_finite() && (self.spacing == Spacing::Linear || value > 0.0)
    }

    /// Measures `values` from the pixel `start` to the pixel `end`, with about `n_marks` marks.
    pub(super) fn ruler(&self, values: impl Iterator<Item = f64>, (start, end): (f64, f64), n_marks: usize) -> Ruler {
        let mut found: Option<(f64, f64)> = None;
        // the difference of two values must be finite
        let limits = if self.spacing == Spacing::Linear { (-1e300, 1e300) } else { (1e-300, 1e300) };
        for value in values.chain(self.reached.iter().copied()).filter(|value| self.has(*value)) {
            let value = value.clamp(limits.0, limits.1);
            found = Some(found.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
        }
        let (low, high) = self.widened(found);
        let mut ruler = Ruler { spacing: self.spacing, unit: self.unit, low, high, start, end, n_marks };
        ruler.round_outwards();
        ruler
    }

    /// Range of the values, which is not empty.
    fn widened(&self, found: Option<(f64, f64)>) -> (f64, f64) {
        match (found, self.spacing, self.unit) {
            (None, Spacing::Linear, _) => (0.0, 1.0),
            (None, Spacing::Logarithmic, _) => (1.0, 10.0),
            (Some((low, high)), ..) if low < high => (low, high),
            (Some((value, _)), Spacing::Logarithmic, _) => (value / 3.0, value * 3.0),
            (Some((value, _)), _, Unit::Time) => {
                let around = (value.abs() * 1e-12).max(1800.0);
                (value - around, value + around)
            }
            (Some((0.0, _)), ..) => (0.0, 1.0),
            (Some((value, _)), ..) => (value - value.abs() / 2.0, value + value.abs() / 2.0),
        }
    }
}

/// Places of values in pixels, along an axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    spacing: Spacing,
    unit: Unit,
    low: f64,
    high: f64,
    pub(super) start: f64,
    pub(super) end: f64,
    n_marks: usize,
}

impl Ruler {
    /// Place of a value; values beyond the ends are at the ends. `None` for what has no place.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let is_usable = value.is_finite() && (self.spacing == Spacing::Linear || value > 0.0);
        is_usable.then(|| self.start + self.share(value).clamp(0.0, 1.0) * (self.end - self.start))
    }

    /// Place of a value that is known to have one, such as an edge between bins.
    pub(super) fn edge(&self, value: f64) -> f64 {
        self.at(value).unwrap_or(self.start)
    }

    fn share(&self, value: f64) -> f64 {
        match self.spacing {
            Spacing::Linear => (value - self.low) / (self.high - self.low),
            Spacing::Logarithmic => (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10()),
        }
    }

    /// Values that divide the axis into `n` bins. Counts on a short linear axis have a bin each,
    /// so that none is empty because of where it ends.
    pub(super) fn bins(&self, n: usize) -> Vec<f64> {
        if self.spacing == Spacing::Linear && self.unit == Unit::Count && self.high - self.low <= n as f64 {
            return (0..=(self.high - self.low) as usize + 1).map(|idx| self.low.floor() + idx as f64 - 0.5).collect();
        }
        let share = |idx: usize| idx as f64 / n as f64;
        match self.spacing {
            Spacing::Linear => (0..=n).map(|idx| self.low + (self.high - self.low) * share(idx)).collect(),
            Spacing::Logarithmic => {
                let (low, high) = (self.low.log10(), self.high.log10());
                (0..=n).map(|idx| 10_f64.powf(low + (high - low) * share(idx))).collect()
            }
        }
    }

    /// Moves the ends of the axis to round values, so that the data keep a distance from them.
    fn round_outwards(&mut self) {
        match (self.spacing, self.unit) {
            (Spacing::Linear, Unit::Time | Unit::Seconds) => {}
            (Spacing::Linear, _) => {
                let step = self.step();
                self.low = (self.low / step).floor() * step;
                self.high = (self.high / step).ceil() * step;
            }
            (Spacing::Logarithmic, Unit::Seconds | Unit::Time) => {
                self.low /= 1.2;
                self.high *= 1.2;
            }
            (Spacing::Logarithmic, _) => {
                self.low = round_numbers(self.low).rev().find(|round| *round <= self.low).unwrap_or(self.low);
                self.high = round_numbers(self.high).find(|round| *round >= self.high).unwrap_or(self.high);
            }
        }
    }

    /// Marks of the axis: their places and texts, in order.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let step = self.step();
        let (values, are_powers) = match (self.spacing, self.unit) {
            (Spacing::Linear, _) => (self.multiples(step), false),
            (_, Unit::Seconds | Unit::Time) => (self.durations(), false),
            (_, unit) => self.round_values(unit),
        };
        let text = |value: f64| match self.unit {
            Unit::Seconds => duration(value),
            Unit::Time => time(value),
            _ if are_powers => power(exponent(value)),
            _ if self.spacing == Spacing::Linear => number_in_steps(value, step),
            _ => number_in_steps(value, value),
        };
        let mut marks: Vec<(f64, String)> =
            values.into_iter().filter_map(|value| Some((self.at(value)?, text(value)))).collect();
        marks.dedup_by(|later, earlier| later.1 == earlier.1);
        marks
    }

    /// Date of the first mark, if the marks are times of day alone.
    pub(super) fn date(&self) -> Option<String> {
        let values = self.multiples(self.step());
        let is_date = |value: &f64| value.rem_euclid(DAY) == 0.0;
        if self.unit != Unit::Time || values.iter().any(is_date) {
            return None;
        }
        values.first().map(|first| time((first / DAY).floor() * DAY))
    }

    /// Distance between the marks of a linear axis.
    fn step(&self) -> f64 {
        /// Steps of clocks and calendars.
        const CLOCK: [f64; 21] = [
            1.0,
            2.0,
            5.0,
            10.0,
            15.0,
            30.0,
            60.0,
            120.0,
            300.0,
            600.0,
            900.0,
            1800.0,
            3600.0,
            7200.0,
            10_800.0,
            21_600.0,
            43_200.0,
            DAY,
            2.0 * DAY,
            7.0 * DAY,
            14.0 * DAY,
        ];
        let least = (self.high - self.low) / self.n_marks.max(1) as f64;
        match self.unit {
            Unit::Seconds | Unit::Time if least > 1.0 => match CLOCK.iter().find(|step| **step >= least) {
                Some(step) => *step,
                None => round_up(least / DAY) * DAY,
            },
            Unit::Count => round_up(least).max(1.0),
            _ => round_up(least),
        }
    }

    fn multiples(&self, step: f64) -> Vec<f64> {
        let first = (self.low / step).ceil();
        // rounding must not lose the last one
        let last = self.high + step * 1e-6;
        (0..=2 * self.n_marks + 2).map(|idx| (first + idx as f64) * step).take_while(|value| *value <= last).collect()
    }

    /// Marks of a logarithmic axis of durations.
    fn durations(&self) -> Vec<f64> {
        const MARKS: [f64; 14] = [
            1e-3,
            1e-2,
            0.1,
            1.0,
            10.0,
            60.0,
            600.0,
            3600.0,
            21_600.0,
            DAY,
            7.0 * DAY,
            30.0 * DAY,
            365.0 * DAY,
            3650.0 * DAY,
        ];
        let marks: Vec<f64> = MARKS.into_iter().filter(|mark| (self.low..=self.high).contains(mark)).collect();
        thinned(marks, self.n_marks)
    }

    /// Marks of a logarithmic axis, and whether they are powers of ten that are written as such.
    fn round_values(&self, unit: Unit) -> (Vec<f64>, bool) {
        let decades = exponent(self.low)..=exponent(self.high);
        let is_inside = |value: &f64| {
            (self.low * (1.0 - 1e-9)..=self.high * (1.0 + 1e-9)).contains(value)
                && (unit != Unit::Count || *value >= 1.0)
        };
        let all: Vec<f64> = decades.clone().flat_map(of_decade).filter(is_inside).collect();
        if all.len() <= self.n_marks {
            return (all, false);
        }
        let powers = decades.map(power_of_ten).filter(is_inside).collect();
        (thinned(powers, self.n_marks), self.high >= LARGE || self.low < SMALL)
    }
}

/// Every second, third ... value, so that at most `n` are left.
fn thinned(values: Vec<f64>, n: usize) -> Vec<f64> {
    let every = values.len().div_ceil(n.max(1)).max(1);
    values.into_iter().step_by(every).collect()
}

/// The numbers 1, 2 and 5 times a power of ten.
fn of_decade(exponent: i32) -> [f64; 3] {
    [1.0, 2.0, 5.0].map(|digit| digit * power_of_ten(exponent))
}

/// Round numbers around a positive number, ascending.
fn round_numbers(value: f64) -> impl DoubleEndedIterator<Item = f64> {
    let exponent = exponent(value);
    (exponent - 1..=exponent + 1).flat_map(of_decade)
}

/// The least round number that is not below a positive number.
fn round_up(value: f64) -> f64 {
    let value = value.max(f64::MIN_POSITIVE);
    round_numbers(value).find(|round| *round >= value * (1.0 - 1e-9)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, values: &[f64]) -> Vec<String> {
        let marks = axis.ruler(values.iter().copied(), (0.0, 560.0), 8).marks();
        assert!(marks.iter().all(|(at, _)| (0.0..=560.0).contains(at)), "{marks:?}");
        assert!(marks.is_sorted_by(|a, b| a.0 < b.0), "{marks:?}");
        marks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_of_linear_axes_are_round() {
        let axis = Axis::linear("");
        for (values, expected) in [
            (&[0.0, 10.0][..], &["0", "2", "4", "6", "8", "10"][..]),
            (&[3.0, 3980.0], &["0", "500", "1,000", "1,500", "2,000", "2,500", "3,000", "3,500", "4,000"]),
            (&[-1.0, 1.0], &["−1.0", "−0.5", "0", "0.5", "1.0"]),
            (&[], &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&[f64::NAN, f64::INFINITY], &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&[100.0], &["40", "60", "80", "100", "120", "140", "160"]),
        ] {
            assert_eq!(texts(&axis, values), expected, "{values:?}");
        }
        assert_eq!(texts(&Axis::linear("").of_counts(), &[0.0, 2.0]), ["0", "1", "2"]);
    }

    #[test]
    fn marks_of_logarithmic_axes_are_powers() {
        let axis = Axis::logarithmic("");
        for (values, expected) in [
            (&[1.0, 100.0][..], &["1", "2", "5", "10", "20", "50", "100"][..]),
            (&[1.0, 1e5], &["1", "10", "100", "1,000", "10,000", "100,000"]),
            (&[1.0, 1e9], &["1", "100", "10⁴", "10⁶", "10⁸"]),
            (&[1e-6, 1.0], &["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1"]),
            (&[0.0, -5.0], &["1", "2", "5", "10"]),
        ] {
            assert_eq!(texts(&axis, values), expected, "{values:?}");
        }
        assert!(texts(&axis, &[1e-320, 1e308]).len() <= 8);
        assert_eq!(texts(&axis.of_counts().reaching(0.5), &[20.0]), ["1", "2", "5", "10", "20"]);
    }

    #[test]
    fn marks_of_time_follow_the_clock() {
        let hours = Axis::linear("").of_seconds();
        assert_eq!(texts(&hours, &[0.0, DAY]), ["0", "3 h", "6 h", "9 h", "12 h", "15 h", "18 h", "21 h", "1 d"]);
        assert_eq!(texts(&hours, &[0.0, 300.0]), ["0", "1 min", "2 min", "3 min", "4 min", "5 min"]);
        let logarithmic = Axis::logarithmic("").of_seconds();
        assert_eq!(texts(&logarithmic, &[1.0, DAY]), ["1 s", "10 s", "1 min", "10 min", "1 h", "6 h", "1 d"]);
        let day = 19_850.0 * DAY;
        let times = texts(&Axis::linear("").of_times(), &[day - 7200.0, day + 7200.0]);
        assert_eq!(times, ["22:00", "22:30", "23:00", "23:30", "2024-05-07", "00:30", "01:00", "01:30", "02:00"]);
        assert!(texts(&Axis::linear("").of_times(), &[0.0, 1e10]).len() <= 10);
        let date = |from: f64, to: f64| Axis::linear("").of_times().ruler([from, to].into_iter(), (0.0, 1.0), 8).date();
        assert_eq!(date(day + 3600.0, day + 7200.0), Some("2024-05-07".to_owned()));
        assert_eq!(date(day - 3600.0, day + 7200.0), None);
        assert_eq!(hours.ruler([0.0, 60.0].into_iter(), (0.0, 1.0), 8).date(), None);
    }

    #[test]
    fn every_finite_range_has_places() {
        for axis in [Axis::linear(""), Axis::logarithmic(""), Axis::linear("").of_times()] {
            for values in [&[f64::MAX, -f64::MAX][..], &[1e16, 1e16 + 2.0], &[5e-324], &[0.0], &[-1e300]] {
                let ruler = axis.ruler(values.iter().copied(), (0.0, 100.0), 6);
                for value in values.iter().chain(&[f64::NAN, f64::INFINITY]) {
                    assert!(ruler.at(*value).is_none_or(|at| (0.0..=100.0).contains(&at)), "{values:?} {value}");
                }
                assert!(ruler.marks().len() <= 14, "{values:?}");
            }
        }
    }
}
