//! Buffer over a stream: a part of it is looked at before it is used.

use std::io::{self, Read};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 16;

/// Stream whose next bytes can be looked at.
pub(super) struct Input<R> {
    reader: R,
    bytes: Vec<u8>,
    at: usize,
    end: Option<End>,
}

enum End {
    Whole,
    Fault(io::Error),
}

impl<R: Read> Input<R> {
    pub(super) fn new(reader: R) -> Self {
        Input { reader, bytes: Vec::new(), at: 0, end: None }
    }

    /// Bytes that were read but not used.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Marks the next `n` bytes as used.
    pub(super) fn skip(&mut self, n: usize) {
        self.at = self.bytes.len().min(self.at + n);
    }

    /// Reads more bytes; false at the end of the stream, and once it has failed.
    pub(super) fn fill(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        // moving less than half of the bytes keeps the cost per byte constant
        if self.at * 2 >= self.bytes.len() {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        let len = self.bytes.len();
        self.bytes.resize(len + READ_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut self.bytes[len..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.bytes.truncate(len + read.as_ref().map_or(0, |n| *n));
        match read {
            Ok(0) => self.end = Some(End::Whole),
            Ok(_) => return true,
            Err(error) => self.end = Some(End::Fault(error)),
        }
        false
    }

    /// Reads until `n` bytes can be looked at; fewer are left only at the end of the stream.
    pub(super) fn fill_to(&mut self, n: usize) {
        while self.rest().len() < n && self.fill() {}
    }

    /// Returns the number of bytes before the next line end, at most `limit`.
    pub(super) fn line_len(&mut self, limit: usize) -> usize {
        let mut searched = 0;
        loop {
            let rest = self.rest();
            let seen = rest.len().min(limit);
            if let Some(end) = memchr::memchr(b'\n', &rest[searched.min(seen)..seen]) {
                return searched + end;
            }
            searched = seen;
            if seen == limit || !self.fill() {
                return seen;
            }
        }
    }

    /// Takes the fault that ended the stream, if one did.
    pub(super) fn take_fault(&mut self) -> Option<io::Error> {
        match self.end.replace(End::Whole) {
            Some(End::Fault(error)) => Some(error),
            Some(End::Whole) => None,
            None => {
                self.end = None;
                None
            }
        }
    }
}
