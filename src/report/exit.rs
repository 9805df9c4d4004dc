//! Exit codes of the program.

/// Outcome of a command, as the program's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything requested is done.
    Done = 0,
    /// The command line contradicts itself.
    Usage = 2,
    /// Something was skipped or not written; the report has details.
    Partial = 3,
    /// Events could not be read.
    Reading = 4,
    /// The cluster does not answer.
    Unavailable = 69,
    /// The program has a bug.
    Internal = 70,
    /// A local file could not be read or written.
    LocalFile = 74,
    /// The user or the system ended the run.
    Interrupted = 75,
    /// The cluster refuses the credentials, or they lack privileges.
    Refused = 77,
    /// The configuration is invalid.
    Configuration = 78,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
