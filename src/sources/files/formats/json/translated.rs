//! Lines that are translated one by one, so that the lines of a file keep their numbers.

use std::io::{self, Read};

use super::input::Input;
use super::made::{Made, MakeLines};
use crate::event::decode::MAX_LINE_BYTES;

/// Translation of the lines of a file, in their order.
pub(super) trait Translate {
    /// Adds the translation of `line`, without a line end, to `to`; nothing if it is not an event
    /// of its own. Lines that are not understood are added as they are.
    fn line(&mut self, line: &[u8], to: &mut Vec<u8>);

    /// Adds what is left at the end of the file.
    fn end(&mut self, to: &mut Vec<u8>) {
        let _ = to;
    }
}

/// Reader of translated lines.
pub(super) struct Translated<R, T> {
    input: Input<R>,
    translation: T,
    made: Made,
    is_at_end: bool,
}

impl<R: Read, T: Translate> Translated<R, T> {
    pub(super) fn new(reader: R, translation: T) -> Self {
        Translated { input: Input::new(reader), translation, made: Made::default(), is_at_end: false }
    }
}

impl<R: Read, T: Translate> MakeLines for Translated<R, T> {
    fn made(&mut self) -> &mut Made {
        &mut self.made
    }

    fn advance(&mut self) -> io::Result<bool> {
        let len = self.input.line_len(MAX_LINE_BYTES + 1);
        let is_whole = self.input.rest().get(len).is_some();
        if let Some(fault) = (!is_whole).then(|| self.input.take_fault()).flatten() {
            return Err(fault);
        }
        if len == 0 && !is_whole {
            if !std::mem::replace(&mut self.is_at_end, true) {
                self.translation.end(&mut self.made.lines);
            }
            return Ok(!self.made.lines.is_empty());
        }
        let line = &self.input.rest()[..len];
        if len > MAX_LINE_BYTES {
            // its length says why it is skipped
            self.made.lines.extend_from_slice(line);
        } else {
            self.translation.line(line, &mut self.made.lines);
        }
        self.made.lines.push(b'\n');
        self.input.skip(len);
        while len > MAX_LINE_BYTES && !matches!(self.input.rest().first(), Some(b'\n')) {
            let len = self.input.line_len(1 << 20);
            if len == 0 {
                break;
            }
            self.input.skip(len);
        }
        self.input.skip(1);
        Ok(true)
    }
}

impl<R: Read, T: Translate> Read for Translated<R, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_made(buffer)
    }
}
