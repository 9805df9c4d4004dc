//! Reader of JSON text. It checks all that it passes, and reads nothing but
//! keys.
//!
//! Its checks are those of `serde_json`, with one exception: an escaped half of a surrogate pair is
//! accepted everywhere.

use std::fmt;

use outlier_kernels::scalar::json::is_blank;
use outlier_kernels::simd::json::{skip_members_indexed, skip_value_indexed};
use outlier_kernels::{
    ByteSet, JsonMembers, skip_json_members, skip_json_string, skip_json_value,
    skip_short_json_string as skip_short_string,
};

use super::MAX_DEPTH;
use super::cursor::unescaped;

/// The text is not JSON, or nested too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not JSON, or nested too deep")
    }
}

/// Position in JSON text.
#[derive(Debug)]
pub(super) struct Reader<'q, 'a> {
    text: &'a str,
    at: usize,
    /// Strings from the position on, if the text is indexed.
    strings: Option<&'q [[u32; 2]]>,
    /// Nesting that is left.
    max_depth: u32,
}

/// Key of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    /// True if it is known to be short and without escapes.
    is_short: bool,
}

impl<'a> Key<'a> {
    /// The key without its escapes. `scratch` holds it if there are any.
    #[inline]
    pub(super) fn name<'s>(&self, scratch: &'s mut String) -> &'s str
    where
        'a: 's,
    {
        let content = self.text.get(self.start..self.end).unwrap_or_default();
        if self.is_short { content } else { unescaped(content, scratch) }
    }
}

/// Start of an array or object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Object,
    Array,
}

impl<'q, 'a> Reader<'q, 'a> {
    /// Begins at the start of `text`. An index makes it faster.
    pub(super) fn new(text: &'a str, strings: Option<&'q [[u32; 2]]>) -> Self {
        Self { text, at: 0, strings, max_depth: MAX_DEPTH as u32 }
    }

    /// Returns the kind of the next value if it has members or elements.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<Open> {
        self.skip_blanks();
        match self.byte() {
            b'{' => Some(Open::Object),
            b'[' => Some(Open::Array),
            _ => None,
        }
    }

    /// Enters the array or object that [`Self::peek`] has found, and moves to its first member.
    /// Leaves it and returns false if it is empty.
    #[inline]
    pub(super) fn enter(&mut self, open: Open) -> Result<bool, NotJson> {
        self.max_depth = self.max_depth.checked_sub(1).ok_or(NotJson)?;
        self.at += 1;
        self.skip_blanks();
        if self.byte() != open.end() {
            return Ok(true);
        }
        self.leave();
        Ok(false)
    }

    /// Moves from a member of an array or object to the next one. After the last one, leaves the
    /// array or object and returns false.
    #[inline]
    pub(super) fn next(&mut self, open: Open) -> Result<bool, NotJson> {
        self.skip_blanks();
        match self.byte() {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == open.end() => {
                self.leave();
                Ok(false)
            }
            _ => Err(NotJson),
        }
    }

    /// Moves to the next key that begins with one of the bytes in `wanted`. If there is none,
    /// leaves the object and returns false.
    #[inline]
    pub(super) fn seek(&mut self, wanted: &ByteSet) -> Result<bool, NotJson> {
        let (bytes, at) = (self.text.as_bytes(), self.at);
        let members = match &mut self.strings {
            Some(strings) => skip_members_indexed(strings, bytes, at, wanted, self.max_depth),
            None => skip_json_members(bytes, at, wanted, self.max_depth),
        };
        match members.ok_or(NotJson)? {
            JsonMembers::Key(at) => {
                self.at = at;
                Ok(true)
            }
            JsonMembers::End(at) => {
                self.at = at;
                self.max_depth += 1;
                Ok(false)
            }
        }
    }

    /// Returns a key, and moves past its colon.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Key<'a>, NotJson> {
        let start = self.at + 1;
        let key = match skip_short_string(self.text.as_bytes(), self.at) {
            Some(end) => {
                self.at = end;
                Key { text: self.text, start, end: end - 1, is_short: true }
            }
            None => self.other_key()?,
        };
        if self.byte() != b':' {
            self.skip_blanks();
        }
        if self.byte() != b':' {
            return Err(NotJson);
        }
        self.at += 1;
        self.strings = self.strings.map(|strings| strings.get(1..).unwrap_or_default());
        Ok(key)
    }

    #[inline(never)]
    fn other_key(&mut self) -> Result<Key<'a>, NotJson> {
        self.skip_blanks();
        let start = self.at + 1;
        self.at = skip_json_string(self.text.as_bytes(), self.at).ok_or(NotJson)?;
        Ok(Key { text: self.text, start, end: self.at - 1, is_short: false })
    }

    /// Returns the next value as written, and moves past it.
    #[inline]
    pub(super) fn value(&mut self) -> Result<&'a str, NotJson> {
        self.skip_blanks();
        let start = self.at;
        self.skip()?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Moves past the next value.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<(), NotJson> {
        let (bytes, at) = (self.text.as_bytes(), self.at);
        let end = match &mut self.strings {
            Some(strings) => skip_value_indexed(strings, bytes, at, self.max_depth),
            None => skip_json_value(bytes, at, self.max_depth),
        };
        self.at = end.ok_or(NotJson)?;
        Ok(())
    }

    /// Moves past the blanks after a value to the end of the text. Returns the position after the
    /// value.
    pub(super) fn end(&mut self) -> Result<usize, NotJson> {
        let end = self.at;
        self.skip_blanks();
        if self.at == self.text.len() { Ok(end) } else { Err(NotJson) }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.max_depth += 1;
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    #[inline]
    fn skip_blanks(&mut self) {
        if self.byte() <= b' ' {
            self.skip_some_blanks();
        }
    }

    #[inline(never)]
    fn skip_some_blanks(&mut self) {
        while self.at < self.text.len() && is_blank(self.byte()) {
            self.at += 1;
        }
    }
}

impl Open {
    fn end(self) -> u8 {
        match self {
            Self::Object => b'}',
            Self::Array => b']',
        }
    }
}
