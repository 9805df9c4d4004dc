//! Pauses of a channel that fails: longer each time, up to a limit.

use std::time::Duration;

use chrono::TimeDelta;

/// Pause after the first failure; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(5);

/// Upper limit on every pause.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Upper limit on a pause that the receiver asks for.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// Returns the pause after a failure that `failures_in_row` others came before, varied by up to a
/// fifth. `asked` is the pause that the receiver asks for.
pub(super) fn pause_after(failures_in_row: u32, asked: Option<Duration>) -> TimeDelta {
    let pause = FIRST.saturating_mul(1 << failures_in_row.min(10)).min(LONGEST);
    let varied = pause.mul_f64(fastrand::f64().mul_add(0.4, 0.8));
    let pause = varied.max(asked.unwrap_or_default().min(LONGEST_ASKED));
    TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        for (failures, seconds) in [(0, 5), (1, 10), (2, 20), (7, 640), (8, 900), (u32::MAX, 900)] {
            let pause = pause_after(failures, None).num_milliseconds() as f64 / 1000.0;
            let seconds = f64::from(seconds);
            assert!((seconds * 0.79..seconds * 1.21).contains(&pause), "{failures}: {pause}");
        }
        assert_eq!(pause_after(0, Some(Duration::from_secs(120))).num_seconds(), 120);
        assert_eq!(pause_after(0, Some(Duration::from_secs(100_000))).num_seconds(), 3600);
    }
}
