//! `setup`: the component template for what is written.

use std::path::PathBuf;

use tracing::error;

use super::error::RunError;
use super::tell_problems;
use crate::cli::{FlavourArg, SetupArgs};
use crate::delivery::SinkError;
use crate::report::{Exit, summary};
use crate::runtime::Interrupt;
use crate::sinks::console::print_json;
use crate::sinks::elasticsearch::{TEMPLATE_NAME, TemplateDialect, component_template};

/// Prints the component template that fits the cluster, or stores it there.
pub async fn setup(args: &SetupArgs, interrupt: Interrupt) -> Exit {
    match print_or_apply(args, &interrupt).await {
        Ok(()) => Exit::Done,
        Err(run_error) => {
            error!("{run_error}");
            run_error.exit()
        }
    }
}

async fn print_or_apply(args: &SetupArgs, interrupt: &Interrupt) -> Result<(), RunError> {
    let given = args.flavour.map(|flavour| match flavour {
        FlavourArg::Elasticsearch => TemplateDialect::Elasticsearch,
        FlavourArg::OpenSearch => TemplateDialect::OpenSearch,
        FlavourArg::Other => TemplateDialect::Plain,
    });
    if let Some(dialect) = given {
        return print(dialect);
    }
    let settings = crate::config::load(&args.config, &[]);
    tell_problems(&settings)?;
    let client = super::connect(&settings.main, interrupt).await?;
    let dialect = TemplateDialect::of(client.server());
    if !args.apply {
        return print(dialect);
    }
    client.put_component_template(TEMPLATE_NAME, &component_template(dialect)).await?;
    summary::print_stored(TEMPLATE_NAME);
    Ok(())
}

fn print(dialect: TemplateDialect) -> Result<(), RunError> {
    print_json(&component_template(dialect))
        .map_err(|source| SinkError { path: PathBuf::from("standard output"), source }.into())
}
