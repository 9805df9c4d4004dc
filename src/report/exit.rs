//! The program's exit codes.

/// How a command ended, as the program's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// The command line contradicts itself.
    Usage = 2,
    /// Something was skipped or not written; the report says what.
    Partial = 3,
    /// Events could not be read.
    Reading = 4,
    /// The cluster does not answer.
    Unavailable = 69,
    /// The program is at fault.
    Internal = 70,
    /// A local file could not be read or written.
    LocalFile = 74,
    /// The user or the system ended the run.
    Interrupted = 75,
    /// The cluster refuses the credentials, or they may not do this.
    Refused = 77,
    /// The configuration cannot be used.
    Configuration = 78,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
