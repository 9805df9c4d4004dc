//! File of outliers as lines of JSON: `{"_index","_id","_source"}`, one line per document, sorted
//! by index and id.
//!
//! The file appears under its name only when it is complete. Links are followed. A target that is
//! not a file, such as a pipe or a terminal, is written at the end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::delivery::{Delivered, DeliveryError, Sink, SinkError};
use crate::elastic::DocumentId;

/// File of documents with outliers, under construction beside its final place.
#[derive(Debug)]
pub struct DocumentFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    /// Lines of the last index and id, which are sorted by their text: the order of reading leaves
    /// no trace.
    last: Option<(DocumentId, Vec<Vec<u8>>)>,
}

#[derive(Serialize)]
struct Line<'a> {
    _index: &'a str,
    _id: &'a str,
    _source: &'a serde_json::Map<String, serde_json::Value>,
}

impl DocumentFile {
    /// Starts the file; fails at once if it could not be written at the end.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn create(path: &Path) -> Result<Self, SinkError> {
        let file = beside(path).map_err(SinkError::new(path))?;
        Ok(DocumentFile { path: path.to_owned(), file: BufWriter::new(file), last: None })
    }

    fn add(&mut self, id: &DocumentId, line: Vec<u8>) -> Result<(), SinkError> {
        match &mut self.last {
            Some((last, lines)) if (&last.index, &last.id) == (&id.index, &id.id) => lines.push(line),
            _ => {
                self.write_last()?;
                self.last = Some((id.clone(), vec![line]));
            }
        }
        Ok(())
    }

    fn write_last(&mut self) -> Result<(), SinkError> {
        let Some((_, mut lines)) = self.last.take() else { return Ok(()) };
        lines.sort_unstable();
        lines.iter().try_for_each(|line| self.file.write_all(line)).map_err(SinkError::new(&self.path))
    }
}

impl Sink for DocumentFile {
    fn wants_whole_documents(&self) -> bool {
        true
    }

    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        let lines = documents.par_iter().map(line).collect::<serde_json::Result<Vec<_>>>()?;
        for (document, line) in documents.iter().zip(lines) {
            self.add(&document.id, line)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.write_last()?;
        let DocumentFile { path, file, .. } = *self;
        let file = file.into_inner().map_err(|error| SinkError::new(&path)(error.into_error()))?;
        persist(file, &path)
    }
}

fn line(document: &Delivered) -> serde_json::Result<Vec<u8>> {
    let DocumentId { index, id, .. } = &document.id;
    let mut line = serde_json::to_vec(&Line { _index: index, _id: id, _source: &document.source })?;
    line.push(b'\n');
    Ok(line)
}

/// Checks that a file can be written to `path` later.
pub fn check_writable(path: &Path) -> Result<(), SinkError> {
    beside(path).map(drop).map_err(SinkError::new(path))
}

/// Writes `text` to `path` atomically: readers see the old file or the new one.
pub fn write_whole(path: &Path, text: &[u8]) -> Result<(), SinkError> {
    let mut file = beside(path).map_err(SinkError::new(path))?;
    file.write_all(text).map_err(SinkError::new(path))?;
    persist(file, path)
}

/// Target of a path.
enum Destination {
    /// A file, existing or not; a complete one replaces it.
    File(PathBuf),
    /// Something else that accepts text.
    Stream,
}

fn destination(path: &Path) -> io::Result<Destination> {
    let is_of_system = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
        // standard output may be a file, but that file must not be replaced
        Ok(found) if !found.is_file() || is_of_system => Ok(Destination::Stream),
        Ok(_) => Ok(Destination::File(path.canonicalize()?)),
        Err(_) if path.is_symlink() => {
            Err(io::Error::new(io::ErrorKind::NotFound, "the link points to a missing file"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Destination::File(path.to_owned())),
        Err(error) => Err(error),
    }
}

/// Returns an empty file that [`persist`] can move to `path`.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    match destination(path)? {
        Destination::Stream => NamedTempFile::with_prefix(format!(".{OUR_NAME}")),
        Destination::File(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let prefix = prefix(&path);
            let file = locked_file(&prefix, folder)?;
            remove_stale(&prefix, folder, &file);
            Ok(file)
        }
    }
}

/// Part of the name of every temporary file of ours.
const OUR_NAME: &str = "ee-outliers-";

/// Returns the prefix of the names of temporary files for `path`.
fn prefix(path: &Path) -> OsString {
    /// Leaves room for the rest of the name; names are limited to 255 bytes.
    const MOST_BYTES: usize = 200;
    let name = path.file_name().unwrap_or_default().as_bytes();
    let name = OsStr::from_bytes(&name[..name.len().min(MOST_BYTES)]);
    [OsStr::new("."), name, OsStr::new("."), OsStr::new(OUR_NAME)].into_iter().collect()
}

/// Creates a temporary file that stays locked while its run lives.
fn locked_file(prefix: &OsStr, folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = NamedTempFile::with_prefix_in(prefix, folder)?;
        // file systems without locks keep the files of killed runs
        drop(file.as_file().try_lock());
        // another run may have taken it for a stale one before it was locked
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes files that killed runs with the same output have left: those older than `own` that
/// nobody has locked.
fn remove_stale(prefix: &OsStr, folder: &Path, own: &NamedTempFile) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let modified = |file: &File| file.metadata().and_then(|found| found.modified()).ok();
    let Some(started) = modified(own.as_file()) else { return };
    let is_ours = |name: &OsStr| name.as_bytes().starts_with(prefix.as_bytes());
    for entry in entries.filter_map(Result::ok).filter(|entry| is_ours(&entry.file_name())) {
        let path = entry.path();
        let Ok(file) = File::open(&path) else { continue };
        let is_older = modified(&file).is_some_and(|time| time < started);
        if is_older && file.try_lock().is_ok() && std::fs::remove_file(&path).is_ok() {
            tracing::info!("removed {}, left by a killed run", path.display());
        }
    }
}

/// Moves a temporary file to `path`, with the permissions of a new file: temporary files are
/// private.
fn persist(file: NamedTempFile, path: &Path) -> Result<(), SinkError> {
    bring(file, path).map_err(SinkError::new(path))
}

fn bring(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match destination(path)? {
        Destination::Stream => {
            file.rewind()?;
            let mut stream = File::options().append(true).open(path)?;
            io::copy(file.as_file_mut(), &mut stream)?;
        }
        Destination::File(path) => {
            let mode = match std::fs::metadata(&path) {
                Ok(existing) => existing.permissions(),
                Err(_) => std::fs::Permissions::from_mode(0o644),
            };
            file.as_file().set_permissions(mode)?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::elastic::DocumentVersion;

    fn document(index: &str, id: &str, n: u64) -> Delivered {
        let serde_json::Value::Object(source) = json!({ "n": n }) else { unreachable!() };
        let id = DocumentId { index: index.to_owned(), id: id.to_owned(), routing: None };
        let (new, known) = (Vec::new(), Vec::new());
        Delivered { id, version: DocumentVersion::NONE, source, additions: None, new, known }
    }

    fn written(blocks: &[&[Delivered]]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        let mut file = Box::new(DocumentFile::create(&path).unwrap());
        blocks.iter().for_each(|block| file.deliver(block).unwrap());
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_of_one_id_are_sorted_by_their_text() {
        let sorted = [document("a", "1", 1), document("a", "2", 0), document("b", "0", 5), document("b", "0", 7)];
        let other = [document("a", "1", 1), document("a", "2", 0), document("b", "0", 7), document("b", "0", 5)];
        let expected = written(&[&sorted]);
        assert_eq!(written(&[&other]), expected);
        // the lines of one id may come in two blocks
        assert_eq!(written(&[&other[..3], &other[3..]]), expected);
        assert!(expected.starts_with(r#"{"_index":"a","_id":"1","_source":{"n":1}}"#));
    }

    #[test]
    fn a_path_that_cannot_be_written_is_reported_at_once() {
        for path in ["/nonexistent/folder/out.ndjson", "/"] {
            let error = DocumentFile::create(Path::new(path)).unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
    }

    #[test]
    fn links_are_followed_and_streams_are_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "old").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        write_whole(&path("link"), b"new").unwrap();
        assert!(path("link").is_symlink());
        assert_eq!(std::fs::read_to_string(path("file")).unwrap(), "new");

        std::os::unix::fs::symlink("nowhere", path("lost")).unwrap();
        assert!(check_writable(&path("lost")).unwrap_err().to_string().contains("points to a missing file"));

        write_whole(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());

        let status = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(status.success());
        let reader = std::thread::spawn({
            let pipe = path("pipe");
            move || std::fs::read_to_string(pipe).unwrap()
        });
        write_whole(&path("pipe"), b"through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "nothing temporary is left");
    }

    #[test]
    fn only_files_of_killed_runs_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let long = "x".repeat(250);
        for output in ["out.ndjson", &long] {
            let live = DocumentFile::create(&path(output)).unwrap();
            let live_path = live.file.get_ref().path().to_owned();
            let (_, left) =
                NamedTempFile::with_prefix_in(prefix(&path(output)), folder.path()).unwrap().keep().unwrap();
            let others = ["notes.ee-outliers-1", ".other.ndjson.ee-outliers-1", ".out"].map(path);
            for file in [&left, &live_path].into_iter().chain(&others) {
                let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
                File::options().create(true).append(true).open(file).unwrap().set_modified(hour_ago).unwrap();
            }
            drop(DocumentFile::create(&path(output)).unwrap());
            assert!(!left.exists());
            assert!(live_path.exists() && others.iter().all(|file| file.exists()));
            Box::new(live).finish().unwrap();
        }
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        drop(DocumentFile::create(&path).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
