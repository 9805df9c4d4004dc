//! `history_window_days` and `history_window_hours`: how far back events are read.

use chrono::TimeDelta;

use super::keys::Keys;

const DAYS: &str = "history_window_days";
const HOURS: &str = "history_window_hours";

/// Length of the history over which events are read; at most 1,000,000 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryWindow {
    days: u32,
    hours: u32,
}

impl HistoryWindow {
    const DEFAULT: Self = Self { days: 7, hours: 12 };

    /// The whole length.
    pub fn duration(self) -> TimeDelta {
        TimeDelta::hours(i64::from(self.days) * 24 + i64::from(self.hours))
    }

    fn new(days: u64, hours: u64) -> Option<Self> {
        let window = Self { days: u32::try_from(days).ok()?, hours: u32::try_from(hours).ok()? };
        (window.duration() <= TimeDelta::days(1_000_000)).then_some(window)
    }

    /// Reads the window of the main configuration.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let days = keys.count(DAYS).unwrap_or(Self::DEFAULT.days.into());
        let hours = keys.count(HOURS).unwrap_or(Self::DEFAULT.hours.into());
        Self::new(days, hours).unwrap_or_else(|| {
            keys.error(DAYS, "too long", "write at most 1000000 days");
            Self::DEFAULT
        })
    }

    /// Reads the window of a use case. `self` supplies what it does not say; an explicit 0 counts.
    pub(super) fn read_over(self, keys: &mut Keys<'_>) -> Option<Self> {
        let mut part = |key: &'static str, default: u32| match keys.count(key) {
            None if keys.entry(key).is_some() => None,
            written => Some(written.unwrap_or(default.into())),
        };
        let (days, hours) = (part(DAYS, self.days), part(HOURS, self.hours));
        let window = Self::new(days?, hours?);
        let help = "write how many days (and history_window_hours) to look back";
        match window {
            None => keys.error(DAYS, "the history window is too long", help),
            Some(window) if window.duration().is_zero() => keys.warn(DAYS, "the history window is empty", help),
            Some(_) => {}
        }
        window
    }
}
