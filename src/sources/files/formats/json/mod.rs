//! JSON in all forms: lines, values in any arrangement, bodies of bulk requests, and events inside
//! of other lines.

mod about;
mod bulk;
mod container;
mod hit;
mod input;
mod lines;
mod made;
mod members;
mod no_events;
mod prefixed;
mod structure;
mod translated;
mod values;
mod wrapped;

use std::io::{self, Read};

use serde_json::value::RawValue;

use super::text::{Keeping, TextBlocks};
use super::{Blocks, Fit, Format, Holds, Refusal, Start, trimmed_start};
use crate::sources::files::contents::Contents;
use bulk::Bulk;
use lines::Lines;
use prefixed::Prefixed;
use structure::{LineEnds, Scanned, Structure};
use translated::Translated;
use values::{Values, is_truncated_line};
use wrapped::Docker;

/// Character before each value of a JSON text sequence.
const RECORD_SEPARATOR: u8 = 0x1e;

const UTF_16: Refusal =
    Refusal { reason: "it is UTF-16", cure: "convert it with `iconv -f UTF-16 -t UTF-8`", holds: Holds::PerhapsEvents };

pub(super) struct Json;

impl Format for Json {
    fn endings(&self) -> &'static [&'static str] {
        &["ndjson", "jsonl", "json"]
    }

    fn recognises(&self, start: Start<'_>) -> Fit {
        if start.bytes.starts_with(b"\xff\xfe") || start.bytes.starts_with(b"\xfe\xff") {
            return Fit::Refused(UTF_16);
        }
        let text = values_start(start.bytes);
        match form(start) {
            Err(refusal) => Fit::Refused(refusal),
            Ok(Some(_)) if text.starts_with(b"{") || text.starts_with(b"[") => Fit::Sure,
            // other text may hold a line that ends like one with an event
            Ok(Some(Form::Prefixed)) => Fit::Doubtful,
            Ok(Some(_)) => Fit::Perhaps,
            Ok(None) => Fit::No,
        }
    }

    fn doubt(&self, start: Start<'_>) -> Option<String> {
        let text = values_start(start.bytes);
        let event = &text[..structure::value_len(text).unwrap_or(text.len())];
        let is_alone = text[event.len()..].trim_ascii().is_empty();
        if !is_alone || container::events_in(event).is_some() {
            return None;
        }
        let (name, n_objects) = container::doubtful_list_in(event)?;
        Some(format!(
            "its first event has a list `{name}` of {n_objects} objects: if these are the events, extract them, for example with `jq -c '.{name}[]'`"
        ))
    }

    fn open(&self, contents: Contents) -> io::Result<Box<dyn Blocks>> {
        let form = form(contents.start()).ok().flatten().unwrap_or(Form::Lines);
        Ok(match form {
            Form::Lines => {
                let keeping = if contents.is_plain() { Keeping::InFile } else { Keeping::InCopies };
                Box::new(Lines::new(contents, keeping))
            }
            Form::Values => copied(Values::new(contents)),
            Form::Bulk => copied(Translated::new(contents, Bulk::default())),
            Form::Docker => copied(Translated::new(contents, Docker::default())),
            Form::Prefixed => copied(Translated::new(contents, Prefixed::default())),
        })
    }
}

/// Blocks of lines that have no offsets in the file.
fn copied(lines: impl Read + 'static) -> Box<dyn Blocks> {
    Box::new(TextBlocks::new(lines, Keeping::InCopies))
}

/// Arrangement of the events in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One event or hit per line.
    Lines,
    /// Arrays, containers, and objects that are not on a line of their own.
    Values,
    Bulk,
    Docker,
    Prefixed,
}

/// Returns the form of a file by its first value and its first lines; `None` if they hold no JSON.
fn form(start: Start<'_>) -> Result<Option<Form>, Refusal> {
    let text = values_start(start.bytes);
    match text.first() {
        Some(b'{') => {}
        Some(b'[') if begins_array(text) => return Ok(Some(Form::Values)),
        _ => return Ok(other_form(text)),
    }
    if let Some(refusal) = no_events(text, start) {
        return Err(refusal);
    }
    if has_separators(start.bytes) {
        return Ok(Some(Form::Values));
    }
    let line_end = memchr::memchr(b'\n', text);
    let line = &text[..line_end.unwrap_or(text.len())];
    Ok(match Structure::new(LineEnds::Truncate).scan(text) {
        Scanned::Closed(len) if len > line.len() || !line[len..].trim_ascii().is_empty() => Some(Form::Values),
        Scanned::Closed(len) => Some(form_of_lines(&text[..len], text)),
        Scanned::Fault(_) => has_event_on_line(text).then_some(Form::Lines),
        // a truncated line is followed by whole ones
        Scanned::Open if start.is_whole && is_truncated_line(line) && has_event_on_line(text) => Some(Form::Lines),
        Scanned::Open if start.is_whole && line_end.is_none() => Some(Form::Lines),
        Scanned::Open => Some(Form::Values),
    })
}

/// Returns the form of lines, of which `first` is the first.
fn form_of_lines(first: &[u8], text: &[u8]) -> Form {
    if bulk::is_action(first) {
        Form::Bulk
    } else if container::events_in(first).is_some() || hit::hit_of_fields(first).is_some() {
        Form::Values
    } else if wrapped::is_docker_line(first) && whole_lines(text).any(wrapped::is_docker_event) {
        Form::Docker
    } else {
        Form::Lines
    }
}

/// Returns the form of text that does not begin like JSON.
fn other_form(text: &[u8]) -> Option<Form> {
    if prefixed::has_prefixed_event(whole_lines(text)) {
        return Some(Form::Prefixed);
    }
    has_event_on_line(text).then_some(Form::Lines)
}

/// Returns what a file holds if none of its first values is an event.
fn no_events(text: &[u8], start: Start<'_>) -> Option<Refusal> {
    let mut rest = text;
    let mut found = None;
    let mut is_action = false;
    while rest.starts_with(b"{") {
        let len = structure::value_len(rest);
        let value = &rest[..len.unwrap_or(rest.len())];
        let action = no_events::of_actions(value).filter(|_| len.is_some());
        is_action |= action.is_some();
        let refusal = action.or_else(|| no_events::refusal(value))?;
        found.get_or_insert(refusal);
        rest = values_start(&rest[value.len()..]);
    }
    // sources may follow further on
    found.filter(|_| rest.is_empty() && (start.is_whole || !is_action))
}

/// True if the array that `text` begins with is empty or holds objects or such arrays.
fn begins_array(text: &[u8]) -> bool {
    matches!(text[1..].trim_ascii_start().first(), None | Some(b'{' | b'[' | b']'))
}

/// True if a line is an object.
fn has_event_on_line(text: &[u8]) -> bool {
    let is_object = |line: &[u8]| line.starts_with(b"{") && serde_json::from_slice::<&RawValue>(line).is_ok();
    text.split(|byte| *byte == b'\n').any(|line| is_object(line.trim_ascii()))
}

/// Lines that are not blank; not the last one, which may be truncated, if there are others.
fn whole_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = memchr::memrchr(b'\n', text).unwrap_or(text.len());
    let lines = text[..end].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty())
}

/// True if values are separated as RFC 7464 has it.
fn has_separators(text: &[u8]) -> bool {
    trimmed_start(text).starts_with(&[RECORD_SEPARATOR])
}

/// Returns `text` from its first value on.
fn values_start(text: &[u8]) -> &[u8] {
    let text = trimmed_start(text);
    text.strip_prefix(&[RECORD_SEPARATOR]).map_or(text, <[u8]>::trim_ascii_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Form>) {
        let found = form(Start { bytes: text.as_bytes(), is_whole: true }).unwrap_or_default();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_form_is_recognised_by_the_first_value_and_the_first_lines() {
        for lines in [
            "{\"a\":1}",
            "{\"a\":1}\n{\"a\":2}\n",
            "{\"a\":1} \n[{\"a\":2}]",
            "{\"a\":\n{\"a\":1}\n",
            "{\"a\":\"x\n{\"a\":1}\n",
            "{\"a\":1,\n{\"a\":1}\n",
            "{\"a\":",
            "header\n{\"a\":1}\nx\ny",
            "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"t\"}",
        ] {
            check(lines, Some(Form::Lines));
        }
        for values in [
            "[{\"a\":1}]",
            "[]",
            "[\n{",
            "{\n\"a\":1}",
            "{\"a\":1}{\"a\":2}",
            "{\"Records\":[\n{\"a\":1},\n{\"a\":2}\n]}",
            "{\"Records\":[{\"a\":1}]}\n",
            "{\"_id\":\"1\",\"fields\":{\"a\":[1]}}",
            "\u{feff}\u{1e}{\"a\":1}\n",
        ] {
            check(values, Some(Form::Values));
        }
        check("{\"index\":{}}\n{\"a\":1}\n", Some(Form::Bulk));
        check("{\"log\":\"{\\\"a\\\":1}\\n\",\"stream\":\"stdout\",\"time\":\"t\"}", Some(Form::Docker));
        check("x {\"a\":1}\ny\n{\"a\":1}\nz {\"a\":1}\n", Some(Form::Prefixed));
        check("[x] {\"a\":1}\n", Some(Form::Prefixed));
        check(&format!("{}x {{\"a\":1}}\n", "plain\n".repeat(100)), Some(Form::Prefixed));
        let docker = |log: &str| format!("{{\"log\":\"{log}\\n\",\"stream\":\"stdout\",\"time\":\"t\"}}\n");
        check(&(docker("x").repeat(100) + &docker("{\\\"a\\\":1}")), Some(Form::Docker));
        for other in ["hello\n", "a,b\n1,2\n", "[1]", "", "{ {", "{\"index\":{}}\n"] {
            check(other, None);
        }
    }

    #[test]
    fn only_files_without_any_event_are_refused() {
        let is_refused = |text: &str, is_whole: bool| form(Start { bytes: text.as_bytes(), is_whole }).is_err();
        assert!(is_refused("{\"x\":{\"aliases\":{}}}\n{\"y\":{\"aliases\":{}}}\n", true));
        assert!(!is_refused("{\"x\":{\"aliases\":{}}}\n{\"a\":1}\n", true));
        assert!(is_refused("{\"delete\":{\"_id\":\"1\"}}\n{\"delete\":{\"_id\":\"2\"}}\n", true));
        assert!(!is_refused("{\"delete\":{\"_id\":\"1\"}}\n{\"del", false));
        assert!(is_refused("{\"mappings\":{\"properties\":{\"a\":{\"type", false));
    }
}
