//! `setup`: the component template for what is written, and saved objects that show it.

use super::error::RunError;
use super::{printed, tell_problems, told};
use crate::cli::{DashboardsArg, FlavourArg, SetupArgs};
use crate::report::{Exit, summary};
use crate::runtime::Interrupt;
use crate::sinks::console::{print_json, print_text};
use crate::sinks::elasticsearch::{Dashboards, TEMPLATE_NAME, TemplateDialect, component_template, saved_objects};

/// Prints the component template that fits the cluster, or stores it there; or prints saved
/// objects.
pub async fn setup(args: &SetupArgs, interrupt: Interrupt) -> Exit {
    print_or_apply(args, &interrupt).await.map_or_else(told, |()| Exit::Done)
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
    if let Some(program) = args.saved_objects {
        let program = match program {
            DashboardsArg::Kibana => Dashboards::Kibana,
            DashboardsArg::OpenSearch => Dashboards::OpenSearch,
        };
        let (pattern, time) = (&settings.main.elastic.es_index_pattern, settings.main.general.timestamp_field.as_str());
        return printed(print_text(&saved_objects(program, pattern, time)));
    }
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
    printed(print_json(&component_template(dialect)))
}
