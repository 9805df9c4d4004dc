//! `daemon`: runs on schedule, one after another.

mod agenda;
mod ended;
mod retries;
mod selection;
mod service;
mod telling;
mod watch;
mod work;

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::cli::RunArgs;
use crate::http::{HttpServer, HttpService};
use crate::report::Exit;
use crate::runtime::{Clock, Interrupt, SystemClock};

pub use work::Daemon;
use work::GRACE;

/// Runs on schedule until it is asked to end. Exits with 0 if no run was under way then.
pub async fn daemon(args: &RunArgs, interrupt: Interrupt) -> Exit {
    let (daemon, server) = match start(args, &interrupt).await {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    watch_signal(SignalKind::user_defined1(), daemon.run_requests());
    watch_signal(SignalKind::hangup(), daemon.reload_requests());
    service::ready();
    let work = async {
        let exit = daemon.work().await;
        if let Some(server) = server {
            server.stop().await;
        }
        exit
    };
    // what is under way when the signal comes may end: it has work with a grace period
    let exit = interrupt.within(GRACE, work).await.unwrap_or(Exit::Interrupted);
    info!(exit_code = exit as u8, "ended");
    exit
}

async fn start(args: &RunArgs, interrupt: &Interrupt) -> Result<(Daemon, Option<HttpServer>), Exit> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let daemon = Daemon::new(args, Arc::clone(&clock), interrupt)?;
    let settings = daemon.settings().main.http.clone();
    let Some(address) = settings.listen else { return Ok((daemon, None)) };
    let service = HttpService::new(daemon.status(), daemon.run_requests(), clock, settings.token, daemon.store());
    let server = HttpServer::start(address, service).await.map_err(|error| {
        error!("cannot listen on {address}: {error}; set another address with `listen` in [http], or none");
        Exit::Configuration
    })?;
    info!(address = %server.address(), "metrics and pages");
    Ok((daemon, Some(server)))
}

/// Passes a signal on as a request.
fn watch_signal(kind: SignalKind, request: Arc<Notify>) {
    match signal(kind) {
        Ok(mut signals) => drop(tokio::spawn(async move {
            while signals.recv().await.is_some() {
                request.notify_one();
            }
        })),
        Err(error) => warn!("signal {} cannot be watched: {error}", kind.as_raw_value()),
    }
}
