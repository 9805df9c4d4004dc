//! Contents of files and streams, decompressed. Compression is recognised by content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use flate2::bufread::GzDecoder;

use super::file::InputFile;
use super::stream::Stream;
use crate::runtime::Interrupt;
use crate::sources::ScanProgress;

/// log2 of the largest accepted zstd window: that of `zstd --long`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Bytes at the start from which compression and format are recognised.
const START_BYTES: usize = 1 << 16;

/// First bytes of a file, decompressed: up to 64 KiB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'a> {
    /// The bytes, with a byte order mark if there is one.
    pub(super) bytes: &'a [u8],
    /// True if they are all of the contents.
    pub(super) is_whole: bool,
}

/// Contents of a file, whose first bytes were read in advance.
pub(super) struct Contents {
    start: Cursor<Vec<u8>>,
    /// The fault that followed them.
    fault: Option<io::Error>,
    rest: Box<dyn Read + Send>,
    plain: Option<PlainFile>,
    interrupt: Interrupt,
}

/// A regular file that is not compressed.
struct PlainFile {
    path: PathBuf,
    size: u64,
    progress: Arc<ScanProgress>,
}

impl Contents {
    /// Opens a file. Reading it fails once `interrupt` is raised.
    pub(super) fn open(file: &InputFile, progress: &Arc<ScanProgress>, interrupt: &Interrupt) -> io::Result<Self> {
        let Some(path) = file.path.clone() else {
            return Contents::of_stream(Stream::start(|| Ok(io::stdin()), interrupt)?, progress, interrupt);
        };
        let Some(size) = file.size() else {
            return Contents::of_stream(Stream::start(|| File::open(path), interrupt)?, progress, interrupt);
        };
        if size == 0 && without_compression(&path.to_string_lossy().to_lowercase()).is_some() {
            let reason = "the file is empty, so it is not valid gzip or zstd";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        let contents = Contents::stored(File::open(&path)?, progress, interrupt);
        let plain = PlainFile { path, size, progress: Arc::clone(progress) };
        Contents { plain: Some(plain), ..contents }.decompressed()
    }

    /// Opens a stream. Reading it fails once `interrupt` is raised.
    pub(super) fn of_stream(
        stored: impl Read + Send + 'static,
        progress: &Arc<ScanProgress>,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        Contents::stored(stored, progress, interrupt).decompressed()
    }

    fn stored(stored: impl Read + Send + 'static, progress: &Arc<ScanProgress>, interrupt: &Interrupt) -> Self {
        Contents::peek(Box::new(Counted { reader: stored, progress: Arc::clone(progress) }), interrupt)
    }

    fn peek(mut rest: Box<dyn Read + Send>, interrupt: &Interrupt) -> Self {
        let mut start = vec![0; START_BYTES];
        let (n, fault) = read_full(&mut rest, &mut start);
        start.truncate(n);
        Contents { start: Cursor::new(start), fault, rest, plain: None, interrupt: interrupt.clone() }
    }

    fn decompressed(self) -> io::Result<Self> {
        let interrupt = self.interrupt.clone();
        match self.start.get_ref()[..] {
            [0x1f, 0x8b, ..] => {
                let stored = BufReader::with_capacity(1 << 16, self);
                Ok(Contents::peek(Box::new(Gzip { member: Some(GzDecoder::new(stored)) }), &interrupt))
            }
            // a frame, or one to be skipped
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let mut decoder = zstd::Decoder::new(self)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Ok(Contents::peek(Box::new(decoder), &interrupt))
            }
            _ => Ok(self),
        }
    }

    /// First bytes, by which formats are recognised.
    pub(super) fn start(&self) -> Start<'_> {
        let bytes = self.start.get_ref();
        Start { bytes, is_whole: bytes.len() < START_BYTES && self.fault.is_none() }
    }

    /// True if a fault ends the first bytes.
    pub(super) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// Takes the fault that ends the first bytes, if there is one.
    pub(super) fn take_fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    /// True if offsets in the contents are offsets in a regular file.
    pub(super) fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// Returns the path of the file, for formats that need random access; `None` for streams and
    /// compressed files. All of it counts as read.
    pub(super) fn into_path(self) -> Option<PathBuf> {
        let PlainFile { path, size, progress } = self.plain?;
        progress.add_bytes(size.saturating_sub(self.start.get_ref().len() as u64));
        Some(path)
    }
}

impl Read for Contents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check().map_err(io::Error::other)?;
        match (self.start.read(buffer)?, self.fault.take()) {
            (0, None) => self.rest.read(buffer),
            (0, Some(fault)) => Err(fault),
            (n, fault) => {
                self.fault = fault;
                Ok(n)
            }
        }
    }
}

/// Returns a name in lower case without the ending of compression; `None` if it has none.
pub(super) fn without_compression(name: &str) -> Option<&str> {
    [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|ending| name.strip_suffix(ending))
}

/// Reads until `buffer` is full or the stream ends or fails; also returns the bytes before a fault.
pub(super) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut n = 0;
    while n < buffer.len() {
        match reader.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (n, Some(error)),
        }
    }
    (n, None)
}

/// Members of a gzip file, one after the other, and the zeros with which tapes and copies are
/// padded.
struct Gzip<R> {
    /// `None` after the last one.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    /// Moves to the next member, if there is one.
    fn advance(&mut self) -> io::Result<()> {
        let Some(mut stored) = self.member.take().map(GzDecoder::into_inner) else { return Ok(()) };
        loop {
            let bytes = stored.fill_buf()?;
            let n_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let is_end = bytes.is_empty();
            if is_end || n_zeros < bytes.len() {
                stored.consume(n_zeros);
                self.member = (!is_end).then(|| GzDecoder::new(stored));
                return Ok(());
            }
            stored.consume(n_zeros);
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // the decoder calls bytes invalid as if they were arguments
        let damaged = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => io::Error::new(io::ErrorKind::InvalidData, error),
            _ => error,
        };
        while let Some(member) = &mut self.member {
            let n = member.read(buffer).map_err(damaged)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            self.advance()?;
        }
        Ok(0)
    }
}

struct Counted<R> {
    reader: R,
    progress: Arc<ScanProgress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.progress.add_bytes(n as u64);
        Ok(n)
    }
}
