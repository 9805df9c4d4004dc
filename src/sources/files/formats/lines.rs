//! Lines of JSON, one event or exported hit per line.

use std::io;

use super::text::{Keeping, TextBlocks};
use super::{Blocks, Format, Refusal, trimmed_start};
use crate::sources::files::contents::Contents;

/// Endings of files that have nothing but lines, whatever they begin with.
pub(super) const ONLY_LINES: [&str; 2] = ["ndjson", "jsonl"];

pub(super) struct JsonLines;

impl Format for JsonLines {
    fn endings(&self) -> &'static [&'static str] {
        &["ndjson", "jsonl", "json"]
    }

    fn recognises(&self, _: &[u8], ending: &str) -> bool {
        self.endings().contains(&ending)
    }

    fn check(&self, start: &[u8], ending: &str) -> Result<(), Refusal> {
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Refusal { reason: "it is UTF-16", cure: "convert it with `iconv -f UTF-16 -t UTF-8`" });
        }
        if !ONLY_LINES.contains(&ending) && is_pretty_printed(start) {
            return Err(Refusal { reason: "its events span several lines", cure: "write one per line with `jq -c .`" });
        }
        Ok(())
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        let keeping = if contents.is_plain() { Keeping::InFile } else { Keeping::InCopies };
        Ok(Box::new(TextBlocks::new(contents, keeping)))
    }
}

/// True if an object begins on the first line and continues on the next.
fn is_pretty_printed(start: &[u8]) -> bool {
    let start = trimmed_start(start);
    let Some(end) = memchr::memchr(b'\n', start) else { return false };
    let (first, rest) = start.split_at(end);
    // a truncated line is followed by the next event
    first.starts_with(b"{")
        && !rest.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_err_and(|error| error.is_eof())
}
