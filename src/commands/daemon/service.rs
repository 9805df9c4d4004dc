//! What the service manager is told: systemd, by the socket in `NOTIFY_SOCKET`. Without one, nobody
//! is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// Interval of signs of life without a watchdog, and the longest one.
const LONGEST_INTERVAL: Duration = Duration::from_secs(30);

/// Tells that the daemon is ready.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells that the daemon ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("ending")]);
}

/// Tells what the daemon does, in one line.
pub(super) fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// A sign of life, for the watchdog.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Interval in which the watchdog wants signs of life: a third of its patience.
pub(super) fn interval() -> Duration {
    sd_notify::watchdog_enabled().map_or(LONGEST_INTERVAL, |patience| (patience / 3).min(LONGEST_INTERVAL))
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!("the service manager was not told: {error}");
    }
}
