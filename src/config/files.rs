//! The files of the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::Problem;

/// Use-case files of all patterns, sorted, each once.
pub(super) fn expand(patterns: &[String], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = BTreeSet::new();
    for pattern in patterns {
        if Path::new(pattern).is_file() {
            files.insert(PathBuf::from(pattern));
            continue;
        }
        let before = files.len();
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        match glob::glob_with(pattern, options) {
            Ok(matches) => files.extend(matches.flatten().filter(|path| path.is_file())),
            Err(error) => {
                problems.push(
                    Problem::error(format!("not a pattern: {pattern}: {error}"))
                        .help("write [[] for a bracket that is part of a name"),
                );
                continue;
            }
        }
        let is_plain = !pattern.contains(['*', '?', '[']);
        if is_plain && files.len() == before {
            problems.push(Problem::error(format!("no file {pattern}")).help("check the path given with --use-cases"));
        } else if files.len() == before
            && !files.iter().any(|file| glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_path(file)))
        {
            problems.push(
                Problem::warning(format!("no file matches {pattern}"))
                    .help("put the pattern in quotes and check the folder; `**` looks into folders below"),
            );
        }
    }
    let mut known = BTreeSet::new();
    files.into_iter().filter(|path| known.insert(path.canonicalize().unwrap_or_else(|_| path.clone()))).collect()
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<(Arc<Path>, String), Box<Problem>> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| {
        Box::new(Problem::error(format!("cannot read {shown}: {error}")).help("check the path and its permissions"))
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((Arc::from(path), text)),
        Err(error) => {
            let message = format!("{shown} is not UTF-8 from byte {} on", error.utf8_error().valid_up_to());
            Err(Box::new(Problem::error(message).help("save the file as UTF-8")))
        }
    }
}
