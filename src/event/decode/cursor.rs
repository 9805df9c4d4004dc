//! Cursor over JSON text that `serde_json` has already accepted. It builds no values.
//!
//! On text that is not JSON the results are meaningless, but every step ends and never panics.

/// Position in accepted JSON text.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// Kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

impl Kind {
    /// Returns the kind of the value that begins with the first character of `raw`.
    pub(super) fn of(raw: &str) -> Self {
        match raw.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't') => Self::True,
            Some(b'f') => Self::False,
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number,
        }
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the kind of the next value.
    pub(super) fn peek(&mut self) -> Kind {
        self.skip_blanks();
        Kind::of(self.text.get(self.at..).unwrap_or_default())
    }

    /// Enters an array or object.
    pub(super) fn enter(&mut self) {
        self.skip_blanks();
        self.at += 1;
    }

    /// Moves to the next element or key. After the last one, leaves the array or object and returns
    /// false.
    pub(super) fn next(&mut self) -> bool {
        loop {
            self.skip_blanks();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']' | b'}') => {
                    self.at += 1;
                    return false;
                }
                other => return other.is_some(),
            }
        }
    }

    /// Returns a key as written between its quotes, and moves to its value.
    pub(super) fn key(&mut self) -> &'a str {
        let raw = self.string();
        self.skip_blanks();
        self.at += 1;
        string_content(raw)
    }

    /// Returns the next value as written, and moves past it.
    pub(super) fn value(&mut self) -> &'a str {
        let start = match self.peek() {
            Kind::String => return self.string(),
            Kind::Object | Kind::Array => self.at,
            _ => return self.plain(),
        };
        let mut depth = 0usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        self.since(start)
    }

    fn plain(&mut self) -> &'a str {
        let start = self.at;
        while self.byte().is_some_and(|byte| !matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        // a cursor must always move, or callers would loop forever
        self.at = self.at.max(start + 1);
        self.since(start)
    }

    fn string(&mut self) -> &'a str {
        let start = self.at;
        self.at = string_end(self.text.as_bytes(), start).unwrap_or(self.text.len());
        self.since(start)
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at.min(self.text.len())).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }
}

/// Returns the position after the closing quote of the JSON string that opens at `start`; `None` if
/// it does not close.
pub fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
    None
}

/// Returns the nesting depth of arrays and objects in `text`.
pub(super) fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut deepest) = (0, 0usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at).unwrap_or(bytes.len());
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        at += 1;
    }
    deepest
}

/// Size of a JSON text by its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Upper limit on the number of values, arrays and objects included.
    pub(super) n_values: usize,
    /// Bytes of the longest text between quotes, or of the longest number.
    pub(super) longest: usize,
}

/// Measures `text`.
pub(super) fn extent(text: &str) -> Extent {
    let bytes = text.as_bytes();
    let mut extent = Extent { n_values: 1, longest: 0 };
    let (mut at, mut plain) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => {
                at = string_end(bytes, start).unwrap_or(bytes.len());
                extent.longest = extent.longest.max((at - start).saturating_sub(2));
            }
            b'{' | b'[' | b',' => extent.n_values += 1,
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' => {
                plain += 1;
                extent.longest = extent.longest.max(plain);
                continue;
            }
            _ => {}
        }
        plain = 0;
    }
    extent
}

/// Returns the text between the quotes of a string, escapes included.
pub(super) fn string_content(raw: &str) -> &str {
    raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
}

/// Unescapes the text between the quotes of a string; `scratch` holds the result if there are
/// escapes.
pub(super) fn unescaped<'a>(content: &'a str, scratch: &'a mut String) -> &'a str {
    if memchr::memchr(b'\\', content.as_bytes()).is_none() {
        return content;
    }
    scratch.clear();
    unescape_into(content, scratch);
    scratch
}

/// Unescapes the text between the quotes of a string and appends it. A lone surrogate becomes
/// U+FFFD.
pub(super) fn unescape_into(content: &str, out: &mut String) {
    let mut rest = content;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut length = 2;
        match escape {
            b'n' => out.push('\n'),
            b't' => out.push('\t'),
            b'r' => out.push('\r'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => {
                let (c, used) = unicode_escape(&rest[at..]);
                out.push(c);
                length = used;
            }
            other => out.push(char::from(other)),
        }
        rest = rest.get(at + length..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// Returns the character of the `\uXXXX` (or surrogate pair) that `text` begins with, and the
/// length of the escape.
fn unicode_escape(text: &str) -> (char, usize) {
    let Some(first) = hex4(text) else { return (char::REPLACEMENT_CHARACTER, 6) };
    if let Some(c) = char::from_u32(first) {
        return (c, 6);
    }
    let second = if first < 0xdc00 { text.get(6..).and_then(hex4) } else { None };
    match second {
        Some(second @ 0xdc00..=0xdfff) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

fn hex4(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

/// Replaces each escaped lone surrogate by an escaped U+FFFD; `None` if there are none.
pub(super) fn replace_lone_surrogates(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr(b'\\', rest.as_bytes())) {
        at += found;
        let escape = text.get(at..).unwrap_or_default();
        if !escape.starts_with("\\u") {
            at += 2;
            continue;
        }
        let (c, length) = unicode_escape(escape);
        if c == char::REPLACEMENT_CHARACTER && hex4(escape).is_some_and(|code| code != 0xfffd) {
            out.push_str(&text[copied..at]);
            out.push_str("\\ufffd");
            copied = at + length;
        }
        at += length;
    }
    (copied > 0).then(|| {
        out.push_str(&text[copied..]);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_at_the_right_place() {
        let mut cursor = Cursor::new(r#" { "a\"]" : [1, {"x":"}"}, []] , "b":null,"c":-1.5e3 }"#);
        assert_eq!(cursor.peek(), Kind::Object);
        cursor.enter();
        let mut found = Vec::new();
        while cursor.next() {
            found.push((cursor.key(), cursor.value()));
        }
        assert_eq!(found, [(r#"a\"]"#, r#"[1, {"x":"}"}, []]"#), ("b", "null"), ("c", "-1.5e3")]);
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (text, n_values, longest) in [
            ("1", 1, 1),
            (r#"{"a":"b,c,[","d":12.5e+3}"#, 3, 7),
            (r#"{"a":[1,2,{"b":null}]}"#, 6, 1),
            (r#"["\\"]"#, 2, 2),
            ("[\"", 2, 0),
        ] {
            assert_eq!(extent(text), Extent { n_values, longest }, "{text}");
        }
    }

    #[test]
    fn hostile_text_does_not_panic() {
        for text in ["", "{", "[", "\"", "{\"a", "[1,", "{\"a\":", "]", "\\", "[\"\\", "{\"é", "}{", "\"\\u12"] {
            let mut cursor = Cursor::new(text);
            for _ in 0..4 {
                cursor.peek();
                cursor.enter();
                cursor.next();
                cursor.value();
            }
            replace_lone_surrogates(text);
            unescape_into(string_content(text), &mut String::new());
        }
    }

    #[test]
    fn escapes_are_read_as_serde_reads_them() {
        for raw in [r#""a\n\t\r\b\f\/\\\"é\u00e9\ud83d\ude00z""#, r#""\u0000""#, r#""plain""#, r#""\\u00e9""#] {
            let expected: String = serde_json::from_str(raw).unwrap();
            assert_eq!(unescaped(string_content(raw), &mut String::new()), expected, "{raw}");
        }
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        for (raw, expected) in [
            (r"\ud800", Some(r"\ufffd")),
            (r"a\udc00\ud83d\ude00", Some(r"a\ufffd\ud83d\ude00")),
            (r"\ud83dé", Some(r"\ufffdé")),
            (r"\ud83d\u0041", Some(r"\ufffd\u0041")),
            (r"\ud83d\ud83d\ude00", Some(r"\ufffd\ud83d\ude00")),
            (r"\ufffd", None),
            (r"\\ud800", None),
            ("plain", None),
        ] {
            assert_eq!(replace_lone_surrogates(raw).as_deref(), expected, "{raw}");
            let (mut before, mut after) = (String::new(), String::new());
            unescape_into(raw, &mut before);
            unescape_into(expected.unwrap_or(raw), &mut after);
            assert_eq!(before, after, "{raw}");
        }
    }
}
