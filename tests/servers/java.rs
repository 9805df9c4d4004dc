//! Finds the JDKs and Maven of this machine.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Usual folder of installed JDKs.
const INSTALLED: &str = "/usr/lib/jvm";

/// Returns the folder of a JDK with one of the versions `wanted`; the newest of several.
///
/// # Errors
/// A missing JDK, with instructions to install it.
pub(super) fn jdk(wanted: RangeInclusive<u32>) -> Result<PathBuf, String> {
    let found: Vec<(u32, PathBuf)> =
        candidates().into_iter().filter_map(|home| Some((version(&home)?, home))).collect();
    let fitting = found.iter().filter(|(version, _)| wanted.contains(version)).max();
    fitting.map(|(_, home)| home.clone()).ok_or_else(|| missing_jdk(&wanted, &found))
}

/// Returns the command of Maven.
///
/// # Errors
/// A missing Maven, with instructions to install it.
pub(super) fn maven() -> Result<PathBuf, String> {
    on_path("mvn").ok_or_else(|| {
        "Maven is missing: it fetches the servers that are tested against; install it (Debian: `apt-get install maven`) so that `mvn` is \
         on PATH"
            .to_owned()
    })
}

fn missing_jdk(wanted: &RangeInclusive<u32>, found: &[(u32, PathBuf)]) -> String {
    let (version, cure) = if wanted.contains(&17) {
        ("17".to_owned(), "Debian: `apt-get install openjdk-17-jdk-headless`")
    } else {
        (
            format!("{} or later", wanted.start()),
            "Debian 13: `apt-get install openjdk-21-jdk-headless`, or unpack one from https://adoptium.net",
        )
    };
    let found: Vec<String> = found.iter().map(|(version, home)| format!("{version} in {}", home.display())).collect();
    format!(
        "a JDK {version} is missing: it runs a server that is tested against; install it ({cure}); looked at JAVA_HOME, PATH and {INSTALLED}, \
         found {}",
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    )
}

/// Returns folders that contain a whole JDK, without duplicates.
fn candidates() -> BTreeSet<PathBuf> {
    let java_home = std::env::var_os("JAVA_HOME").map(PathBuf::from);
    let on_path = on_path("javac").and_then(|javac| Some(javac.canonicalize().ok()?.parent()?.parent()?.to_owned()));
    let installed = std::fs::read_dir(INSTALLED).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    java_home
        .into_iter()
        .chain(on_path)
        .chain(installed)
        .filter(|home| ["java", "javac", "jar"].iter().all(|tool| home.join("bin").join(tool).is_file()))
        .filter_map(|home| home.canonicalize().ok())
        .collect()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Returns the major version from the JDK's `release` file, else from the program.
fn version(home: &Path) -> Option<u32> {
    let release = std::fs::read_to_string(home.join("release")).ok();
    let stated = release.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=")));
    match stated {
        Some(stated) => major(stated),
        None => {
            let answer = Command::new(home.join("bin/java")).arg("-version").output().ok()?;
            let text = String::from_utf8_lossy(&answer.stderr).into_owned();
            major(text.split_once("version ")?.1)
        }
    }
}

/// Parses a version: `"17.0.15"` is 17, and so is `17-ea`; `1.8.0` is 8.
fn major(version: &str) -> Option<u32> {
    let version = version.trim_start_matches('"');
    let version = version.strip_prefix("1.").unwrap_or(version);
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn versions_of_java_are_read_in_every_form() {
    for (text, expected) in [
        ("\"17.0.15\"", Some(17)),
        ("\"25\" 2025-09-16", Some(25)),
        ("\"1.8.0_392\"", Some(8)),
        ("21-ea", Some(21)),
        ("none", None),
    ] {
        assert_eq!(major(text), expected, "{text}");
    }
}

#[test]
fn missing_tools_are_reported_with_a_cure() {
    let missing = jdk(3..=4).expect_err("nobody has it");
    assert!(missing.contains("JDK 3 or later") && missing.contains("install"), "{missing}");
    assert!(missing_jdk(&(17..=17), &[(8, PathBuf::from("/usr/lib/jvm/old"))]).contains("found 8 in /usr/lib/jvm/old"));
}
