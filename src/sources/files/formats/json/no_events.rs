//! JSON that is found next to events and holds none.

use super::bulk::is_action;
use super::members::{Member, Members};
use super::structure::value_len;
use crate::sources::files::formats::{Holds, Refusal};

/// Returns what the object `text`, which may be truncated, holds instead of events.
pub(super) fn refusal(text: &[u8]) -> Option<Refusal> {
    let object = Object { is_whole: value_len(text) == Some(text.len()), ..Object::of(Members::of(text)) };
    let (reason, cure) = KINDS.iter().find_map(|(is_kind, reason, cure)| is_kind(&object).then_some((reason, cure)))?;
    Some(Refusal { reason, cure, holds: Holds::NoEvents })
}

/// Refusal of a file of bulk actions.
pub(super) fn of_actions(line: &[u8]) -> Option<Refusal> {
    let reason = "it holds actions of a bulk request without sources";
    is_action(line).then_some(Refusal {
        reason,
        cure: "keep the source that follows each action",
        holds: Holds::NoEvents,
    })
}

/// Test, what the object holds, and what to do.
type Kind = (fn(&Object<'_>) -> bool, &'static str, &'static str);

const KINDS: &[Kind] = &[
    (is_report, "it is a report of this program", "leave it out"),
    (is_search_without_hits, "it is the answer of a search without hits", "search again with a `size` above 0"),
    (is_bulk_answer, "it is the answer to a bulk request", "give the body of the request"),
    (is_error_answer, "it is the error message of a server", "repeat the request that failed"),
    (is_count, "it is the answer of a count", "search for the documents instead"),
    (is_table, "it is the answer of an SQL or ES|QL query", "ask for it with `format=csv`"),
    (is_template, "it holds index templates", "leave it out"),
    (is_mapping, "it holds the mapping of an index", "give it with --mapping"),
    (is_settings, "it holds settings", "leave it out"),
    (is_aliases, "it holds aliases", "leave it out"),
    (is_saved_object, "it holds saved objects of Kibana or OpenSearch Dashboards", "leave it out"),
];

struct Object<'a> {
    members: Vec<Member<'a>>,
    /// False if the text is truncated, so that more members may follow.
    is_whole: bool,
}

impl<'a> Object<'a> {
    fn of(members: Members<'a>) -> Self {
        Object { members: members.collect(), is_whole: true }
    }

    fn get(&self, name: &str) -> Option<&Member<'a>> {
        self.members.iter().find(|member| member.is_named(name))
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn has_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.has(name))
    }

    /// True if it has members, and none but those of `names`.
    fn has_only(&self, names: &[&str]) -> bool {
        !self.members.is_empty() && self.members.iter().all(|member| names.iter().any(|name| member.is_named(name)))
    }

    /// Parts of the definitions of indices: those of this object, or of the indices that it names.
    fn index_parts(&self) -> Option<Vec<Member<'a>>> {
        let is_definition =
            |object: &Object<'_>| object.has_only(&INDEX_PARTS) && object.members.iter().all(Member::is_object);
        if is_definition(self) {
            return Some(self.members.clone());
        }
        let named = self.members.iter().map(|member| Object::of(member.members()));
        let mut parts = Vec::new();
        for index in named {
            if !is_definition(&index) {
                return None;
            }
            parts.extend(index.members);
        }
        (!parts.is_empty()).then_some(parts)
    }

    fn is_index_with(&self, part: &str) -> bool {
        self.index_parts().is_some_and(|parts| parts.iter().any(|member| member.is_named(part)))
    }
}

const INDEX_PARTS: [&str; 7] =
    ["mappings", "settings", "aliases", "defaults", "warmers", "lifecycle", "data_stream_options"];

fn is_report(object: &Object<'_>) -> bool {
    object.has_all(&["schema", "use_cases"])
        || object.has_all(&["schema", "version", "started", "status", "exit_code", "missing"])
}

fn is_search_without_hits(object: &Object<'_>) -> bool {
    let is_array = |member: &Member<'_>| ["hits", "events", "sequences"].iter().any(|name| member.is_named(name));
    let mut arrays = object.get("hits").into_iter().flat_map(Member::members).filter(is_array).peekable();
    let is_empty = match arrays.peek() {
        Some(_) => arrays.all(|array| array.value.trim_ascii_end() == b"[]"),
        None => object.is_whole,
    };
    object.has_all(&["took", "timed_out"]) && is_empty
}

fn is_bulk_answer(object: &Object<'_>) -> bool {
    object.has_all(&["took", "errors", "items"])
}

fn is_error_answer(object: &Object<'_>) -> bool {
    object.has_only(&["error", "status"]) && object.has_all(&["error", "status"])
}

fn is_count(object: &Object<'_>) -> bool {
    object.has_only(&["count", "_shards"]) && object.has_all(&["count", "_shards"])
}

fn is_table(object: &Object<'_>) -> bool {
    let is_list = |name: &str| object.get(name).is_some_and(|member| member.value.starts_with(b"["));
    is_list("columns") && (is_list("rows") || is_list("values"))
}

fn is_template(object: &Object<'_>) -> bool {
    let is_one = |object: &Object<'_>| {
        object.has("index_patterns") && (object.has("template") || object.has("mappings") || object.has("settings"))
    };
    let named = |member: &Member<'_>| is_one(&Object::of(member.members()));
    object.has_only(&["index_templates"])
        || object.has_only(&["component_templates"])
        || is_one(object)
        || (object.has_only(&["template", "version", "_meta"])
            && object.get("template").is_some_and(|template| Object::of(template.members()).has_only(&INDEX_PARTS)))
        || (!object.members.is_empty() && object.members.iter().all(named))
}

fn is_mapping(object: &Object<'_>) -> bool {
    let is_field =
        |field: Member<'_>| field.members().any(|member| member.is_named("type") || member.is_named("properties"));
    object.is_index_with("mappings")
        || (object.has_only(&["properties", "dynamic", "dynamic_templates", "_meta", "_source", "date_detection"])
            && object.get("properties").is_some_and(|fields| fields.members().all(is_field)))
}

fn is_settings(object: &Object<'_>) -> bool {
    object.is_index_with("settings")
        || (object.has_only(&["persistent", "transient", "defaults"]) && object.has_all(&["persistent", "transient"]))
}

fn is_aliases(object: &Object<'_>) -> bool {
    object.is_index_with("aliases")
}

fn is_saved_object(object: &Object<'_>) -> bool {
    object.has_all(&["attributes", "id", "references", "type"]) || object.has_all(&["exportedCount", "missingRefCount"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_events_is_named() {
        let check = |text: &str, expected: &str| {
            let found = refusal(text.as_bytes()).map_or("", |refusal| refusal.reason);
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{text}: {found}");
        };
        check(r#"{"logs":{"mappings":{"properties":{"a":{"type":"keyword"}}}},"other":{"mappings":{}}}"#, "mapping");
        check(r#"{"properties":{"a":{"type":"keyword"},"b":{"properties":{}}}}"#, "mapping");
        check(r#"{"mappings":{"properties":{"#, "mapping");
        check(r#"{"logs":{"settings":{"index":{"number_of_shards":"1"}}}}"#, "settings");
        check(r#"{"persistent":{},"transient":{}}"#, "settings");
        check(r#"{"logs":{"aliases":{}}}"#, "aliases");
        check(r#"{"index_templates":[{"name":"x"}]}"#, "templates");
        check(r#"{"logs":{"order":0,"index_patterns":["logs-*"],"settings":{},"mappings":{}}}"#, "templates");
        check(r#"{"took":1,"timed_out":false,"hits":{"total":3,"hits":[]},"aggregations":{}}"#, "without hits");
        check(r#"{"took":1,"errors":false,"items":[{"index":{}}]}"#, "bulk");
        check(r#"{"error":{"type":"x"},"status":404}"#, "error");
        check(r#"{"count":3,"_shards":{}}"#, "count");
        check(r#"{"columns":[{"name":"a","type":"long"}],"rows":[[1]]}"#, "SQL");
        check(r#"{"schema":1,"version":"1","use_cases":[]}"#, "report");
        check(r#"{"attributes":{},"id":"1","references":[],"type":"dashboard"}"#, "saved objects");
        check(r#"{"took":1,"timed_out":false,"hits":{"total":{"value":0},"events":[]}}"#, "without hits");
        for event in [
            r#"{"took":1,"timed_out":false,"hits":{"hits":[{"_id":"1"}]}}"#,
            r#"{"took":1,"timed_out":false,"hits":{"events":[{"_id":"1"}]}}"#,
            r#"{"took":1,"timed_out":false,"hits":{"sequences":[{"events":[{"_id":"1"}]}]}}"#,
            r#"{"took":1,"timed_out":false,"hits":{"total":1"#,
            r#"{"settings":"changed","user":"x"}"#,
            r#"{"settings":"changed"}"#,
            r#"{"error":{"type":"x"}}"#,
            r#"{"count":3}"#,
            r#"{"properties":{"a":"b"}}"#,
            r#"{"a":{"mappings":1}}"#,
            "{}",
        ] {
            check(event, "");
        }
        assert!(of_actions(br#"{"index":{"_id":"1"}}"#).is_some() && of_actions(br#"{"index":{"a":1}}"#).is_none());
    }
}
