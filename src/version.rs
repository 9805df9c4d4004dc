//! The build: version, commit, features, target.

use std::sync::LazyLock;

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit that was built, in full; empty in development builds and where it is not known.
pub const COMMIT: &str = env!("EE_OUTLIERS_BUILD_COMMIT");

/// Optional features, and whether the program has them.
pub const FEATURES: [(&str, bool); 2] = [("cuda", cfg!(feature = "cuda")), ("otel", cfg!(feature = "otel"))];

/// Returns what `--version` prints below the name of the program.
pub fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let commit = if COMMIT.is_empty() { "unknown" } else { COMMIT };
        let sign = |has: bool| if has { '+' } else { '-' };
        let features = FEATURES.map(|(name, has)| format!("{}{name}", sign(has))).join(" ");
        let (profile, target) = (env!("EE_OUTLIERS_BUILD_PROFILE"), env!("EE_OUTLIERS_BUILD_TARGET"));
        let compiler = env!("EE_OUTLIERS_BUILD_COMPILER");
        format!("{VERSION}\ncommit: {commit}\nfeatures: {features}\nbuild: {profile}, {target}, {compiler}")
    });
    &LONG
}
