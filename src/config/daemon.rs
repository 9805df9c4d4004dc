//! `[daemon]`: when to run. Not built yet.

use super::keys::Keys;

pub(super) const SECTION: &str = "daemon";

/// Reads the schedule, a cron expression; `None` if it is missing or wrong.
pub(super) fn read_schedule(keys: &mut Keys<'_>) -> Option<String> {
    let help = "write five fields, such as 0 0 * * *";
    let is_cron = |text: &str| [5, 6].contains(&text.split_whitespace().count()).then(|| text.to_owned());
    let schedule = keys.lenient(|keys| keys.parsed("schedule", "not a cron expression", help, is_cron))?;
    keys.warn(
        "schedule",
        "not built yet: [daemon] is read and checked, but nothing is scheduled",
        "start runs with cron or a systemd timer; remove the key to silence this warning",
    );
    Some(schedule)
}
