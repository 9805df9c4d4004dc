//! Settings that are varied, and their values.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cli::Sweep;

/// Options of `run` that can be varied. Any other key is one of the section `[general]`.
const OPTIONS: [&str; 3] = ["threads", "memory-limit", "device"];

/// Sweeps that are worth trying on a machine with this number of processors.
pub(super) fn usual(processors: usize) -> Vec<Sweep> {
    let mut threads: Vec<usize> =
        std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n < processors).collect();
    threads.push(processors);
    let limits = ["256MiB", "1GiB", "2GiB"].map(str::to_owned).to_vec();
    vec![
        Sweep { key: "threads".to_owned(), values: threads.iter().map(usize::to_string).collect() },
        Sweep { key: "memory-limit".to_owned(), values: limits },
    ]
}

/// Settings of a run that differ from those of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The same settings, but for one.
    pub(super) fn with(&self, key: &str, value: &str) -> Self {
        let mut settings = self.clone();
        settings.0.insert(key.to_owned(), value.to_owned());
        settings
    }

    /// Options of the command line.
    pub(super) fn options(&self) -> Vec<String> {
        let options = self.0.iter().filter(|(key, _)| OPTIONS.contains(&key.as_str()));
        options.flat_map(|(key, value)| [format!("--{key}"), value.clone()]).collect()
    }

    /// Text of a configuration file with the other settings; `None` if there are none.
    pub(super) fn configuration(&self) -> Option<String> {
        let keys = self.0.iter().filter(|(key, _)| !OPTIONS.contains(&key.as_str()));
        let lines: Vec<String> = keys.map(|(key, value)| format!("{key} = {value}\n")).collect();
        (!lines.is_empty()).then(|| format!("[general]\n{}", lines.concat()))
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(if settings.is_empty() { "defaults".to_owned() } else { settings.join(" ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_keys_are_told_apart() {
        let settings = Settings::default().with("threads", "2").with("es_scan_size", "500").with("threads", "3");
        assert_eq!(settings.options(), ["--threads", "3"]);
        assert_eq!(settings.configuration().as_deref(), Some("[general]\nes_scan_size = 500\n"));
        assert_eq!(settings.to_string(), "es_scan_size=500 threads=3");
        assert_eq!(Settings::default().configuration(), None);
    }

    #[test]
    fn the_number_of_processors_is_tried() {
        let threads = |processors: usize| usual(processors)[0].values.join(",");
        assert_eq!([1, 2, 6, 8].map(threads), ["1", "1,2", "1,2,4,6", "1,2,4,8"]);
    }
}
