//! Options of the table of findings.

use clap::{Args, ValueEnum};

/// Options of the table of findings.
#[derive(Debug, Clone, Copy, Args)]
pub struct TableArgs {
    /// Order of the findings
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = FindingOrder::Score, help_heading = "Table")]
    pub sort: FindingOrder,
    /// Number of findings, or of groups
    #[arg(long, value_name = "N", default_value_t = 30, help_heading = "Table")]
    pub limit: u16,
    /// Show findings by group
    ///
    /// Findings are below the assets, use cases or techniques to which they belong.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Table")]
    pub group_by: Option<FindingGrouping>,
    /// Print one line per finding, of any width
    ///
    /// Nothing is left out.
    #[arg(long, help_heading = "Table", conflicts_with = "group_by")]
    pub wide: bool,
}

/// Order of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingOrder {
    /// The highest scores first.
    Score,
    /// The latest first.
    Time,
    /// Those with the most documents first.
    Documents,
    /// By the name of the use case.
    UseCase,
}

/// Things by which findings are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingGrouping {
    /// Hosts, users and addresses, those with the most evidence first.
    Asset,
    /// Use cases.
    UseCase,
    /// Techniques of ATT&CK.
    Technique,
}

/// Choice whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorArg {
    /// True or false if colours are wanted or not, whatever the stream is.
    pub fn wanted(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::Always => Some(true),
            Self::Never => Some(false),
        }
    }
}
