//! File formats, one file per format.
//!
//! There are two kinds. A format that is text turns its contents into lines of JSON and leaves the
//! rest to [`text`]. A format that has columns never becomes text: it implements [`Blocks`],
//! [`Block`] and [`Kept`] itself.

mod array;
mod lines;
mod parquet;
mod text;

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::error::ArrowError;

use super::contents::{Contents, without_compression};
use super::file::InputFile;
use crate::event::decode::{Decoder, EventBatch};
use crate::runtime::Interrupt;
use crate::sources::{DocRef, ScanProgress, SourceError};
use crate::spill::{SpillError, Spool};

/// All formats; a file has the first one that recognises it.
const FORMATS: &[&dyn Format] = &[&parquet::Parquet, &array::JsonArray, &lines::JsonLines];

/// A file format.
pub(super) trait Format: Sync {
    /// Endings of the names of its files, in lower case.
    fn endings(&self) -> &'static [&'static str];

    /// True if contents that begin with `start` have this format, in a file whose name has
    /// `ending`.
    fn recognises(&self, start: &[u8], ending: &str) -> bool;

    /// Refuses contents that begin with `start`, in a file whose name has `ending`, if a tool can
    /// convert them.
    fn check(&self, start: &[u8], ending: &str) -> Result<(), Refusal> {
        let _ = (start, ending);
        Ok(())
    }

    /// Starts reading.
    ///
    /// # Errors
    /// Contents of another format, or damaged ones.
    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>>;
}

/// Reason why a file cannot be used, and the cure.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) cure: &'static str,
}

/// Parts of a file, in order.
pub(super) trait Blocks {
    /// Returns the next part. If reading fails, what was read before the fault comes first, then
    /// the error, then nothing.
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>>;
}

/// A part of a file, which is decoded on any thread.
pub(super) trait Block: Send {
    /// Number of its first event in the file, counted from 0: a line or a row.
    fn first_line(&self) -> u64;

    /// Decodes the wanted columns. `name`: index of events that have none.
    ///
    /// # Errors
    /// Fails if Arrow refuses a column.
    fn decode(&self, decoder: &mut Decoder, name: &Arc<str>) -> Result<EventBatch, ArrowError>;

    /// Returns what its documents are read from again.
    ///
    /// # Errors
    /// A copy that cannot be spilled.
    fn keep(self: Box<Self>, spool: &Spool) -> Result<Box<dyn Kept>, SpillError>;
}

/// A part of a file whose documents can be read again.
pub(super) trait Kept: Send + Sync + std::fmt::Debug {
    /// Prepares reading documents of this part of `file`.
    ///
    /// # Errors
    /// A file that has changed or cannot be read.
    fn documents<'a>(&'a self, file: &InputFile, spool: &Spool) -> Result<ReadDocument<'a>, SourceError>;
}

/// Returns the JSON text of a document.
pub(super) type ReadDocument<'a> = Box<dyn Fn(DocRef) -> io::Result<Vec<u8>> + 'a>;

/// Starts reading `file`. A stream that keeps its reader waiting fails once `interrupt` is raised.
///
/// # Errors
/// A file that cannot be opened, and contents that its format refuses.
pub(super) fn open(
    file: &InputFile,
    progress: &Arc<ScanProgress>,
    interrupt: &Interrupt,
) -> io::Result<Box<dyn Blocks>> {
    let contents = Contents::open(file, progress, interrupt)?;
    format_of(contents.start(), &ending_of(file)).open(contents)
}

/// Checks that `file` can be read from its start; faults further on are left to the scan.
///
/// # Errors
/// A file that cannot be opened, or does not have the format that its name says.
pub(super) fn check(file: &InputFile) -> Result<(), SourceError> {
    let name = || file.name.to_string();
    let refused = |reason: String, cure| SourceError::Format { name: name(), reason, cure };
    let checked = Contents::open(file, &Arc::default(), &Interrupt::default()).and_then(|mut contents| {
        let ending = ending_of(file);
        let format = format_of(contents.start(), &ending);
        if let Err(Refusal { reason, cure }) = format.check(contents.start(), &ending) {
            return Ok(Err(refused(reason.to_owned(), cure)));
        }
        contents.take_fault().map_or(Ok(()), Err)?;
        format.open(contents).map(|_| Ok(()))
    });
    match checked {
        Ok(checked) => checked,
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(fault) if fault.kind() == io::ErrorKind::InvalidData => {
            let cure = "export it again: it is damaged, or not in the format that its name says";
            Err(refused(fault.to_string(), cure))
        }
        Err(source) => Err(SourceError::Open { name: name(), source }),
    }
}

/// Returns the format of a file whose name has `ending` and whose contents begin with `start`.
pub(super) fn format_of(start: &[u8], ending: &str) -> &'static dyn Format {
    let recognised = FORMATS.iter().copied().find(|format| format.recognises(start, ending));
    // a file that is not what its name says is refused by that format
    recognised.or_else(|| with_ending(ending)).unwrap_or(&lines::JsonLines)
}

/// Returns the format whose files have names with `ending`.
pub(super) fn with_ending(ending: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.endings().contains(&ending))
}

/// Endings of the names of event files.
pub(super) fn known_endings() -> String {
    let mut endings: Vec<&str> = FORMATS.iter().flat_map(|format| format.endings()).copied().collect();
    endings.sort_unstable();
    endings.dedup();
    endings.iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(" ")
}

/// Returns `text` without a byte order mark and blanks at its start.
fn trimmed_start(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start()
}

fn ending_of(file: &InputFile) -> String {
    file.path.as_deref().map(ending).unwrap_or_default()
}

/// Ending of the name of a file in lower case, without that of compression.
pub(super) fn ending(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = without_compression(&name).unwrap_or(&name);
    name.rsplit_once('.').map(|(_, ending)| ending.to_owned()).unwrap_or_default()
}
