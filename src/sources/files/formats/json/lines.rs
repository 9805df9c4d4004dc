//! Lines of JSON, one event or exported hit per line: the form of most files, and the fastest.

use std::io::{self, Read};

use super::super::text::{Chunks, Keeping, Rest, TextBlocks};
use super::super::{Block, Blocks};
use super::container::is_array_of_events;
use super::values::Values;

/// Lines; from the first one on that is not a whole event, values in any arrangement.
pub(super) struct Lines<R> {
    stage: Stage<R>,
    keeping: Keeping,
}

enum Stage<R> {
    Lines(Chunks<R>),
    Values(TextBlocks<Values<Rest<R>>>),
    Switching,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(lines: R, keeping: Keeping) -> Self {
        Lines { stage: Stage::Lines(Chunks::new(lines)), keeping }
    }
}

impl<R: Read> Blocks for Lines<R> {
    fn next(&mut self) -> io::Result<Option<Box<dyn Block>>> {
        let chunks = match &mut self.stage {
            Stage::Lines(chunks) => chunks,
            Stage::Values(values) => return values.next(),
            Stage::Switching => return Ok(None),
        };
        let Some(mut block) = chunks.next()? else { return Ok(None) };
        let other_value = first_other_value(&block.bytes).or_else(|| split_other_value(&block.bytes, chunks));
        if let Some(at) = other_value
            && let Stage::Lines(chunks) = std::mem::replace(&mut self.stage, Stage::Switching)
        {
            let after = block.split_off(at);
            let first_line = after.first_line;
            let values = Values::new(chunks.into_rest(after));
            self.stage = Stage::Values(TextBlocks::numbered_from(first_line, values, Keeping::InCopies));
        }
        Ok(Some(block.kept(self.keeping)))
    }
}

/// Returns the start of the first line that begins an array of objects, a pretty-printed object or
/// a container. Only the first bytes of each line are looked at.
fn first_other_value(lines: &[u8]) -> Option<usize> {
    let starts = memchr::memchr_iter(b'\n', lines).map(|end| end + 1);
    let mut known: &[u8] = &[];
    std::iter::once(0).chain(starts).find(|start| {
        let line = &lines[*start..];
        // most lines begin like the one before
        if !known.is_empty() && line.starts_with(known) {
            return false;
        }
        known = start_of_event(line).unwrap_or_default();
        known.is_empty() && begins_other_value(line)
    })
}

/// Returns the start of a line at the end of a block if it begins such a value together with what
/// follows in the next block, as `[` does.
fn split_other_value<R: Read>(lines: &[u8], chunks: &mut Chunks<R>) -> Option<usize> {
    let mut found = None;
    let mut before = lines.trim_ascii_end();
    // the name of a container and its bracket may be on lines of their own
    for _ in 0..2 {
        let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        // longer lines say by themselves what they begin
        if !(1..=MAX_NAME).contains(&(before.len() - start)) {
            break;
        }
        let following = chunks.peek(MAX_NAME);
        let joined = [&lines[start..], &following[..following.len().min(MAX_NAME)]].concat();
        found = begins_other_value(&joined).then_some(start).or(found);
        before = before[..start].trim_ascii_end();
    }
    found
}

/// Returns the first bytes of a line if they tell that it begins neither a container nor a
/// pretty-printed object: its first member is no list.
fn start_of_event(line: &[u8]) -> Option<&[u8]> {
    let [b'{', b'"', name @ ..] = &line[..line.len().min(MAX_NAME)] else { return None };
    let end = name.iter().position(|&byte| byte == b'"')?;
    let is_plain = matches!(name[end + 1..], [b':', value, ..] if value != b'[' && !value.is_ascii_whitespace());
    is_plain.then(|| &line[..end + 5])
}

fn begins_other_value(line: &[u8]) -> bool {
    match line {
        [b'{', b'"', name @ ..] => {
            // few events begin with a short name and a list of objects; so few bytes are searched
            // faster without a call
            let end = name.iter().take(MAX_NAME).position(|&byte| byte == b'"');
            end.is_some_and(|end| begins_objects(&name[end + 1..]) && is_array_of_events(&name[..end]))
        }
        [b'{', b'\n' | b'\r', ..] => true,
        [b'[', elements @ ..] => matches!(elements.trim_ascii_start().first(), Some(b'{')),
        _ => false,
    }
}

/// Upper limit on the bytes at the start of a line in which the name of a container's first member
/// is looked for.
const MAX_NAME: usize = 24;

fn begins_objects(after_name: &[u8]) -> bool {
    let [b':', value @ ..] = after_name else { return false };
    value.trim_ascii_start().strip_prefix(b"[").is_some_and(|elements| elements.trim_ascii_start().starts_with(b"{"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::text::CHUNK_BYTES;
    use super::*;
    use crate::event::decode::{Decoder, Identity, Projection};

    /// Number of events, of skipped lines, and whether the stream ended well.
    fn count(text: &[u8]) -> (usize, u64, bool) {
        let mut decoder = Decoder::new(&Projection::new(Vec::new()), Identity::NotWanted);
        let mut lines = Lines::new(text, Keeping::InCopies);
        let (mut n_events, mut n_skipped) = (0, 0);
        loop {
            match lines.next() {
                Ok(Some(block)) => {
                    let batch = block.decode(&mut decoder, &Arc::from("x")).unwrap();
                    n_events += batch.rows.len();
                    n_skipped += batch.skipped.total();
                }
                end => return (n_events, n_skipped, end.is_ok()),
            }
        }
    }

    #[test]
    fn other_values_are_seen_wherever_a_block_ends() {
        let long = "x".repeat(100);
        let element = format!("{{\n    \"a\": \"{long}\"\n  }}");
        let line = format!("{{\"a\":\"{long}\"}}\n");
        for (value, expected) in [
            (format!("[\n  {element},\n  {element}\n]\n{line}"), (3, 0)),
            (format!("{{\"Records\":[\n                              {element}\n]}}\n{line}"), (2, 0)),
            (format!("{{\"Records\":\n[\n{element}\n]}}\n{line}"), (2, 0)),
            // such lines are not JSON, and what follows them is an event of its own
            (format!("[\n1\n{line}"), (1, 2)),
            (format!("{{\"a\":[\n{line}"), (1, 1)),
            ("[\n".to_owned(), (0, 1)),
            ("[".to_owned(), (0, 1)),
            ("{\"Records\":[\n\n".to_owned(), (0, 1)),
        ] {
            // the first block ends with each of the first bytes of the value
            for n_before in 0..24 {
                let padding = " ".repeat(CHUNK_BYTES + 3 - n_before - "{}\n".len());
                let (n_events, n_skipped, is_whole) = count(format!("{{}}{padding}\n{value}").as_bytes());
                assert_eq!((n_events - 1, n_skipped, is_whole), (expected.0, expected.1, true), "{n_before}: {value}");
            }
        }
    }

    #[test]
    fn other_values_are_seen_by_their_first_bytes() {
        for line in ["[{\"a\":1}]", "[\n{", "[ {", "{\n", "{\r\n", "{\"Records\":[{\"a\"", "{\"records\": [ {"] {
            let text = format!("{{\"a\":[{{\"b\":1}}]x\n{line}");
            let text = text.replacen("[{", "[ 1,{", 1);
            assert_eq!(first_other_value(text.as_bytes()), Some(text.find('\n').unwrap() + 1), "{line}");
        }
        for line in ["{}", "{\"a\":1}", "[1]", "", "[", "{\"a", "{\"tags\":[{}]}", "{\"a\":[1]}"] {
            assert_eq!(first_other_value(format!("{line}\n\n{line}").as_bytes()), None, "{line}");
        }
    }
}
