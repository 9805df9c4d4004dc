//! Values of options.

use std::num::NonZeroUsize;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// A setting, and the values that are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// Option of `run`, or key of `[general]`.
    pub key: String,
    /// Its values, each once.
    pub values: Vec<String>,
}

/// Device that trains models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU if there is a usable one, otherwise the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU with this number.
    Cuda(usize),
}

pub(super) fn parse_device(text: &str) -> Result<DeviceChoice, String> {
    let numbered = || text.strip_prefix("cuda:")?.parse().ok();
    match text {
        "auto" => Ok(DeviceChoice::Auto),
        "cpu" => Ok(DeviceChoice::Cpu),
        "cuda" => Ok(DeviceChoice::Cuda(0)),
        _ => numbered()
            .map(DeviceChoice::Cuda)
            .ok_or_else(|| "not a device: write auto, cpu, cuda, or cuda:1 for the second GPU".to_owned()),
    }
}

pub(super) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    let without_zone = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"));
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(chrono::NaiveTime::MIN));
    without_zone
        .or_else(|_| date())
        .map(|time| time.and_utc())
        .map_err(|_| "not a time: write 2024-05-08T00:00:00Z (without a zone it is UTC)".to_owned())
}

pub(super) fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    const MOST: usize = 1024;
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST);
    threads.ok_or_else(|| format!("not a number from 1 to {MOST}"))
}

pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, u64); 10] = [
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("TIB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("K", 1 << 10),
        ("M", 1 << 20),
        ("G", 1 << 30),
    ];
    let upper = text.trim().to_ascii_uppercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|&(suffix, unit)| upper.strip_suffix(suffix).map(|number| (number, unit)))
        .unwrap_or((upper.strip_suffix('B').unwrap_or(&upper), 1));
    number
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "not a size: write 512MiB, 2GiB or a number of bytes".to_owned())
}

/// Upper limit on the values that are tried of a range.
const TRIED: f64 = 20.0;

/// Parses `KEY=FROM..TO`, or `KEY=VALUE,VALUE,...`.
pub(super) fn parse_range(text: &str) -> Result<Sweep, String> {
    let help = "write KEY=FROM..TO or KEY=VALUE,VALUE, such as trigger_sensitivity=1..20";
    let Some((key, range)) = text.split_once('=').filter(|(_, values)| values.contains("..")) else {
        return parse_sweep(text).map_err(|_| format!("not values of a key; {help}"));
    };
    let ends = range.split_once("..").and_then(|(from, to)| {
        let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        Some((number(from)?, number(to)?))
    });
    let (from, to) = ends.filter(|(from, to)| from < to).ok_or_else(|| format!("not a range; {help}"))?;
    let is_whole = from.fract() == 0.0 && to.fract() == 0.0;
    let step = if is_whole { ((to - from) / (TRIED - 1.0)).ceil() } else { (to - from) / 9.0 };
    let n_steps = ((to - from) / step + 1e-9).floor() as u32;
    let values = (0..=n_steps).map(|n| format!("{:.6}", from + f64::from(n) * step));
    let values: Vec<String> =
        values.map(|value| value.trim_end_matches('0').trim_end_matches('.').to_owned()).collect();
    parse_sweep(&format!("{key}={}", values.join(",")))
}

/// Key of a use case, and the value that it has instead of that in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetKey {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Parses `KEY=VALUE`.
pub(super) fn parse_set(text: &str) -> Result<SetKey, String> {
    let help = "write KEY=VALUE, such as trigger_sensitivity=5";
    let (key, value) = text.split_once('=').ok_or_else(|| format!("there is no =; {help}"))?;
    let (key, value) = (key.trim().to_lowercase(), value.trim().to_owned());
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("the key is not a name; {help}"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("the value has control characters; {help}"));
    }
    Ok(SetKey { key, value })
}

/// Parses `KEY=VALUE,VALUE,...`.
pub(super) fn parse_sweep(text: &str) -> Result<Sweep, String> {
    let help = "write KEY=VALUE,VALUE, such as threads=1,2,4 or es_scan_size=1000,5000";
    let (key, values) = text.split_once('=').ok_or_else(|| format!("there is no =; {help}"))?;
    let (key, mut values) = (key.trim(), values.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>());
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err(format!("the key is not a name; {help}"));
    }
    if values.iter().any(|value| value.is_empty() || value.chars().any(char::is_control)) {
        return Err(format!("there is an empty value; {help}"));
    }
    let mut seen = Vec::new();
    values.retain(|value| {
        !seen.contains(value) && {
            seen.push(value.clone());
            true
        }
    });
    Ok(Sweep { key: key.to_owned(), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read() {
        let check = |text: &str, expected: Option<DeviceChoice>| {
            assert_eq!(parse_device(text).ok(), expected, "{text}");
        };
        check("auto", Some(DeviceChoice::Auto));
        check("cpu", Some(DeviceChoice::Cpu));
        check("cuda", Some(DeviceChoice::Cuda(0)));
        check("cuda:3", Some(DeviceChoice::Cuda(3)));
        for wrong in ["cuda:", "cuda:x", "cuda:-1", "gpu", "CPU", ""] {
            check(wrong, None);
        }
    }

    #[test]
    fn sizes_are_read_in_powers_of_two_and_ten() {
        let check = |text: &str, expected: Option<usize>| assert_eq!(parse_size(text).ok(), expected, "{text}");
        check("512MiB", Some(512 << 20));
        check("2GiB", Some(2 << 30));
        check("2 gb", Some(2_000_000_000));
        check("1048576", Some(1 << 20));
        check("64k", Some(64 << 10));
        check("0", None);
        check("-1", None);
        check("99999999999TiB", None);
        check("much", None);
    }

    #[test]
    fn times_without_a_zone_are_utc() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse_time(text).ok().map(|time| time.to_rfc3339()).as_deref(), expected, "{text}");
        };
        check("2024-05-08T00:00:00Z", Some("2024-05-08T00:00:00+00:00"));
        check("2024-05-08T02:00:00+02:00", Some("2024-05-08T00:00:00+00:00"));
        check("2024-05-08T00:00:00", Some("2024-05-08T00:00:00+00:00"));
        check("2024-05-08", Some("2024-05-08T00:00:00+00:00"));
        check("yesterday", None);
    }

    #[test]
    fn ranges_have_few_values() {
        let range = |text: &str| parse_range(text).map(|sweep| sweep.values.join(" "));
        assert_eq!(range("k=1..5").unwrap(), "1 2 3 4 5");
        assert_eq!(range("k=0..100").unwrap(), "0 6 12 18 24 30 36 42 48 54 60 66 72 78 84 90 96");
        assert_eq!(range("k=0.1..1").unwrap(), "0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
        assert_eq!(range("k=low,high").unwrap(), "low high");
        for wrong in ["k=5..1", "k=a..b", "k=1..inf", "k", "=1..2", "k="] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sweeps_are_parsed() {
        let sweep = |text: &str| parse_sweep(text).map(|sweep| (sweep.key, sweep.values.join("|")));
        assert_eq!(sweep("threads=1,2, 4,2"), Ok(("threads".to_owned(), "1|2|4".to_owned())));
        for wrong in ["threads", "=1", "threads=", "threads=1,,2", "a b=1", "x=1\n[general]"] {
            assert!(sweep(wrong).is_err_and(|error| error.contains("KEY=VALUE")), "{wrong}");
        }
    }
}
