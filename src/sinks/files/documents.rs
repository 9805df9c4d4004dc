//! Documents with their outliers as lines of JSON: `{"_index","_id","_source"}`.

use std::io::{self, BufWriter, Write};

use tempfile::NamedTempFile;

use super::sorted::{FilePart, Form};
use crate::delivery::Delivered;
use crate::elastic::DocumentId;

/// One line per document.
#[derive(Debug)]
pub(super) struct DocumentLines {
    file: BufWriter<NamedTempFile>,
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
            let [index, id] = [serde_json::to_string(index)?, serde_json::to_string(id)?];
            let source = document.whole()?;
            Ok(vec![FilePart::line(format!("{{\"_index\":{index},\"_id\":{id},\"_source\":{source}}}\n"))])
        }
    }

    fn write(&mut self, FilePart(lines): FilePart) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.file.write_all(line.as_bytes()))
    }

    fn finish(self) -> io::Result<NamedTempFile> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}
