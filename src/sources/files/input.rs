//! Input files of every form, as streams of lines.

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

/// log2 of the largest accepted zstd window: that of `zstd --long`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Bytes at the start of a file from which its layout is recognised.
const START_BYTES: u64 = 1 << 16;

/// File, or standard input.
#[derive(Debug)]
pub(super) struct InputFile {
    /// `None` for standard input.
    pub(super) path: Option<PathBuf>,
    /// Name that its events have as their index.
    pub(super) name: Arc<str>,
    /// `None` if it can be read only once, like pipes and devices.
    stamp: Option<Stamp>,
}

/// Size and time by which a changed file is recognised.
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
    /// Checks that a file can be opened and contains lines.
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
            // faults further on are reported by the scan
            let mut start = Vec::new();
            let input = Input::open(&file, &Arc::default(), &Interrupt::default());
            match input.map(|input| input.reader.take(START_BYTES).read_to_end(&mut start)) {
                Err(source) if source.kind() == io::ErrorKind::InvalidData => {
                    return Err(SourceError::Format {
                        name: file.name.to_string(),
                        reason: source.to_string(),
                        cure: "export it again: it is damaged, or not in the format that its name says",
                    });
                }
                Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => return Err(open_error(source)),
                _ => {}
            }
            file.check_layout(&start)?;
        }
        Ok(file)
    }

    /// Refuses text that is not lines of JSON but can be converted with a tool.
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

    /// Returns the layout implied by the name.
    fn layout(&self) -> Layout {
        let name = self.path.as_deref().map(|path| path.to_string_lossy().to_lowercase()).unwrap_or_default();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        if name.ends_with(".ndjson") || name.ends_with(".jsonl") { Layout::Lines } else { Layout::Any }
    }

    /// Returns the stored size in bytes; `None` if it is not a regular file.
    pub(super) fn size(&self) -> Option<u64> {
        self.stamp.map(|stamp| stamp.len)
    }

    /// Opens a plain file for random access.
    pub(super) fn reopen(&self) -> Result<File, SourceError> {
        let path = self.path.as_deref().unwrap_or(Path::new("-"));
        let error = |source| SourceError::Open { name: self.name.to_string(), source };
        let file = File::open(path).map_err(error)?;
        let stamp = Stamp::of(&file.metadata().map_err(error)?);
        if self.stamp == Some(stamp) { Ok(file) } else { Err(SourceError::Changed { name: self.name.to_string() }) }
    }
}

/// True if an object begins on the first line and continues on the next.
fn is_pretty_printed(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let Some(end) = memchr::memchr(b'\n', start) else { return false };
    let (first, rest) = start.split_at(end);
    // a truncated line is followed by the next event
    first.starts_with(b"{")
        && !rest.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_err_and(|error| error.is_eof())
}

/// Names each file by its file name, or by its path if two files share a name.
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

/// Layouts of events in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One event per line.
    Lines,
    /// One event per line, or all of them in an array.
    Any,
}

/// Open file, read as lines.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    is_plain: bool,
}

impl Input {
    /// Opens a file. A stream that keeps its reader waiting fails once `interrupt` is raised.
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
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a Parquet file"));
        }
        if size == 0 && has_ending(&["gz", "zst"]) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is empty, so it is not valid gzip or zstd",
            ));
        }
        Input::from_stream(Cursor::new(magic).chain(stored), layout, progress)
    }

    /// Wraps a stream: decompresses it and removes the brackets of an array; both are recognised by
    /// content.
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
                return Err(io::Error::other("Parquet needs random access: write it to a file first"));
            }
        };
        if layout == Layout::Any {
            let whole = Peeked::new(reader, 4096);
            let text = whole.start().strip_prefix(b"\xef\xbb\xbf").unwrap_or(whole.start());
            if text.trim_ascii_start().starts_with(b"[") {
                // its elements have no offsets in the file
                return Ok(Input { reader: Box::new(ArrayLines::new(whole)), is_plain: false });
            }
            reader = Box::new(whole);
        }
        Ok(Input { reader, is_plain: compression == Compression::None })
    }

    /// True if offsets in the stream are offsets in the file.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

const PARQUET: &[u8] = b"PAR1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
    /// Recognised but not readable as a stream.
    Unreadable,
}

impl Compression {
    fn of(magic: &[u8]) -> Self {
        match magic {
            PARQUET => Compression::Unreadable,
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // a frame, or one to be skipped
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// Stream whose first bytes were read in advance.
struct Peeked<R> {
    start: Cursor<Vec<u8>>,
    /// the fault that followed them
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
