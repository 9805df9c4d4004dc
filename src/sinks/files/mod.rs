//! Files of outliers: whole documents as lines of JSON, or a table with a row per outlier. Their
//! order is that of index and id. Files of findings are sorted by score.

mod csv;
mod documents;
mod findings;
mod parquet;
mod place;
mod rows;
mod sorted;

use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::OutputFormat;
use crate::delivery::{Sink, SinkError};
use csv::CsvRows;
use documents::DocumentLines;
use parquet::ParquetRows;
use sorted::SortedFile;

pub use csv::{header as csv_header, record as csv_record};
pub use findings::{FindingsFile, create_findings};
pub use place::{check_writable, is_standard_output, write_whole};
pub use rows::{CellKind, Column, Timestamps};

/// Starts a file; fails at once if it could not be written at the end. What is written to a stream
/// is kept in `spill_dir` until then, and so is what one index and id has too much of.
///
/// # Errors
/// A place that cannot be written.
pub fn create(path: &Path, format: OutputFormat, spill_dir: &Path) -> Result<OutlierFile, SinkError> {
    let file = place::beside(path, spill_dir).map_err(SinkError::new(path))?;
    Ok(OutlierFile { path: path.to_owned(), format, spill_dir: spill_dir.to_owned(), file })
}

/// A file in which nothing is written yet.
#[derive(Debug)]
pub struct OutlierFile {
    path: PathBuf,
    format: OutputFormat,
    spill_dir: PathBuf,
    file: NamedTempFile,
}

impl OutlierFile {
    /// Returns the sink that writes the file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn into_sink(self, timestamps: Timestamps) -> Result<Box<dyn Sink>, SinkError> {
        let cannot_write = SinkError::new(&self.path);
        self.start(timestamps).map_err(cannot_write)
    }

    fn start(self, timestamps: Timestamps) -> io::Result<Box<dyn Sink>> {
        let OutlierFile { path, format, spill_dir, file } = self;
        Ok(match format {
            OutputFormat::Ndjson => Box::new(SortedFile::new(&path, DocumentLines::start(file), &spill_dir)),
            OutputFormat::Csv => Box::new(SortedFile::new(&path, CsvRows::start(file, timestamps)?, &spill_dir)),
            OutputFormat::Parquet => {
                Box::new(SortedFile::new(&path, ParquetRows::start(file, timestamps)?, &spill_dir))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::delivery::Delivered;
    use crate::elastic::{DocumentId, DocumentVersion};

    fn document(index: &str, id: &str, n: u64) -> Delivered {
        let text = json!({ "n": n }).to_string();
        let id = DocumentId { index: index.to_owned(), id: id.to_owned(), routing: None };
        let (new, known) = (Vec::new(), Vec::new());
        Delivered { id, version: DocumentVersion::NONE, changed: Vec::new(), text, new, known }
    }

    fn written(blocks: &[&[Delivered]]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson");
        let file = create(&path, OutputFormat::Ndjson, folder.path()).unwrap();
        let mut file = file.into_sink(Timestamps::default()).unwrap();
        blocks.iter().for_each(|block| file.deliver(block).unwrap());
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_of_one_id_are_sorted_by_their_text() {
        let sorted = [document("a", "1", 1), document("a", "2", 0), document("b", "0", 5), document("b", "0", 7)];
        let other = [document("a", "1", 1), document("a", "2", 0), document("b", "0", 7), document("b", "0", 5)];
        let expected = written(&[&sorted]);
        assert_eq!(written(&[&other]), expected);
        // the lines of one id may come in two blocks
        assert_eq!(written(&[&other[..3], &other[3..]]), expected);
        assert!(expected.starts_with(r#"{"_index":"a","_id":"1","_source":{"n":1}}"#));
    }

    #[test]
    fn lines_of_one_id_do_not_gather_in_memory() {
        let padding = "x".repeat(1 << 20);
        let documents: Vec<Delivered> = [50, 20, 40, 10, 30]
            .iter()
            .flat_map(|start| (*start..start + 10).rev())
            .map(|n| {
                let mut document = document("a", "1", n);
                document.text = json!({ "n": n, "padding": padding }).to_string();
                document
            })
            .collect();
        let numbers = |text: &str| -> Vec<u64> {
            let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["_source"]["n"].as_u64();
            text.lines().filter_map(number).collect()
        };
        assert_eq!(numbers(&written(&documents.chunks(7).collect::<Vec<_>>())), (10..60).collect::<Vec<_>>());
        let folder = tempfile::tempdir().unwrap();
        let (path, missing) = (folder.path().join("out.ndjson"), folder.path().join("missing"));
        let file = create(&path, OutputFormat::Ndjson, &missing).unwrap();
        let mut file = file.into_sink(Timestamps::default()).unwrap();
        let error = file.deliver(&documents).unwrap_err();
        assert!(matches!(error, crate::delivery::DeliveryError::Spill(_)), "{error}");
    }

    #[test]
    fn a_path_that_cannot_be_written_is_reported_at_once() {
        for path in ["/nonexistent/folder/out.ndjson", "/"] {
            let error = create(Path::new(path), OutputFormat::Ndjson, Path::new("/tmp")).unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
