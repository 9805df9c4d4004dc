//! Options of commands about use cases.

use clap::Args;

use super::ConfigArgs;

/// Options of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Configuration files.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// List only the use cases with these names
    ///
    /// A name is that of the section, such as `terms_rare_parent`; patterns work, too.
    #[arg(long, value_name = "NAME_GLOB", num_args = 1.., action = clap::ArgAction::Append)]
    pub only: Vec<String>,
    /// Sample of the events: say which use cases fit
    ///
    /// Event files, folders or patterns, as for `run`. Use cases that are not applicable to them
    /// are named.
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

/// Options of `new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Model of the use case
    #[arg(value_name = "MODEL", value_parser = clap::builder::PossibleValuesParser::new(MODELS))]
    pub model: String,
}

/// Names of the models; a test compares them with those of the configuration.
const MODELS: [&str; 7] = ["simplequery", "metrics", "word2vec", "terms", "sudden_appearance", "beacon", "travel"];
