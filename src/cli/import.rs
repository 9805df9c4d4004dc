//! Subcommands that make use cases of rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::examples::help_of;

/// Subcommands of `import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Make use cases of Sigma rules and correlations
    #[command(after_long_help = help_of("import sigma"))]
    Sigma(ImportArgs),
    /// Make use cases of ElastAlert rules
    #[command(after_long_help = help_of("import elastalert"))]
    Elastalert(ImportArgs),
}

/// Options of an import.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Files of rules, folders or patterns
    ///
    /// Patterns are such as 'rules/**/*.yml'. In folders, all files ending in .yml or .yaml are
    /// read.
    #[arg(value_name = "PATH", required = true)]
    pub files: Vec<String>,
    /// Write the use cases to FILE (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write what became of each rule to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}
