//! Logs of Zeek: tab-separated lines under a header that declares separators, names and types. A
//! file may have several headers, one after the other.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::cells::{invalid, is_json_number, push_text, push_value};
use super::columns::{Columns, Dialect, Split};
use super::table::TableBlock;
use super::text::{Chunks, Keeping, LineBlock};
use super::{Block, Blocks, Fit, Format, Start, trimmed_start};
use crate::sources::files::contents::Contents;

pub(super) struct Zeek;

impl Format for Zeek {
    fn endings(&self) -> &'static [&'static str] {
        &[]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        let start = trimmed_start(start.bytes);
        let is_header = start.starts_with(b"#separator ") || start.starts_with(b"#fields\t");
        if is_header { Fit::Sure } else { Fit::No }
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        let keeping = if contents.is_plain() { Keeping::InFile } else { Keeping::InCopies };
        let header = Header { separator: b'\t', ..Header::default() };
        let (lines, dialect) = (Chunks::new(contents), Arc::new(header.dialect()?));
        let current = LineBlock { bytes: Vec::new(), offset: 0, first_line: 0, is_last: false };
        Ok(Box::new(ZeekBlocks { lines, keeping, header, dialect, current, at: 0 }))
    }
}

struct ZeekBlocks {
    lines: Chunks<Contents>,
    keeping: Keeping,
    header: Header,
    /// The header as it applies to the next record.
    dialect: Arc<ZeekDialect>,
    /// Lines under way.
    current: LineBlock,
    /// Position of the next of them.
    at: usize,
}

impl Blocks for ZeekBlocks {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        loop {
            if self.at >= self.current.bytes.len() {
                let Some(lines) = self.lines.next()? else { return Ok(None) };
                (self.current, self.at) = (lines, 0);
            }
            self.read_header()?;
            let lines = self.records();
            if !lines.bytes.is_empty() {
                let (keeping, dialect) = (self.keeping, Arc::clone(&self.dialect));
                return Ok(Some(Box::new(TableBlock { lines, keeping, dialect })));
            }
        }
    }
}

impl ZeekBlocks {
    /// Reads the header lines that come next.
    fn read_header(&mut self) -> io::Result<()> {
        let mut has_changed = false;
        while let Some(rest) = self.current.bytes.get(self.at..).filter(|rest| rest.starts_with(b"#")) {
            let line_end = memchr::memchr(b'\n', rest).map_or(rest.len(), |n| n + 1);
            let line = &rest[..line_end];
            has_changed |= self.header.read_line(without_line_end(line))?;
            self.take(line_end);
        }
        if has_changed {
            self.dialect = Arc::new(self.header.dialect()?);
        }
        Ok(())
    }

    /// Takes the records up to the next header line.
    fn records(&mut self) -> LineBlock {
        let LineBlock { offset, first_line, is_last, .. } = self.current;
        let rest = &self.current.bytes[self.at..];
        let end = Finder::new(b"\n#").find(rest).map(|n| n + 1);
        let (bytes, is_last) = match end {
            Some(end) => (rest[..end].to_vec(), false),
            // the usual case copies nothing
            None if self.at == 0 => (std::mem::take(&mut self.current.bytes), is_last),
            None => (rest.to_vec(), is_last),
        };
        self.take(end.unwrap_or(bytes.len()));
        LineBlock { bytes, offset, first_line, is_last }
    }

    /// Moves past whole lines.
    fn take(&mut self, length: usize) {
        let taken = self.current.bytes.get(self.at..self.at + length).unwrap_or_default();
        self.current.first_line += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.current.offset += length as u64;
        self.at += length;
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Declarations of the header lines so far.
#[derive(Debug, Default)]
struct Header {
    separator: u8,
    set_separator: Option<String>,
    empty_field: Option<String>,
    unset_field: Option<String>,
    path: Option<String>,
    fields: Vec<String>,
    types: Vec<String>,
}

impl Header {
    /// Reads a header line; false if it changes nothing. Comments and lines like `#open` do not.
    fn read_line(&mut self, line: &[u8]) -> io::Result<bool> {
        let line = std::str::from_utf8(line).map_err(|_| invalid("a line of its header is not UTF-8"))?;
        if let Some(separator) = line.strip_prefix("#separator ") {
            self.separator = match unescaped(separator.trim_start()).as_bytes() {
                &[separator] if separator.is_ascii() && separator != b'\n' => separator,
                _ => return Err(invalid("its #separator is not a single character of ASCII")),
            };
            return Ok(true);
        }
        let mut parts = line.split(char::from(self.separator));
        let name = parts.next().unwrap_or_default();
        let mut value = || parts.next().map(unescaped);
        match name {
            "#set_separator" => self.set_separator = value().filter(|separator| !separator.is_empty()),
            "#empty_field" => self.empty_field = value(),
            "#unset_field" => self.unset_field = value(),
            "#path" => self.path = value(),
            "#fields" => {
                self.fields = parts.map(unescaped).collect();
                self.types.clear();
            }
            "#types" => self.types = parts.map(str::to_owned).collect(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn dialect(&self) -> io::Result<ZeekDialect> {
        let mut columns = Columns::new(self.fields.iter().map(String::as_str))?;
        if let Some(path) = self.path.as_deref().filter(|path| !path.is_empty() && !self.fields.is_empty()) {
            columns.add_constant("_path", path);
        }
        let type_of = |idx: usize| self.types.get(idx).map_or(CellType::ByValue, |name| CellType::named(name));
        let text = |written: &Option<String>, default: &str| written.clone().unwrap_or_else(|| default.to_owned());
        Ok(ZeekDialect {
            separator: self.separator,
            set_separator: text(&self.set_separator, ","),
            empty_field: text(&self.empty_field, "(empty)"),
            unset_field: text(&self.unset_field, "-"),
            types: (0..self.fields.len()).map(type_of).collect(),
            columns,
        })
    }
}

/// Separators, columns and types of the records under a header.
#[derive(Debug)]
struct ZeekDialect {
    separator: u8,
    set_separator: String,
    empty_field: String,
    unset_field: String,
    types: Vec<CellType>,
    columns: Columns,
}

/// JSON type of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellType {
    Scalar(ScalarType),
    List(ScalarType),
    /// No type is declared.
    ByValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScalarType {
    Number,
    Bool,
    Text,
}

impl CellType {
    fn named(name: &str) -> Self {
        let element = ["set[", "vector[", "table["].into_iter().find_map(|start| name.strip_prefix(start));
        match element {
            Some(element) => CellType::List(ScalarType::named(element.trim_end_matches(']'))),
            None => CellType::Scalar(ScalarType::named(name)),
        }
    }
}

impl ScalarType {
    fn named(name: &str) -> Self {
        match name {
            "time" | "interval" | "double" | "count" | "int" | "port" => ScalarType::Number,
            "bool" => ScalarType::Bool,
            _ => ScalarType::Text,
        }
    }

    /// Appends a value; one that is not of its type stays a text.
    fn write(self, text: &str, out: &mut String) {
        match (self, text) {
            (ScalarType::Bool, "T") => out.push_str("true"),
            (ScalarType::Bool, "F") => out.push_str("false"),
            (ScalarType::Number, number) if is_json_number(number) => out.push_str(number),
            (_, text) if memchr::memchr(b'\\', text.as_bytes()).is_none() => push_text(text, out),
            (_, text) => push_text(&unescaped(text), out),
        }
    }
}

impl Dialect for ZeekDialect {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn split(&self, text: &[u8], cells: &mut Vec<Range<usize>>) -> Split {
        let mut start = 0;
        let (end, next) = loop {
            match memchr::memchr2(self.separator, b'\n', &text[start..]) {
                Some(n) if text[start + n] == self.separator => {
                    cells.push(start..start + n);
                    start += n + 1;
                }
                Some(n) => break (start + n, start + n + 1),
                None => break (text.len(), text.len()),
            }
        };
        let length = end - usize::from(text[start..end].ends_with(b"\r"));
        cells.push(start..length);
        Split { length, next, n_lines: 1, fault: None }
    }

    fn n_values(&self, cell_idx: usize, cell: &[u8]) -> usize {
        match self.types.get(cell_idx) {
            Some(CellType::List(_)) => Finder::new(self.set_separator.as_bytes()).find_iter(cell).count() + 2,
            _ => 1,
        }
    }

    fn write(&self, cell_idx: usize, cell: &str, out: &mut String) -> bool {
        if cell == self.unset_field {
            return false;
        }
        let is_empty = cell == self.empty_field;
        match self.types.get(cell_idx).copied().unwrap_or(CellType::ByValue) {
            CellType::Scalar(_) | CellType::ByValue if is_empty => out.push_str("\"\""),
            CellType::Scalar(scalar) => scalar.write(cell, out),
            CellType::ByValue => return push_value(&unescaped(cell), out),
            CellType::List(_) if is_empty => out.push_str("[]"),
            CellType::List(element) => {
                out.push('[');
                for (idx, text) in cell.split(self.set_separator.as_str()).enumerate() {
                    if idx > 0 {
                        out.push(',');
                    }
                    match text {
                        unset if unset == self.unset_field => out.push_str("null"),
                        empty if empty == self.empty_field => out.push_str("\"\""),
                        text => element.write(text, out),
                    }
                }
                out.push(']');
            }
        }
        true
    }
}

/// Decodes `\xNN` and `\\`. Bytes that are not UTF-8 stay as they are written.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        bytes.extend_from_slice(&rest[..at]);
        let hex = |range: Range<usize>| rest.get(range).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = hex(at + 2..at + 4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let (byte, length) = match (rest.get(at + 1), escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (Some(b'x'), Some(byte)) => (byte, 4),
            (Some(b'\\'), _) => (b'\\', 2),
            _ => (b'\\', 1),
        };
        bytes.push(byte);
        rest = &rest[at + length..];
    }
    bytes.extend_from_slice(rest);
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
