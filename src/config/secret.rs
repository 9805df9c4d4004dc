//! A text that must not be shown.

use std::fmt;
use std::path::Path;

use super::keys::Keys;

/// Upper limit on the size of a file with a secret: a longer one is something else.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// A password. It has no `Display`, and `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of `key`, or the content of the file that `file_key` names.
    pub(super) fn written(keys: &mut Keys<'_>, key: &'static str, file_key: &'static str) -> Option<Self> {
        let written = keys.filled(key).map(Secret::new);
        let Some(path) = keys.filled(file_key) else { return written };
        if written.is_some() {
            keys.error(file_key, format!("{key} is given too"), "keep one of both");
        }
        match Self::read(Path::new(path)) {
            Ok(secret) => Some(secret),
            Err(reason) => {
                keys.error(file_key, reason, "check the path and its permissions");
                None
            }
        }
    }

    /// As [`Self::written`]; a missing value is an error.
    pub(super) fn required(keys: &mut Keys<'_>, key: &'static str, file_key: &'static str, help: &str) -> Option<Self> {
        let is_given = keys.filled(key).or(keys.filled(file_key)).is_some();
        if !is_given {
            keys.missing(key, &format!("{help}, here or in a file named by {file_key}"));
        }
        Self::written(keys, key, file_key)
    }

    /// Reads a file without the line end that editors add.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        use std::io::Read;
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text))
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        match text.trim_end_matches(['\n', '\r']) {
            "" => Err(format!("{} is empty", path.display())),
            text if text.len() as u64 > MAX_SECRET_BYTES => {
                Err(format!("{} is too large for a secret", path.display()))
            }
            text => Ok(Secret::new(text)),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_it() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "hunter2");
    }
}
