//! Oracle of the JSON skipper, which finds the end of a value (RFC 8259) without reading it.
//!
//! Everything is checked on the way: the grammar, numbers, escapes, and that texts hold no control
//! characters. Two checks are left to others. Bytes above 127 are accepted inside strings, so the
//! bytes must be UTF-8 already. Escaped halves of surrogate pairs are accepted too.

/// A set of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// The set of `bytes`.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        let (mut set, mut idx) = (ByteSet([0; 4]), 0);
        while idx < bytes.len() {
            set.insert(bytes[idx]);
            idx += 1;
        }
        set
    }

    /// Adds `byte`.
    pub const fn insert(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
    }

    /// True if it holds `byte`.
    #[inline]
    #[must_use]
    pub fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }
}

/// Result of skipping members of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// Position of the opening quote of a key that may be wanted.
    Key(usize),
    /// Position after the object, which had no more such keys.
    End(usize),
}

/// Greatest possible limit on the nesting of a value.
pub const MAX_DEPTH: u32 = 128;

/// Lines up to this length are indexed.
pub const MAX_INDEXED_BYTES: usize = 1 << 20;

/// Like [`crate::simd::json::Index::read`], byte by byte. Returns the end of the line and the
/// positions of its quotes.
#[must_use]
pub fn index_line(bytes: &[u8]) -> Option<(usize, Vec<u32>)> {
    let end = bytes.iter().position(|byte| *byte < 0x20).unwrap_or(bytes.len());
    let is_end = matches!(bytes[end..], [] | [b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..]);
    let (mut quotes, mut at) = (Vec::new(), 0);
    while at < end {
        match bytes[at] {
            b'"' => quotes.push(at as u32),
            b'\\' if at + 1 < end => {
                skip_escape(bytes, at + 1)?;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    (is_end && end < MAX_INDEXED_BYTES).then_some((end, quotes))
}

/// Like [`crate::skip_json_value`], byte by byte.
#[must_use]
pub fn skip_value(bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    let at = skip_blanks(bytes, at);
    match bytes.get(at)? {
        b'"' => skip_string(bytes, at),
        b'{' => skip_all(bytes, at, b'}', max_depth, |at, max_depth| skip_member(bytes, at, max_depth)),
        b'[' => skip_all(bytes, at, b']', max_depth, |at, max_depth| skip_value(bytes, at, max_depth)),
        b't' => skip(bytes, at, b"true"),
        b'f' => skip(bytes, at, b"false"),
        b'n' => skip(bytes, at, b"null"),
        _ => skip_number(bytes, at),
    }
}

/// Like [`crate::skip_json_members`], byte by byte.
#[must_use]
pub fn skip_members(bytes: &[u8], mut at: usize, wanted: &ByteSet, max_depth: u32) -> Option<Members> {
    loop {
        at = skip_blanks(bytes, at);
        if *bytes.get(at)? == b'"' && wanted.contains(*bytes.get(at + 1)?) {
            return Some(Members::Key(at));
        }
        at = skip_blanks(bytes, skip_member(bytes, at, max_depth)?);
        match bytes.get(at)? {
            b',' => at += 1,
            b'}' => return Some(Members::End(at + 1)),
            _ => return None,
        }
    }
}

/// Like [`crate::skip_json_string`], byte by byte.
#[must_use]
pub fn skip_string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = skip(bytes, at, b"\"")?;
    loop {
        at = match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => skip_escape(bytes, at + 1)?,
            0..0x20 => return None,
            _ => at + 1,
        };
    }
}

/// Skips what follows a backslash.
pub(crate) fn skip_escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => bytes.get(at + 1..at + 5)?.iter().all(u8::is_ascii_hexdigit).then_some(at + 5),
        _ => None,
    }
}

/// Skips a number.
pub(crate) fn skip_number(bytes: &[u8], at: usize) -> Option<usize> {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let digits = |start: usize| {
        let n_digits = bytes.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (n_digits > 0).then_some(start + n_digits)
    };
    let start = at + usize::from(byte(at) == b'-');
    let mut at = digits(start)?;
    if byte(start) == b'0' && at > start + 1 {
        return None;
    }
    if byte(at) == b'.' {
        at = digits(at + 1)?;
    }
    if matches!(byte(at), b'e' | b'E') {
        at = digits(at + 1 + usize::from(matches!(byte(at + 1), b'+' | b'-')))?;
    }
    Some(at)
}

/// Skips a key, its colon and its value.
fn skip_member(bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    let colon = skip_blanks(bytes, skip_string(bytes, at)?);
    skip_value(bytes, skip(bytes, colon, b":")?, max_depth)
}

/// Skips an array or object, whose members are skipped by `member`.
fn skip_all(
    bytes: &[u8],
    at: usize,
    end: u8,
    max_depth: u32,
    member: impl Fn(usize, u32) -> Option<usize>,
) -> Option<usize> {
    let inner = max_depth.min(MAX_DEPTH).checked_sub(1)?;
    let mut at = skip_blanks(bytes, at + 1);
    if *bytes.get(at)? == end {
        return Some(at + 1);
    }
    loop {
        at = skip_blanks(bytes, member(at, inner)?);
        match bytes.get(at)? {
            b',' => at = skip_blanks(bytes, at + 1),
            byte if *byte == end => return Some(at + 1),
            _ => return None,
        }
    }
}

fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_blank(**byte)).count()
}

/// True if `byte` may stand between tokens.
#[inline]
#[must_use]
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn skip(bytes: &[u8], at: usize, expected: &[u8]) -> Option<usize> {
    bytes.get(at..)?.starts_with(expected).then_some(at + expected.len())
}
