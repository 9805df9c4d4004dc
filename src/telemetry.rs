//! Log: to standard error, and to the log file of the configuration.
//!
//! Logging starts with the settings of the command line, because reading the configuration already
//! logs. [`follow`] adds the settings of the configuration. `EE_OUTLIERS_LOG` overrides both on
//! standard error, in the notation of `tracing_subscriber::EnvFilter`.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::cli::{LogArgs, LogFormat};
use crate::config::{LogLevel, LogSettings};

/// Target of the log line per outlier that `print_outliers_to_console` asks for.
pub const OUTLIERS: &str = "ee_outliers::outlier";

const VARIABLE: &str = "EE_OUTLIERS_LOG";

static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    args: LogArgs,
    stderr: reload::Handle<EnvFilter, Registry>,
    file: Arc<OnceLock<LogFile>>,
    file_filter: reload::Handle<EnvFilter, Layered>,
}

/// Registry with the layer of standard error.
type Layered = tracing_subscriber::layer::Layered<Box<dyn Layer<Registry> + Send + Sync>, Registry>;

/// Starts the log of the process. Later calls have no effect.
pub fn start(args: LogArgs) {
    LOG.get_or_init(|| {
        let (stderr_filter, stderr) = reload::Layer::new(stderr_filter(args, None));
        let (file_filter, file_handle) = reload::Layer::new(EnvFilter::new("off"));
        let file = Arc::<OnceLock<LogFile>>::default();
        let writer = ToFile(Arc::clone(&file));
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && io::stderr().is_terminal();
        let to_stderr = fmt::layer().with_writer(io::stderr).with_target(false);
        let to_file = fmt::layer().with_writer(writer).with_target(false).with_ansi(false);
        let (to_stderr, to_file) = match args.log_format {
            LogFormat::Json => (to_stderr.json().boxed(), to_file.json().boxed()),
            LogFormat::Text => (to_stderr.with_ansi(colour).without_time().boxed(), to_file.boxed()),
        };
        let to_stderr: Box<dyn Layer<Registry> + Send + Sync> = to_stderr.with_filter(stderr_filter).boxed();
        tracing_subscriber::registry().with(to_stderr).with(to_file.with_filter(file_filter)).init();
        Log { args, stderr, file, file_filter: file_handle }
    });
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
    let file = directives(EnvFilter::new(level(settings.level.unwrap_or(LogLevel::Info))));
    let reloaded = log.stderr.reload(stderr).and_then(|()| match &settings.file {
        Some(path) => match LogFile::open(path) {
            Ok(opened) => {
                log.file.get_or_init(|| opened);
                log.file_filter.reload(file)
            }
            Err(error) => {
                tracing::warn!("the log is not written to {}: {error}; change log_file", path.display());
                Ok(())
            }
        },
        None => Ok(()),
    });
    if let Err(error) = reloaded {
        tracing::warn!("the log does not follow the configuration: {error}");
    }
}

fn stderr_filter(args: LogArgs, configured: Option<LogLevel>) -> EnvFilter {
    let wanted = match (args.quiet, args.verbose) {
        (true, _) => "error",
        (false, 0) => configured.map_or("warn", level),
        (false, 1) => "ee_outliers=info,warn",
        (false, _) => "ee_outliers=debug,info",
    };
    EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(wanted))
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

/// File that is appended to. It is reopened when its name belongs to another file, as after log
/// rotation.
struct LogFile {
    path: PathBuf,
    open: Mutex<(File, u64)>,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), open: Mutex::new(append(path)?) })
    }
}

/// Opens the file and returns it with its inode.
fn append(path: &Path) -> io::Result<(File, u64)> {
    let file = File::options().append(true).create(true).open(path)?;
    let inode = file.metadata()?.ino();
    Ok((file, inode))
}

impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if std::fs::metadata(&self.path).map(|now| now.ino()).ok() != Some(open.1) {
            *open = append(&self.path)?;
        }
        open.0.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).0.flush()
    }
}

/// Passes the file to the log once it is open.
struct ToFile(Arc<OnceLock<LogFile>>);

impl<'a> MakeWriter<'a> for ToFile {
    type Writer = fmt::writer::OptionalWriter<&'a LogFile>;

    fn make_writer(&'a self) -> Self::Writer {
        self.0.get().map_or_else(fmt::writer::OptionalWriter::none, fmt::writer::OptionalWriter::some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_is_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        std::fs::write(&path, "before\n").unwrap();
        let log = LogFile::open(&path).unwrap();
        (&log).write_all(b"one\n").unwrap();
        std::fs::rename(&path, &rotated).unwrap();
        (&log).write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&rotated).unwrap(), "before\none\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    }
}
