//! Lines of JSON, one event or exported hit per line.

use std::io;

use super::text::{Keeping, TextBlocks};
use super::{Blocks, Fit, Format, Holds, Refusal, Start, trimmed_start};
use crate::sources::files::contents::Contents;

const UTF_16: Refusal =
    Refusal { reason: "it is UTF-16", cure: "convert it with `iconv -f UTF-16 -t UTF-8`", holds: Holds::PerhapsEvents };

pub(super) struct JsonLines;

impl Format for JsonLines {
    fn endings(&self) -> &'static [&'static str] {
        &["ndjson", "jsonl", "json"]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        if start.bytes.starts_with(b"\xff\xfe") || start.bytes.starts_with(b"\xfe\xff") {
            return Fit::Refused(UTF_16);
        }
        let is_object = |line: &[u8]| line.trim_ascii_start().starts_with(b"{");
        if trimmed_start(start.bytes).split(|byte| *byte == b'\n').any(is_object) { Fit::Sure } else { Fit::No }
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        let keeping = if contents.is_plain() { Keeping::InFile } else { Keeping::InCopies };
        Ok(Box::new(TextBlocks::new(contents, keeping)))
    }
}
