//! Metrics in the text format of Prometheus, version 0.0.4.

mod families;
mod process;

use std::fmt::Write;

use chrono::{DateTime, Utc};

use super::status::{DaemonStatus, ENDINGS};

pub use families::{
    BUILD_INFO, CONFIG_LAST_RELOAD, CONFIG_RELOAD_FAILED, CPU_SECONDS, FAMILIES, Family, MetricKind, NEXT_RUN,
    NOTICES_FAILED, NOTICES_OLDEST, NOTICES_PENDING, NOTICES_TOLD, OPEN_FDS, RESIDENT_MEMORY, RUN_DURATION,
    RUN_IN_PROGRESS, RUN_LAST_EXIT_CODE, RUN_LAST_START, RUN_LAST_SUCCESS, RUNS, SCHEDULE_LAG, START_TIME, STATE_BYTES,
    USE_CASE_DURATION, USE_CASE_EVENTS, USE_CASE_FAILURES, USE_CASE_LAST_SUCCESS, USE_CASE_OUTLIERS, USE_CASE_UNUSABLE,
};
pub use process::ProcessNumbers;

/// Media type of the text format.
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all metrics as text. What is not known yet, such as the end of the first run, has no
/// sample.
pub fn metrics_text(status: &DaemonStatus, process: &ProcessNumbers, now: DateTime<Utc>) -> String {
    let mut text = MetricsText(String::with_capacity(8 << 10));
    text.add(&BUILD_INFO, [([env!("CARGO_PKG_VERSION")], 1.0)]);
    add_runs(&mut text, status, now);
    add_use_cases(&mut text, status);
    add_notices(&mut text, status);
    text.add_number(&STATE_BYTES, status.state_bytes.map(count));
    text.add_number(&RESIDENT_MEMORY, process.resident_bytes.map(count));
    text.add_number(&OPEN_FDS, process.open_fds.map(count));
    text.add_number(&START_TIME, process.start_seconds.map(count));
    text.add_number(&CPU_SECONDS, process.cpu_seconds);
    text.0
}

fn add_runs(text: &mut MetricsText, status: &DaemonStatus, now: DateTime<Utc>) {
    text.add_number(&RUN_LAST_START, status.last_start.map(seconds));
    text.add_number(&RUN_LAST_SUCCESS, status.last_success.map(seconds));
    text.add_number(&RUN_DURATION, status.last_duration.map(|duration| duration.as_secs_f64()));
    text.add_number(&RUN_LAST_EXIT_CODE, status.last_exit_code.map(f64::from));
    text.add(&RUNS, ENDINGS.map(|outcome| ([outcome.as_str()], count(status.n_runs(outcome)))));
    text.add_number(&RUN_IN_PROGRESS, Some(flag(status.in_progress.is_some())));
    text.add_number(&SCHEDULE_LAG, Some(status.lag(now).as_secs_f64()));
    text.add_number(&NEXT_RUN, status.next_run.map(seconds));
    text.add_number(&CONFIG_RELOAD_FAILED, Some(flag(!status.refused_edit.is_empty())));
    text.add_number(&CONFIG_LAST_RELOAD, status.last_reload.map(seconds));
}

fn add_use_cases(text: &mut MetricsText, status: &DaemonStatus) {
    let use_cases = || status.use_cases.iter().map(|(name, use_case)| ([name.as_str()], use_case));
    text.add(&USE_CASE_EVENTS, use_cases().map(|(name, use_case)| (name, count(use_case.events))));
    text.add(&USE_CASE_OUTLIERS, use_cases().map(|(name, use_case)| (name, count(use_case.outliers))));
    text.add(&USE_CASE_DURATION, use_cases().map(|(name, use_case)| (name, use_case.seconds)));
    let successes = use_cases().filter_map(|(name, use_case)| Some((name, seconds(use_case.last_success?))));
    text.add(&USE_CASE_LAST_SUCCESS, successes);
    text.add(&USE_CASE_UNUSABLE, use_cases().map(|(name, use_case)| (name, flag(use_case.is_unusable))));
    text.add(&USE_CASE_FAILURES, use_cases().map(|(name, use_case)| (name, f64::from(use_case.n_failures))));
}

fn add_notices(text: &mut MetricsText, status: &DaemonStatus) {
    let channels = || status.channels.iter().map(|(name, channel)| ([name.as_str()], channel));
    text.add(&NOTICES_PENDING, channels().map(|(name, channel)| (name, count(channel.pending))));
    text.add(&NOTICES_TOLD, channels().map(|(name, channel)| (name, count(channel.told))));
    text.add(&NOTICES_FAILED, channels().map(|(name, channel)| (name, count(channel.failed))));
    text.add(&NOTICES_OLDEST, channels().map(|(name, channel)| (name, channel.oldest_pending.as_secs_f64())));
}

/// The text under construction.
struct MetricsText(String);

impl MetricsText {
    /// Adds a family with its samples, each the values of its labels and a number.
    fn add<'a, const N: usize>(&mut self, family: &Family, samples: impl IntoIterator<Item = ([&'a str; N], f64)>) {
        debug_assert_eq!(family.labels.len(), N, "{}", family.name);
        let Family { name, kind, help, labels } = family;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {}", kind.as_str()));
        for (values, number) in samples {
            let pairs = labels.iter().zip(values).map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
            match pairs.collect::<Vec<_>>().join(",") {
                pairs if pairs.is_empty() => self.line(format_args!("{name} {number}")),
                pairs => self.line(format_args!("{name}{{{pairs}}} {number}")),
            }
        }
    }

    fn add_number(&mut self, family: &Family, number: Option<f64>) {
        self.add(family, number.map(|number| ([], number)));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // writing into a String cannot fail
        let _ = writeln!(self.0, "{line}");
    }
}

/// Escapes the value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn count(n: u64) -> f64 {
    n as f64
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let names: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), FAMILIES.len());
        for Family { name, kind, help, .. } in FAMILIES {
            assert_eq!(name.ends_with("_total"), kind == MetricKind::Counter, "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        }
    }

    #[test]
    fn every_family_is_written_once_and_in_order() {
        let text = metrics_text(&DaemonStatus::new(Utc::now()), &ProcessNumbers::now(), Utc::now());
        let written: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let expected: Vec<String> =
            FAMILIES.iter().map(|family| format!("{} {}", family.name, family.kind.as_str())).collect();
        assert_eq!(written, expected);
    }

    #[test]
    fn values_of_labels_cannot_break_the_format() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
