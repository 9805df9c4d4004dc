//! Subcommands that make use cases of rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Subcommands of `import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Make use cases of Sigma rules and correlations
    Sigma(ImportArgs),
    /// Make use cases of ElastAlert rules
    Elastalert(ImportArgs),
}

/// Options of an import.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Files of rules, patterns such as 'rules/**/*.yml', or folders, in which all files ending in
    /// .yml or .yaml are read
    #[arg(value_name = "PATH", required = true)]
    pub files: Vec<String>,
    /// Write the use cases to FILE (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write what became of each rule to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}
