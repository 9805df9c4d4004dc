//! Log: to standard error, and to the log file of the configuration. Traces, with the feature
//! `otel`.
//!
//! Logging starts with the settings of the command line, because reading the configuration already
//! logs. [`follow`] adds the settings of the configuration. `EE_OUTLIERS_LOG` overrides both on
//! standard error, in the notation of `tracing_subscriber::EnvFilter`.
//!
//! A run and each of its use cases is a span of the target [`SPANS`]. A line of the log as JSON
//! says in which spans it was logged; for people, messages name what they are about themselves.

mod log_file;
#[cfg(feature = "otel")]
mod traces;

use std::io;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::cli::{LogArgs, LogFormat};
use crate::config::{LogLevel, LogSettings};
use crate::terminal::Palette;
use log_file::LogFile;

/// Target of the log line per outlier that `print_outliers_to_console` asks for.
pub const OUTLIERS: &str = "ee_outliers::outlier";

/// Target of the spans of runs, of their steps, and of use cases.
pub const SPANS: &str = "ee_outliers::spans";

const VARIABLE: &str = "EE_OUTLIERS_LOG";

static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    args: LogArgs,
    stderr: reload::Handle<EnvFilter, Registry>,
    file: LogFile,
    file_filter: reload::Handle<EnvFilter, Layered>,
    #[cfg(feature = "otel")]
    traces: Option<traces::Traces>,
}

/// Registry with the layer of standard error.
type Layered = tracing_subscriber::layer::Layered<Box<dyn Layer<Registry> + Send + Sync>, Registry>;

/// Starts the log of the process. Later calls have no effect.
pub fn start(args: LogArgs) {
    LOG.get_or_init(|| {
        let (stderr_filter, stderr) = reload::Layer::new(stderr_filter(args, None));
        let (file_filter, file_handle) = reload::Layer::new(with_spans(EnvFilter::new("off"), args.log_format));
        let file = LogFile::default();
        let colour = Palette::new(args.color.wanted(), &io::stderr()).is_coloured();
        let to_stderr = fmt::layer().with_writer(io::stderr).with_target(false);
        let to_file = fmt::layer().with_writer(file.clone()).with_target(false).with_ansi(false);
        let (to_stderr, to_file) = match args.log_format {
            LogFormat::Json => (to_stderr.json().boxed(), to_file.json().boxed()),
            LogFormat::Text => (to_stderr.with_ansi(colour).without_time().boxed(), to_file.boxed()),
        };
        let to_stderr: Box<dyn Layer<Registry> + Send + Sync> = to_stderr.with_filter(stderr_filter).boxed();
        let log = tracing_subscriber::registry().with(to_stderr).with(to_file.with_filter(file_filter));
        #[cfg(not(feature = "otel"))]
        log.init();
        #[cfg(feature = "otel")]
        let traces = {
            let (traces, mistake) = traces::Traces::start().map_or_else(|error| (None, Some(error)), |it| (it, None));
            log.with(traces.as_ref().map(traces::Traces::layer)).init();
            mistake.iter().for_each(|mistake| tracing::warn!("traces are not sent: {mistake}"));
            traces
        };
        Log {
            args,
            stderr,
            file,
            file_filter: file_handle,
            #[cfg(feature = "otel")]
            traces,
        }
    });
}

/// Sends the traces that are left, as the last thing that the program does.
pub fn end() {
    #[cfg(feature = "otel")]
    if let Some(traces) = LOG.get().and_then(|log| log.traces.as_ref()) {
        traces.end();
    }
}

/// Applies the log settings of the configuration: its level unless the command line gives one, one
/// line per outlier, and its log file. If the file cannot be written, a warning is logged and the
/// run goes on.
pub fn follow(settings: &LogSettings, print_outliers: bool) {
    let Some(log) = LOG.get() else { return };
    let directives = |filter: EnvFilter| match format!("{OUTLIERS}=info").parse() {
        Ok(outliers) if print_outliers && !log.args.quiet => filter.add_directive(outliers),
        _ => filter,
    };
    let stderr = directives(stderr_filter(log.args, settings.level));
    let opened = match &settings.file {
        Some(path) => log.file.open(path).map(|()| true).unwrap_or_else(|error| {
            tracing::warn!("the log is not written to {}: {error}; change log_file", path.display());
            false
        }),
        None => false,
    };
    if !opened {
        log.file.close();
    }
    let wanted = if opened { level(settings.level.unwrap_or(LogLevel::Info)) } else { "off" };
    let file = directives(with_spans(EnvFilter::new(wanted), log.args.log_format));
    if let Err(error) = log.stderr.reload(stderr).and_then(|()| log.file_filter.reload(file)) {
        tracing::warn!("the log does not follow the configuration: {error}");
    }
}

/// Shows spans in lines as JSON, whatever is logged, and never in lines for people.
fn with_spans(filter: EnvFilter, format: LogFormat) -> EnvFilter {
    let level = match format {
        LogFormat::Json => "info",
        LogFormat::Text => "off",
    };
    match format!("{SPANS}={level}").parse() {
        Ok(spans) => filter.add_directive(spans),
        Err(_) => filter,
    }
}

fn stderr_filter(args: LogArgs, configured: Option<LogLevel>) -> EnvFilter {
    let wanted = match (args.quiet, args.verbose) {
        (true, _) => "error",
        (false, 0) => configured.map_or("warn", level),
        (false, 1) => "ee_outliers=info,warn",
        (false, _) => "ee_outliers=debug,info",
    };
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(wanted));
    with_spans(filter, args.log_format)
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Critical | LogLevel::Error => "error",
        LogLevel::Warning => "warn",
        LogLevel::Info => "ee_outliers=info,warn",
        LogLevel::Debug => "ee_outliers=debug,info",
        LogLevel::NotSet => "ee_outliers=trace,debug",
    }
}
