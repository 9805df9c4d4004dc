//! Retries: full-jitter back-off, driven by the class of the answer, until a deadline.

use std::time::{Duration, Instant};

use super::ElasticError;
use super::classify::{Block, Class};
use crate::runtime::Interrupt;

/// Upper limit on the first wait; it doubles with each failure.
const FIRST: Duration = Duration::from_millis(500);

/// Upper limit on every wait.
const LONGEST: Duration = Duration::from_secs(30);

/// Upper limit on the first wait for disk space, which takes longer than seconds.
const DISK_FIRST: Duration = Duration::from_secs(30);

/// Upper limit on every wait for disk space.
const DISK_LONGEST: Duration = Duration::from_secs(300);

/// Upper limit on a wait that the server asks for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Attempts at one request.
#[derive(Debug)]
pub struct Attempts {
    started: Instant,
    deadline: Duration,
    failed: u32,
}

impl Attempts {
    /// Starts attempts that end `deadline` from now.
    pub fn new(deadline: Duration) -> Self {
        Attempts { started: Instant::now(), deadline, failed: 0 }
    }

    /// Waits before the attempt that follows one that failed with `error`.
    ///
    /// # Errors
    /// `error` if another attempt does not help or would be too late; and the interrupt.
    pub(super) async fn wait_after(&mut self, error: ElasticError, interrupt: &Interrupt) -> Result<(), ElasticError> {
        let asked = error.fault().and_then(|fault| fault.retry_after);
        let Some(wait) = self.next_wait(error.class(), asked) else { return Err(error) };
        tracing::warn!(seconds = wait.as_secs_f32(), attempt = self.failed, "{error}: retrying");
        Ok(interrupt.wait(wait).await?)
    }

    /// Returns the number of failed attempts so far.
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// Returns the time to wait after an attempt that failed with `class`; `None` means give up.
    /// `asked` is the wait that the server asks for (`Retry-After`).
    pub fn next_wait(&mut self, class: Class, asked: Option<Duration>) -> Option<Duration> {
        let bound = bound(class, self.failed)?;
        self.failed = self.failed.saturating_add(1);
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
        let wait = jittered(bound, fastrand::f64()).max(asked);
        let left = self.deadline.checked_sub(self.started.elapsed())?;
        // the last attempt is at the deadline, unless the server asks to come back later
        (asked <= left).then_some(wait.min(left))
    }
}

/// Returns the upper limit on the wait after `failed` earlier failures; `None` if waiting does not
/// help.
fn bound(class: Class, failed: u32) -> Option<Duration> {
    let (first, longest) = match class {
        Class::Retry | Class::BackPressure => (FIRST, LONGEST),
        Class::Blocked(Block::DiskFull) => (DISK_FIRST, DISK_LONGEST),
        Class::Done | Class::Conflict | Class::Gone | Class::Blocked(Block::Index) | Class::Poison | Class::Refused => {
            return None;
        }
    };
    Some(first.saturating_mul(2u32.saturating_pow(failed)).min(longest))
}

/// Picks any time up to the limit, so that clients that failed together do not return together.
/// `random` is in `0.0..1.0`.
fn jittered(bound: Duration, random: f64) -> Duration {
    bound.mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_failures_are_retried() {
        let seconds = |class, failed| bound(class, failed).map(|bound| bound.as_secs_f64());
        for (class, expected) in [
            (Class::Retry, [Some(0.5), Some(1.0), Some(2.0), Some(30.0)]),
            (Class::BackPressure, [Some(0.5), Some(1.0), Some(2.0), Some(30.0)]),
            (Class::Blocked(Block::DiskFull), [Some(30.0), Some(60.0), Some(120.0), Some(300.0)]),
            (Class::Done, [None; 4]),
            (Class::Conflict, [None; 4]),
            (Class::Gone, [None; 4]),
            (Class::Blocked(Block::Index), [None; 4]),
            (Class::Poison, [None; 4]),
            (Class::Refused, [None; 4]),
        ] {
            assert_eq!([0, 1, 2, u32::MAX].map(|failed| seconds(class, failed)), expected, "{class:?}");
        }
    }

    #[test]
    fn waits_are_spread_below_their_limit() {
        for (random, expected) in [(0.0, 0.0), (0.5, 5.0), (0.999, 9.99)] {
            assert!((jittered(Duration::from_secs(10), random).as_secs_f64() - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn attempts_end_at_the_deadline_and_respect_retry_after() {
        let mut attempts = Attempts::new(Duration::from_secs(3600));
        for _ in 0..1000 {
            assert!(attempts.next_wait(Class::Retry, None).unwrap() <= LONGEST);
        }
        assert_eq!(attempts.failed(), 1000);
        let asked = Some(Duration::from_secs(100));
        assert_eq!(attempts.next_wait(Class::BackPressure, asked), asked);
        let endless = Some(Duration::from_secs(u64::MAX));
        assert_eq!(attempts.next_wait(Class::BackPressure, endless), Some(LONGEST_ASKED));
        assert_eq!(attempts.next_wait(Class::Poison, asked), None);
        let mut short = Attempts::new(Duration::from_secs(50));
        assert_eq!(short.next_wait(Class::Retry, asked), None);
        assert_eq!(Attempts::new(Duration::ZERO).next_wait(Class::Retry, Some(Duration::from_millis(1))), None);
    }

    #[test]
    fn the_last_attempt_is_at_the_deadline() {
        // after ten failures, most waits are longer than the time that is left
        for _ in 0..100 {
            let mut attempts = Attempts { failed: 10, ..Attempts::new(Duration::from_secs(2)) };
            assert!(attempts.next_wait(Class::Retry, None).unwrap() <= Duration::from_secs(2));
            let over = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
            attempts.started = over;
            assert_eq!(attempts.next_wait(Class::Retry, None), None);
        }
    }
}
