//! Paths, folders and patterns -> files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::formats::{ending, known_endings, with_ending};
use crate::paths::matching_paths;
use crate::sources::SourceError;

/// Returns the files of `paths`, sorted and without duplicates; `None` is standard input.
pub(super) fn find(paths: &[String], errors: &mut Vec<SourceError>) -> Vec<Option<PathBuf>> {
    let mut found: BTreeSet<Option<PathBuf>> = BTreeSet::new();
    for given in paths {
        let path = Path::new(given);
        if given == "-" {
            found.insert(None);
        } else if path.is_dir() {
            let mut files = BTreeSet::new();
            walk(path, &mut files, errors);
            add(given, files, &mut found, errors);
        } else if path.exists() || !given.contains(['*', '?', '[']) {
            found.insert(Some(path.to_owned()));
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
    let mut canonical = BTreeSet::new();
    let resolved = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    found.into_iter().filter(|path| canonical.insert(path.as_ref().map(resolved))).collect()
}

fn add(given: &str, files: BTreeSet<PathBuf>, found: &mut BTreeSet<Option<PathBuf>>, errors: &mut Vec<SourceError>) {
    if files.is_empty() {
        errors.push(SourceError::NothingFound { name: given.to_owned(), endings: known_endings() });
    }
    found.extend(files.into_iter().map(Some));
}

/// Adds files with known endings, including those in subfolders; hidden ones are skipped.
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
        } else if path.is_file() && with_ending(&ending(&path)).is_some() {
            files.insert(path);
        }
    }
}

fn unreadable(folder: &Path, source: std::io::Error) -> SourceError {
    SourceError::Open { name: folder.display().to_string(), source }
}
