//! Options of `setup`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Main configuration; may be repeated
    ///
    /// The files are merged, and later ones win.
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// Print the component template: the default
    #[arg(long, conflicts_with = "apply")]
    pub print: bool,
    /// Store the component template in the cluster
    #[arg(long)]
    pub apply: bool,
    /// Kind of cluster
    ///
    /// The component template is printed without connecting to a cluster.
    #[arg(long, value_enum, conflicts_with = "apply")]
    pub flavour: Option<FlavourArg>,
    /// Print saved objects
    ///
    /// They are for this program, in place of the template: an index pattern, a search and a
    /// dashboard for the events of es_index_pattern and their outliers.
    #[arg(long, value_enum, value_name = "PROGRAM", conflicts_with_all = ["print", "apply", "flavour"])]
    pub saved_objects: Option<DashboardsArg>,
}

/// Programs that show what is in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DashboardsArg {
    /// Kibana 8 and later.
    Kibana,
    /// OpenSearch Dashboards 2 and later.
    #[value(name = "opensearch")]
    OpenSearch,
}

/// Kinds of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlavourArg {
    /// Elasticsearch 8.0 and later, and the default distribution of 7.
    Elasticsearch,
    /// OpenSearch 2.7 and later.
    #[value(name = "opensearch")]
    OpenSearch,
    /// Any other cluster, without a field type for objects with arbitrary keys.
    Other,
}
