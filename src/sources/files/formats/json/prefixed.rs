//! Events after a prefix, such as that of syslog or of Kubernetes.

use serde_json::value::RawValue;

use super::members::split_objects;
use super::structure::{LineEnds, Scanned, Structure};
use super::translated::Translate;
use crate::event::decode::MAX_LINE_BYTES;

/// Lines that end with events: `Jan  1 00:00:00 host app: {..}`. Lines that do not are left as they
/// are.
#[derive(Debug, Default)]
pub(super) struct Prefixed {
    /// Text of long lines of Kubernetes, which come in parts, by [`Stream`].
    parts: [Option<Vec<u8>>; 2],
}

impl Translate for Prefixed {
    fn line(&mut self, line: &[u8], to: &mut Vec<u8>) {
        let Some(KubernetesLine { stream, is_last_part, text }) = KubernetesLine::of(line) else {
            return add_events(line, line, to);
        };
        let parts = &mut self.parts[stream as usize];
        if parts.is_none() && is_last_part {
            return add_events(text, line, to);
        }
        let whole = parts.get_or_insert_default();
        whole.extend_from_slice(text);
        if is_last_part || whole.len() > MAX_LINE_BYTES {
            add_events(whole, whole, to);
            *parts = None;
        }
    }

    fn end(&mut self, to: &mut Vec<u8>) {
        for whole in self.parts.iter_mut().filter_map(Option::take) {
            add_events(&whole, &whole, to);
            to.push(b'\n');
        }
    }
}

/// True if events follow a prefix in one of `lines`.
pub(super) fn has_prefixed_event<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> bool {
    let is_event = |line: &[u8]| line.starts_with(b"{") && serde_json::from_slice::<&RawValue>(line).is_ok();
    let (mut translation, mut made) = (Prefixed::default(), Vec::new());
    let is_found = lines.any(|line| {
        made.clear();
        translation.line(line, &mut made);
        made != line && made.split(|byte| *byte == b'\n').all(is_event)
    });
    // an event may be longer than the lines
    is_found || translation.parts.iter().flatten().any(|text| text.trim_ascii_start().starts_with(b"{\""))
}

/// Line of a container as Kubernetes keeps it: `2024-05-01T10:00:00.1Z stdout F text`.
struct KubernetesLine<'a> {
    stream: Stream,
    /// False if the next line of the stream goes on with the same text.
    is_last_part: bool,
    text: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
enum Stream {
    Stdout = 0,
    Stderr = 1,
}

impl<'a> KubernetesLine<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let mut words = line.splitn(4, |byte| *byte == b' ');
        let time = words.next()?;
        if !time.first()?.is_ascii_digit() || !time.contains(&b'T') {
            return None;
        }
        let stream = match words.next()? {
            b"stdout" => Stream::Stdout,
            b"stderr" => Stream::Stderr,
            _ => return None,
        };
        // more tags may follow after a colon
        let is_last_part = match words.next()?.split(|byte| *byte == b':').next()? {
            b"F" => true,
            b"P" => false,
            _ => return None,
        };
        Some(KubernetesLine { stream, is_last_part, text: words.next().unwrap_or_default() })
    }
}

/// Adds the events that `text` ends with, one per line, or `otherwise` if there are none.
fn add_events(text: &[u8], otherwise: &[u8], to: &mut Vec<u8>) {
    let Some(events) = events_at_end(text) else { return to.extend_from_slice(otherwise) };
    to.extend_from_slice(&events.join(&b'\n'));
}

/// Upper limit on the bytes that are scanned for events, as a multiple of a line's length: many
/// braces that nothing closes must not take long.
const MAX_SCANS: usize = 16;

/// Returns the events that `text` ends with: objects with blanks, commas or nothing between them,
/// or an array of objects. Only blanks may follow.
fn events_at_end(text: &[u8]) -> Option<Vec<&[u8]>> {
    let text = text.trim_ascii_end();
    if !matches!(text.last(), Some(b'}' | b']')) {
        return None;
    }
    let (mut at, mut n_scanned) = (0, 0);
    while n_scanned <= MAX_SCANS * text.len() {
        at += memchr::memchr2(b'{', b'[', &text[at..])?;
        if !begins_events(&text[at..]) {
            at += 1;
            continue;
        }
        let tried = if text[at] == b'[' { elements(&text[at..]) } else { objects(&text[at..]) };
        match tried {
            Ok(events) => return Some(events),
            Err(Other::Closed(len)) => at += len,
            Err(Other::Fault(n)) => {
                at += 1;
                n_scanned += n;
            }
            // an object inside of a truncated one is not an event
            Err(Other::Truncated) => return None,
        }
    }
    None
}

/// Text that begins like an event.
enum Other {
    /// This many bytes hold whole values; something else follows.
    Closed(usize),
    /// It is not JSON, as this many bytes showed.
    Fault(usize),
    /// It goes on after the line.
    Truncated,
}

/// True if `text` begins with an object that has members, or with an array of such.
fn begins_events(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"[").map_or(text, <[u8]>::trim_ascii_start);
    text.strip_prefix(b"{").is_some_and(|members| members.trim_ascii_start().starts_with(b"\""))
}

fn objects(text: &[u8]) -> Result<Vec<&[u8]>, Other> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let len = match Structure::new(LineEnds::Truncate).scan(&text[at..]) {
            Scanned::Closed(len) => len,
            Scanned::Open => return Err(Other::Truncated),
            Scanned::Fault(n) => return Err(Other::Fault(at + n)),
        };
        found.push(&text[at..at + len]);
        at += len;
        let is_separator = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b',';
        let next = at + text[at..].iter().take_while(is_separator).count();
        if text.get(next).is_some_and(|byte| *byte != b'{') {
            return Err(Other::Closed(at));
        }
        at = next;
    }
    Ok(found)
}

fn elements(text: &[u8]) -> Result<Vec<&[u8]>, Other> {
    let len = match Structure::new(LineEnds::Truncate).scan(text) {
        Scanned::Closed(len) => len,
        Scanned::Open => return Err(Other::Truncated),
        Scanned::Fault(n) => return Err(Other::Fault(n)),
    };
    let (found, rest) = split_objects(&text[1..len]);
    let is_whole = len == text.len() && rest == b"]";
    is_whole.then_some(found).ok_or(Other::Closed(len))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::translated::Translated;
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut lines = String::new();
        Translated::new(text.as_bytes(), Prefixed::default()).read_to_string(&mut lines).unwrap();
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn prefixes_are_dropped() {
        check("Jan  1 00:00:00 host app[1]: {\"a\":1}", &["{\"a\":1}"]);
        check("<13>{x} {\"a\":{\"b\":2}} \r\n{\"a\":3}\n", &["{\"a\":{\"b\":2}}", "{\"a\":3}"]);
        check("x: {\"a\":1}{\"b\":{}} {\"c\":\"}\"}", &["{\"a\":1}", "{\"b\":{}}", "{\"c\":\"}\"}"]);
        check("x: {\"a\":1}, {\"b\":2}", &["{\"a\":1}", "{\"b\":2}"]);
        check("x: [ {\"a\":1}, {\"b\":[{}]} ]", &["{\"a\":1}", "{\"b\":[{}]}"]);
        check("for {\"user\":\"x\"} from y: {\"a\":1}", &["{\"a\":1}"]);
        check("for {\"user from y: {\"a\":1}", &["{\"a\":1}"]);
    }

    #[test]
    fn objects_that_do_not_end_their_line_are_no_events() {
        for line in [
            "sshd: Failed password for invalid user {\"user\":\"forged\"} from 1.2.3.4",
            "x {\"a\":1} {\"b\":2} end",
            "x {\"a\":1}, {\"b\":2},",
            "x [{\"a\":1}] {\"b\":2}]",
            "x [{\"a\":1},2]",
            "x []",
            "x {}",
            "no event",
            "{\"a\":",
            "{\"a\":{\"b\":1}",
            "[2,{\"a\":1}]",
        ] {
            check(line, &[line]);
            assert!(!has_prefixed_event([line.as_bytes()].into_iter()), "{line}");
        }
        assert!(has_prefixed_event([&b"no event"[..], b"x: {\"a\":1}"].into_iter()));
        assert!(!has_prefixed_event([&b"{\"a\":1}"[..]].into_iter()));
        // braces that nothing closes
        check(&format!("{}}}", "{\"a\":".repeat(100_000)), &[&format!("{}}}", "{\"a\":".repeat(100_000))]);
    }

    #[test]
    fn parts_of_lines_of_kubernetes_are_joined() {
        check(
            "2024-05-01T10:00:00.1Z stdout F {\"a\":1}
2024-05-01T10:00:00.1Z stdout P {\"a\": 
2024-05-01T10:00:00.1Z stderr P app: {\"b\":
2024-05-01T10:00:00.1Z stdout P 2,
2024-05-01T10:00:00.1Z stderr F 3}
2024-05-01T10:00:00.1Z stdout F \"c\":4}
2024-05-01T10:00:00.1Z stdout F plain
2024-05-01T10:00:00.1Z stderr P {\"d\":5}",
            &[
                "{\"a\":1}",
                "",
                "",
                "",
                "{\"b\":3}",
                "{\"a\": 2,\"c\":4}",
                "2024-05-01T10:00:00.1Z stdout F plain",
                "",
                "{\"d\":5}",
            ],
        );
        let start = [&b"2024-05-01T10:00:00.1Z stdout P {\"a\":"[..]];
        assert!(has_prefixed_event(start.into_iter()));
    }
}
