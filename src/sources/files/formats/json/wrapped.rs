//! Events inside of lines, as the text that a container wrote.

use super::members::Members;
use super::translated::Translate;
use crate::event::decode::MAX_LINE_BYTES;

/// Lines of Docker's log driver `json-file`: `{"log":"{..}\n","stream":"stdout","time":".."}`.
#[derive(Debug, Default)]
pub(super) struct Docker {
    /// Text of long lines, which come in parts, by stream. The one that got its last part first
    /// comes first.
    parts: Vec<(Vec<u8>, String)>,
}

impl Translate for Docker {
    fn line(&mut self, line: &[u8], to: &mut Vec<u8>) {
        let Some(DockerLine { text, stream }) = DockerLine::of(line) else { return to.extend_from_slice(line) };
        let at = self.parts.iter().position(|(known, _)| known == stream);
        let mut whole = at.map_or_else(String::new, |at| self.parts.remove(at).1);
        let is_one_part = whole.is_empty();
        whole.push_str(&text);
        if whole.ends_with('\n') || whole.len() > MAX_LINE_BYTES {
            add_event(&whole, is_one_part.then_some(line), to);
            return;
        }
        self.parts.push((stream.to_vec(), whole));
        if self.parts.len() > MAX_STREAMS {
            let (_, oldest) = self.parts.remove(0);
            add_event(&oldest, None, to);
        }
    }

    fn end(&mut self, to: &mut Vec<u8>) {
        for (_, text) in self.parts.drain(..) {
            add_event(&text, None, to);
            to.push(b'\n');
        }
    }
}

/// Upper limit on the streams whose lines are unfinished: a container has two streams.
const MAX_STREAMS: usize = 8;

/// Adds the event that is written in `text`. Other text leaves the event `around` it.
fn add_event(text: &str, around: Option<&[u8]>, to: &mut Vec<u8>) {
    let event = text.trim();
    match around {
        Some(around) if !event.starts_with('{') => to.extend_from_slice(around),
        _ => to.extend(event.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })),
    }
}

struct DockerLine<'a> {
    text: String,
    stream: &'a [u8],
}

impl<'a> DockerLine<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let (mut text, mut stream) = (None, None);
        for member in Members::of(line.trim_ascii()) {
            match member.name {
                b"log" => text = Some(serde_json::from_slice::<String>(member.value).ok()?),
                b"stream" => stream = Some(member.value),
                b"time" | b"attrs" => {}
                _ => return None,
            }
        }
        Some(DockerLine { text: text?, stream: stream? })
    }
}

/// True if `line` is one of Docker's with an event in it.
pub(super) fn is_docker_event(line: &[u8]) -> bool {
    DockerLine::of(line).is_some_and(|line| line.text.trim_start().starts_with("{\""))
}

/// True if `line` is one of Docker's.
pub(super) fn is_docker_line(line: &[u8]) -> bool {
    DockerLine::of(line).is_some()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::translated::Translated;
    use super::*;

    fn check(text: &str, translation: impl Translate, expected: &[&str]) {
        let mut lines = String::new();
        Translated::new(text.as_bytes(), translation).read_to_string(&mut lines).unwrap();
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn containers_write_events() {
        check(
            r#"{"log":"{\"a\":1}\n","stream":"stdout","time":"t"}
{"log":"plain\n","stream":"stdout","time":"t"}
{"log":"{\"a\":","stream":"stdout","time":"t"}
{"log":"oops\n","stream":"stderr","time":"t"}
{"log":"2}\n","stream":"stdout","time":"t"}
{"a":3}
{"log":"{\"a\":4}","stream":"stdout","time":"t"}"#,
            Docker::default(),
            &[
                r#"{"a":1}"#,
                r#"{"log":"plain\n","stream":"stdout","time":"t"}"#,
                "",
                r#"{"log":"oops\n","stream":"stderr","time":"t"}"#,
                r#"{"a":2}"#,
                r#"{"a":3}"#,
                "",
                r#"{"a":4}"#,
            ],
        );
    }

    #[test]
    fn lines_of_many_streams_that_are_never_finished_are_given_out() {
        let line =
            |stream: usize, text: &str| format!("{{\"log\":\"{text}\",\"stream\":\"s{stream}\",\"time\":\"t\"}}\n");
        let mut text: String = (0..MAX_STREAMS).map(|stream| line(stream, &format!("{stream}: a"))).collect();
        // the stream that was continued is not the oldest one any longer
        text += &(line(0, "b") + &line(8, "8: a") + &line(9, "9: a") + &line(1, "c\\n") + &line(0, "c\\n"));
        let mut expected = vec![""; MAX_STREAMS + 1];
        let last = line(1, "c\\n");
        expected.extend(["1: a", "2: a", last.trim(), "0: abc"]);
        expected.extend(["3: a", "4: a", "5: a", "6: a", "7: a", "8: a", "9: a"]);
        check(&text, Docker::default(), &expected);
    }
}
