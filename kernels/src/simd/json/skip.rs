//! Walk over the tokens of a value.

use super::strings::Strings;
use crate::scalar::json::{ByteSet, MAX_DEPTH, Members, is_blank};

/// See [`crate::skip_json_value`].
#[inline(always)]
pub(super) fn skip_value(strings: &mut impl Strings, bytes: &[u8], mut at: usize, max_depth: u32) -> Option<usize> {
    let max_depth = max_depth.min(MAX_DEPTH);
    // kinds of the arrays and objects around the position, innermost in the lowest bit
    let (mut depth, mut kinds) = (0, 0_u128);
    let mut is_key = false;
    'token: loop {
        'value: {
            if is_key {
                at = match skip_keys_of_strings(strings, bytes, at)? {
                    Pairs::BeforeValue(at) => at,
                    Pairs::AfterValue(after) => {
                        at = after;
                        break 'value;
                    }
                };
            }
            at = skip_blanks(bytes, at);
            let first = byte(bytes, at);
            // `[` and `{` differ in one bit
            if first | 0x20 != b'{' {
                at = skip_scalar(strings, bytes, at, first)?;
                break 'value;
            }
            if depth == max_depth {
                return None;
            }
            let is_object = first == b'{';
            at = skip_blanks(bytes, at + 1);
            // `}` is two above `{`, and so is `]` above `[`
            if byte(bytes, at) == first + 2 {
                at += 1;
                break 'value;
            }
            (depth, kinds, is_key) = (depth + 1, kinds << 1 | u128::from(is_object), is_object);
            continue 'token;
        }
        loop {
            if depth == 0 {
                return Some(at);
            }
            let is_object = kinds & 1 == 1;
            let next = byte(bytes, at);
            if next == b',' {
                at += 1;
                is_key = is_object;
                break;
            }
            if next == if is_object { b'}' } else { b']' } {
                (depth, kinds) = (depth - 1, kinds >> 1);
            } else if !is_blank(next) {
                return None;
            }
            at += 1;
        }
    }
}

/// See [`crate::skip_json_members`].
#[inline(always)]
pub(super) fn skip_members(
    strings: &mut impl Strings,
    bytes: &[u8],
    at: usize,
    wanted: &ByteSet,
    max_depth: u32,
) -> Option<Members> {
    let mut quote = skip_blanks_before(b'"', bytes, at)?;
    loop {
        if wanted.contains(*bytes.get(quote + 1)?) {
            return Some(Members::Key(quote));
        }
        let mut at = strings.skip(bytes, quote + 1)?;
        at = if pair(bytes, at) == *b":\"" {
            strings.skip(bytes, at + 2)?
        } else {
            at = skip_blanks_before(b':', bytes, at)? + 1;
            match byte(bytes, at) {
                first @ b'0'..=b'9' => skip_scalar(strings, bytes, at, first)?,
                _ => skip_value(strings, bytes, at, max_depth)?,
            }
        };
        if pair(bytes, at) == *b",\"" {
            quote = at + 1;
            continue;
        }
        at = skip_blanks(bytes, at);
        match byte(bytes, at) {
            b',' => quote = skip_blanks_before(b'"', bytes, at + 1)?,
            b'}' => return Some(Members::End(at + 1)),
            _ => return None,
        }
    }
}

/// Position in an object after some of its members.
enum Pairs {
    /// After a colon.
    BeforeValue(usize),
    /// After a value.
    AfterValue(usize),
}

/// Skips a key, and members whose values are strings as long as no blanks are between them.
#[inline(always)]
fn skip_keys_of_strings(strings: &mut impl Strings, bytes: &[u8], at: usize) -> Option<Pairs> {
    let mut at = skip_blanks_before(b'"', bytes, at)? + 1;
    loop {
        at = strings.skip(bytes, at)?;
        if pair(bytes, at) != *b":\"" {
            return Some(Pairs::BeforeValue(skip_blanks_before(b':', bytes, at)? + 1));
        }
        at = strings.skip(bytes, at + 2)?;
        if pair(bytes, at) != *b",\"" {
            return Some(Pairs::AfterValue(at));
        }
        at += 2;
    }
}

/// Skips a value that begins with `first` and is neither array nor object.
#[inline(always)]
fn skip_scalar(strings: &mut impl Strings, bytes: &[u8], at: usize, first: u8) -> Option<usize> {
    if first == b'"' {
        return strings.skip(bytes, at + 1);
    }
    if first <= b'9' {
        return skip_number(bytes, at);
    }
    let word: &[u8] = match first {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        _ => return None,
    };
    bytes[at..].starts_with(word).then_some(at + word.len())
}

/// Skips a number.
#[inline(always)]
fn skip_number(bytes: &[u8], at: usize) -> Option<usize> {
    let start = at + usize::from(byte(bytes, at) == b'-');
    let mut at = start;
    while byte(bytes, at).is_ascii_digit() {
        at += 1;
    }
    // no digit follows a zero at the start
    if at == start || (byte(bytes, start) == b'0' && at > start + 1) {
        return None;
    }
    if matches!(byte(bytes, at), b'.' | b'e' | b'E') {
        return crate::scalar::json::skip_number(bytes, start);
    }
    Some(at)
}

#[inline(always)]
fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    // nearly all JSON of machines has no blanks, or a single one
    if byte(bytes, at) > b' ' { at } else { skip_some_blanks(bytes, at) }
}

/// Returns the position of the byte `expected`, before which there are only blanks.
#[inline(always)]
fn skip_blanks_before(expected: u8, bytes: &[u8], at: usize) -> Option<usize> {
    if byte(bytes, at) == expected {
        return Some(at);
    }
    let at = skip_some_blanks(bytes, at);
    (byte(bytes, at) == expected).then_some(at)
}

#[inline(never)]
fn skip_some_blanks(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && is_blank(bytes[at]) {
        at += 1;
    }
    at
}

/// The two bytes at `at`; past the end, bytes that no token has.
#[inline(always)]
fn pair(bytes: &[u8], at: usize) -> [u8; 2] {
    let next = at.wrapping_add(1);
    if next < bytes.len() && at < next { [bytes[at], bytes[next]] } else { [0; 2] }
}

/// The byte at `at`; past the end, one that no token has.
#[inline(always)]
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}
