//! `new`: a use case to start from.

use super::error::RunError;
use super::{printed, told};
use crate::cli::NewArgs;
use crate::config::ModelType;
use crate::report::Exit;
use crate::sinks::console::print_text;

/// Prints a use case with comments.
pub fn new(args: &NewArgs) -> Exit {
    let unknown = || RunError::Usage(format!("unknown model `{}`", args.model));
    let model = ModelType::named(&args.model).ok_or_else(unknown);
    model.and_then(|model| printed(print_text(&model.template()))).map_or_else(told, |()| Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_command_line_knows_all_models() {
        let command = Cli::command();
        let new = command.find_subcommand("new").unwrap();
        let model = new.get_arguments().find(|argument| argument.get_id() == "model").unwrap();
        let names: Vec<String> = model.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        assert_eq!(names, ModelType::ALL.map(ModelType::as_str));
    }
}
