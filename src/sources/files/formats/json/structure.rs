//! Brackets and strings of JSON text: finds the end of a value, also one that arrives in pieces,
//! and mistakes that show that it has none.

/// Upper limit on the depth at which the kinds of brackets are compared. Text that is nested deeper
/// is refused later.
const COMPARED_DEPTH: u32 = 128;

/// Position in a value.
#[derive(Debug, Clone)]
pub(super) struct Structure {
    /// Bit `d` is set if the bracket opened at depth `d` is a brace.
    braces: u128,
    depth: u32,
    within: Within,
    /// Last byte outside of strings that is not blank; 0 at the start of the value.
    last: u8,
    /// Line ends inside strings, which JSON forbids.
    line_ends: LineEnds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Plain,
    String,
    Escape,
}

/// Meaning of a line end inside a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnds {
    /// The line is truncated.
    Truncate,
    /// It is read as a blank.
    Blank,
}

/// Result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The value goes on after the scanned bytes.
    Open,
    /// The value ends after this number of bytes.
    Closed(usize),
    /// The byte with this number cannot be where it is.
    Fault(usize),
}

impl Structure {
    /// Position before an object or array.
    pub(super) fn new(line_ends: LineEnds) -> Self {
        Structure { braces: 0, depth: 0, within: Within::Plain, last: 0, line_ends }
    }

    /// Position in the innermost of `depth` nested objects, after an array.
    pub(super) fn after_array(depth: u32) -> Self {
        Structure { braces: u128::MAX, depth, last: b']', ..Structure::new(LineEnds::Blank) }
    }

    /// Follows the value through `bytes`, which continue those of the last call.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Scanned {
        let mut at = 0;
        while at < bytes.len() {
            match self.within {
                Within::Plain => match self.plain(bytes[at]) {
                    Step::Next => {}
                    Step::Closed => return Scanned::Closed(at + 1),
                    Step::Fault => return Scanned::Fault(at),
                },
                Within::String => {
                    let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]) else { return Scanned::Open };
                    at += found;
                    match bytes[at] {
                        b'"' => (self.within, self.last) = (Within::Plain, b'"'),
                        b'\\' => self.within = Within::Escape,
                        _ if self.line_ends == LineEnds::Truncate => return Scanned::Fault(at),
                        _ => {}
                    }
                }
                Within::Escape => self.within = Within::String,
            }
            at += 1;
        }
        Scanned::Open
    }

    fn plain(&mut self, byte: u8) -> Step {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Step::Next,
            b'"' if !matches!(self.last, b':' | b',' | b'[' | b'{') => return Step::Fault,
            b'"' => self.within = Within::String,
            b'{' | b'[' if !self.may_open() => return Step::Fault,
            b'{' | b'[' => {
                self.set_kind(byte);
                self.depth += 1;
            }
            b'}' | b']' => {
                if self.depth == 0 || self.in_object().is_some_and(|in_object| in_object != (byte == b'}')) {
                    return Step::Fault;
                }
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::Closed;
                }
            }
            _ => {}
        }
        self.last = byte;
        Step::Next
    }

    /// True if a value may begin here.
    fn may_open(&self) -> bool {
        match self.last {
            0 => self.depth == 0,
            b':' | b'[' => true,
            b',' => self.in_object() != Some(true),
            _ => false,
        }
    }

    /// True if the innermost bracket is a brace; `None` if that is not known.
    fn in_object(&self) -> Option<bool> {
        let depth = self.depth.checked_sub(1).filter(|depth| *depth < COMPARED_DEPTH)?;
        Some(self.braces >> depth & 1 == 1)
    }

    /// Notes the bracket that opens here.
    fn set_kind(&mut self, bracket: u8) {
        let is_brace = bracket == b'{';
        if self.depth < COMPARED_DEPTH {
            self.braces = self.braces & !(1 << self.depth) | u128::from(is_brace) << self.depth;
        }
    }
}

enum Step {
    Next,
    Closed,
    Fault,
}

/// Returns the length of the object or array that `bytes` begin with; `None` if it does not end
/// there.
pub(super) fn value_len(bytes: &[u8]) -> Option<usize> {
    match Structure::new(LineEnds::Truncate).scan(bytes) {
        Scanned::Closed(len) => Some(len),
        Scanned::Open | Scanned::Fault(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Scanned) {
        for step in [1, 3, 1000] {
            let mut structure = Structure::new(LineEnds::Truncate);
            let (mut before, mut scanned) = (0, Scanned::Open);
            for piece in text.as_bytes().chunks(step) {
                scanned = match structure.scan(piece) {
                    Scanned::Closed(n) => Scanned::Closed(before + n),
                    Scanned::Fault(n) => Scanned::Fault(before + n),
                    Scanned::Open => Scanned::Open,
                };
                if scanned != Scanned::Open {
                    break;
                }
                before += piece.len();
            }
            assert_eq!(scanned, expected, "{text} in steps of {step}");
        }
    }

    #[test]
    fn values_end_with_their_bracket() {
        check("{} {}", Scanned::Closed(2));
        check(r#"{"a":"}\"}","b":[{},[1,"]"]]}{"#, Scanned::Closed(29));
        check("[\n{},\n{}\n]", Scanned::Closed(10));
        check(r#"{"a":"#, Scanned::Open);
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        check(&deep, Scanned::Closed(600));
    }

    #[test]
    fn text_after_a_truncated_line_is_a_fault() {
        check("{\"a\":\"x\n{\"b\":1}", Scanned::Fault(7));
        check("{\"a\":1,\n{\"b\":1}", Scanned::Fault(8));
        check("{\"a\"\n{\"b\":1}", Scanned::Fault(5));
        check("{\"a\":{\"b\":1}\n{\"b\":1}", Scanned::Fault(13));
        check("{\"a\":[1}", Scanned::Fault(7));
        check("{\"a\":1 \"b\":2}", Scanned::Fault(7));
    }
}
