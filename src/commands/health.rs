//! `health`: whether the daemon of this machine is well, for health checks of containers.

use std::time::Duration;

use super::error::RunError;
use super::told;
use crate::cli::HealthArgs;
use crate::report::Exit;
use crate::runtime::Interrupt;

/// Asks the daemon, and says nothing if it is well.
pub async fn health(args: &HealthArgs, interrupt: Interrupt) -> Exit {
    tokio::select! {
        result = ask(&args.url) => match result {
            Ok(()) => Exit::Done,
            Err(why) => told(RunError::Unavailable(format!("{}: {why}", args.url))),
        },
        () = interrupt.raised() => Exit::Interrupted,
    }
}

async fn ask(url: &str) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy();
    let client = client.redirect(reqwest::redirect::Policy::none()).build().map_err(|error| error.to_string())?;
    let answer = client.get(url).send().await.map_err(|error| error.without_url().to_string())?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the daemon answers {status}")),
    }
}
