//! Reader of compact JSON that checks what it passes. It builds no values.

use std::ops::Range;

use crate::event::decode::MAX_DEPTH;

/// Position in a JSON text without blanks.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Text that is not JSON, or has blanks, or is nested more than [`MAX_DEPTH`] levels.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotJson;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner::at(text, 0)
    }

    pub(super) fn at(text: &'a str, at: usize) -> Self {
        Scanner { text, at, depth: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// True if the next value is an object.
    pub(super) fn is_at_object(&self) -> bool {
        self.byte() == Some(b'{')
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes the next value. `leaf` gets the place of each text, number and truth value in it.
    pub(super) fn value(&mut self, leaf: &mut impl FnMut(Range<usize>)) -> Result<(), NotJson> {
        let start = self.at;
        match self.byte() {
            Some(b'"') => self.string()?,
            Some(b'{') => return self.members(|json, _| json.value(leaf)),
            Some(b'[') => return self.enclosed(b'[', b']', |json| json.value(leaf)),
            Some(b'n') => return self.literal("null"),
            _ => self.plain()?,
        }
        leaf(start..self.at);
        Ok(())
    }

    /// Passes the next value, which must be an object. `member` gets each key as written between
    /// its quotes, and must pass the value.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a str) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.enclosed(b'{', b'}', |json| {
            let start = json.at + 1;
            json.string()?;
            let key = json.text.get(start..json.at - 1).unwrap_or_default();
            json.expect(b':')?;
            member(json, key)
        })
    }

    /// Checks that nothing follows.
    pub(super) fn end(&self) -> Result<(), NotJson> {
        if self.at == self.text.len() { Ok(()) } else { Err(NotJson) }
    }

    fn enclosed(
        &mut self,
        open: u8,
        close: u8,
        mut part: impl FnMut(&mut Self) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.expect(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(NotJson);
        }
        if self.byte() != Some(close) {
            part(self)?;
            while self.byte() == Some(b',') {
                self.at += 1;
                part(self)?;
            }
        }
        self.depth -= 1;
        self.expect(close)
    }

    fn string(&mut self) -> Result<(), NotJson> {
        self.expect(b'"')?;
        self.rest_of_string()
    }

    /// Passes a string whose opening quote was passed.
    pub(super) fn rest_of_string(&mut self) -> Result<(), NotJson> {
        let bytes = self.text.as_bytes();
        loop {
            self.at = special(bytes, self.at).ok_or(NotJson)?;
            match bytes[self.at] {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return Err(NotJson),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        self.at += match rest.split_first() {
            Some((b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', _)) => 2,
            Some((b'u', digits)) if digits.len() > 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return Err(NotJson),
        };
        Ok(())
    }

    /// Passes a number or a truth value.
    pub(super) fn plain(&mut self) -> Result<(), NotJson> {
        match self.byte() {
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Result<(), NotJson> {
        self.at += usize::from(self.byte() == Some(b'-'));
        let starts_with_zero = self.byte() == Some(b'0');
        if self.digits()? > 1 && starts_with_zero {
            return Err(NotJson);
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// Passes one or more digits, and returns how many.
    fn digits(&mut self) -> Result<usize, NotJson> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(self.at - start) } else { Err(NotJson) }
    }

    fn literal(&mut self, literal: &str) -> Result<(), NotJson> {
        let is_here = self.text.as_bytes()[self.at..].starts_with(literal.as_bytes());
        self.at += literal.len();
        if is_here { Ok(()) } else { Err(NotJson) }
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.byte() != Some(byte) {
            return Err(NotJson);
        }
        self.at += 1;
        Ok(())
    }
}

/// Returns the position of the first quote, backslash or control character from `at` on.
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    // most texts are short: eight bytes at once are faster here than a call of a longer search
    while let Some(eight) = bytes.get(at..at + 8).and_then(|eight| eight.first_chunk()) {
        let eight = u64::from_le_bytes(*eight);
        let found = zero_bytes(eight ^ u64::from_le_bytes([b'"'; 8]))
            | zero_bytes(eight ^ u64::from_le_bytes([b'\\'; 8]))
            | zero_bytes(eight & u64::from_le_bytes([0xe0; 8]));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).map(|found| at + found)
}

/// Sets the highest bit of each byte that is zero. Bytes above the lowest such one may be set
/// wrongly.
fn zero_bytes(eight: u64) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    eight.wrapping_sub(LOW) & !eight & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn is_json(text: &str) -> bool {
        let mut json = Scanner::new(text);
        json.value(&mut |_| ()).is_ok() && json.end().is_ok()
    }

    #[test]
    fn members_are_given_in_order() {
        let mut json = Scanner::new(r#"{"a\"":[1,{}],"b":{"c":"\u00e9"},"é":-1.5e+3}"#);
        let mut found = Vec::new();
        json.members(|json, key| {
            let start = json.position();
            json.value(&mut |_| ())?;
            found.push((key, &json.text[start..json.position()]));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(r#"a\""#, "[1,{}]"), ("b", r#"{"c":"\u00e9"}"#), ("é", "-1.5e+3")]);
        assert_eq!(json.end(), Ok(()));
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_json(&nested(MAX_DEPTH)) && !is_json(&nested(MAX_DEPTH + 1)));
        assert!(!is_json(&"[".repeat(1_000_000)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn what_passes_is_json(
            text in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "\\n", "\\u00", "e9", "0", "-", "1", ".",
                "e", "+", "true", "fals", "null", "é", "\t", "\"\":",
            ]), 0..12).prop_map(|parts| parts.concat()),
        ) {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<Value>(&text).is_ok() && !text.contains('\t'));
        }
    }
}
