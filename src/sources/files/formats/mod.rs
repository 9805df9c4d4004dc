//! File formats, one file per format.
//!
//! They differ in what they give. JSON gives lines of JSON and leaves the rest to [`text`]. CSV and
//! Zeek's format give records of cells, which [`table`] decodes. Event logs give chunks of their
//! own ([`evtx`]), of which they render the wanted fields. Parquet gives rows of Arrow arrays, of
//! which it reads the wanted columns ([`parquet`]).

mod cells;
mod columns;
mod csv;
mod evtx;
mod json;
mod packed;
mod parquet;
mod table;
mod text;
mod zeek;

use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::error::ArrowError;

use self::cells::BeyondLimit;
use super::contents::{Contents, Start, without_compression};
use super::file::InputFile;
use crate::event::decode::{Decoder, EventBatch, Projection};
use crate::runtime::Interrupt;
use crate::sources::{DocRef, OutsideWindows, ScanProgress, SourceError};
use crate::spill::{SpillError, Spool};

/// All formats. See [`recognised`] for the one that a file has.
const FORMATS: &[&dyn Format] = &[&parquet::Parquet, &evtx::Evtx, &zeek::Zeek, &csv::Csv, &json::Json];

/// A file format.
pub(super) trait Format: Sync {
    /// Endings of the names of its files, in lower case. They matter only if the contents leave
    /// doubt.
    fn endings(&self) -> &'static [&'static str];

    /// Judges by its start whether a file has this format.
    fn recognises(&self, start: Start<'_>) -> Fit;

    /// Returns a reason to doubt that all events are read that are meant, if there is one.
    fn doubt(&self, _start: Start<'_>) -> Option<String> {
        None
    }

    /// Starts reading.
    ///
    /// # Errors
    /// Contents of another format, or damaged ones.
    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>>;
}

/// Degree to which contents fit a format.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fit {
    /// They have the format: no other one is asked.
    Sure,
    /// They may have the format: it reads the file if no other is sure. The ending of its name
    /// decides between several such formats, then their order.
    Perhaps,
    /// They may have the format: it reads the file if no other may, by contents or name.
    Doubtful,
    /// They do not have the format.
    No,
    /// They have the format, but hold no events, or not in a form that is read.
    Refused(Refusal),
}

/// Reason why a file is not read, and the cure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) cure: &'static str,
    pub(super) holds: Holds,
}

/// Loss if a file is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Nothing: the file holds something else.
    NoEvents,
    /// Perhaps events.
    PerhapsEvents,
}

/// Parts of a file, in order.
pub(super) trait Blocks {
    /// Says what will be decoded, before the first part is read. Formats that store columns read no
    /// others, and of rows `outside` of all windows only what is needed.
    fn want(&mut self, _projection: &Projection, _outside: Option<&OutsideWindows>) {}

    /// Checks more of the start of the file than opening it did.
    ///
    /// # Errors
    /// Damaged contents.
    fn probe(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Returns the next part. If reading fails, what was read before the fault comes first, then
    /// the error, then nothing.
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>>;
}

/// A part of a file, which is decoded on any thread.
pub(super) trait Block: Send {
    /// Number of its first event in the file, counted from 0: a line or a row.
    fn first_line(&self) -> u64;

    /// Bytes of memory that it takes.
    fn n_bytes(&self) -> usize;

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
    /// Prepares reading the documents at `places` in this part of `file`.
    ///
    /// # Errors
    /// A file that has changed or cannot be read.
    fn documents<'a>(
        &'a self,
        file: &InputFile,
        spool: &Spool,
        places: &[DocRef],
    ) -> Result<ReadDocument<'a>, SourceError>;
}

/// Returns the JSON text of a document. Invalid data is a document whose place is damaged, though
/// its wanted columns are not.
pub(super) type ReadDocument<'a> = Box<dyn Fn(DocRef) -> io::Result<Vec<u8>> + 'a>;

/// Starts reading `file`. Also returns a reason to doubt that all of its events are read. A stream
/// that keeps its reader waiting fails once `interrupt` is raised.
///
/// # Errors
/// A file that cannot be opened, and contents that its format refuses.
pub(super) fn open(
    file: &InputFile,
    progress: &Arc<ScanProgress>,
    interrupt: &Interrupt,
) -> io::Result<(Box<dyn Blocks>, Option<String>)> {
    let contents = Contents::open(file, progress, interrupt)?;
    // what a stream holds is known only now
    let refused =
        |Refusal { reason, cure, .. }| io::Error::new(io::ErrorKind::InvalidData, format!("{reason}; {cure}"));
    let format = recognised(contents.start(), &ending_of(file)).map_err(refused)?;
    let doubt = format.doubt(contents.start());
    Ok((format.open(contents)?, doubt))
}

/// Checks that `file` can be read from its start; faults further on are left to the scan.
///
/// # Errors
/// A file that cannot be opened, in which no events are recognised, or whose form is not read.
pub(super) fn check(file: &InputFile) -> Result<(), SourceError> {
    let name = || file.name.to_string();
    let refused = |reason: String, cure| SourceError::Format { name: name(), reason, cure };
    let checked = Contents::open(file, &Arc::default(), &Interrupt::default()).and_then(|mut contents| {
        match recognised(contents.start(), &ending_of(file)) {
            // what follows the fault may be events
            Err(_) if contents.has_fault() => contents.take_fault().map_or(Ok(Ok(())), Err),
            Err(Refusal { reason, cure, holds: Holds::NoEvents }) => {
                Ok(Err(SourceError::NoEvents { name: name(), reason, cure }))
            }
            Err(Refusal { reason, cure, .. }) => Ok(Err(refused(reason.to_owned(), cure))),
            Ok(format) => {
                if contents.start().bytes.is_empty() {
                    contents.take_fault().map_or(Ok(()), Err)?;
                }
                format.open(contents)?.probe().map(Ok)
            }
        }
    });
    match checked {
        Ok(checked) => checked,
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(fault) if fault.kind() == io::ErrorKind::InvalidData => {
            if let Some(BeyondLimit { reason, cure }) = fault.get_ref().and_then(|limit| limit.downcast_ref()) {
                return Err(refused(reason.clone(), cure));
            }
            let cure = "export it again: it is damaged, or not in the format that its name says";
            Err(refused(fault.to_string(), cure))
        }
        Err(source) => Err(SourceError::Open { name: name(), source }),
    }
}

/// Returns the format of a file that begins with `start`: the first that is sure, else one that may
/// fit, else the one whose files have names with `ending`.
///
/// # Errors
/// Contents that hold no events, or not in a form that is read.
pub(super) fn recognised(start: Start<'_>, ending: &str) -> Result<&'static dyn Format, Refusal> {
    if let Some(refusal) = packed::refusal(start) {
        return Err(refusal);
    }
    let has_ending = |format: &&dyn Format| format.endings().contains(&ending);
    let named = || FORMATS.iter().copied().find(has_ending);
    if start.bytes.is_empty() {
        return Ok(named().unwrap_or(&json::Json));
    }
    let mut candidates: Vec<&'static dyn Format> = Vec::new();
    let mut doubtful = None;
    for format in FORMATS.iter().copied() {
        match format.recognises(start) {
            Fit::Sure => return Ok(format),
            Fit::Refused(refusal) => return Err(refusal),
            Fit::Perhaps => candidates.push(format),
            Fit::Doubtful => doubtful = doubtful.or(Some(format)),
            Fit::No => {}
        }
    }
    let candidate = candidates.iter().copied().find(has_ending).or(candidates.first().copied());
    // a file that is not what its name says is refused, or skipped in part, by that format
    candidate.or_else(named).or(doubtful).ok_or(NOTHING_RECOGNISED)
}

/// Refusal of contents that no format recognises.
const NOTHING_RECOGNISED: Refusal = Refusal {
    reason: "no events were recognised in it",
    cure: "see docs/input.md for the forms that are read",
    holds: Holds::NoEvents,
};

/// Returns `text` without a byte order mark and blanks at its start.
fn trimmed_start(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start()
}

fn ending_of(file: &InputFile) -> String {
    file.path.as_deref().map(ending).unwrap_or_default()
}

/// Ending of the name of a file in lower case, without that of compression and the number or date
/// of rotation.
fn ending(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = without_compression(&name).unwrap_or(&name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'));
    name.rsplit_once('.').map(|(_, ending)| ending.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_leaves_the_ending() {
        for (name, expected) in [
            ("a.CSV", "csv"),
            ("a.csv.gz", "csv"),
            ("a.csv.1", "csv"),
            ("a.log.2024-05-01.gz", "log"),
            ("a.evtx-20240501", "evtx"),
            ("a.1", ""),
            ("a", ""),
        ] {
            assert_eq!(ending(Path::new(name)), expected, "{name}");
        }
    }
}
