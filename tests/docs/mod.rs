//! Documentation that cannot say what the program no longer does.
//!
//! Pictures are drawn from calculations of the program: `pictures` draws one picture per test,
//! `beacons`, `travels` and `words` those that take more to prepare. `help` looks at the help of
//! commands, `commands` executes those of the documents, which `blocks` and `shell` read,
//! `first_hour` those of the first guide, in order. `values` computes example values, `book` checks
//! chapters and links.

mod beacons;
mod blocks;
mod book;
mod commands;
mod first_hour;
mod help;
mod pictures;
mod shell;
mod travels;
mod values;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Environment variable that writes the pictures instead of comparing them.
const UPDATE: &str = "UPDATE_PICTURES";

const MOST_BYTES: usize = 20_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures")
}

/// Compares a drawn picture with the file in `docs/pictures`, or replaces the file.
fn check(name: &str, svg: &str) {
    let path = folder().join(name);
    assert!(svg.len() < MOST_BYTES, "{name} has {} bytes, more than {MOST_BYTES}", svg.len());
    if std::env::var_os(UPDATE).is_some() {
        fs::create_dir_all(folder()).expect("a writable folder");
        fs::write(&path, svg).expect("a writable file");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == svg,
        "docs/pictures/{name} is not what the program calculates now; look at what changed after\n  \
         {UPDATE}=1 cargo test --test main -- docs::"
    );
}
