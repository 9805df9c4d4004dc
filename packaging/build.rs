//! Names the build for `ee-outliers --version`: commit, target, profile, compiler.
//!
//! `EE_OUTLIERS_COMMIT` names the commit, or what `commit.rs` finds.

mod commit;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use commit::{Checkout, archived, is_commit};

const VARIABLE: &str = "EE_OUTLIERS_COMMIT";

fn main() {
    println!("cargo::rerun-if-changed=packaging/build.rs");
    println!("cargo::rerun-if-changed=packaging/commit.rs");
    println!("cargo::rerun-if-changed=packaging/commit.txt");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let profile = variable("PROFILE");
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let mut commit = env::var(VARIABLE).ok().filter(|commit| is_commit(commit)).or_else(|| archived(&root));
    // development builds name no commit: else each commit would compile everything anew
    if profile == "release" && commit.is_none() {
        let found = Checkout::of(&root).map(|checkout| (checkout.files(), checkout.commit()));
        let (files, checked_out) = found.unwrap_or_default();
        files.iter().for_each(|file| println!("cargo::rerun-if-changed={}", file.display()));
        commit = checked_out;
    }
    let compiler = Command::new(variable("RUSTC")).arg("--version").output().map(|output| output.stdout);
    let compiler =
        compiler.map_or_else(|_| "rustc".to_owned(), |text| String::from_utf8_lossy(&text).trim().to_owned());
    println!("cargo::rustc-env=EE_OUTLIERS_BUILD_COMMIT={}", commit.unwrap_or_default());
    println!("cargo::rustc-env=EE_OUTLIERS_BUILD_TARGET={}", variable("TARGET"));
    println!("cargo::rustc-env=EE_OUTLIERS_BUILD_PROFILE={profile}");
    println!("cargo::rustc-env=EE_OUTLIERS_BUILD_COMPILER={compiler}");
}
