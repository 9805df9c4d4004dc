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
        if let Some(at) = first_other_value(&block.bytes)
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
            // few events begin with a short name and a list of objects
            let name = &name[..name.len().min(MAX_NAME)];
            // so few bytes are searched faster without a call
            let end = name.iter().position(|&byte| byte == b'"');
            end.is_some_and(|end| begins_objects(&name[end + 1..]) && is_array_of_events(&name[..end]))
        }
        [b'{', b'\n' | b'\r', ..] => true,
        [b'[', elements @ ..] => matches!(elements.trim_ascii_start().first(), Some(b'{')),
        _ => false,
    }
}

/// Upper limit on the bytes of a container's first member that are looked at.
const MAX_NAME: usize = 24;

fn begins_objects(after_name: &[u8]) -> bool {
    let [b':', value @ ..] = after_name else { return false };
    value.trim_ascii_start().strip_prefix(b"[").is_some_and(|elements| elements.trim_ascii_start().starts_with(b"{"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
