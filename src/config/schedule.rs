//! `schedule` and `timezone`: when to run.

use chrono::{DateTime, Local, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::keys::Keys;

const SCHEDULE: &str = "schedule";

/// Help for expressions that cannot be used.
const HELP: &str =
    "write minute, hour, day, month and weekday, such as 0 0 * * *, and as a sixth field the second, if need be";

/// Zone of the times of schedules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScheduleZone {
    /// The zone of the system, or that of the variable `TZ`.
    #[default]
    Local,
    /// A zone of the IANA database.
    Named(Tz),
}

impl ScheduleZone {
    /// Reads the zone; that of the system if none is given.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let help = "write a name such as Europe/Brussels, or UTC";
        if keys.filled("timezone").is_none() {
            return ScheduleZone::Local;
        }
        let zone = |name: &str| name.parse().ok().map(ScheduleZone::Named);
        keys.parsed("timezone", "not a time zone", help, zone).unwrap_or_default()
    }
}

/// Times at which something runs, as a cron expression in a time zone.
///
/// When clocks go forward, an expression with one time of day that is skipped runs right after the
/// gap; times of one with several are left out. When they go back, the former runs once, the first
/// time; the latter runs at all of its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    cron: Cron,
    zone: ScheduleZone,
}

impl Schedule {
    /// Parses an expression: minute, hour, day of the month, month, day of the week, and perhaps
    /// the second.
    ///
    /// # Errors
    /// The reason why it is none.
    pub fn parse(text: &str, zone: ScheduleZone) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let written = match fields.as_slice() {
            [.., second] if fields.len() == 6 => format!("{second} {}", fields[..5].join(" ")),
            _ if fields.len() == 5 => fields.join(" "),
            _ => return Err("not a cron expression".to_owned()),
        };
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).sloppy_ranges(true);
        let cron = parser.build().parse(&written).map_err(|_| "not a cron expression".to_owned())?;
        let schedule = Schedule { text: fields.join(" "), cron, zone };
        match schedule.next_after(Utc::now()) {
            Some(_) => Ok(schedule),
            None => Err("a time that never comes".to_owned()),
        }
    }

    /// Reads the key `schedule`.
    pub(super) fn read(keys: &mut Keys<'_>, zone: ScheduleZone) -> Option<Self> {
        let text = keys.filled(SCHEDULE)?;
        match Schedule::parse(text, zone) {
            Ok(schedule) => Some(schedule),
            Err(why) => {
                keys.error(SCHEDULE, format!("{why}: {}", super::problem::quoted(text)), HELP);
                None
            }
        }
    }

    /// Returns the first of its times after `time`; `None` if there is none.
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.zone {
            ScheduleZone::Local => next(&self.cron, &time.with_timezone(&Local)),
            ScheduleZone::Named(zone) => next(&self.cron, &time.with_timezone(&zone)),
        }
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn next<Zone: chrono::TimeZone>(cron: &Cron, time: &DateTime<Zone>) -> Option<DateTime<Utc>> {
    Some(cron.find_next_occurrence(time, false).ok()?.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the times after `from` in Brussels, where clocks go forward at 2024-03-31T01:00Z and
    /// back at 2024-10-27T01:00Z.
    #[track_caller]
    fn check(expression: &str, from: &str, expected: &[&str]) {
        let schedule = Schedule::parse(expression, ScheduleZone::Named(Tz::Europe__Brussels)).unwrap();
        let mut time: DateTime<Utc> = format!("{from}:00Z").parse().unwrap();
        for expected in expected {
            time = schedule.next_after(time).unwrap();
            assert_eq!(time.format("%Y-%m-%dT%H:%M").to_string(), *expected, "{expression} from {from}");
        }
    }

    #[test]
    fn nights_follow_the_time_of_the_zone() {
        check("0 0 * * *", "2024-03-29T12:00", &["2024-03-29T23:00", "2024-03-30T23:00", "2024-03-31T22:00"]);
        check("0 0 * * *", "2024-10-25T12:00", &["2024-10-25T22:00", "2024-10-26T22:00", "2024-10-27T23:00"]);
        check("0 5 * * 1-5", "2024-05-10T12:00", &["2024-05-13T03:00", "2024-05-14T03:00"]);
    }

    #[test]
    fn clocks_that_go_forward_skip_times() {
        // one time of day that is skipped: right after the gap
        check("30 2 * * *", "2024-03-30T12:00", &["2024-03-31T01:00", "2024-04-01T00:30"]);
        check("0 2 * * *", "2024-03-30T12:00", &["2024-03-31T01:00", "2024-04-01T00:00"]);
        check("0 3 * * *", "2024-03-30T12:00", &["2024-03-31T01:00", "2024-04-01T01:00"]);
        // several times: those in the gap are left out
        check("*/30 * * * *", "2024-03-31T00:29", &["2024-03-31T00:30", "2024-03-31T01:00", "2024-03-31T01:30"]);
        check("30 2,5 * * *", "2024-03-30T12:00", &["2024-03-31T03:30", "2024-04-01T00:30"]);
    }

    #[test]
    fn clocks_that_go_back_repeat_times() {
        // one time of day that comes twice: the first time
        check("30 2 * * *", "2024-10-26T12:00", &["2024-10-27T00:30", "2024-10-28T01:30"]);
        // several times: as often as the clock shows them
        check(
            "30 * * * *",
            "2024-10-26T23:00",
            &["2024-10-26T23:30", "2024-10-27T00:30", "2024-10-27T01:30", "2024-10-27T02:30"],
        );
    }

    #[test]
    fn leap_days_come_when_they_come() {
        check("0 12 29 2 *", "2023-01-01T00:00", &["2024-02-29T11:00", "2028-02-29T11:00"]);
        check("0 12 29 2 *", "2096-03-01T00:00", &["2104-02-29T11:00"]);
        check("0 12 28-31 * *", "2023-02-27T12:00", &["2023-02-28T11:00", "2023-03-28T10:00"]);
        check("0 0 L * *", "2024-02-10T00:00", &["2024-02-28T23:00", "2024-03-30T23:00"]);
    }

    #[test]
    fn the_sixth_field_is_the_second() {
        let schedule = Schedule::parse("0 0 * * * 30", ScheduleZone::Named(Tz::UTC)).unwrap();
        let time = schedule.next_after("2024-05-08T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!((time.to_rfc3339().as_str(), schedule.as_str()), ("2024-05-09T00:00:30+00:00", "0 0 * * * 30"));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for wrong in ["", "never", "0 0 * *", "0 0 * * * * *", "60 0 * * *", "0 0 * * * 60", "0 0 0 * *", "0 0 * * x"] {
            assert!(Schedule::parse(wrong, ScheduleZone::Local).is_err(), "{wrong}");
        }
        let started = std::time::Instant::now();
        let never = Schedule::parse("0 0 30 2 *", ScheduleZone::Local);
        assert_eq!(never, Err("a time that never comes".to_owned()));
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
