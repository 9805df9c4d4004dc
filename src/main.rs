//! Arguments -> log -> runtime -> run; exit code.

use std::num::NonZero;
use std::process::ExitCode;

use clap::Parser;
use ee_outliers::cli::{Cli, Command};
use ee_outliers::commands;
use ee_outliers::report::Exit;
use ee_outliers::runtime::Interrupt;
use ee_outliers::telemetry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start(cli.log);
    withhold_memory();
    // a panic is a bug of ours: it has its own exit code, distinct from that of a failed run
    let result = std::panic::catch_unwind(|| match &cli.command {
        Command::Check(args) => commands::check(args),
        Command::List(args) => commands::list(args),
        Command::New(args) => commands::new(args),
        Command::Run(args) => {
            let threads = args.run.threads.map_or(0, NonZero::get);
            start(threads, |interrupt| commands::run(args, cli.log, interrupt))
        }
        Command::Daemon(args) => {
            let threads = args.threads.map_or(0, NonZero::get);
            start(threads, |interrupt| commands::daemon(args, interrupt))
        }
        Command::Fields(args) => start(0, |interrupt| commands::fields(args, cli.log.quiet, interrupt)),
        Command::Whitelist(command) => start(0, |interrupt| commands::whitelist(command, cli.log.quiet, interrupt)),
        Command::Explain(args) => {
            let threads = args.threads.map_or(0, NonZero::get);
            start(threads, |interrupt| commands::explain(args, interrupt))
        }
        Command::Wipe(args) => start(0, |interrupt| commands::wipe(args, cli.log.quiet, interrupt)),
        Command::Bench(args) => start(0, |interrupt| commands::bench(args, interrupt)),
        Command::Import(command) => commands::import(command),
        Command::Backtest(args) => {
            let threads = args.threads.map_or(0, NonZero::get);
            start(threads, |interrupt| commands::backtest(args, cli.log.quiet, interrupt))
        }
        Command::Runs(command) => commands::runs(command),
        Command::Report(args) => commands::report(args),
        Command::State(command) => commands::state(command),
        Command::Notify(args) => start(0, |interrupt| commands::notify(args, interrupt)),
        Command::Setup(args) => start(0, |interrupt| commands::setup(args, interrupt)),
        Command::Health(args) => start(1, |interrupt| commands::health(args, interrupt)),
        Command::Completions(args) => commands::completions(args),
        Command::Man(args) => commands::man(args),
    });
    telemetry::end();
    result.unwrap_or(Exit::Internal).into()
}

/// Keeps memory, which holds secrets of the configuration and events, out of core dumps and from
/// other processes of the same user.
fn withhold_memory() {
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::debug!("core dumps of this program would show what it has in memory: {error}");
    }
}

/// Starts `threads` threads, or one per processor if `threads` is 0, and runs `work`.
fn start<F: Future<Output = Exit>>(threads: usize, work: impl FnOnce(Interrupt) -> F) -> Exit {
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

/// Runs `work`. The first Ctrl-C or SIGTERM ends it cleanly, or at once if it does not end within
/// about a second; so does the second.
async fn until_interrupted<F: Future<Output = Exit>>(work: impl FnOnce(Interrupt) -> F) -> Exit {
    let interrupt = Interrupt::default();
    let signalled_interrupt = interrupt.clone();
    tokio::spawn(async move {
        signalled().await;
        tracing::warn!("interrupted: ending the run; a second signal ends it at once");
        signalled_interrupt.raise();
        tokio::select! {
            () = signalled() => {}
            // blocked by the system, or by a library: nothing of it is worth waiting for
            () = signalled_interrupt.overdue() => tracing::error!("interrupted: stopped before it could report"),
        }
        std::process::exit(Exit::Interrupted as i32);
    });
    work(interrupt).await
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
