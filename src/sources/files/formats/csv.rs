//! Comma-separated values and the like (RFC 4180), whose first record names the columns.

use std::io;
use std::sync::Arc;

use super::cells::{invalid, push_value};
use super::columns::{Cells, Columns, Dialect, MAX_COLUMNS, Split, check_n_columns, without_returns};
use super::table::TableBlock;
use super::text::{CHUNK_BYTES, Chunks, Keeping, LineBlock};
use super::{Block, Blocks, Fit, Format, Start, trimmed_start};
use crate::event::decode::{MAX_VALUE_BYTES, SkipReason};
use crate::sources::files::contents::Contents;

/// Separators of cells.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Upper limit on the bytes of a quoted cell: a quote that is not closed within them is a mistake,
/// which costs its line only.
const MAX_QUOTED_BYTES: usize = MAX_VALUE_BYTES;

/// Records that must agree before a file is taken for a table by its contents alone.
const MOST_COMPARED: usize = 10;

/// Longest name of a column, in bytes, in a file that is recognised by its contents alone.
const MAX_NAME_BYTES: usize = 64;

pub(super) struct Csv;

impl Format for Csv {
    fn endings(&self) -> &'static [&'static str] {
        &["csv", "tsv"]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        if is_evidently_table(start) { Fit::Sure } else { Fit::No }
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        let keeping = if contents.is_plain() { Keeping::InFile } else { Keeping::InCopies };
        let separator = separator(trimmed_start(contents.start().bytes));
        let last_end = Box::new(move |text: &[u8], _| last_record_end(text, separator));
        let mut records = Chunks::of_records(contents, CHUNK_BYTES, last_end);
        let Some(mut block) = records.next()? else { return Ok(Box::new(NoRecords)) };
        let dialect = Arc::new(take_header(&mut block, separator)?);
        Ok(Box::new(CsvBlocks { records, first: Some(block), keeping, dialect }))
    }
}

/// Blocks of an empty file.
struct NoRecords;

impl Blocks for NoRecords {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        Ok(None)
    }
}

struct CsvBlocks {
    records: Chunks<Contents>,
    /// Records after the header, which were read with it.
    first: Option<LineBlock>,
    keeping: Keeping,
    dialect: Arc<CsvDialect>,
}

impl Blocks for CsvBlocks {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        let lines = match self.first.take() {
            Some(first) => Some(first),
            None => self.records.next()?,
        };
        let (keeping, dialect) = (self.keeping, Arc::clone(&self.dialect));
        Ok(lines.map(|lines| Box::new(TableBlock { lines, keeping, dialect }) as Box<dyn Block>))
    }
}

/// Separator and columns of a file.
#[derive(Debug)]
struct CsvDialect {
    separator: u8,
    columns: Columns,
}

impl Dialect for CsvDialect {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn split(&self, text: &[u8], cells: &mut Cells) -> Split {
        split(text, self.separator, cells)
    }

    fn write(&self, _: usize, cell: &str, out: &mut String) -> bool {
        let Some(content) = cell.strip_prefix('"') else { return push_value(cell, out) };
        match content.strip_suffix('"') {
            Some(content) if memchr::memchr(b'"', content.as_bytes()).is_none() => push_value(content, out),
            _ => push_value(&unquoted(content), out),
        }
    }
}

/// Returns the text of a cell after its opening quote. What follows the closing quote belongs to
/// the text.
fn unquoted(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find('"') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                text.push('"');
                rest = after;
            }
            None => break,
        }
    }
    text.push_str(rest);
    text
}

fn split(text: &[u8], separator: u8, cells: &mut Cells) -> Split {
    let (mut at, mut n_lines) = (0, 1);
    loop {
        let start = at;
        let mut fault = None;
        if text.get(at) == Some(&b'"') {
            match quoted_end(text, at) {
                Quoted::Closed(end) => {
                    n_lines += memchr::memchr_iter(b'\n', &text[at..end]).count() as u32;
                    at = end;
                }
                Quoted::Open | Quoted::Unknown => fault = Some(SkipReason::OpenQuote),
            }
        }
        let found = match fault {
            None => memchr::memchr2(separator, b'\n', &text[at..]),
            Some(_) => memchr::memchr(b'\n', &text[at..]),
        };
        let end = found.map_or(text.len(), |n| at + n);
        if fault.is_none() && text.get(end) == Some(&separator) {
            cells.push(start..end);
            at = end + 1;
            continue;
        }
        let length = cells.push_last(text, start, end);
        return Split { length, next: (end + 1).min(text.len()), n_lines, fault };
    }
}

/// End of a quoted cell.
#[derive(Debug, PartialEq, Eq)]
enum Quoted {
    /// Position after the closing quote.
    Closed(usize),
    /// There is none within the limit.
    Open,
    /// The text ends first.
    Unknown,
}

fn quoted_end(text: &[u8], start: usize) -> Quoted {
    let limit = (start + 1 + MAX_QUOTED_BYTES).min(text.len());
    let mut at = start + 1;
    while let Some(n) = memchr::memchr(b'"', &text[at..limit]) {
        at += n + 1;
        if text.get(at) != Some(&b'"') {
            return Quoted::Closed(at);
        }
        at = (at + 1).min(limit);
    }
    if limit - start > MAX_QUOTED_BYTES { Quoted::Open } else { Quoted::Unknown }
}

/// Returns the position after the last record of `text` that is whole, whatever follows.
fn last_record_end(text: &[u8], separator: u8) -> Option<usize> {
    let last_line_end = |from: usize, to: usize| memchr::memrchr(b'\n', &text[from..to]).map(|n| from + n + 1);
    let (mut last_end, mut from, mut at) = (None, 0, 0);
    while let Some(n) = memchr::memchr(b'"', &text[at..]) {
        let quote = at + n;
        let begins_cell = quote == 0 || text[quote - 1] == b'\n' || text[quote - 1] == separator;
        if !begins_cell {
            at = quote + 1;
            continue;
        }
        last_end = last_line_end(from, quote).or(last_end);
        at = match quoted_end(text, quote) {
            Quoted::Closed(end) if end < text.len() => end,
            // one more quote may follow
            Quoted::Closed(_) | Quoted::Unknown => return last_end,
            Quoted::Open => memchr::memchr(b'\n', &text[quote..]).map_or(text.len(), |n| quote + n),
        };
        from = at;
    }
    last_line_end(from, text.len()).or(last_end)
}

/// Takes the header off a block, with blank lines before it and a line that declares the separator.
fn take_header(block: &mut LineBlock, separator: u8) -> io::Result<CsvDialect> {
    let (mut at, mut n_lines) = (0, 0);
    let mut cells = Cells::new(MAX_COLUMNS + 1);
    let (columns, split) = loop {
        cells.clear();
        let text = &block.bytes[at..];
        let split = split(text, separator, &mut cells);
        let record = &text[..split.length];
        if at < block.bytes.len() && (record.is_empty() || declared_separator(record).is_some()) {
            at += split.next;
            n_lines += split.n_lines;
            continue;
        }
        if split.fault.is_some() {
            return Err(invalid("a quote in its header is not closed"));
        }
        check_n_columns(cells.places().len())?;
        let record = std::str::from_utf8(record).map_err(|_| invalid("its header is not UTF-8"))?;
        let names = cells.places().iter().enumerate().map(|(idx, cell)| match column_name(&record[cell.clone()]) {
            name if name.is_empty() => format!("column{}", idx + 1),
            name => name,
        });
        break (Columns::new(names)?, split);
    };
    block.bytes.drain(..at + split.next);
    block.offset += (at + split.next) as u64;
    block.first_line += u64::from(n_lines + split.n_lines);
    Ok(CsvDialect { separator, columns })
}

fn column_name(cell: &str) -> String {
    cell.strip_prefix('"').map_or_else(|| cell.to_owned(), unquoted).trim().to_owned()
}

/// Returns the separator that a line `sep=;` declares, as Excel writes it.
fn declared_separator(line: &[u8]) -> Option<u8> {
    match line.strip_prefix(b"sep=")? {
        &[separator] if separator.is_ascii() => Some(separator),
        _ => None,
    }
}

/// Returns the separator of a file: declared, or the one that its header has most often outside of
/// quotes.
fn separator(start: &[u8]) -> u8 {
    let line_end = memchr::memchr(b'\n', start).unwrap_or(start.len());
    let first_line = &start[..line_end];
    if let Some(declared) = declared_separator(without_returns(first_line)) {
        return declared;
    }
    let mut counts = [0usize; 256];
    let mut is_quoted = false;
    for &byte in start {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => break,
            _ if !is_quoted => counts[usize::from(byte)] += 1,
            _ => {}
        }
    }
    let most = SEPARATORS.into_iter().rev().max_by_key(|separator| counts[usize::from(*separator)]);
    most.unwrap_or(b',')
}

/// True if the contents can be nothing but a table: a header of distinct short names, and records
/// with as many cells, which are not JSON.
fn is_evidently_table(Start { bytes, is_whole }: Start<'_>) -> bool {
    let start = trimmed_start(bytes);
    let separator = separator(start);
    let whole = if is_whole { start.len() } else { last_record_end(start, separator).unwrap_or(0) };
    let (mut at, mut n_records, mut n_columns) = (0, 0, 0);
    let mut cells = Cells::new(MAX_COLUMNS + 1);
    while at < whole && n_records <= MOST_COMPARED {
        cells.clear();
        let split = split(&start[at..whole], separator, &mut cells);
        let record = &start[at..at + split.length];
        at += split.next;
        if n_records == 0 {
            n_columns = cells.places().len();
            if n_columns < 2 || !are_names(record, &cells) {
                return false;
            }
        } else if split.fault.is_some() || cells.places().len() != n_columns || record.starts_with(b"{") {
            return false;
        }
        n_records += 1;
    }
    n_records > 1
}

fn are_names(record: &[u8], cells: &Cells) -> bool {
    let Ok(record) = std::str::from_utf8(record) else { return false };
    let is_name = |name: &String| {
        let is_usual = |c: char| c.is_alphanumeric() || " _-.@#/()".contains(c);
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.starts_with(|c: char| c.is_alphabetic() || "_@#".contains(c))
            && name.chars().all(is_usual)
    };
    let names: Vec<String> = cells.places().iter().map(|cell| column_name(&record[cell.clone()])).collect();
    let distinct: std::collections::HashSet<&String> = names.iter().collect();
    names.iter().all(is_name) && distinct.len() == names.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(text: &[u8]) -> Vec<(Vec<u8>, Split)> {
        let (mut records, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let found = split(&text[at..], b',', &mut Cells::new(0));
            let next = at + found.next;
            records.push((text[at..at + found.length].to_vec(), found));
            at = next;
        }
        records
    }

    proptest! {
        #[test]
        fn blocks_end_where_records_end(
            text in prop::collection::vec(prop::sample::select(b"a,,\"\"\"\n\n\r".to_vec()), 0..60),
            chunk_bytes in 1..20usize,
        ) {
            let last_end = Box::new(|text: &[u8], _| last_record_end(text, b','));
            let mut chunks = Chunks::of_records(text.as_slice(), chunk_bytes, last_end);
            let (mut found, mut line) = (Vec::new(), 0);
            while let Some(block) = chunks.next().unwrap() {
                prop_assert_eq!(block.first_line, line);
                let of_block = records(&block.bytes);
                line += of_block.iter().map(|(_, split)| u64::from(split.n_lines)).sum::<u64>();
                found.extend(of_block);
            }
            prop_assert_eq!(found, records(&text));
        }
    }

    #[test]
    fn cells_that_cannot_count_are_not_kept() {
        for (record, expected) in
            [(",".repeat(1_000_000), (3, false)), ("1,2,3,,4".to_owned(), (3, true)), ("1,2".to_owned(), (2, false))]
        {
            let mut cells = Cells::new(3);
            let found = split(record.as_bytes(), b',', &mut cells);
            assert_eq!((found.length, found.fault), (record.len(), None));
            assert_eq!((cells.places().len(), cells.has_surplus()), expected);
        }
        let mut n_names = 0;
        let names = std::iter::repeat_with(|| "a".to_owned()).inspect(|_| n_names += 1);
        assert!(Columns::new(names).is_err());
        assert_eq!(n_names, MAX_COLUMNS + 1);
    }

    #[test]
    fn quotes_count_at_the_start_of_a_cell_only() {
        let found = records(b"5\" disk,\"a\n\"\"b\",c\nd\n");
        let lengths: Vec<(usize, u32)> = found.iter().map(|(_, split)| (split.length, split.n_lines)).collect();
        assert_eq!(lengths, [(17, 2), (1, 1)]);
        assert_eq!(last_record_end(b"a,\"b\n\"", b','), None, "one more quote may follow");
        assert_eq!(last_record_end(b"x\na,\"b\n\"\n", b','), Some(9));
    }
}
