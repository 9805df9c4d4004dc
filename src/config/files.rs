//! The files of the configuration.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::{Location, Problem};
use crate::paths::matching_paths;

/// A configuration is written by people: a greater file was matched by mistake.
const MAX_BYTES: u64 = 64 << 20;

/// Returns the files of all patterns, sorted by path and each once. Folders and hidden files do not
/// match.
pub(super) fn expand(patterns: &[String], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let files: BTreeSet<PathBuf> = patterns.iter().flat_map(|pattern| matching(pattern, problems)).collect();
    let mut known = HashSet::new();
    files.into_iter().filter(|path| known.insert(path.canonicalize().unwrap_or_else(|_| path.clone()))).collect()
}

/// Returns the files of one pattern. A path that exists is taken literally.
fn matching(pattern: &str, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    if Path::new(pattern).is_file() {
        return vec![PathBuf::from(pattern)];
    }
    let matches = match matching_paths(pattern) {
        Ok(matches) => matches,
        Err(error) => {
            problems.push(
                Problem::error(format!("not a pattern: {pattern}: {error}"))
                    .help("write [[] for a bracket that is part of a name"),
            );
            return Vec::new();
        }
    };
    problems.extend(matches.unreadable.iter().map(|(path, error)| {
        Problem::warning(format!("cannot look into {}: {error}", path.display()))
            .help(format!("files there are left out of {pattern}; check the permissions"))
    }));
    let files: Vec<PathBuf> = matches.paths.into_iter().filter(|path| path.is_file()).collect();
    if files.is_empty() {
        problems.push(nothing_found(pattern));
    }
    files
}

fn nothing_found(pattern: &str) -> Problem {
    if Path::new(pattern).is_dir() {
        let folder = pattern.trim_end_matches('/');
        Problem::warning(format!("{pattern} is a folder")).help(format!("write {folder}/**/*.conf for the files in it"))
    } else if pattern.contains(['*', '?', '[']) {
        Problem::warning(format!("no file matches {pattern}"))
            .help("put the pattern in quotes and check the folder; `**` looks into folders below")
    } else {
        Problem::error(format!("no file {pattern}")).help("check the path given with --use-cases")
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<(Arc<Path>, String), Box<Problem>> {
    let shown = path.display();
    let error = |message: String, help: &str| Box::new(Problem::error(message).help(help));
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|failure| error(format!("cannot read {shown}: {failure}"), "check the path and its permissions"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(error(format!("{shown} is too large for a configuration"), "name only configuration files"));
    }
    let file: Arc<Path> = Arc::from(path);
    match String::from_utf8(bytes) {
        Ok(text) => Ok((file, text)),
        Err(failure) => {
            let good = failure.utf8_error().valid_up_to();
            let location = location_behind(&String::from_utf8_lossy(&failure.as_bytes()[..good]), file);
            let is_utf16 =
                failure.as_bytes().starts_with(&[0xff, 0xfe]) || failure.as_bytes().starts_with(&[0xfe, 0xff]);
            let message = if is_utf16 { "the file is UTF-16" } else { "the file is not UTF-8 from here on" };
            Err(Box::new(Problem::error(message).at(location).help("save the file as UTF-8")))
        }
    }
}

/// The place behind `text`, the beginning of a file.
fn location_behind(text: &str, file: Arc<Path>) -> Location {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let last_line = text.rsplit('\n').next().unwrap_or_default();
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    Location { file, line: number(text.matches('\n').count()), column: number(last_line.chars().count()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b.conf", "a.conf", "sub/deep/c.conf", ".hidden.conf", ".git/d.conf", "x[1].conf", "note.txt"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn patterns_find_files_sorted_and_once() {
        let folder = folder();
        let root = folder.path().to_str().unwrap().to_owned();
        for (patterns, expected, n_problems) in [
            (vec!["*.conf"], vec!["a.conf", "b.conf", "x[1].conf"], 0),
            (vec!["**/*.conf"], vec!["a.conf", "b.conf", "sub/deep/c.conf", "x[1].conf"], 0),
            (vec!["**"], vec!["a.conf", "b.conf", "note.txt", "sub/deep/c.conf", "x[1].conf"], 0),
            (vec!["b.conf", "./a.conf", "[ab].conf"], vec!["a.conf", "b.conf"], 0),
            (vec!["a**.conf"], vec!["a.conf"], 0),
            (vec!["x[1].conf"], vec!["x[1].conf"], 0),
            (vec!["sub"], vec![], 1),
            (vec!["*.nothing", "gone.conf", "[a.conf"], vec![], 3),
            (vec![".hidden.conf"], vec![".hidden.conf"], 0),
        ] {
            let mut problems = Vec::new();
            let full: Vec<String> = patterns.iter().map(|pattern| format!("{root}/{pattern}")).collect();
            let found = expand(&full, &mut problems);
            let shown: Vec<String> =
                found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
            assert_eq!(shown, expected, "{patterns:?}");
            assert_eq!(problems.len(), n_problems, "{problems:?}");
        }
    }

    #[test]
    fn what_is_not_text_is_reported_with_its_place() {
        let folder = folder();
        for (bytes, expected) in [
            (&b"[a]\r\nk=\xc3\xa9\xff"[..], "b.conf:2:4: error: the file is not UTF-8 from here on"),
            (b"\xff\xfe[\0", "b.conf:1:1: error: the file is UTF-16"),
        ] {
            let path = folder.path().join("b.conf");
            std::fs::write(&path, bytes).unwrap();
            let problem = read(&path).unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
        assert!(read(folder.path()).is_err());
        assert!(read(Path::new("/no/such/file")).is_err());
    }
}
