//! Members of an object whose text may be truncated.

use super::structure::{LineEnds, Scanned, Structure, value_len};
use crate::event::decode::string_end;

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    /// Name as written between its quotes.
    pub(super) name: &'a [u8],
    /// Text of the value, or the start of it if the object is truncated there.
    pub(super) value: &'a [u8],
    /// Bytes from the start of the object to the start of the value.
    pub(super) offset: usize,
}

impl<'a> Member<'a> {
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.starts_with(b"{")
    }

    /// Members of the value.
    pub(super) fn members(&self) -> Members<'a> {
        Members::of(self.value)
    }

    /// Returns the text after the bracket if the value is an array that is empty or whose first
    /// element is an object.
    pub(super) fn objects(&self) -> Option<&'a [u8]> {
        let elements = self.value.strip_prefix(b"[")?;
        let is_usual = matches!(elements.trim_ascii_start().first(), None | Some(b'{' | b']'));
        is_usual.then_some(elements)
    }
}

/// Iterator over the members of an object, as far as its text goes.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    object: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    /// Members of the object that `text` begins with; none if it does not begin with one.
    pub(super) fn of(text: &'a [u8]) -> Self {
        let at = if text.starts_with(b"{") { 1 } else { text.len() };
        Members { object: text, at }
    }

    fn skip(&mut self, skipped: &[u8]) {
        let rest = &self.object[self.at..];
        self.at += rest.iter().take_while(|byte| skipped.contains(byte)).count();
    }

    /// Moves past the string that begins here; `None` if it does not end.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let end = string_end(self.object, start);
        self.at = end.unwrap_or(self.object.len());
        end.map(|end| &self.object[start..end])
    }

    fn value(&mut self) -> &'a [u8] {
        let start = self.at;
        let rest = &self.object[start..];
        let len = match rest.first() {
            Some(b'"') => return self.string().unwrap_or(rest),
            Some(b'{' | b'[') => match Structure::new(LineEnds::Blank).scan(rest) {
                Scanned::Closed(len) => len,
                Scanned::Open | Scanned::Fault(_) => rest.len(),
            },
            _ => rest.iter().position(|byte| b",}] \t\r\n".contains(byte)).unwrap_or(rest.len()),
        };
        self.at += len;
        &rest[..len]
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        self.skip(b" \t\r\n,");
        if self.object.get(self.at) != Some(&b'"') {
            return None;
        }
        let name = self.string()?;
        self.skip(b" \t\r\n:");
        let offset = self.at;
        let value = self.value();
        (!value.is_empty()).then(|| Member { name: &name[1..name.len() - 1], value, offset })
    }
}

/// Splits the objects off the start of the elements of an array. Also returns what follows them.
pub(super) fn split_objects(elements: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut found, mut rest) = (Vec::new(), elements.trim_ascii_start());
    while rest.starts_with(b"{")
        && let Some(len) = value_len(rest)
    {
        found.push(&rest[..len]);
        let after = rest[len..].trim_ascii_start();
        rest = after.strip_prefix(b",").unwrap_or(after).trim_ascii_start();
    }
    (found, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_as_far_as_the_text_goes() {
        let text = r#"{ "a\"" : 1, "b":"x,}" ,"c":{"d":[1]},"e":[{"#;
        let found: Vec<(&[u8], &[u8])> =
            Members::of(text.as_bytes()).map(|member| (member.name, member.value)).collect();
        let expected = [(r#"a\""#, "1"), ("b", r#""x,}""#), ("c", r#"{"d":[1]}"#), ("e", "[{")];
        assert_eq!(found, expected.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        for end in 0..text.len() {
            Members::of(&text.as_bytes()[..end]).for_each(|member| assert!(member.offset < end));
        }
        for text in ["", "[1]", "{", "{1}", "{\"a\"}", "{\"a\":}"] {
            assert_eq!(Members::of(text.as_bytes()).count(), 0, "{text}");
        }
    }
}
