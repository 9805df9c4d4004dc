//! Numbers of this process, as the operating system counts them.

use chrono::{DateTime, Utc};

use crate::report::resources::{Resources, TICKS_PER_SECOND, bytes, stat_field};

/// Numbers of the process; `None` for those that the system does not report.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProcessNumbers {
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// Start, in seconds since 1970.
    pub start_seconds: Option<u64>,
    /// Processor time of all threads, in seconds.
    pub cpu_seconds: Option<f64>,
}

impl ProcessNumbers {
    /// Asks the system.
    pub fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let since_boot = read("/proc/self/stat").as_deref().and_then(|stat| stat_field(stat, 22));
        let boot = read("/proc/stat").as_deref().and_then(boot_seconds);
        ProcessNumbers {
            resident_bytes: read("/proc/self/status").as_deref().and_then(|status| bytes(status, "VmRSS:")),
            // one of them is the directory that is read here
            open_fds: std::fs::read_dir("/proc/self/fd").ok().map(|fds| (fds.count() as u64).saturating_sub(1)),
            start_seconds: boot.zip(since_boot).map(|(boot, ticks)| boot + ticks / TICKS_PER_SECOND),
            cpu_seconds: Resources::now().cpu_seconds,
        }
    }

    /// Start of the process.
    pub fn started(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(i64::try_from(self.start_seconds?).ok()?, 0)
    }
}

/// Parses `btime 123`.
fn boot_seconds(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_parsed() {
        assert_eq!(bytes("Name:\tx\nVmRSS:\t   1234 kB\n", "VmRSS:"), Some(1234 * 1024));
        assert_eq!(bytes("Name:\tx\n", "VmRSS:"), None);
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 1 0 777 1 1 1";
        assert_eq!(stat_field(stat, 22), Some(777));
        assert_eq!(stat_field("7 (a", 22), None);
        assert_eq!(boot_seconds("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
    }
}
