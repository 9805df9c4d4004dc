//! A file as a stream of lines, whatever its form.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::array::ArrayLines;
use super::parquet_lines::ParquetLines;
use super::stream::Stream;
use crate::runtime::Interrupt;
use crate::sources::{ScanProgress, SourceError};

/// log2 of the largest zstd window that is accepted: what `zstd --long` makes.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Bytes that a file's layout is told from.
const START_BYTES: u64 = 1 << 16;

/// A file, or standard input.
#[derive(Debug)]
pub(super) struct InputFile {
    /// `None`: standard input.
    pub(super) path: Option<PathBuf>,
    /// The index of its events.
    pub(super) name: Arc<str>,
    /// `None`: it can be read once only, as pipes and devices.
    stamp: Option<Stamp>,
}

/// Tells a file that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp { len: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl InputFile {
    /// Checks that a file can be opened and holds lines.
    pub(super) fn inspect(path: Option<PathBuf>) -> Result<Self, SourceError> {
        let Some(path) = path else {
            return Ok(InputFile { path: None, name: "stdin".into(), stamp: None });
        };
        let name = path.display().to_string();
        let open_error = |source| SourceError::Open { name: name.clone(), source };
        let metadata = fs::metadata(&path).map_err(open_error)?;
        let stamp = metadata.is_file().then(|| Stamp::of(&metadata));
        let file = InputFile { name: name.as_str().into(), path: Some(path), stamp };
        if stamp.is_some() {
            // what is broken further on is the scan's to tell
            let mut start = Vec::new();
            let input = Input::open(&file, &Arc::default(), &Arc::default());
            match input.map(|input| input.reader.take(START_BYTES).read_to_end(&mut start)) {
                Err(source) if source.kind() == io::ErrorKind::InvalidData => {
                    return Err(SourceError::Format {
                        name: file.name.to_string(),
                        reason: source.to_string(),
                        cure: "export it again: it is damaged, or something else than its name says",
                    });
                }
                Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => return Err(open_error(source)),
                _ => {}
            }
            file.check_layout(&start)?;
        }
        Ok(file)
    }

    /// Refuses texts that are no lines of JSON, where a tool can make them so.
    fn check_layout(&self, start: &[u8]) -> Result<(), SourceError> {
        let refused = |reason: &str, cure| {
            Err(SourceError::Format { name: self.name.to_string(), reason: reason.to_owned(), cure })
        };
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return refused("it is UTF-16", "convert it with `iconv -f UTF-16 -t UTF-8`");
        }
        if self.layout() == Layout::Any && is_pretty_printed(start) {
            return refused("its events span several lines", "write one per line with `jq -c .`");
        }
        Ok(())
    }

    /// What the name says about the lines.
    fn layout(&self) -> Layout {
        let name = self.path.as_deref().map(|path| path.to_string_lossy().to_lowercase()).unwrap_or_default();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        if name.ends_with(".ndjson") || name.ends_with(".jsonl") { Layout::Lines } else { Layout::Any }
    }

    /// Stored bytes; `None` for what has no size.
    pub(super) fn size(&self) -> Option<u64> {
        self.stamp.map(|stamp| stamp.len)
    }

    /// Opens a plain file for reading at random.
    pub(super) fn reopen(&self) -> Result<File, SourceError> {
        let path = self.path.as_deref().unwrap_or(Path::new("-"));
        let error = |source| SourceError::Open { name: self.name.to_string(), source };
        let file = File::open(path).map_err(error)?;
        let stamp = Stamp::of(&file.metadata().map_err(error)?);
        if self.stamp == Some(stamp) { Ok(file) } else { Err(SourceError::Changed { name: self.name.to_string() }) }
    }
}

/// Whether an object begins on the first line and goes on behind it.
fn is_pretty_printed(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let Some(end) = memchr::memchr(b'\n', start) else { return false };
    let (first, rest) = start.split_at(end);
    // a line that was cut off is followed by the next event
    first.starts_with(b"{")
        && !rest.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_err_and(|error| error.is_eof())
}

/// Names events by their file: its name, or its path where two files share a name.
pub(super) fn named(mut files: Vec<InputFile>) -> Vec<InputFile> {
    let file_name = |file: &InputFile| {
        let name = file.path.as_deref().and_then(Path::file_name);
        name.map(|name| name.to_string_lossy().into_owned())
    };
    let mut uses: HashMap<String, usize> = HashMap::new();
    files.iter().filter_map(file_name).for_each(|name| *uses.entry(name).or_default() += 1);
    for file in &mut files {
        if let Some(name) = file_name(file).filter(|name| uses[name] == 1) {
            file.name = name.into();
        }
    }
    files
}

/// How the events of a stream are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One per line.
    Lines,
    /// One per line, or all in an array.
    Any,
}

/// An open file, as lines.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    is_plain: bool,
}

impl Input {
    /// A stream that keeps its reader waiting ends with an error once `cancel` is set.
    pub(super) fn open(file: &InputFile, progress: &Arc<ScanProgress>, interrupt: &Interrupt) -> io::Result<Self> {
        let input = match (&file.path, file.size()) {
            (Some(path), Some(size)) => return Input::of_file(path, size, file.layout(), progress),
            (Some(path), None) => {
                let path = path.clone();
                Input::from_stream(Stream::start(|| File::open(path), interrupt)?, file.layout(), progress)?
            }
            (None, _) => Input::from_stream(Stream::start(|| Ok(io::stdin()), interrupt)?, Layout::Any, progress)?,
        };
        Ok(Input { is_plain: false, ..input })
    }

    fn of_file(path: &Path, size: u64, layout: Layout, progress: &Arc<ScanProgress>) -> io::Result<Self> {
        let mut stored = File::open(path)?;
        let mut magic = Vec::new();
        Read::by_ref(&mut stored).take(4).read_to_end(&mut magic)?;
        let has_ending = |endings: &[&str]| {
            path.extension().is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
        };
        if magic == PARQUET {
            let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            let reader = ParquetLines::new(stored).map_err(broken)?;
            progress.add_bytes(size);
            return Ok(Input { reader: Box::new(reader), is_plain: false });
        }
        if has_ending(&["parquet"]) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no Parquet file"));
        }
        if size == 0 && has_ending(&["gz", "zst"]) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an empty file is no compressed one"));
        }
        Input::from_stream(Cursor::new(magic).chain(stored), layout, progress)
    }

    /// A stream, decompressed and without the brackets of an array; its content says what it is.
    pub(super) fn from_stream(
        stored: impl Read + Send + 'static,
        layout: Layout,
        progress: &Arc<ScanProgress>,
    ) -> io::Result<Self> {
        let stored = Peeked::new(Counted { reader: stored, progress: Arc::clone(progress) }, PARQUET.len());
        let compression = Compression::of(stored.start());
        let mut reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(stored),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(1 << 16, stored))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::new(stored)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Compression::Unreadable => {
                return Err(io::Error::other("Parquet needs a file that can be read at random"));
            }
        };
        if layout == Layout::Any {
            let whole = Peeked::new(reader, 4096);
            let text = whole.start().strip_prefix(b"\xef\xbb\xbf").unwrap_or(whole.start());
            if text.trim_ascii_start().starts_with(b"[") {
                // its elements have no place in the file
                return Ok(Input { reader: Box::new(ArrayLines::new(whole)), is_plain: false });
            }
            reader = Box::new(whole);
        }
        Ok(Input { reader, is_plain: compression == Compression::None })
    }

    /// Whether offsets in the stream are offsets in the file.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// First bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
    /// Not readable as a stream.
    Unreadable,
}

impl Compression {
    fn of(magic: &[u8]) -> Self {
        match magic {
            PARQUET => Compression::Unreadable,
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // a frame, or one that is to be skipped
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// A stream whose first bytes were looked at.
struct Peeked<R> {
    start: Cursor<Vec<u8>>,
    /// where the stream broke behind them
    fault: Option<io::Error>,
    reader: R,
}

impl<R: Read> Peeked<R> {
    fn new(mut reader: R, n: usize) -> Self {
        let mut start = vec![0; n];
        let (n, fault) = read_full(&mut reader, &mut start);
        start.truncate(n);
        Peeked { start: Cursor::new(start), fault, reader }
    }

    fn start(&self) -> &[u8] {
        self.start.get_ref()
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.start.read(buffer)?, self.fault.take()) {
            (0, None) => self.reader.read(buffer),
            (0, Some(fault)) => Err(fault),
            (n, fault) => {
                self.fault = fault;
                Ok(n)
            }
        }
    }
}

/// Reads until `buffer` is full or the stream ends or breaks; the bytes before a fault count.
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
