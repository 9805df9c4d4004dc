//! Values of JSON in any arrangement, one per line: arrays, containers, pretty-printed and
//! concatenated objects, lines, one after the other.

use std::io::{self, Read};

use super::container::{Inner, events_in, events_in_element};
use super::hit::{hit_of_fields, is_document_without_source};
use super::input::Input;
use super::made::{Made, MakeLines};
use super::structure::{LineEnds, Scanned, Structure};
use crate::event::decode::string_end;

/// Bytes of an object that are looked at to tell containers from events. A longer object that
/// begins like a container is one.
const LOOKAHEAD: usize = 1 << 20;

/// Upper limit on the arrays and containers around an event.
const MAX_OPEN: usize = 64;

/// Reader that turns values into lines. Text that is not JSON gives lines that are not events.
/// After a truncated value it goes on with the next line. Arrays and containers without an end fail
/// like a truncated file, after their whole elements.
pub(super) struct Values<R> {
    input: Input<R>,
    /// Arrays that are open, and the containers around them, from the outside.
    open: Vec<Open>,
    /// Event that is too long to be looked at as a whole.
    passing: Option<Structure>,
    made: Made,
}

#[derive(Debug, Clone)]
enum Open {
    Array(Elements),
    /// The rest of a container after its array.
    Container(Structure),
}

/// Objects in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elements {
    /// Like the first one, which is not known yet.
    LikeFirst,
    Events,
    /// Each is looked at.
    PerhapsContainers,
}

impl<R: Read> Values<R> {
    pub(super) fn new(reader: R) -> Self {
        Values { input: Input::new(reader), open: Vec::new(), passing: None, made: Made::default() }
    }

    /// Reads an object.
    fn object(&mut self) -> io::Result<bool> {
        let mut structure = Structure::new(self.line_ends());
        let mut n_scanned = 0;
        loop {
            let rest = self.input.rest();
            let end = rest.len().min(LOOKAHEAD);
            match structure.scan(&rest[n_scanned..end]) {
                Scanned::Closed(n) => return self.whole_object(n_scanned + n),
                Scanned::Fault(n) => return self.resume_at_next_line(n_scanned + n),
                Scanned::Open => n_scanned = end,
            }
            if n_scanned == LOOKAHEAD {
                return self.long_object(structure);
            }
            if !self.input.fill() {
                return self.truncated(n_scanned);
            }
        }
    }

    fn whole_object(&mut self, len: usize) -> io::Result<bool> {
        let inner = self.events_in(&self.input.rest()[..len]);
        self.note_first(inner);
        let object = &self.input.rest()[..len];
        match inner {
            Some(inner) => self.enter(inner),
            None if is_document_without_source(object) => self.input.skip(len),
            None => {
                match hit_of_fields(object) {
                    Some(hit) => add_line(&mut self.made.lines, hit.as_bytes()),
                    None => add_line(&mut self.made.lines, object),
                }
                self.made.lines.push(b'\n');
                self.input.skip(len);
            }
        }
        Ok(true)
    }

    fn long_object(&mut self, structure: Structure) -> io::Result<bool> {
        let start = &self.input.rest()[..LOOKAHEAD];
        let inner = self.events_in(start);
        self.note_first(inner);
        match inner {
            Some(inner) => self.enter(inner),
            None => {
                add_line(&mut self.made.lines, &self.input.rest()[..LOOKAHEAD]);
                self.input.skip(LOOKAHEAD);
                self.passing = Some(structure);
            }
        }
        Ok(true)
    }

    fn enter(&mut self, Inner { offset, depth, holds_containers }: Inner) {
        self.input.skip(offset);
        self.open.push(Open::Container(Structure::after_array(depth)));
        let elements = if holds_containers { Elements::PerhapsContainers } else { Elements::LikeFirst };
        self.open.push(Open::Array(elements));
    }

    /// Copies the rest of a long event.
    fn pass(&mut self, mut structure: Structure) -> io::Result<bool> {
        if self.input.rest().is_empty() && !self.input.fill() {
            return self.truncated(0);
        }
        let rest = self.input.rest();
        let (n, is_open) = match structure.scan(rest) {
            Scanned::Open => (rest.len(), true),
            Scanned::Closed(n) => (n, false),
            Scanned::Fault(n) => {
                self.open.clear();
                (n, false)
            }
        };
        add_line(&mut self.made.lines, &rest[..n]);
        self.input.skip(n);
        if is_open {
            self.passing = Some(structure);
        } else {
            self.made.lines.push(b'\n');
        }
        Ok(true)
    }

    /// Skips what follows the array of a container.
    fn skip_container(&mut self, mut structure: Structure) -> io::Result<bool> {
        self.open.pop();
        if self.input.rest().is_empty() && !self.input.fill() {
            self.open.push(Open::Container(structure));
            return self.end();
        }
        let n = match structure.scan(self.input.rest()) {
            Scanned::Closed(n) => n,
            Scanned::Open => {
                self.open.push(Open::Container(structure));
                self.input.rest().len()
            }
            Scanned::Fault(n) => {
                self.open.clear();
                n
            }
        };
        self.input.skip(n);
        Ok(true)
    }

    /// Leaves a damaged value behind: its lines before `fault` are not events.
    fn resume_at_next_line(&mut self, fault: usize) -> io::Result<bool> {
        self.open.clear();
        // a line end inside a string is a fault itself
        let before = &self.input.rest()[..self.input.rest().len().min(fault + 1)];
        let Some(end) = truncated_line(before).or_else(|| memchr::memrchr(b'\n', before)) else {
            return self.other_line();
        };
        add_line(&mut self.made.lines, &before[..end]);
        self.made.lines.push(b'\n');
        self.input.skip(end + 1);
        Ok(true)
    }

    /// The input ends inside a value of `len` bytes.
    fn truncated(&mut self, len: usize) -> io::Result<bool> {
        let inner = self.events_in(&self.input.rest()[..len]);
        if let Some(inner) = inner {
            self.enter(inner);
            return Ok(true);
        }
        if let Some(fault) = self.input.take_fault() {
            return Err(fault);
        }
        if !self.open.is_empty() {
            return Err(cut_off());
        }
        let rest = &self.input.rest()[..len];
        let end = truncated_line(rest.trim_ascii_end()).unwrap_or(len);
        add_line(&mut self.made.lines, &rest[..end]);
        self.made.lines.push(b'\n');
        self.input.skip(end);
        Ok(true)
    }

    /// The input ends between values.
    fn end(&mut self) -> io::Result<bool> {
        match self.input.take_fault() {
            Some(fault) => Err(fault),
            None if self.open.is_empty() => Ok(false),
            None => Err(cut_off()),
        }
    }

    /// A line, or the rest of one, that is not JSON.
    fn other_line(&mut self) -> io::Result<bool> {
        let mut len = self.input.line_len(LOOKAHEAD);
        add_line(&mut self.made.lines, &self.input.rest()[..len]);
        self.made.lines.push(b'\n');
        self.input.skip(len);
        // of a long line, the start is enough
        while len > 0 {
            len = self.input.line_len(LOOKAHEAD);
            self.input.skip(len);
        }
        Ok(true)
    }

    /// An element that is not an object.
    fn other_element(&mut self) -> io::Result<bool> {
        self.input.fill_to(LOOKAHEAD);
        let rest = &self.input.rest()[..self.input.rest().len().min(LOOKAHEAD)];
        let Some(len) = element_len(rest) else {
            if rest.len() < LOOKAHEAD {
                return self.truncated(0);
            }
            self.open.clear();
            return self.other_line();
        };
        add_line(&mut self.made.lines, &rest[..len]);
        self.made.lines.push(b'\n');
        self.input.skip(len);
        Ok(true)
    }

    /// True if the bracket here begins an array that is empty or holds objects or such arrays.
    fn is_array_of_values(&mut self) -> bool {
        let mut seen = 1;
        loop {
            match self.input.rest()[seen..].trim_ascii_start().first() {
                Some(byte) => return matches!(byte, b'{' | b'[' | b']'),
                None => seen = self.input.rest().len(),
            }
            if seen > LOOKAHEAD || !self.input.fill() {
                return true;
            }
        }
    }

    /// Returns the array of events in an object that begins here.
    fn events_in(&self, object: &[u8]) -> Option<Inner> {
        match self.open[..] {
            [.., Open::Array(Elements::Events)] => None,
            _ if self.open.len() >= MAX_OPEN => None,
            [.., Open::Container(_), Open::Array(_)] => events_in_element(object),
            _ => events_in(object),
        }
    }

    fn note_first(&mut self, inner: Option<Inner>) {
        if let Some(Open::Array(elements @ Elements::LikeFirst)) = self.open.last_mut() {
            *elements = if inner.is_some() { Elements::PerhapsContainers } else { Elements::Events };
        }
    }

    /// A line end in a string ends a line of its own. In an array it is one of the blanks that some
    /// writers leave.
    fn line_ends(&self) -> LineEnds {
        if self.open.is_empty() { LineEnds::Truncate } else { LineEnds::Blank }
    }
}

impl<R: Read> MakeLines for Values<R> {
    fn made(&mut self) -> &mut Made {
        &mut self.made
    }

    fn advance(&mut self) -> io::Result<bool> {
        if let Some(structure) = self.passing.take() {
            return self.pass(structure);
        }
        if let Some(Open::Container(structure)) = self.open.last().cloned() {
            return self.skip_container(structure);
        }
        loop {
            let n_blanks = self.input.rest().iter().take_while(|byte| is_separator(**byte)).count();
            self.input.skip(n_blanks);
            if !self.input.rest().is_empty() {
                break;
            }
            if !self.input.fill() {
                return self.end();
            }
        }
        let first = self.input.rest()[0];
        match first {
            b'{' => self.object(),
            b'[' if self.open.len() < MAX_OPEN && self.is_array_of_values() => {
                self.input.skip(1);
                self.open.push(Open::Array(Elements::LikeFirst));
                Ok(true)
            }
            // what closes an array whose elements were damaged closes nothing
            b']' | b'}' => {
                self.input.skip(1);
                self.open.pop();
                Ok(true)
            }
            _ if self.open.is_empty() => self.other_line(),
            _ => self.other_element(),
        }
    }
}

impl<R: Read> Read for Values<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_made(buffer)
    }
}

/// Blanks, commas, record separators and byte order marks between values.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x1e | 0xef | 0xbb | 0xbf)
}

/// Adds text to a line; line ends in it become blanks.
fn add_line(lines: &mut Vec<u8>, text: &[u8]) {
    let start = lines.len();
    lines.extend_from_slice(text);
    let added = &mut lines[start..];
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'\n', b'\r', &added[at..]) {
        at += found;
        added[at] = b' ';
    }
}

/// Length of a text, number, word or array at the start of `elements`; `None` if it does not end.
fn element_len(elements: &[u8]) -> Option<usize> {
    match elements.first()? {
        b'[' => match Structure::new(LineEnds::Blank).scan(elements) {
            Scanned::Closed(len) => Some(len),
            Scanned::Open | Scanned::Fault(_) => None,
        },
        b'"' => string_end(elements, 0),
        _ => elements[1..].iter().position(|byte| b",]}\n".contains(byte)).map(|end| end + 1),
    }
}

/// Returns the end of the first line of a damaged value if it is truncated and few lines follow: a
/// search in many lines, made again for each of them, would take too long.
fn truncated_line(lines: &[u8]) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', lines);
    let first = ends.next()?;
    (ends.count() <= 1 && is_truncated_line(&lines[..first])).then_some(first)
}

/// True if no value goes on after this line: it does not end where a pretty-printed one may break.
pub(super) fn is_truncated_line(line: &[u8]) -> bool {
    !matches!(line.trim_ascii_end().last(), Some(b'{' | b'[' | b','))
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the array of events is truncated")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reader that returns at most `step` bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len()).min(self.0.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn lines(text: &str, step: usize) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        let end = Values::new(Slow(text.as_bytes(), step)).read_to_end(&mut found);
        let found = String::from_utf8_lossy(&found);
        (found.lines().map(|line| line.trim().to_owned()).collect(), end.is_ok())
    }

    fn check(text: &str, expected: &[&str]) {
        for step in [1, 2, 7, 1 << 16] {
            assert_eq!(lines(text, step), (expected.iter().map(|line| (*line).to_owned()).collect(), true), "{text}");
        }
    }

    #[test]
    fn elements_become_lines() {
        check("[]", &[]);
        check(" [ {\"a\":\n1}, {\"b\":[1,2]} ]\n", &["{\"a\": 1}", "{\"b\":[1,2]}"]);
        check(r#"[{"a":"],[{\"\\"},{"b":{}}]"#, &[r#"{"a":"],[{\"\\"}"#, r#"{"b":{}}"#]);
        check("[{}] trailing", &["{}", "trailing"]);
        check("[[1],\"x,]\",2,{\"a\":1}]", &["[1]", "\"x,]\"", "2", "{\"a\":1}"]);
        check("[1,2]", &["[1,2]"]);
    }

    #[test]
    fn values_may_follow_each_other_in_any_way() {
        check("{\"a\":1}{\"a\":2}\n\n{\"a\":\n3}", &["{\"a\":1}", "{\"a\":2}", "{\"a\": 3}"]);
        check("[{\"a\":1}]\n[{\"a\":2},\n{\"a\":3}]", &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
        check("{\"a\":1}\n[{\"a\":2}]\n{\"a\":3}\n", &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
        check("\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n", &["{\"a\":1}", "{\"a\":2}"]);
    }

    #[test]
    fn containers_are_unwrapped() {
        check(r#"{"Records":[{"a":1},{"a":2}],"n":2}{"a":3}"#, &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
        check(r#"[{"Records":[{"a":1}]},{"Records":[{"a":2}]}]"#, &["{\"a\":1}", "{\"a\":2}"]);
        check(r#"[{"a":0},{"Records":[{"a":1}]}]"#, &["{\"a\":0}", "{\"Records\":[{\"a\":1}]}"]);
        check(
            r#"{"responses":[{"took":1,"hits":{"hits":[{"_id":"1"}],"n":{}}},{"took":2}]}"#,
            &["{\"_id\":\"1\"}", "{\"took\":2}"],
        );
        check(r#"{"Records":[{"records":[{"a":1}]},{"records":[{"a":2}],"count":1}]}"#, &["{\"a\":1}", "{\"a\":2}"]);
        check(r#"{"Records":[{"tags":[{"a":1}]}]}"#, &[r#"{"tags":[{"a":1}]}"#]);
        check(
            r#"{"took":1,"hits":{"sequences":[{"join_keys":["x"],"events":[{"_id":"1"},{"_id":"2"}]}]}}"#,
            &["{\"_id\":\"1\"}", "{\"_id\":\"2\"}"],
        );
        check(
            r#"{"docs":[{"_index":"i","_id":"2","found":false},{"_id":"1","found":true}]}"#,
            &[r#"{"_id":"1","found":true}"#],
        );
        check(r#"{"@timestamp":"t","events":[{"a":1}]}"#, &[r#"{"@timestamp":"t","events":[{"a":1}]}"#]);
    }

    #[test]
    fn long_containers_and_events_are_read_in_pieces() {
        let long = "x".repeat(LOOKAHEAD * 2);
        let event = format!("{{\"a\":\"{long}\"}}");
        check_one(&format!("{{\"Records\":[{event},{{\"a\":1}}]}} {{\"a\":2}}"), &[&event, "{\"a\":1}", "{\"a\":2}"]);
        check_one(&format!("{event}{{\"a\":2}}"), &[&event, "{\"a\":2}"]);
        check_one(&format!("{long}\n{{\"a\":2}}"), &[&long[..LOOKAHEAD], "{\"a\":2}"]);
    }

    fn check_one(text: &str, expected: &[&str]) {
        let (found, is_whole) = lines(text, 1 << 16);
        assert!(is_whole && found == expected, "{} lines of {} bytes", found.len(), text.len());
    }

    #[test]
    fn reading_goes_on_after_a_damaged_value() {
        check("{\"a\":\"x\n{\"b\":1}\n{\"c\":2}", &["{\"a\":\"x", "{\"b\":1}", "{\"c\":2}"]);
        check("{\"a\":\n{\"b\":1}\n{\"c\":2}", &["{\"a\":", "{\"b\":1}", "{\"c\":2}"]);
        check("{\"a\":\n{\"b\":1}\n", &["{\"a\":", "{\"b\":1}"]);
        check(
            "[{\"a\":1},\n{\"b\":1 {,\n{\"c\":2}]\n{\"d\":3}",
            &["{\"a\":1}", "{\"b\":1 {,", "{\"c\":2}", "{\"d\":3}"],
        );
        check("oops\n{\"a\":1}", &["oops", "{\"a\":1}"]);
    }

    #[test]
    fn a_truncated_array_keeps_its_complete_elements() {
        for text in ["[{\"a\":1}", "[{\"a\":1}, {\"b\"", "[{\"a\":1}, {\"b", "{\"Records\":[{\"a\":1}", "[{\"a\":1},5"]
        {
            assert_eq!(lines(text, 100), (vec!["{\"a\":1}".to_owned()], false), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_and_does_not_depend_on_the_reads(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", " ", "1", "\"a\"", "{\"a\":1}", "{\"Records\":[", "é",
            ]), 0..40),
        ) {
            let text = pieces.concat();
            let whole = lines(&text, 1 << 16);
            prop_assert_eq!(&lines(&text, 1), &whole);
            prop_assert_eq!(&lines(&text, 3), &whole);
        }
    }
}
