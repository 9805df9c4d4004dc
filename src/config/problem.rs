//! Problems in a configuration: their location, and help to fix them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::terminal::escape_controls;

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The file, as it was named on the command line or found by a pattern.
    pub file: Arc<Path>,
    /// Line, from 1; 0 if the place is an option of the command line, which [`Self::file`] names.
    pub line: u32,
    /// Column in characters (Unicode code points), from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = escape_controls(&self.file.to_string_lossy());
        if self.line == 0 {
            return write!(f, "{file}");
        }
        write!(f, "{file}:{}:{}", self.line, self.column)
    }
}

/// Severity of a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Something the user wrote cannot be honoured.
    Error,
    /// Everything is honoured, but probably not as the user meant it.
    Warning,
}

impl Severity {
    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error if something cannot be honoured, warning if it is only doubtful.
    pub severity: Severity,
    /// Location in a file; `None` if the problem is elsewhere, such as in an environment variable.
    pub location: Option<Location>,
    /// The section it is in.
    pub section: Option<String>,
    /// The key it is about.
    pub key: Option<String>,
    /// Description of the problem.
    pub message: String,
    /// Suggestion for fixing it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem of severity error, without place or help.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            location: None,
            section: None,
            key: None,
            message: message.into(),
            help: None,
        }
    }

    /// A problem of severity warning, without place or help.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The same problem at `location`.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// The same problem inside a section.
    #[must_use]
    pub fn in_section(mut self, section: &str) -> Self {
        self.section = Some(section.to_owned());
        self
    }

    /// The same problem about a key.
    #[must_use]
    pub fn of_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// The same problem with its cure.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    /// `FILE:LINE:COLUMN: error: [SECTION] KEY: MESSAGE`, and the help on a second line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.severity.as_str())
    }
}

impl Problem {
    /// The same text, but for `error:` or `warning:`, for places that tell the severity themselves,
    /// such as the log.
    pub fn without_severity(&self) -> impl fmt::Display {
        fmt::from_fn(|f| self.write(f, ""))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, severity: &str) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        if !severity.is_empty() {
            write!(f, "{severity}: ")?;
        }
        if let Some(section) = &self.section {
            write!(f, "[{}] ", escape_controls(section))?;
        }
        if let Some(key) = &self.key {
            write!(f, "{}: ", escape_controls(key))?;
        }
        f.write_str(&escape_controls(&self.message))?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {}", escape_controls(help)),
            None => Ok(()),
        }
    }
}

/// Number of errors among `problems`.
pub(crate) fn n_errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

/// `text` between backticks, cut after 60 characters: it only has to be recognised.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location() -> Location {
        Location { file: Arc::from(Path::new("a.conf")), line: 3, column: 7 }
    }

    #[test]
    fn a_problem_names_place_section_key_and_cure() {
        let problem = Problem::error("not a number: `x`")
            .at(location())
            .in_section("terms_a")
            .of_key("trigger_sensitivity")
            .help("write a number");
        assert_eq!(
            problem.to_string(),
            "a.conf:3:7: error: [terms_a] trigger_sensitivity: not a number: `x`\n  help: write a number"
        );
        assert_eq!(Problem::warning("odd").to_string(), "warning: odd");
    }

    #[test]
    fn hostile_text_cannot_steer_the_terminal() {
        let problem = Problem::error("a\u{1b}[2Jb\nc\u{202e}d\u{9b}");
        assert_eq!(problem.to_string(), "error: a\\u{1b}[2Jb\\nc\\u{202e}d\\u{9b}");
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        assert_eq!(quoted("é"), "`é`");
        let long = "é".repeat(61);
        assert_eq!(quoted(&long), format!("`{}...`", "é".repeat(60)));
        assert_eq!(quoted(&"é".repeat(60)), format!("`{}`", "é".repeat(60)));
    }
}
