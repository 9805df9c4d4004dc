//! Encoded words in a text.
//!
//! A *hexadecimal word* is a maximal run of `0-9 a-f A-F +` with more than 10 characters that reads
//! as a number: hexadecimal digits after at most one `+`. A *base64 word* is a maximal run of
//! `A-Z a-z 0-9 + / =` that is canonical base64 (decoding and re-encoding gives it back) for at
//! least 5 bytes, all of them ASCII.

use std::ops::Range;

use super::char_class::CharSet;

/// A hexadecimal word is longer than this, in characters.
pub const MIN_HEX: usize = 10;

/// Minimum length in characters of the decoded text of a base64 word.
pub const MIN_DECODED: usize = 5;

/// Longest hexadecimal word in `text`; the last one on a tie.
#[must_use]
pub fn hex_word(text: &[u8]) -> Option<Range<usize>> {
    words(CharSet::Hex, text)
        .into_iter()
        .filter(|word| word.len() > MIN_HEX && is_hex_number(&text[word.clone()]))
        .max_by_key(Range::len)
}

/// Base64 word in `text` with the longest decoded text; the last one on a tie.
#[must_use]
pub fn base64_word(text: &[u8]) -> Option<Range<usize>> {
    words(CharSet::Base64, text)
        .into_iter()
        .filter_map(|word| Some((decode(&text[word.clone()])?.len(), word)))
        .filter(|(length, _)| *length >= MIN_DECODED)
        .max_by_key(|(length, _)| *length)
        .map(|(_, word)| word)
}

/// True if `word` consists of hexadecimal digits after at most one `+`.
#[must_use]
pub fn is_hex_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"+").unwrap_or(word);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)
}

/// Decodes `word`; `None` unless it is canonical base64 for ASCII text.
#[must_use]
pub fn decode(word: &[u8]) -> Option<String> {
    let body = word.strip_suffix(b"==").or_else(|| word.strip_suffix(b"=")).unwrap_or(word);
    if word.is_empty() || !word.len().is_multiple_of(4) {
        return None;
    }
    let mut bits = 0u32;
    let mut n_bits = 0;
    let mut decoded = String::with_capacity(word.len() / 4 * 3);
    for &byte in body {
        bits = bits << 6 | u32::from(value(byte)?);
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            let byte = (bits >> n_bits) as u8;
            if !byte.is_ascii() {
                return None;
            }
            decoded.push(char::from(byte));
            bits &= (1 << n_bits) - 1;
        }
    }
    // canonical: the unused bits are zero
    (bits == 0).then_some(decoded)
}

/// Value of a base64 digit; `None` for any other byte.
#[must_use]
pub const fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn words(set: CharSet, text: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    for (idx, &byte) in text.iter().chain(b" ").enumerate() {
        if !set.contains(byte) {
            if idx > start {
                words.push(start..idx);
            }
            start = idx + 1;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_words() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(hex_word(text.as_bytes()).map(|word| &text[word]), expected, "{text}");
        };
        check("12c322adc020 12322029620", Some("12c322adc020"));
        check("1234567890", None);
        check("12345678901", Some("12345678901"));
        check("+12345678901", Some("+12345678901"));
        check("1234567+8901", None);
        check("0xdeadbeefcafe", Some("deadbeefcafe"));
        check("deadbeefdeadbeef 0123456789abcdef", Some("0123456789abcdef"));
        check("++12345678901", None);
    }

    #[test]
    fn base64_words() {
        let check = |text: &str, expected: Option<&str>| {
            let decoded = base64_word(text.as_bytes()).and_then(|word| decode(&text.as_bytes()[word]));
            assert_eq!(decoded.as_deref(), expected, "{text}");
        };
        check("houston we have a cHJvYmxlbQ==", Some("problem"));
        check("cHJvYmxlbQ", None);
        check("cHJvYmxlbQ== aGVsbG8gd29ybGQ=", Some("hello world"));
        check("QUJDRA==", None);
        check("QUJDREU=", Some("ABCDE"));
        check("password", None);
        check("cABvAHcAZQByAA==", Some("p\0o\0w\0e\0r\0"));
        check("YWJjZGU=YWJjZGU=", None);
        check("YWJjZGV=", None);
        check("====", None);
        check("", None);
    }
}
