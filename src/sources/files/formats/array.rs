//! JSON array of events as lines: one element per line.

use std::io::{self, BufRead, BufReader, Read};

use super::text::{Keeping, TextBlocks};
use super::{Blocks, Fit, Format, Start, trimmed_start};
use crate::sources::files::contents::Contents;

pub(super) struct JsonArray;

impl Format for JsonArray {
    fn endings(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        let elements = trimmed_start(start.bytes).strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
        if elements.is_some_and(|elements| elements.starts_with(b"{")) { Fit::Sure } else { Fit::No }
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        // elements have no offsets in the file
        Ok(Box::new(TextBlocks::new(ArrayLines::new(contents), Keeping::InCopies)))
    }
}

/// Reader that turns `[ {..}, {..} ]` into lines. Text that is not such an array gives lines that
/// are not events and are counted as such. An array without an end fails like a truncated file.
struct ArrayLines<R> {
    reader: BufReader<R>,
    scanner: Scanner,
}

#[derive(Debug)]
struct Scanner {
    state: State,
    depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the array.
    Before,
    /// Outside of strings.
    Plain,
    /// Inside a string.
    String,
    /// After a backslash inside a string.
    Escape,
    /// After the array.
    After,
    /// The stream ended inside the array.
    CutOff,
}

impl<R: Read> ArrayLines<R> {
    fn new(reader: R) -> Self {
        let scanner = Scanner { state: State::Before, depth: 0 };
        ArrayLines { reader: BufReader::with_capacity(1 << 16, reader), scanner }
    }
}

impl Scanner {
    /// Translates `from` into `to`; returns the numbers of bytes read and written.
    fn copy(&mut self, from: &[u8], to: &mut [u8]) -> (usize, usize) {
        let (mut read, mut written) = (0, 0);
        while read < from.len() && written < to.len() {
            if self.state == State::String {
                let most = (from.len() - read).min(to.len() - written);
                let rest = &from[read..read + most];
                let n = memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(most);
                to[written..written + n].copy_from_slice(&rest[..n]);
                (read, written) = (read + n, written + n);
                if n == most {
                    break;
                }
            }
            if let Some(byte) = self.step(from[read]) {
                to[written] = byte;
                written += 1;
            }
            read += 1;
        }
        (read, written)
    }

    /// Translates one byte; `None` drops it.
    fn step(&mut self, byte: u8) -> Option<u8> {
        match (self.state, byte) {
            (State::Before, b'[') => {
                self.state = State::Plain;
                return None;
            }
            (State::Before, _) => return None,
            (State::Escape, _) => self.state = State::String,
            (State::String, b'\\') => self.state = State::Escape,
            (State::String, b'"') => self.state = State::Plain,
            (State::String | State::After | State::CutOff, _) => {}
            (State::Plain, b'"') => self.state = State::String,
            (State::Plain, b'{' | b'[') => self.depth += 1,
            (State::Plain, b']') if self.depth == 0 => {
                self.state = State::After;
                return Some(b'\n');
            }
            (State::Plain, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (State::Plain, b',') if self.depth == 0 => return Some(b'\n'),
            (State::Plain, _) => {}
        }
        // line ends inside an element become spaces
        Some(if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })
    }

    /// Handles the end of the stream: ends the line of a complete element first, then fails if the
    /// array is truncated.
    fn end(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Before | State::After => Ok(0),
            State::Plain if self.depth == 0 => {
                self.state = State::CutOff;
                to[0] = b'\n';
                Ok(1)
            }
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the array of events is truncated")),
        }
    }
}

impl<R: Read> Read for ArrayLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let stored = self.reader.fill_buf()?;
            if stored.is_empty() {
                return self.scanner.end(buffer);
            }
            let (read, written) = self.scanner.copy(stored, buffer);
            self.reader.consume(read);
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(array: &str, step: usize) -> (String, bool) {
        let mut reader = ArrayLines::new(array.as_bytes());
        let mut text = Vec::new();
        let mut buffer = vec![0; step];
        let is_whole = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break true,
                Ok(n) => text.extend_from_slice(&buffer[..n]),
                Err(_) => break false,
            }
        };
        (String::from_utf8(text).unwrap(), is_whole)
    }

    fn check(array: &str, expected: &[&str]) {
        for step in [1, 2, 7, 1000] {
            let (text, is_whole) = lines(array, step);
            let found: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            assert_eq!(found, expected, "{array}");
            assert!(is_whole, "{array}");
        }
    }

    #[test]
    fn elements_become_lines() {
        check("[]", &[]);
        check(" [ {\"a\":\n1}, {\"b\":[1,2]} ]\n", &["{\"a\": 1}", "{\"b\":[1,2]}"]);
        check(r#"[{"a":"],[{\"\\"},{"b":{}}]"#, &[r#"{"a":"],[{\"\\"}"#, r#"{"b":{}}"#]);
        check("[{}] trailing", &["{}", "trailing"]);
        check("[1,\"x\",[2]]", &["1", "\"x\"", "[2]"]);
    }

    #[test]
    fn a_truncated_array_keeps_its_complete_elements() {
        for (array, expected) in
            [("[{\"a\":1}", "{\"a\":1}\n"), ("[{\"a\":1}, {\"b\"", "{\"a\":1}\n {\"b\""), ("[{\"a\":\"x", "{\"a\":\"x")]
        {
            assert_eq!(lines(array, 100), (expected.to_owned(), false), "{array}");
        }
    }
}
