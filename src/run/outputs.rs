//! The files that a run writes, which must be none that it reads.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::cli::RunArgs;
use crate::config::Settings;
use crate::pipeline::Outputs;
use crate::sinks::console::Findings;
use crate::sinks::files::{DocumentFile, check_writable};

/// Opens the outputs; `events` are the files that events come from.
///
/// # Errors
/// A place that cannot be written, or an output that would replace a file that the run reads, or the other output.
pub(super) fn open<'a>(
    args: &'a RunArgs,
    settings: &'a Settings,
    events: impl Iterator<Item = &'a Path>,
) -> Result<Outputs, RunError> {
    let documents = args.output.as_deref().filter(|_| !args.dry_run);
    let outputs: Vec<(&str, &Path)> = [("-o", documents), ("--report", args.report.as_deref())]
        .into_iter()
        .filter_map(|(option, path)| Some((option, path?)))
        .collect();
    let use_cases = settings.use_cases.iter().map(|use_case| &use_case.location.file);
    let rejected = settings.rejected.iter().map(|rejected| &rejected.file);
    let configuration = args.config.config.iter().chain(&args.config.mapping).map(PathBuf::as_path);
    let read = configuration.chain(use_cases.chain(rejected).map(|file| &**file)).chain(events);
    let read: Vec<(&Path, Identity)> = read.filter_map(|path| Some((path, Identity::of(path)?))).collect();
    for (idx, &(option, path)) in outputs.iter().enumerate() {
        let Some(identity) = Identity::of(path) else { continue };
        if let Some((input, _)) = read.iter().find(|(_, known)| *known == identity) {
            let input = input.display();
            return Err(RunError::Usage(format!(
                "{option} {}: it would replace {input}, which is read",
                path.display()
            )));
        }
        if outputs[..idx].iter().any(|(_, other)| Identity::of(other).as_ref() == Some(&identity)) {
            return Err(RunError::Usage(format!("{option} {}: the outliers are written there", path.display())));
        }
    }
    if let Some(path) = &args.report {
        check_writable(path)?;
    }
    Ok(match documents {
        Some(path) => Outputs { documents: Some(DocumentFile::create(path)?), findings: None },
        None => Outputs { documents: None, findings: Some(Findings::default()) },
    })
}

/// What tells whether two paths are one file.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// A file that is there: its device and number.
    There(u64, u64),
    /// One that is not: its folder, and its name.
    NotYet(PathBuf, PathBuf),
}

impl Identity {
    /// `None` for what is no file: many may write to a terminal or a pipe.
    fn of(path: &Path) -> Option<Self> {
        match std::fs::metadata(path) {
            Ok(found) => Some(found).filter(Metadata::is_file).map(|found| Self::There(found.dev(), found.ino())),
            Err(_) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Some(Self::NotYet(folder.canonicalize().ok()?, PathBuf::from(path.file_name()?)))
            }
        }
    }
}
