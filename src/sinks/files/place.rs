//! Places of output files. A file appears under its name only when it is complete. Links are
//! followed. A target that is not a file, such as a pipe or a terminal, is written at the end.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::delivery::SinkError;

/// Checks that a file can be written to `path` later.
pub fn check_writable(path: &Path) -> Result<(), SinkError> {
    beside(path, &std::env::temp_dir()).map(drop).map_err(SinkError::new(path))
}

/// Writes `text` to `path` atomically: readers see the old file or the new one.
pub fn write_whole(path: &Path, text: &[u8]) -> Result<(), SinkError> {
    let mut file = beside(path, &std::env::temp_dir()).map_err(SinkError::new(path))?;
    file.write_all(text).map_err(SinkError::new(path))?;
    persist(file, path)
}

/// Path that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// True if a path stands for standard output.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new(STANDARD_OUTPUT)
}

/// Target of a path.
enum Destination {
    /// A file, existing or not; a complete one replaces it.
    File(PathBuf),
    /// Something else that accepts text.
    Stream,
    /// Standard output.
    StandardOutput,
}

fn destination(path: &Path) -> io::Result<Destination> {
    if is_standard_output(path) {
        return Ok(Destination::StandardOutput);
    }
    let is_of_system = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder)) && !path.starts_with("/dev/shm");
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

/// Returns an empty file that [`persist`] can move to `path`, or one in `spill_dir` for a stream.
pub(super) fn beside(path: &Path, spill_dir: &Path) -> io::Result<NamedTempFile> {
    match destination(path)? {
        Destination::Stream | Destination::StandardOutput => {
            NamedTempFile::with_prefix_in(format!(".{OUR_NAME}"), spill_dir)
        }
        Destination::File(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let prefix = prefix(&path);
            let file = locked_file(&prefix, folder, initial_mode(&path))?;
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

/// Mode in which a file that becomes `path` is created; the system takes the umask off it. One that
/// replaces a file is private until it has the mode of that file.
fn initial_mode(path: &Path) -> Permissions {
    Permissions::from_mode(if path.exists() { 0o600 } else { 0o666 })
}

/// Creates a temporary file that stays locked while its run lives.
fn locked_file(prefix: &OsStr, folder: &Path, mode: Permissions) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).permissions(mode);
    loop {
        let file = builder.tempfile_in(folder)?;
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

/// Moves a temporary file to `path`. A file that it replaces hands on its mode.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> Result<(), SinkError> {
    bring(file, path).map_err(SinkError::new(path))
}

fn bring(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    match destination(path)? {
        Destination::StandardOutput => copy(&mut file, &mut io::stdout().lock()),
        Destination::Stream => copy(&mut file, &mut File::options().append(true).open(path)?),
        Destination::File(path) => {
            if let Ok(replaced) = std::fs::metadata(&path) {
                file.as_file().set_permissions(replaced.permissions())?;
            }
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        }
    }
}

/// Copies a file to a stream. Its reader may have seen enough, as `head` does: that is not an
/// error.
fn copy(file: &mut NamedTempFile, stream: &mut impl Write) -> io::Result<()> {
    file.rewind()?;
    match io::copy(file.as_file_mut(), stream).and_then(|_| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // a folder in memory, where files are files
        if let Ok(folder) = tempfile::tempdir_in("/dev/shm") {
            let path = folder.path().join("out");
            ["old", "new"].iter().for_each(|text| write_whole(&path, text.as_bytes()).unwrap());
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
        }
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
            let live = beside(&path(output), folder.path()).unwrap();
            let live_path = live.path().to_owned();
            let (_, left) =
                NamedTempFile::with_prefix_in(prefix(&path(output)), folder.path()).unwrap().keep().unwrap();
            let others = ["notes.ee-outliers-1", ".other.ndjson.ee-outliers-1", ".out"].map(path);
            for file in [&left, &live_path].into_iter().chain(&others) {
                let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
                File::options().create(true).append(true).open(file).unwrap().set_modified(hour_ago).unwrap();
            }
            drop(beside(&path(output), folder.path()).unwrap());
            assert!(!left.exists());
            assert!(live_path.exists() && others.iter().all(|file| file.exists()));
            persist(live, &path(output)).unwrap();
        }
    }

    #[test]
    fn replaced_files_keep_their_mode() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        // the mode of a file made in the usual way, whatever the umask is
        std::fs::write(folder.path().join("usual"), "").unwrap();
        write_whole(&folder.path().join("new"), b"new").unwrap();
        assert_eq!(mode("new"), mode("usual"));
        for kept in [0o600, 0o640, 0o666] {
            std::fs::set_permissions(folder.path().join("new"), Permissions::from_mode(kept)).unwrap();
            write_whole(&folder.path().join("new"), b"newer").unwrap();
            assert_eq!(mode("new"), kept);
        }
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(beside(&folder.path().join("out.ndjson"), folder.path()).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
