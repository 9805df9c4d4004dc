//! `whitelist`: entries that people dare to use. `suggest` makes the narrowest entry for a finding,
//! `preview` counts what entries hide. Both test entries against the findings of the last run
//! (`history`), or run use cases anew (`rerun`); `trial` is what they are tested on.

mod history;
mod narrowest;
mod preview;
mod rerun;
mod suggest;
mod trial;

use std::sync::Arc;

use super::run::Audience;
use super::told;
use crate::cli::WhitelistCommand;
use crate::config::{Configuration, WhitelistEntries};
use crate::report::Exit;
use crate::runtime::Interrupt;

/// Suggests or previews entries. `quiet` shows no progress.
pub async fn whitelist(command: &WhitelistCommand, quiet: bool, interrupt: Interrupt) -> Exit {
    let audience = if quiet { Audience::QuietTerminal } else { Audience::Terminal };
    let done = tokio::task::block_in_place(|| match command {
        WhitelistCommand::Suggest(args) => suggest::suggest(args, audience, &interrupt),
        WhitelistCommand::Preview(args) => preview::preview(args, audience, &interrupt),
    });
    done.map_or_else(told, |()| Exit::Done)
}

/// Returns the configuration without its whitelists, and these: that of the main configuration,
/// and those of use cases by their ids.
fn without_whitelists(settings: &Configuration) -> Configuration {
    let mut settings = settings.clone();
    settings.main.whitelist = Arc::new(WhitelistEntries::default());
    settings.use_cases.iter_mut().for_each(|use_case| use_case.whitelist = Arc::default());
    settings
}
