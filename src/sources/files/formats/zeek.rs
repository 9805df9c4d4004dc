//! Logs of Zeek: tab-separated lines under a header that declares separators, names and types. A
//! file may have several headers, one after the other.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::cells::{BeyondLimit, invalid, is_json_number, push_text, push_value};
use super::columns::{Cells, Columns, Dialect, Split, without_returns};
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
        Ok(Box::new(ZeekBlocks::new(contents, keeping)?))
    }
}

/// Upper limit on the columns of all headers of a file, each of which stays in memory.
const MAX_ALL_COLUMNS: usize = 1_000_000;

/// Columns that take as much memory as a header without any, and the records under it.
const COLUMNS_PER_HEADER: usize = 10;

struct ZeekBlocks<R> {
    lines: Chunks<R>,
    keeping: Keeping,
    /// The header lines so far.
    header: Header,
    /// The header that `dialect` was made of.
    applied: Header,
    dialect: Arc<ZeekDialect>,
    /// Columns of all headers so far.
    n_columns: usize,
    /// Lines under way.
    current: LineBlock,
    /// Position of the next of them.
    at: usize,
}

impl<R: Read> Blocks for ZeekBlocks<R> {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        loop {
            if self.at >= self.current.bytes.len() {
                let Some(lines) = self.lines.next()? else { return Ok(None) };
                (self.current, self.at) = (lines, 0);
            }
            let (header, length) = self.header.followed_by(&self.current.bytes[self.at..])?;
            self.header = header;
            self.take(length);
            if self.at == self.current.bytes.len() {
                continue;
            }
            self.apply_header()?;
            let lines = self.records();
            let (keeping, dialect) = (self.keeping, Arc::clone(&self.dialect));
            return Ok(Some(Box::new(TableBlock { lines, keeping, dialect })));
        }
    }
}

impl<R: Read> ZeekBlocks<R> {
    fn new(lines: R, keeping: Keeping) -> io::Result<Self> {
        let header = Header::default();
        Ok(ZeekBlocks {
            lines: Chunks::new(lines),
            keeping,
            dialect: Arc::new(header.dialect()?),
            applied: header.clone(),
            header,
            n_columns: 0,
            current: LineBlock { bytes: Vec::new(), offset: 0, first_line: 0, is_last: false },
            at: 0,
        })
    }

    /// Makes the dialect of the next records, unless the one so far is theirs.
    fn apply_header(&mut self) -> io::Result<()> {
        if self.header == self.applied {
            return Ok(());
        }
        let dialect = self.header.dialect()?;
        self.n_columns += dialect.columns.n_cells() + COLUMNS_PER_HEADER;
        if self.n_columns > MAX_ALL_COLUMNS {
            let reason = format!("its headers have more than {MAX_ALL_COLUMNS} columns together");
            return Err(BeyondLimit::error(reason, "split it into several files"));
        }
        self.dialect = Arc::new(dialect);
        self.applied = self.header.clone();
        Ok(())
    }

    /// Takes the records up to the next header lines that change something. Rotation and joined
    /// files leave many that do not.
    fn records(&mut self) -> LineBlock {
        let LineBlock { offset, first_line, is_last, .. } = self.current;
        let rest = &self.current.bytes[self.at..];
        let (finder, mut searched) = (Finder::new(b"\n#"), 0);
        let end = loop {
            let Some(found) = finder.find(&rest[searched..]) else { break rest.len() };
            let start = searched + found + 1;
            match self.header.followed_by(&rest[start..]) {
                // at the end of a block, more of them may follow
                Ok((header, length)) if header == self.header && start + length < rest.len() => {
                    searched = start + length - 1;
                }
                // the records before a fault come first
                _ => break start,
            }
        };
        let is_last = is_last && end == rest.len();
        // the usual case copies nothing
        let is_whole = self.at == 0 && end == rest.len();
        let bytes = if is_whole { std::mem::take(&mut self.current.bytes) } else { rest[..end].to_vec() };
        self.take(end);
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

/// Declarations of the header lines so far. A copy of them costs nothing.
#[derive(Debug, Clone, PartialEq)]
struct Header {
    separator: u8,
    /// Line of each declaration.
    lines: [Option<Line>; Declaration::NAMES.len()],
}

/// A header line, and the separator that applies to it.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    separator: u8,
    text: Arc<str>,
}

#[derive(Debug, Clone, Copy)]
enum Declaration {
    SetSeparator,
    EmptyField,
    UnsetField,
    Path,
    Fields,
    Types,
}

impl Declaration {
    /// Names of all declarations, in their order.
    const NAMES: [&[u8]; 6] = [b"#set_separator", b"#empty_field", b"#unset_field", b"#path", b"#fields", b"#types"];
}

impl Default for Header {
    fn default() -> Self {
        Header { separator: b'\t', lines: Default::default() }
    }
}

impl Header {
    /// Returns the header after the header lines that `lines` begin with, and the length of these.
    fn followed_by(&self, lines: &[u8]) -> io::Result<(Header, usize)> {
        let (mut header, mut at) = (self.clone(), 0);
        while lines.get(at) == Some(&b'#') {
            let end = memchr::memchr(b'\n', &lines[at..]).map_or(lines.len(), |n| at + n);
            header.read_line(without_returns(&lines[at..end]))?;
            at = lines.len().min(end + 1);
        }
        Ok((header, at))
    }

    /// Reads a header line. Comments and lines like `#open` change nothing.
    fn read_line(&mut self, line: &[u8]) -> io::Result<()> {
        let text = || std::str::from_utf8(line).map_err(|_| invalid("a line of its header is not UTF-8"));
        if line.starts_with(b"#separator ") {
            let separator = text()?.trim_start_matches("#separator").trim_start();
            self.separator = match unescaped(separator).as_bytes() {
                &[separator] if separator.is_ascii() && separator != b'\n' => separator,
                _ => return Err(invalid("its #separator is not a single character of ASCII")),
            };
            return Ok(());
        }
        let name = &line[..memchr::memchr(self.separator, line).unwrap_or(line.len())];
        let Some(idx) = Declaration::NAMES.iter().position(|known| *known == name) else { return Ok(()) };
        if idx == Declaration::Fields as usize {
            self.lines[Declaration::Types as usize] = None;
        }
        let separator = self.separator;
        let is_repeated = |known: &Line| known.separator == separator && known.text.as_bytes() == line;
        if !self.lines[idx].as_ref().is_some_and(is_repeated) {
            self.lines[idx] = Some(Line { separator, text: Arc::from(text()?) });
        }
        Ok(())
    }

    /// Values of a declaration.
    fn values(&self, declaration: Declaration) -> impl Iterator<Item = &str> {
        let line = self.lines[declaration as usize].iter();
        line.flat_map(|line| line.text.split(char::from(line.separator)).skip(1))
    }

    fn dialect(&self) -> io::Result<ZeekDialect> {
        let value = |declaration| self.values(declaration).next().map(unescaped);
        let text = |declaration, default: &str| value(declaration).unwrap_or_else(|| default.to_owned());
        let mut columns = Columns::new(self.values(Declaration::Fields).map(unescaped))?;
        let n_cells = columns.n_cells();
        if let Some(path) = value(Declaration::Path).filter(|path| !path.is_empty() && n_cells > 0) {
            columns.add_constant("_path", &path)?;
        }
        let set_separator = value(Declaration::SetSeparator).filter(|separator| !separator.is_empty());
        Ok(ZeekDialect {
            separator: self.separator,
            set_separator: set_separator.unwrap_or_else(|| ",".to_owned()),
            empty_field: text(Declaration::EmptyField, "(empty)"),
            unset_field: text(Declaration::UnsetField, "-"),
            types: self.values(Declaration::Types).take(n_cells).map(CellType::named).collect(),
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

    fn split(&self, text: &[u8], cells: &mut Cells) -> Split {
        if text.starts_with(b"#") {
            let next = memchr::memchr(b'\n', text).map_or(text.len(), |n| n + 1);
            return Split { length: 0, next, n_lines: 1, fault: None };
        }
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
        let length = cells.push_last(text, start, end);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of blocks that `text` gives.
    fn n_blocks(blocks: &mut ZeekBlocks<&[u8]>) -> usize {
        std::iter::from_fn(|| blocks.next().unwrap()).inspect(|block| assert!(block.n_bytes() > 0)).count()
    }

    const HEADER: &str =
        "#separator \\x09\n#set_separator\t,\n#path\tconn\n#open\t1\n#fields\ta\tb\n#types\tcount\tbool\n";

    #[test]
    fn header_lines_that_change_nothing_cost_nothing() {
        let rotated = format!("{HEADER}1\tT\n#close\t2\n");
        for repeated in [rotated.as_str(), "#x\na\n", "# comment\r\n1\tT\n#open\t1\n\n1\tT\n"] {
            let text = format!("{HEADER}1\tT\n{}2\tF\n", repeated.repeat(10_000));
            let mut blocks = ZeekBlocks::new(text.as_bytes(), Keeping::InFile).unwrap();
            let first = blocks.next().unwrap().unwrap();
            assert_eq!(first.first_line(), 6);
            let dialect = Arc::clone(&blocks.dialect);
            let n_chunks = text.len() / crate::sources::files::formats::text::CHUNK_BYTES + 1;
            assert!(n_blocks(&mut blocks) <= n_chunks, "{repeated}");
            assert!(Arc::ptr_eq(&dialect, &blocks.dialect), "{repeated}");
        }
    }

    #[test]
    fn headers_that_change_are_limited() {
        let text = format!("{HEADER}1\tT\n#path\tdns\n1\tT\n{HEADER}1\tT\n#types\tint\n1\tT\n#fields\tc\n1\n");
        let mut blocks = ZeekBlocks::new(text.as_bytes(), Keeping::InFile).unwrap();
        assert_eq!(n_blocks(&mut blocks), 5);
        let header = |path: usize| format!("#path\t{path}\n1\n");
        let text: String = (0..MAX_ALL_COLUMNS / COLUMNS_PER_HEADER).map(header).collect();
        let text = format!("#fields\ta\n{text}");
        let mut blocks = ZeekBlocks::new(text.as_bytes(), Keeping::InFile).unwrap();
        let fault = std::iter::from_fn(|| blocks.next().transpose()).find_map(Result::err).unwrap();
        assert!(fault.to_string().contains("more than 1000000 columns together; split it"), "{fault}");
    }
}
