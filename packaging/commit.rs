//! The commit that is built, from files alone: git may be missing, and so may its repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Commit that `git archive` wrote into the tarball.
pub(crate) fn archived(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("packaging/commit.txt")).ok()?;
    text.lines().map(str::trim).find(|line| is_commit(line)).map(str::to_owned)
}

/// The part of a repository that says which commit is checked out.
pub(crate) struct Checkout {
    /// Folder of `HEAD`.
    git: PathBuf,
    /// Folder of branches, the same unless this is a further work tree.
    common: PathBuf,
}

impl Checkout {
    pub(crate) fn of(root: &Path) -> Option<Self> {
        let git = root.join(".git");
        let git = match fs::read_to_string(&git) {
            Ok(link) => root.join(link.trim().strip_prefix("gitdir: ")?),
            Err(_) => git,
        };
        let common = fs::read_to_string(git.join("commondir"));
        let common = common.map_or_else(|_| git.clone(), |path| git.join(path.trim()));
        git.join("HEAD").exists().then_some(Self { git, common })
    }

    fn branch(&self) -> Option<String> {
        let head = fs::read_to_string(self.git.join("HEAD")).ok()?;
        head.trim().strip_prefix("ref: ").map(str::to_owned)
    }

    pub(crate) fn commit(&self) -> Option<String> {
        let read = |path: PathBuf| Some(fs::read_to_string(path).ok()?.trim().to_owned());
        let commit = match self.branch() {
            None => read(self.git.join("HEAD")),
            Some(branch) => read(self.common.join(&branch)).or_else(|| self.packed(&branch)),
        };
        commit.filter(|commit| is_commit(commit))
    }

    fn packed(&self, branch: &str) -> Option<String> {
        let text = fs::read_to_string(self.common.join("packed-refs")).ok()?;
        let found = text.lines().find_map(|line| line.strip_suffix(branch)?.strip_suffix(' '));
        found.map(str::to_owned)
    }

    /// Files that change with the commit. Cargo would take one that is missing for changed.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let branch = self.branch().map(|branch| self.common.join(branch));
        let files = [Some(self.git.join("HEAD")), branch, Some(self.common.join("packed-refs"))];
        files.into_iter().flatten().filter(|file| file.exists()).collect()
    }
}

pub(crate) fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
