//! Forms of fields (`x.keyword`, `x.text`, ...) and dynamic templates: files with the mapping of an
//! index find what a run over the index finds, whatever names the use cases have.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::bench::{Bench, Document, assert_same_lines, hits};
use super::kind::Kind;

on_every_server!(check);

const INDEX: &str = "multi-fields";

fn mappings() -> Value {
    let forms = json!({
        "keyword": {"type": "keyword", "ignore_above": 40},
        "raw": {"type": "keyword"},
        "text": {"type": "text"},
        "caseless": {"type": "keyword", "normalizer": "lowercase"},
        "folded": {"type": "keyword", "normalizer": "lowercase"},
    });
    json!({
        "date_detection": false,
        "properties": {
            "@timestamp": {"type": "date"},
            "host": {"properties": {"name": {"type": "keyword", "fields": forms}}},
            "message": {"type": "text", "fields": forms},
            "who": {"type": "alias", "path": "host.name"},
            "meta": {"properties": {"raw": {"type": "keyword"}}},
            "dns": {"properties": {"answers": {"properties": {"data": {"type": "keyword", "fields": forms}}}}},
        },
        "dynamic_templates": [
            {"notes": {"path_match": "note.*", "unmatch": "*_id", "match_mapping_type": "string",
                "mapping": {"type": "text", "fields": {"exact": {"type": "keyword", "normalizer": "lowercase"}}}}},
            {"numbers": {"match": "n_*", "match_mapping_type": "long", "mapping": {"type": "keyword"}}},
            {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword", "fields": {"text": {"type": "text"}}}}},
        ],
    })
}

fn documents() -> Vec<Document> {
    let event = |idx: u32, host: &str, message: &str, data: &[&str]| {
        let answers: Vec<Value> = data.iter().map(|data| json!({"data": data, "ttl": idx})).collect();
        json!({
            "@timestamp": format!("2024-05-0{}T{:02}:00:00Z", 1 + idx / 24, idx % 24),
            "host": {"name": host}, "message": message, "meta": {"raw": format!("raw{}", idx % 2)},
            "props": [{"Name": "Other", "Value": "x"}, {"Name": "Role", "Value": if idx == 60 { "admin" } else { "user" }}],
            "dns": {"answers": answers}, "note": {"a": message, "x_id": message}, "n_1": idx, "other": host,
        })
    };
    let mut events: Vec<Value> = (0..60)
        .map(|idx| event(idx, ["PC-1", "pc-1"][idx as usize % 2], "Usual message \u{ae} of a host", &["a", "b"]))
        .collect();
    events.push(event(60, "PC-2", "An ODD message \u{1f600}", &["A", "c"]));
    events.push(event(61, "Pc-1", "A message that is much longer than forty characters are", &["B", "d"]));
    events.push(event(62, "PC-1", "Quick", &["D"]));
    let document = |(idx, event): (usize, &Value)| Document { id: format!("{idx:02}"), source: event.to_string() };
    events.iter().enumerate().map(document).collect()
}

/// Queries that name forms of fields, in both languages.
fn queries() -> Vec<Value> {
    vec![
        json!("host.name.caseless:pc-2"),
        json!("host.name.folded:(PC-2 OR pc-9)"),
        json!("message.text:odd"),
        json!("message.keyword:\"An ODD message \u{1f600}\""),
        json!("message:\u{1f600}"),
        json!("message:\u{ae} AND n_1:7"),
        json!("NOT _exists_:message.keyword"),
        json!("who:PC-2"),
        json!("who.keyword:PC-2"),
        json!("host.\\*.raw:Pc-1"),
        json!("\\*.caseless:pc-2"),
        json!("\\*.keyword:PC-2"),
        json!("meta.raw:raw0 AND host.name.text:2"),
        json!("message.unknown:x OR host.name.unknown:PC-2"),
        json!("note.a:odd"),
        json!("note.a.exact:\"AN odd message \u{1f600}\""),
        json!("note.x_id:odd"),
        json!("note.x_id.text:odd"),
        json!("other.text:2"),
        json!("odd"),
        json!("Quick"),
        json!("PC-2"),
        json!({"prefix": {"n_1": "6"}}),
        json!({"wildcard": {"host.name.caseless": {"value": "P\\C-2"}}}),
        json!({"wildcard": {"host.name": {"value": "\\pc-?", "case_insensitive": true}}}),
        json!({"wildcard": {"host.name.raw": {"value": "\\Pc-?", "case_insensitive": true}}}),
        json!({"term": {"dns.answers.data.caseless": "A"}}),
        json!({"terms": {"dns.answers.data.raw": ["c", "A"]}}),
    ]
}

fn use_cases() -> String {
    let mut text = String::new();
    let fields = "{host.name.keyword} {host.name.caseless} {host.name.folded} {who} {message.text} {note.a.exact} \
                  {other.text} {dns.answers.data.raw} {dns.answers.data.folded} {meta.raw} {message.unknown} {role}";
    for (idx, query) in queries().iter().enumerate() {
        let filter = match query {
            Value::String(lucene) => format!("es_query_filter={lucene}"),
            dsl => format!("es_dsl_filter={}", json!({"query": dsl})),
        };
        write!(text, "[simplequery_q{idx}]\n{filter}\n{}", texts(&format!("q{idx} {fields}"))).expect("a text grows");
    }
    text + &models()
}

/// Use cases of other models whose fields are forms.
fn models() -> String {
    let mut text = String::new();
    for (idx, (aggregator, target)) in [
        ("host.name.caseless", "message.keyword"),
        ("host.name.folded", "dns.answers.data.raw"),
        ("who", "dns.answers.data.folded"),
        ("meta.raw", "note.a.exact, host.name.text"),
        ("meta.raw", "other.text, host.name.raw"),
        ("meta.raw", "role"),
    ]
    .iter()
    .enumerate()
    {
        let model = "target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=pct_of_max_value\ntrigger_sensitivity=20\n";
        write!(
            text,
            "[terms_t{idx}]\nes_query_filter=_exists_:{aggregator}\naggregator={aggregator}\ntarget={target}\n{model}{}",
            texts("{aggregator} {term} {term_count}")
        )
        .expect("a text grows");
    }
    text += "[metrics_long]\nes_query_filter=*\naggregator=host.name.folded\ntarget=message.raw\nmetric=length\ntrigger_on=high\n\
             trigger_method=float\ntrigger_sensitivity=30\n";
    text += &texts("{target} {metric}");
    // as the predecessor's own example names its fields
    text += "[sudden_appearance_new]\nes_query_filter=_exists_:host.name\naggregator=meta.raw, host.name.keyword\n\
             target=message.keyword\nhistory_window_days=7\nhistory_window_hours=0\nsliding_window_size=01:00:00\n\
             sliding_window_step_size=00:01:00\n";
    text += &texts("new {message.keyword} on {host.name.keyword}");
    text + &other_names()
}

/// Use cases of fields by other names.
fn other_names() -> String {
    let mut text = String::new();
    for (idx, filter) in [
        "es_query_filter=device:PC-2 AND _exists_:reply",
        "es_query_filter=+device.caseless:(pc-2 OR pc-3) -reply:(x y)",
        "es_dsl_filter={\"query\": {\"terms\": {\"reply.raw\": [\"c\", \"A\"]}}}",
    ]
    .iter()
    .enumerate()
    {
        let summary = texts("{device} {device.caseless} {reply} {privilege}");
        write!(text, "[simplequery_other{idx}]\n{filter}\n{summary}").expect("a text grows");
    }
    text += "[terms_other]\nes_query_filter=device:*\naggregator=device.caseless\ntarget=reply, privilege\n\
             target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=pct_of_max_value\n\
             trigger_sensitivity=20\n";
    text + &texts("{aggregator} {term} {term_count}")
}

fn texts(summary: &str) -> String {
    format!("outlier_type=t\noutlier_reason=r\noutlier_summary={summary}\nrun_model=1\n\n")
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    let documents = documents();
    bench.index(INDEX, &mappings(), &documents);
    bench.write("use_cases.conf", &use_cases());
    bench.write(
        "main.conf",
        "[assets]\nhost.name.caseless=host\ndns.answers.data.keyword=answer\n\
        [namedvalues]\nrole=props[Name=Role].Value\n\
        [field_aliases]\ndevice=missing, host.name\nreply=nowhere.at_all, dns.answers.data\nprivilege=role\n",
    );
    bench.write("hits.ndjson", &hits(INDEX, &documents));
    bench.write_cluster(INDEX, "es_save_results=0\n");
    let line = "run -q --config main.conf --config cluster.conf --use-cases use_cases.conf --now 2024-05-04T00:00:00Z";
    bench.run(&format!("{line} -o server.ndjson --report server.json")).expect_code(0);
    // before the server has mapped the fields of its templates, and after
    bench.write("template.json", &json!({INDEX: {"mappings": mappings()}}).to_string());
    let mapped = bench.node.ask("GET", &format!("/{INDEX}/_mapping"), None);
    bench.write("mapped.json", &mapped.to_string());
    let on_server = bench.output("server.ndjson");
    for mapping in ["template.json", "mapped.json"] {
        let options = format!("--mapping {mapping} --events hits.ndjson -o file.ndjson --report file.json");
        bench.run(&format!("{line} {options}")).expect_code(0);
        let what = format!("{} with {mapping}", bench.name());
        let (of_file, of_server) = (bench.report("file.json"), bench.report("server.json"));
        for use_case in of_server.use_cases() {
            assert_eq!(of_file.numbers(&use_case), of_server.numbers(&use_case), "{what}: {use_case}");
        }
        assert_same_lines(&bench.output("file.ndjson"), &on_server, &what);
    }
    let report = bench.report("server.json");
    let nothing: Vec<String> =
        report.use_cases().into_iter().filter(|name| report.numbers(name).outliers == 0).collect();
    // forms that are not mapped, words of a keyword, an escaped capital in a field of small letters
    let expected = ["simplequery_q8", "simplequery_q13", "simplequery_q16", "simplequery_q23"];
    assert_eq!(nothing, expected, "{}: use cases that find nothing", bench.name());
}
