//! Glob patterns, for use-case files and event files alike.

use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, PatternError};

/// As in a shell, a leading dot must be written out.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Result of a pattern.
#[derive(Debug, Default)]
pub struct Matches {
    /// Files and folders, in no particular order.
    pub paths: Vec<PathBuf>,
    /// Folders that could not be read.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

/// Finds the paths that match `pattern`. `**` stands for any number of folders, but never follows
/// links, which may be circular. As in Python, it also matches files when it comes last, and equals
/// `*` unless it stands alone between slashes.
///
/// # Errors
/// A text that is not a valid pattern.
pub fn matching_paths(pattern: &str) -> Result<Matches, PatternError> {
    let components = whole_stars(pattern);
    let Some(first) = components.iter().position(|component| component == "**") else {
        return expand(&components.join("/"));
    };
    let rest = Pattern::new(&components[first..].join("/"))?;
    let folders = match components[..first].join("/") {
        none if first == 0 => Matches { paths: vec![PathBuf::from(none)], ..Matches::default() },
        root if root.is_empty() => Matches { paths: vec![PathBuf::from("/")], ..Matches::default() },
        folders => expand(&folders)?,
    };
    let mut matches = Matches { paths: Vec::new(), unreadable: folders.unreadable };
    for folder in folders.paths {
        walk(&folder, Path::new(""), &rest, &mut matches);
    }
    Ok(matches)
}

/// Returns the paths that match a pattern without `**`: each component is matched in one folder.
fn expand(pattern: &str) -> Result<Matches, PatternError> {
    let mut matches = Matches::default();
    for path in glob::glob_with(pattern, OPTIONS)? {
        match path {
            Ok(path) => matches.paths.push(path),
            Err(error) => matches.unreadable.push((error.path().to_owned(), error.into())),
        }
    }
    Ok(matches)
}

/// Adds the matching paths in `below` of `folder`, and in folders there.
fn walk(folder: &Path, below: &Path, pattern: &Pattern, matches: &mut Matches) {
    let here = folder.join(below);
    let here = if here.as_os_str().is_empty() { Path::new(".") } else { &here };
    let entries = match std::fs::read_dir(here) {
        Ok(entries) => entries,
        // only folders contain anything
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return,
        Err(error) => return matches.unreadable.push((here.to_owned(), error)),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                matches.unreadable.push((here.to_owned(), error));
                continue;
            }
        };
        let path = below.join(entry.file_name());
        if pattern.matches_path_with(&path, OPTIONS) {
            matches.paths.push(folder.join(&path));
        }
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(folder, &path, pattern, matches);
        }
    }
}

/// Splits a pattern at its slashes, with `**` as in Python.
fn whole_stars(pattern: &str) -> Vec<String> {
    let mut components: Vec<String> = Vec::new();
    for component in pattern.split('/') {
        let mut component = component.to_owned();
        while component != "**" && component.contains("**") {
            component = component.replace("**", "*");
        }
        components.push(component);
    }
    if components.last().is_some_and(|last| last == "**") {
        components.push("*".to_owned());
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_their_files_and_circular_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("a/b/c")).unwrap();
        std::fs::create_dir_all(root.join(".hidden")).unwrap();
        for file in ["x.conf", "a/x.conf", "a/b/c/x.conf", "a/b/y.conf", "a/.x.conf", ".hidden/x.conf", "a/b/x.txt"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        for link in ["one", "two", "three"] {
            std::os::unix::fs::symlink("..", root.join("a").join(link)).unwrap();
        }
        std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
        for (pattern, expected) in [
            ("*.conf", &["x.conf"][..]),
            ("*/x.conf", &["a/x.conf"]),
            ("**/x.conf", &["a/b/c/x.conf", "a/x.conf", "x.conf"]),
            ("a/**/x.conf", &["a/b/c/x.conf", "a/x.conf"]),
            ("a/**/c/**/x.conf", &["a/b/c/x.conf"]),
            ("**/b/*.conf", &["a/b/y.conf"]),
            ("a/b/**", &["a/b/c/x.conf", "a/b/x.txt", "a/b/y.conf"]),
            ("a/o*/**/y.conf", &["a/one/a/b/y.conf"]),
            ("a**/x.conf", &["a/x.conf"]),
            ("x.conf/**", &[]),
            ("**/z.conf", &[]),
        ] {
            let matches = matching_paths(root.join(pattern).to_str().unwrap()).unwrap();
            assert!(matches.unreadable.is_empty(), "{pattern}: {matches:?}");
            let mut files: Vec<_> = matches.paths.iter().filter(|path| path.is_file()).collect();
            files.sort();
            let expected: Vec<_> = expected.iter().map(|file| root.join(file)).collect();
            assert_eq!(files, expected.iter().collect::<Vec<_>>(), "{pattern}");
        }
        assert!(matching_paths("a[").is_err());
        assert!(matching_paths("**/a[").is_err());
    }
}
