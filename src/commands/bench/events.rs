//! Generated events: processes and connections of a company's hosts, the same for the same seed.

use std::io::{BufWriter, Write};
use std::path::Path;

use chrono::{DateTime, TimeDelta};
use fastrand::Rng;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::commands::error::RunError;
use crate::spill::SpillError;

/// First time, in seconds: 2026-01-05, a Monday.
const START: i64 = 1_767_571_200;

/// Days over which events are spread.
const DAYS: i64 = 14;

const PROGRAMS: [(&str, &str); 10] = [
    ("svchost.exe", r"C:\Windows\System32\svchost.exe -k netsvcs -p"),
    ("chrome.exe", r#""C:\Program Files\Google\Chrome\Application\chrome.exe" --type=renderer"#),
    ("conhost.exe", r"\??\C:\Windows\System32\conhost.exe 0xffffffff -ForceV1"),
    ("powershell.exe", r"powershell.exe -NoProfile -File C:\Scripts\inventory.ps1"),
    ("cmd.exe", r"cmd.exe /c C:\Scripts\logon.bat"),
    ("outlook.exe", r#""C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE" /restore"#),
    ("taskhostw.exe", "taskhostw.exe"),
    ("git.exe", r#""C:\Program Files\Git\cmd\git.exe" fetch origin"#),
    ("python.exe", r"python.exe C:\tools\load.py --batch"),
    ("msiexec.exe", r"C:\Windows\System32\msiexec.exe /V"),
];

const PLACES: [&str; 6] = ["updates", "mail", "cdn", "api", "files", "search"];

/// Writes `n` events to a temporary file, one JSON object per line.
pub(super) fn generate(n: u64, seed: u64, folder: &Path) -> Result<NamedTempFile, RunError> {
    let failed = |error| RunError::from(SpillError::in_folder(folder)(error));
    let mut file = tempfile::Builder::new().suffix(".ndjson").tempfile_in(folder).map_err(failed)?;
    let mut random = Rng::with_seed(seed);
    // a host for 500 events, as far as a company has them
    let n_hosts = (n / 500).clamp(20, 20_000);
    let mut out = BufWriter::new(file.as_file_mut());
    for idx in 0..n {
        let line = event(idx, n, n_hosts, &mut random);
        writeln!(out, "{line}").map_err(failed)?;
    }
    out.flush().map_err(failed)?;
    drop(out);
    Ok(file)
}

fn event(idx: u64, n: u64, n_hosts: u64, random: &mut Rng) -> serde_json::Value {
    let host = zipf(random, n_hosts);
    let micros = i64::try_from(u128::from(idx) * (DAYS * 86_400_000_000) as u128 / u128::from(n)).unwrap_or_default();
    let time = DateTime::from_timestamp(START, 0).unwrap_or_default() + TimeDelta::microseconds(micros);
    let time = time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let (host_name, user) = (format!("WKS-{host:05}"), format!("user{:05}", host * 7 % n_hosts));
    let ip = format!("10.{}.{}.{}", host >> 14 & 255, host >> 7 & 127, host & 127);
    if random.u8(..10) < 6 {
        let (name, command) = PROGRAMS[zipf(random, PROGRAMS.len() as u64) as usize];
        // one in a thousand is something else
        let odd = random.u16(..1000) == 0;
        let (name, command) = if odd {
            let text: String = (0..random.usize(40..400)).map(|_| random.alphanumeric()).collect();
            (format!("tool{}.exe", random.u16(..)), format!("tool.exe {text}"))
        } else {
            (name.to_owned(), format!("{command} {}", random.u32(..5000)))
        };
        json!({
            "@timestamp": time, "event": {"category": "process", "action": "start"},
            "host": {"name": host_name, "ip": [ip], "os": {"family": "windows"}}, "user": {"name": user},
            "process": {"name": name, "command_line": command, "pid": random.u16(..),
                        "parent": {"name": PROGRAMS[zipf(random, 4) as usize].0}},
        })
    } else {
        let domain = zipf(random, 5000);
        json!({
            "@timestamp": time, "event": {"category": "network", "action": "connection"},
            "host": {"name": host_name, "ip": [&ip], "os": {"family": "windows"}}, "user": {"name": user},
            "source": {"ip": ip, "port": random.u16(49_152..)},
            "destination": {"domain": format!("{}{domain}.example", PLACES[(domain % 6) as usize]), "port": 443,
                            "ip": format!("203.0.{}.{}", domain >> 8, domain & 255)},
            "network": {"bytes": (random.f64() * 12.0).exp().round() as u64},
        })
    }
}

/// A number below `n`, of which small ones are frequent: that of rank r is about r times as rare as
/// the first one.
fn zipf(random: &mut Rng, n: u64) -> u64 {
    (((n + 1) as f64).powf(random.f64()) as u64).saturating_sub(1).min(n - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_events() {
        let folder = tempfile::tempdir().unwrap();
        let text = |seed: u64| {
            let file = generate(500, seed, folder.path()).unwrap();
            std::fs::read_to_string(file.path()).unwrap()
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        let events: Vec<serde_json::Value> = text(1).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), 500);
        let with = |pointer: &str| events.iter().filter(|event| event.pointer(pointer).is_some()).count();
        assert!((200..400).contains(&with("/process/command_line")) && with("/network/bytes") > 100);
    }
}
