//! Resources used by the process, as counted by the operating system.

use serde::Serialize;

/// Clock ticks per second in `/proc/self/stat`: the same on every Linux architecture that Rust
/// supports.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// Resources used so far; `None` if the system does not report them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Resources {
    /// Peak resident memory in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Processor time of all threads, in seconds.
    pub cpu_seconds: Option<f64>,
}

impl Resources {
    /// Asks the system.
    pub fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        Resources {
            peak_memory_bytes: read("/proc/self/status").as_deref().and_then(|status| bytes(status, "VmHWM:")),
            cpu_seconds: read("/proc/self/stat").as_deref().and_then(cpu_seconds),
        }
    }
}

/// Parses a line of `/proc/self/status` such as `VmHWM: 123 kB`.
pub(crate) fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Parses a field of `/proc/self/stat`, counted from 1; only those from the third on. The second
/// field is the program's name in parentheses, which may contain anything.
pub(crate) fn stat_field(stat: &str, number: usize) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// Parses the times in user and in system mode.
fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) as f64 / TICKS_PER_SECOND as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_parsed() {
        assert_eq!(bytes("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t   1234 kB\n", "VmHWM:"), Some(1234 * 1024));
        assert_eq!(bytes("Name:\tx\n", "VmHWM:"), None);
        assert_eq!(bytes("VmHWM:\t1 MB\n", "VmHWM:"), None);
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 1 0 1 1 1 1";
        assert_eq!(cpu_seconds(stat), Some(1.75));
        assert_eq!(cpu_seconds("7 (a"), None);
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_used_memory() {
        assert!(Resources::now().peak_memory_bytes.is_none_or(|bytes| bytes > 1 << 20));
    }
}
