//! Bodies of bulk requests: a line that says what to do, then the source.

use super::hit::hit;
use super::members::{Member, Members};
use super::structure::value_len;
use super::translated::Translate;

/// Meaning of the next line, as the last one said.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    action: Option<Action>,
}

#[derive(Debug)]
struct Action {
    is_update: bool,
    index: Option<String>,
    id: Option<String>,
}

impl Translate for Bulk {
    fn line(&mut self, line: &[u8], to: &mut Vec<u8>) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        if let Some((verb, target)) = action(line)
            && (self.action.is_none() || names_document(&target))
        {
            let named = |name: &str| target.members().find(|member| member.is_named(name)).map(|member| text(&member));
            self.action = (verb != "delete").then(|| Action {
                is_update: verb == "update",
                index: named("_index"),
                id: named("_id"),
            });
            return;
        }
        let Some(Action { is_update, index, id }) = self.action.take() else { return to.extend_from_slice(line) };
        let source = if is_update { updated(line) } else { Some(line) };
        let Some(source) = source else { return };
        // a source that is not JSON is skipped as a line that is not
        match std::str::from_utf8(source) {
            Ok(source) => to.extend_from_slice(hit(index.as_deref(), id.as_deref(), source).as_bytes()),
            Err(_) => to.extend_from_slice(source),
        }
    }
}

/// True if `line` says what to do with the document that follows.
pub(super) fn is_action(line: &[u8]) -> bool {
    action(line.trim_ascii()).is_some()
}

/// Returns what a line says to do, and with which document.
fn action(line: &[u8]) -> Option<(&str, Member<'_>)> {
    // most lines are sources, which are longer
    if line.len() > 4096 || value_len(line) != Some(line.len()) {
        return None;
    }
    let mut members = Members::of(line);
    let target = members.next()?;
    let verb = std::str::from_utf8(target.name).ok()?;
    let is_action = matches!(verb, "index" | "create" | "update" | "delete")
        && members.next().is_none()
        && target.is_object()
        && target.members().all(|member| is_about_document(&member));
    is_action.then_some((verb, target))
}

fn is_about_document(member: &Member<'_>) -> bool {
    const NAMES: [&str; 10] = [
        "routing",
        "parent",
        "version",
        "version_type",
        "retry_on_conflict",
        "pipeline",
        "require_alias",
        "dynamic_templates",
        "if_seq_no",
        "if_primary_term",
    ];
    member.name.starts_with(b"_") || NAMES.iter().any(|name| member.is_named(name))
}

fn names_document(target: &Member<'_>) -> bool {
    target.members().any(|member| member.is_named("_index") || member.is_named("_id"))
}

/// Returns the document of an update: the changed fields, or the document to create. A script has
/// none.
fn updated(line: &[u8]) -> Option<&[u8]> {
    let named = |name: &str| Members::of(line).find(|member| member.is_named(name) && member.is_object());
    named("doc").or_else(|| named("upsert")).map(|member| member.value)
}

fn text(member: &Member<'_>) -> String {
    String::from_utf8_lossy(member.value).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::translated::Translated;
    use super::*;

    #[test]
    fn sources_get_the_identity_of_their_action() {
        let text = r#"{"index":{"_index":"i","_id":"1"}}
{"a":1}
{"create":{}}
{"a":2}

{"delete":{"_index":"i","_id":"1"}}
{"update":{"_id":"3","_index":"i"}}
{"doc":{"a":3},"doc_as_upsert":true}
{"update":{"_id":"4"}}
{"script":"x"}
{"index":{"_id":"lost"}}
{"index":{"_id":"5"}}
{"index":{"name":"an event"}}
{"a":6}
{"index":{"_id":"7"}}
{"a""#;
        let mut lines = String::new();
        Translated::new(text.as_bytes(), Bulk::default()).read_to_string(&mut lines).unwrap();
        let expected = [
            "",
            r#"{"_index":"i","_id":"1","_source":{"a":1}}"#,
            "",
            r#"{"a":2}"#,
            "",
            "",
            "",
            r#"{"_index":"i","_id":"3","_source":{"a":3}}"#,
            "",
            "",
            "",
            "",
            r#"{"_id":"5","_source":{"index":{"name":"an event"}}}"#,
            r#"{"a":6}"#,
            "",
            r#"{"_id":"7","_source":{"a"}"#,
        ];
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    }
}
