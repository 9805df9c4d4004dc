//! Blocks of whole lines: what the formats that are text share.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow::error::ArrowError;

use super::{Block, Blocks, Kept, ReadDocument};
use crate::event::decode::{Chunk, Decoder, EventBatch, MAX_LINE_BYTES};
use crate::sources::files::contents::read_full;
use crate::sources::files::file::InputFile;
use crate::sources::{DocRef, SourceError};
use crate::spill::{Compressed, Copied, SpillError, Spool};

/// Bytes decoded at once: large enough to keep threads busy, small enough that a few in flight need
/// little memory.
pub(super) const CHUNK_BYTES: usize = 2 << 20;

/// Place where the lines of a stream can be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// At the same offsets of the file.
    InFile,
    /// In a compressed copy.
    InCopies,
}

/// Lines of a stream, in blocks.
pub(super) struct TextBlocks<R> {
    chunks: Chunks<R>,
    keeping: Keeping,
}

impl<R: Read> TextBlocks<R> {
    pub(super) fn new(lines: R, keeping: Keeping) -> Self {
        TextBlocks::numbered_from(0, lines, keeping)
    }

    /// Lines of which the first has a number of its own, counted from 0.
    pub(super) fn numbered_from(first_line: u64, lines: R, keeping: Keeping) -> Self {
        TextBlocks { chunks: Chunks { line: first_line, ..Chunks::new(lines) }, keeping }
    }
}

impl<R: Read> Blocks for TextBlocks<R> {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        let keeping = self.keeping;
        Ok(self.chunks.next()?.map(|lines| lines.kept(keeping)))
    }
}

struct TextBlock {
    lines: LineBlock,
    keeping: Keeping,
}

impl Block for TextBlock {
    fn first_line(&self) -> u64 {
        self.lines.first_line
    }

    fn n_bytes(&self) -> usize {
        self.lines.bytes.len()
    }

    fn decode(&self, decoder: &mut Decoder, name: &Arc<str>) -> Result<EventBatch, ArrowError> {
        let LineBlock { bytes, first_line, is_last, .. } = &self.lines;
        decoder.decode(&Chunk { bytes, name, first_line: *first_line, is_last: *is_last })
    }

    fn keep(self: Box<Self>, spool: &Spool) -> Result<Box<dyn Kept>, SpillError> {
        self.lines.keep(self.keeping, spool)
    }
}

/// Lines in the file itself.
#[derive(Debug)]
struct InFile {
    offset: u64,
}

impl Kept for InFile {
    fn documents<'a>(&'a self, file: &InputFile, _: &Spool, _: &[DocRef]) -> Result<ReadDocument<'a>, SourceError> {
        let ahead = RefCell::new(ReadAhead::new(file.reopen()?));
        Ok(Box::new(move |document: DocRef| {
            ahead.borrow_mut().read(self.offset + u64::from(document.offset), document.length as usize)
        }))
    }
}

/// Reader of parts of a file. Parts that follow closely on each other are read together.
struct ReadAhead {
    file: File,
    /// Bytes from `start` on.
    bytes: Vec<u8>,
    start: u64,
    /// Bytes to read at once if the next part follows closely.
    next: usize,
}

impl ReadAhead {
    const LEAST: usize = 4 << 10;
    const MOST: usize = 64 << 10;

    fn new(file: File) -> Self {
        ReadAhead { file, bytes: Vec::new(), start: 0, next: Self::LEAST }
    }

    fn read(&mut self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        let end = self.start + self.bytes.len() as u64;
        if start < self.start || start + length as u64 > end {
            let is_close = start >= self.start && start < end + Self::LEAST as u64;
            self.next = if is_close { (2 * self.next).min(Self::MOST) } else { Self::LEAST };
            self.fill(start, length)?;
        }
        let at = (start - self.start) as usize;
        self.bytes.get(at..at + length).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads from `start` on, at least `least` bytes unless the file ends before.
    fn fill(&mut self, start: u64, least: usize) -> io::Result<()> {
        self.start = start;
        self.bytes.resize(self.next.max(least), 0);
        let mut n_read = 0;
        while n_read < least {
            match self.file.read_at(&mut self.bytes[n_read..], start + n_read as u64) {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.truncate(n_read);
        Ok(())
    }
}

/// Lines in a copy.
#[derive(Debug)]
struct InCopy(Copied);

impl Kept for InCopy {
    fn documents<'a>(&'a self, _: &InputFile, spool: &Spool, _: &[DocRef]) -> Result<ReadDocument<'a>, SourceError> {
        let copy = spool.read(&self.0)?;
        Ok(Box::new(move |document: DocRef| {
            let (start, len) = (document.offset as usize, document.length as usize);
            copy.get(start..start + len).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        }))
    }
}

/// Whole lines of a stream.
#[derive(Debug)]
pub(super) struct LineBlock {
    pub(super) bytes: Vec<u8>,
    /// Offset of the first byte in the stream.
    pub(super) offset: u64,
    /// 0-based number of the first line.
    pub(super) first_line: u64,
    /// True for the last block of the stream.
    pub(super) is_last: bool,
}

impl LineBlock {
    /// Returns what its lines are read from again.
    pub(super) fn keep(&self, keeping: Keeping, spool: &Spool) -> Result<Box<dyn Kept>, SpillError> {
        Ok(match keeping {
            Keeping::InFile => Box::new(InFile { offset: self.offset }),
            Keeping::InCopies => Box::new(InCopy(spool.append(Compressed::new(&self.bytes))?)),
        })
    }

    /// Splits the block before the line that starts at `at`.
    pub(super) fn split_off(&mut self, at: usize) -> LineBlock {
        let after = self.bytes.split_off(at);
        let n_lines = memchr::memchr_iter(b'\n', &self.bytes).count() as u64;
        let is_last = std::mem::replace(&mut self.is_last, false);
        LineBlock { bytes: after, offset: self.offset + at as u64, first_line: self.first_line + n_lines, is_last }
    }

    /// The block as a part of a file.
    pub(super) fn kept(self, keeping: Keeping) -> Box<dyn Block> {
        Box::new(TextBlock { lines: self, keeping })
    }
}

/// Returns the position after the last whole record of a text, if there is one. The number says how
/// many bytes at its start are known to hold no end of a record.
pub(super) type LastEnd = Box<dyn Fn(&[u8], usize) -> Option<usize>>;

/// Reader that cuts a stream into blocks.
pub(super) struct Chunks<R> {
    input: R,
    last_end: LastEnd,
    chunk_bytes: usize,
    rest: Vec<u8>,
    offset: u64,
    line: u64,
    state: State,
}

/// Progress in the stream.
enum State {
    Start,
    Middle,
    End,
    /// The stream failed; what came before is returned first.
    Broken(io::Error),
}

impl<R: Read> Chunks<R> {
    /// Cuts `input` at ends of lines.
    pub(super) fn new(input: R) -> Self {
        let last_end = |lines: &[u8], n_searched: usize| {
            memchr::memrchr(b'\n', &lines[n_searched..]).map(|end| n_searched + end + 1)
        };
        Chunks::of_records(input, CHUNK_BYTES, Box::new(last_end))
    }

    /// Cuts `input` where records end: at some ends of lines.
    pub(super) fn of_records(input: R, chunk_bytes: usize, last_end: LastEnd) -> Self {
        Chunks { input, last_end, chunk_bytes, rest: Vec::new(), offset: 0, line: 0, state: State::Start }
    }

    /// Returns the next whole lines. If the stream fails, the whole lines before the fault come
    /// first, then the error, then nothing.
    pub(super) fn next(&mut self) -> io::Result<Option<LineBlock>> {
        if matches!(self.state, State::Start) {
            self.state = State::Middle;
            self.skip_byte_order_mark();
        }
        if self.rest.is_empty() && !matches!(self.state, State::Middle) {
            return match std::mem::replace(&mut self.state, State::End) {
                State::Broken(error) => Err(error),
                _ => Ok(None),
            };
        }
        let mut bytes = std::mem::take(&mut self.rest);
        let mut n_searched = 0;
        let cut = loop {
            if matches!(self.state, State::Middle) {
                self.fill(&mut bytes);
            }
            let end = (self.last_end)(&bytes, n_searched);
            n_searched = bytes.len();
            match (&self.state, end) {
                (State::End, _) => break bytes.len(),
                (State::Broken(_), end) => {
                    // the part after the last whole line is truncated
                    bytes.truncate(end.unwrap_or(0));
                    break bytes.len();
                }
                (_, Some(end)) => break end,
                (_, None) if bytes.len() > MAX_LINE_BYTES => {
                    self.skip_line(&mut bytes);
                    break bytes.len();
                }
                (_, None) => {}
            }
        };
        if cut < bytes.len() {
            self.rest = bytes.split_off(cut);
        }
        Ok(Some(self.block(bytes)))
    }

    /// Returns what follows the last block and the blanks after it: at least `n` bytes, unless the
    /// stream ends or is blank for a whole chunk.
    pub(super) fn peek(&mut self, n: usize) -> &[u8] {
        if matches!(self.state, State::Middle) && self.rest.trim_ascii_start().len() < n {
            let mut bytes = std::mem::take(&mut self.rest);
            self.fill(&mut bytes);
            self.rest = bytes;
        }
        self.rest.trim_ascii_start()
    }

    /// Returns the rest of the stream from `block` on, which was the last block.
    pub(super) fn into_rest(self, block: LineBlock) -> Rest<R> {
        let LineBlock { mut bytes, .. } = block;
        bytes.extend_from_slice(&self.rest);
        let (fault, input) = match self.state {
            State::Start | State::Middle => (None, Some(self.input)),
            State::End => (None, None),
            State::Broken(error) => (Some(error), None),
        };
        Rest { bytes: Cursor::new(bytes), fault, input }
    }

    /// Reads up to one more chunk.
    fn fill(&mut self, bytes: &mut Vec<u8>) {
        bytes.reserve(self.chunk_bytes);
        // unlike a read into a slice, this does not zero the buffer first
        match self.input.by_ref().take(self.chunk_bytes as u64).read_to_end(bytes) {
            Err(error) => self.state = State::Broken(error),
            Ok(n) if n < self.chunk_bytes => self.state = State::End,
            Ok(_) => {}
        }
    }

    fn skip_byte_order_mark(&mut self) {
        let mut start = [0; 3];
        let (n, error) = read_full(&mut self.input, &mut start);
        self.rest.extend_from_slice(&start[..n]);
        if let Some(error) = error {
            self.state = State::Broken(error);
        }
        if self.rest.starts_with(b"\xef\xbb\xbf") {
            self.rest.drain(..3);
            self.offset = 3;
        }
    }

    /// Skips the rest of a line that is too long; the kept part stays over the limit.
    fn skip_line(&mut self, bytes: &mut Vec<u8>) {
        let mut more = Vec::new();
        while matches!(self.state, State::Middle) {
            more.clear();
            self.fill(&mut more);
            if let Some(end) = memchr::memchr(b'\n', &more) {
                bytes.push(b'\n');
                // later offsets stay those of the stream
                self.offset += end as u64;
                self.rest = more.split_off(end + 1);
                return;
            }
            self.offset += more.len() as u64;
        }
    }

    fn block(&mut self, bytes: Vec<u8>) -> LineBlock {
        let (offset, first_line) = (self.offset, self.line);
        self.offset += bytes.len() as u64;
        self.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        LineBlock { bytes, offset, first_line, is_last: self.rest.is_empty() && matches!(self.state, State::End) }
    }
}

/// Rest of a stream whose next bytes were read in advance.
pub(super) struct Rest<R> {
    bytes: Cursor<Vec<u8>>,
    /// The fault that followed them.
    fault: Option<io::Error>,
    input: Option<R>,
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(buffer)? {
            0 => match (self.fault.take(), &mut self.input) {
                (Some(fault), _) => Err(fault),
                (None, Some(input)) => input.read(buffer),
                (None, None) => Ok(0),
            },
            n => Ok(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reader that returns at most `step` bytes at a time and can fail at the end.
    struct Slow<'a> {
        bytes: &'a [u8],
        step: usize,
        breaks: bool,
    }

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.step.min(buffer.len()).min(self.bytes.len());
            if n == 0 && self.breaks {
                return Err(io::Error::other("broken"));
            }
            buffer[..n].copy_from_slice(&self.bytes[..n]);
            self.bytes = &self.bytes[n..];
            Ok(n)
        }
    }

    fn blocks(input: Slow<'_>, chunk_bytes: usize) -> (Vec<LineBlock>, bool) {
        let mut chunks = Chunks { chunk_bytes, ..Chunks::new(input) };
        let mut blocks = Vec::new();
        loop {
            match chunks.next() {
                Ok(Some(block)) => blocks.push(block),
                Ok(None) => return (blocks, false),
                Err(_) => {
                    assert!(chunks.next().unwrap().is_none(), "an error is the end");
                    return (blocks, true);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_add_up_to_the_stream(
            text in prop::collection::vec(prop::sample::select(b"ab\n\n".to_vec()), 0..60),
            chunk_bytes in 1..20usize,
            step in 1..9usize,
            breaks in any::<bool>(),
        ) {
            let (blocks, broke) = blocks(Slow { bytes: &text, step, breaks }, chunk_bytes);
            prop_assert_eq!(broke, breaks);
            let joined: Vec<u8> = blocks.iter().flat_map(|block| block.bytes.clone()).collect();
            let whole_lines = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            prop_assert_eq!(&joined, if breaks { &text[..whole_lines] } else { &text[..] });
            let (mut offset, mut line) = (0, 0);
            for (idx, block) in blocks.iter().enumerate() {
                prop_assert_eq!((block.offset, block.first_line), (offset, line));
                prop_assert!(idx + 1 == blocks.len() || block.bytes.ends_with(b"\n"));
                prop_assert_eq!(block.is_last, idx + 1 == blocks.len() && !breaks);
                offset += block.bytes.len() as u64;
                line += block.bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        for text in ["\u{feff}a\nb", "\u{feff}", "a"] {
            let (blocks, _) = blocks(Slow { bytes: text.as_bytes(), step: 2, breaks: false }, 2);
            let joined: Vec<u8> = blocks.iter().flat_map(|block| block.bytes.clone()).collect();
            assert_eq!(String::from_utf8(joined).unwrap(), text.trim_start_matches('\u{feff}'));
            let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
            assert_eq!(blocks.first().map(|block| block.offset), Some(mark).filter(|_| !blocks.is_empty()));
        }
    }

    #[test]
    fn a_long_line_is_truncated_and_the_next_lines_are_kept() {
        let mut text = b"{}\n".to_vec();
        text.resize(text.len() + 2 * MAX_LINE_BYTES, b'x');
        let long_end = text.len() as u64;
        text.extend(b"\n{\"a\":1}\n{\"b\":2}");
        let (blocks, _) = blocks(Slow { bytes: &text, step: 1 << 20, breaks: false }, 1 << 22);
        let last = blocks.last().unwrap();
        assert_eq!(last.bytes, b"{\"a\":1}\n{\"b\":2}");
        assert_eq!((last.offset, last.first_line), (long_end + 1, 2));
        let longest = blocks.iter().map(|block| block.bytes.len()).max().unwrap();
        assert!((MAX_LINE_BYTES + 1..MAX_LINE_BYTES + (1 << 23)).contains(&longest));
    }
}
