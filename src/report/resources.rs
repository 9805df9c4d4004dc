//! Resources used by the process, as counted by the operating system.

use serde::Serialize;

/// Clock ticks per second in `/proc/self/stat`: the same on every Linux architecture that Rust
/// supports.
const TICKS_PER_SECOND: f64 = 100.0;

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
            peak_memory_bytes: read("/proc/self/status").as_deref().and_then(peak_memory_bytes),
            cpu_seconds: read("/proc/self/stat").as_deref().and_then(cpu_seconds),
        }
    }
}

/// Parses `VmHWM: 123 kB`.
fn peak_memory_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Parses fields 14 and 15. The second field is the program's name in parentheses, which may
/// contain anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_parsed() {
        assert_eq!(peak_memory_bytes("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t   1234 kB\n"), Some(1234 * 1024));
        assert_eq!(peak_memory_bytes("Name:\tx\n"), None);
        assert_eq!(peak_memory_bytes("VmHWM:\t1 MB\n"), None);
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
