//! Documents with their outliers as lines of JSON: `{"_index","_id","_source"}`.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::sorted::{FilePart, Form};
use crate::delivery::Delivered;
use crate::elastic::DocumentId;

/// One line per document.
#[derive(Debug)]
pub(super) struct DocumentLines {
    file: BufWriter<NamedTempFile>,
}

#[derive(Serialize)]
struct Line<'a> {
    _index: &'a str,
    _id: &'a str,
    _source: &'a serde_json::Map<String, serde_json::Value>,
}

impl DocumentLines {
    pub(super) fn start(file: NamedTempFile) -> Self {
        DocumentLines { file: BufWriter::new(file) }
    }
}

impl Form for DocumentLines {
    fn encoder(&self) -> impl Fn(&Delivered) -> serde_json::Result<Vec<FilePart>> + Sync {
        |document| {
            let DocumentId { index, id, .. } = &document.id;
            let mut line = serde_json::to_string(&Line { _index: index, _id: id, _source: &document.source })?;
            line.push('\n');
            Ok(vec![FilePart::line(line)])
        }
    }

    fn write(&mut self, FilePart(lines): FilePart) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.file.write_all(line.as_bytes()))
    }

    fn finish(self) -> io::Result<NamedTempFile> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}
