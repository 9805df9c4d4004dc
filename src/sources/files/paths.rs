//! Paths, folders and patterns -> files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::paths::matching_paths;
use crate::sources::SourceError;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// `None` for standard input.
    pub(super) path: Option<PathBuf>,
    pub(super) asked: Asked,
}

/// Way in which a file was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// By its own name.
    ByName,
    /// As one of the files of a folder or pattern.
    AmongOthers,
}

/// Returns the files of `paths`, sorted and without duplicates.
pub(super) fn find(paths: &[String], errors: &mut Vec<SourceError>) -> Vec<Found> {
    let mut found: BTreeMap<Option<PathBuf>, Asked> = BTreeMap::new();
    for given in paths {
        let path = Path::new(given);
        if given == "-" {
            found.insert(None, Asked::ByName);
        } else if path.is_dir() {
            let mut files = BTreeSet::new();
            walk(path, &mut files, errors);
            add(given, files, &mut found, errors);
        } else if path.exists() || !given.contains(['*', '?', '[']) {
            found.insert(Some(path.to_owned()), Asked::ByName);
        } else {
            match matching_paths(given) {
                Ok(matches) => {
                    errors.extend(matches.unreadable.into_iter().map(|(path, source)| unreadable(&path, source)));
                    let files = matches.paths.into_iter().filter(|path| path.is_file()).collect();
                    add(given, files, &mut found, errors);
                }
                Err(error) => {
                    errors.push(SourceError::BadPattern { name: given.clone(), reason: error.to_string() });
                }
            }
        }
    }
    once_each(found)
}

/// Drops all but the first of several paths to one file.
fn once_each(found: BTreeMap<Option<PathBuf>, Asked>) -> Vec<Found> {
    let mut files: Vec<Found> = Vec::new();
    let mut places: BTreeMap<Option<PathBuf>, usize> = BTreeMap::new();
    let resolved = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    for (path, asked) in found {
        let place = *places.entry(path.as_ref().map(resolved)).or_insert(files.len());
        match files.get_mut(place) {
            Some(file) => file.asked = file.asked.min(asked),
            None => files.push(Found { path, asked }),
        }
    }
    files
}

fn add(
    given: &str,
    files: BTreeSet<PathBuf>,
    found: &mut BTreeMap<Option<PathBuf>, Asked>,
    errors: &mut Vec<SourceError>,
) {
    if files.is_empty() {
        errors.push(SourceError::NothingFound { name: given.to_owned() });
    }
    for file in files {
        found.entry(Some(file)).or_insert(Asked::AmongOthers);
    }
}

/// Adds all files, including those in subfolders; hidden ones are skipped.
fn walk(folder: &Path, files: &mut BTreeSet<PathBuf>, errors: &mut Vec<SourceError>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) => {
            errors.push(unreadable(folder, source));
            return;
        }
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(source) => {
                errors.push(unreadable(folder, source));
                continue;
            }
        };
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // links to folders are not followed: they may be circular
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, files, errors);
        } else if path.is_file() {
            files.insert(path);
        }
    }
}

fn unreadable(folder: &Path, source: std::io::Error) -> SourceError {
    SourceError::Open { name: folder.display().to_string(), source }
}
