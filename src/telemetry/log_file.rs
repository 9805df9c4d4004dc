//! The log file, which may be moved away while the program runs.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// File that is appended to. It is reopened when its name belongs to another file, or to none, as
/// after log rotation. Without a file, what is written is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct LogFile(Arc<Mutex<Option<Opened>>>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    file: File,
    inode: u64,
}

impl Opened {
    fn new(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { path: path.to_owned(), file, inode })
    }

    fn is_moved(&self) -> bool {
        std::fs::metadata(&self.path).map(|now| now.ino()).ok() != Some(self.inode)
    }
}

impl LogFile {
    /// Writes to the file at `path` from now on.
    ///
    /// # Errors
    /// It cannot be opened; what was written to before still is.
    pub(super) fn open(&self, path: &Path) -> io::Result<()> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_none_or(|open| open.path != path) {
            *open = Some(Opened::new(path)?);
        }
        Ok(())
    }

    /// Writes to no file from now on.
    pub(super) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(open) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            if open.is_moved() {
                *open = Opened::new(&open.path)?;
            }
            open.file.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = &'a LogFile;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(log: &LogFile, line: &str) {
        let mut writer = log;
        writer.write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn a_file_that_was_moved_is_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = |name: &str| fs::read_to_string(path(name)).unwrap();
        fs::write(path("a.log"), "before\n").unwrap();
        let log = LogFile::default();
        log.open(&path("a.log")).unwrap();
        write(&log, "one\n");
        fs::rename(path("a.log"), path("a.log.1")).unwrap();
        write(&log, "two\n");
        assert_eq!((text("a.log.1").as_str(), text("a.log").as_str()), ("before\none\n", "two\n"));
        fs::remove_file(path("a.log")).unwrap();
        write(&log, "three\n");
        assert_eq!(text("a.log"), "three\n");
        // rotated by another program, which makes the new file itself
        fs::rename(path("a.log"), path("a.log.2")).unwrap();
        fs::write(path("a.log"), "").unwrap();
        write(&log, "four\n");
        assert_eq!((text("a.log.2").as_str(), text("a.log").as_str()), ("three\n", "four\n"));
    }

    #[test]
    fn the_file_can_be_changed_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let log = LogFile::default();
        write(&log, "dropped\n");
        log.open(&path("a.log")).unwrap();
        write(&log, "one\n");
        assert!(log.open(&path("missing/b.log")).is_err());
        write(&log, "two\n");
        log.open(&path("b.log")).unwrap();
        write(&log, "three\n");
        log.close();
        write(&log, "dropped\n");
        assert_eq!(fs::read_to_string(path("a.log")).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(path("b.log")).unwrap(), "three\n");
    }
}
