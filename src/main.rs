//! Arguments -> log -> runtime -> run; exit code.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use ee_outliers::cli::{Cli, Command};
use ee_outliers::run::{self, Exit};
use ee_outliers::telemetry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start(cli.log);
    // a panic is a bug of ours: it has its own exit code, distinct from that of a failed run
    let result = std::panic::catch_unwind(|| match &cli.command {
        Command::Check(args) => run::check(args),
        Command::Run(args) => {
            let threads = args.threads.map_or(0, NonZero::get);
            start(threads, |interrupted| run::run(args, cli.log.quiet, interrupted))
        }
        Command::Wipe(args) => start(0, |interrupted| run::wipe(args, cli.log.quiet, interrupted)),
        Command::Setup(args) => start(0, |interrupted| run::setup(args, interrupted)),
    });
    result.unwrap_or(Exit::Internal).into()
}

/// Starts the worker threads (one per processor if `threads` is 0) and runs `work` on them.
fn start<F: Future<Output = Exit>>(threads: usize, work: impl FnOnce(Arc<AtomicBool>) -> F) -> Exit {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    match (pool, builder.enable_all().build()) {
        (Ok(()), Ok(runtime)) => runtime.block_on(until_interrupted(work)),
        (pool, runtime) => {
            tracing::error!("cannot start threads: {:?} {:?}", pool.err(), runtime.err());
            Exit::Internal
        }
    }
}

/// Runs `work`. The first Ctrl-C or SIGTERM ends it cleanly; the second ends the program at once.
async fn until_interrupted<F: Future<Output = Exit>>(work: impl FnOnce(Arc<AtomicBool>) -> F) -> Exit {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    tokio::spawn(async move {
        signalled().await;
        tracing::warn!("interrupted: ending the run; a second signal ends it at once");
        flag.store(true, Ordering::Relaxed);
        signalled().await;
        std::process::exit(Exit::Interrupted as i32);
    });
    work(interrupted).await
}

/// Waits for Ctrl-C, or for SIGTERM, which service managers send.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!("SIGTERM cannot be watched: {error}");
            drop(tokio::signal::ctrl_c().await);
        }
    }
}
