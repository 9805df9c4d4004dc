//! Changes of the files of the configuration.
//!
//! The file system tells of most changes at once. Network file systems tell nothing, so the files
//! are looked at from time to time, too; that alone decides whether something has changed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::AccessKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tracing::debug;

use crate::cli::ConfigArgs;
use crate::config::use_case_files;

/// Watches the files of the configuration.
#[derive(Debug)]
pub(super) struct Watch {
    args: ConfigArgs,
    seen: BTreeMap<PathBuf, FileMark>,
    told: Arc<Notify>,
    /// Tells of changes as long as it lives.
    _watcher: Option<RecommendedWatcher>,
}

/// Marks of a file that change when it is written or replaced.
#[derive(Debug, PartialEq, Eq)]
struct FileMark {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Watch {
    /// Watches the files that `args` name, as they are now.
    pub(super) fn new(args: &ConfigArgs) -> Self {
        let told = Arc::new(Notify::new());
        let watcher = watcher(args, &told).inspect_err(|error| debug!("changes are only polled for: {error}")).ok();
        Watch { args: args.clone(), seen: marks(args), told, _watcher: watcher }
    }

    /// True if the files have changed since the last call.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = marks(&self.args);
        let has_changed = now != self.seen;
        self.seen = now;
        has_changed
    }

    /// Waits until the file system tells of a change.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }
}

/// Watches the folders of the files: editors replace files.
fn watcher(args: &ConfigArgs, told: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let told = Arc::clone(told);
    let tell = move |event: notify::Result<notify::Event>| {
        // looking at files and folders opens them
        if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(AccessKind::Open(_)))) {
            told.notify_one();
        }
    };
    let mut watcher = notify::recommended_watcher(tell)?;
    let profiles = profile_files(args);
    let files = args.config.iter().chain(&args.mapping).chain(&profiles);
    let fixed = args.use_cases.iter().map(|pattern| fixed_folder(pattern));
    let folders = files.filter_map(|path| path.parent().map(Path::to_owned)).map(|folder| (folder, false));
    let mut folders: BTreeMap<PathBuf, bool> = folders.collect();
    folders.extend(fixed);
    for (folder, has_wildcards) in folders {
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let mode = if has_wildcards { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        watcher.watch(&folder, mode)?;
    }
    Ok(watcher)
}

/// Returns the folder above the first wildcard of `pattern`, and whether it has one.
fn fixed_folder(pattern: &str) -> (PathBuf, bool) {
    let start = pattern.find(['*', '?', '[']);
    let fixed = &pattern[..start.unwrap_or(pattern.len())];
    let folder = fixed.rfind('/').map_or("", |end| &fixed[..=end]);
    (PathBuf::from(folder), start.is_some())
}

/// Returns the files among the profiles of `--fields`.
fn profile_files(args: &ConfigArgs) -> Vec<PathBuf> {
    let names = args.fields.iter().flat_map(|fields| fields.split(','));
    names.map(|name| PathBuf::from(name.trim())).filter(|path| path.is_file()).collect()
}

fn marks(args: &ConfigArgs) -> BTreeMap<PathBuf, FileMark> {
    let files = args
        .config
        .iter()
        .chain(&args.mapping)
        .cloned()
        .chain(profile_files(args))
        .chain(use_case_files(&args.use_cases));
    files.filter_map(|path| FileMark::of(&path).map(|mark| (path, mark))).collect()
}

impl FileMark {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(FileMark {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_patterns_end_before_the_first_wildcard() {
        for (pattern, folder, has_wildcards) in [
            ("use_cases/**/*.conf", "use_cases/", true),
            ("/etc/a/b.conf", "/etc/a/", false),
            ("/etc/a*/b.conf", "/etc/", true),
            ("*.conf", "", true),
            ("a.conf", "", false),
        ] {
            assert_eq!(fixed_folder(pattern), (PathBuf::from(folder), has_wildcards), "{pattern}");
        }
    }

    #[tokio::test]
    async fn edits_replacements_and_new_files_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
        write("main.conf", "[general]\n");
        write("a.conf", "[terms_a]\n");
        let pattern = path("*.conf").display().to_string();
        let args = ConfigArgs {
            config: vec![path("main.conf")],
            use_cases: vec![pattern],
            hunting: false,
            fields: None,
            mapping: None,
        };
        let mut watch = Watch::new(&args);
        assert!(!watch.has_changed());
        write("main.conf", "[general]\nlog_level=INFO\n");
        let told = tokio::time::timeout(std::time::Duration::from_secs(30), watch.told()).await;
        assert!(told.is_ok() && watch.has_changed() && !watch.has_changed());
        write("new", "[terms_a]\n");
        assert!(!watch.has_changed());
        std::fs::rename(path("new"), path("a.conf")).unwrap();
        assert!(watch.has_changed());
        write("b.conf", "");
        assert!(watch.has_changed());
        std::fs::remove_file(path("b.conf")).unwrap();
        assert!(watch.has_changed() && !watch.has_changed());
    }

    #[tokio::test]
    async fn looking_at_files_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.conf");
        std::fs::write(&path, "[terms_a]\n").unwrap();
        let pattern = folder.path().join("**/*.conf").display().to_string();
        let args =
            ConfigArgs { config: Vec::new(), use_cases: vec![pattern], hunting: false, fields: None, mapping: None };
        let mut watch = Watch::new(&args);
        let second = std::time::Duration::from_secs(1);
        for _ in 0..2 {
            assert!(!watch.has_changed() && std::fs::read(&path).is_ok());
            assert!(tokio::time::timeout(second, watch.told()).await.is_err());
        }
        std::fs::write(&path, "[terms_b]\n").unwrap();
        assert!(tokio::time::timeout(30 * second, watch.told()).await.is_ok() && watch.has_changed());
    }
}
