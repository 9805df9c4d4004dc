//! Files that a run writes, which must not be files that it reads.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::error::RunError;
use crate::cli::RunArgs;
use crate::config::Configuration;
use crate::delivery::DeliveryError;
use crate::findings::Findings;
use crate::report::Report;
use crate::sinks::console::{self, TableLook};
use crate::sinks::files::{FindingsFile, check_writable, is_standard_output, write_whole};
use crate::sources::files::event_files;

/// Refuses an output that would replace a file that the run reads, or another output. `outputs` are
/// options and the files that they name.
///
/// # Errors
/// The file that would be replaced.
pub(in crate::commands) fn check(
    args: &RunArgs,
    settings: &Configuration,
    outputs: &[(&'static str, Option<&PathBuf>)],
) -> Result<(), RunError> {
    let events = event_files(&args.events);
    let configuration = args.config.config.iter().chain(&args.config.mapping).chain(&settings.files);
    let read: Vec<(&PathBuf, Identity)> =
        configuration.chain(&events).filter_map(|path| Some((path, Identity::of(path)?))).collect();
    let mut written: Vec<(&str, Identity)> = Vec::new();
    for (option, path) in outputs.iter().filter_map(|(option, path)| Some((*option, (*path)?))) {
        let Some(identity) = Identity::of(path) else { continue };
        let path = path.display();
        if let Some((input, _)) = read.iter().find(|(_, known)| *known == identity) {
            return Err(RunError::Usage(format!(
                "{option} {path}: it would replace {}, which is read",
                input.display()
            )));
        }
        if let Some((other, _)) = written.iter().find(|(_, known)| *known == identity) {
            let what = match *other {
                "-o" => "the outliers are",
                "--findings" => "the findings are",
                _ => "the report is",
            };
            return Err(RunError::Usage(format!("{option} {path}: {what} written there")));
        }
        written.push((option, identity));
    }
    Ok(())
}

/// Checks that a report or its page can be written, if one is wanted.
///
/// # Errors
/// The destination cannot be written.
pub(super) fn check_report(path: Option<&Path>) -> Result<(), RunError> {
    Ok(path.map_or(Ok(()), check_writable)?)
}

/// Writes the report, if one is wanted.
pub(super) fn write_report(path: Option<&Path>, report: &Report) -> Result<(), RunError> {
    let Some(path) = path else { return Ok(()) };
    let mut text = serde_json::to_vec_pretty(report).map_err(|error| RunError::Internal(error.to_string()))?;
    text.push(b'\n');
    write_whole(path, &text)?;
    Ok(())
}

/// Outputs of a run that hold findings.
pub(super) struct FindingsOutputs {
    pub(super) file: Option<FindingsFile>,
    /// Look of the table, if one is printed.
    pub(super) table: Option<TableLook>,
    /// Options that name the events and the use cases, for another command.
    pub(super) source_options: String,
}

impl FindingsOutputs {
    pub(super) fn write(self, findings: &Findings) -> Result<(), DeliveryError> {
        if let Some(file) = self.file {
            file.write(findings)?;
        }
        self.table.map_or(Ok(()), |look| console::print_findings(findings, look, &self.source_options))
    }
}

/// Identity of a file: equal if two paths lead to the same file.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// An existing file: its device and inode number.
    There(u64, u64),
    /// A file that does not exist yet: its folder and name.
    NotYet(PathBuf, PathBuf),
    /// Standard output, which is not shared: two files on it cannot be told apart.
    StandardOutput,
}

impl Identity {
    /// Returns `None` if it is not a regular file: a terminal or pipe may be shared.
    fn of(path: &Path) -> Option<Self> {
        if is_standard_output(path) {
            return Some(Self::StandardOutput);
        }
        match std::fs::metadata(path) {
            Ok(found) => Some(found).filter(Metadata::is_file).map(|found| Self::There(found.dev(), found.ino())),
            Err(_) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Some(Self::NotYet(folder.canonicalize().ok()?, PathBuf::from(path.file_name()?)))
            }
        }
    }
}
