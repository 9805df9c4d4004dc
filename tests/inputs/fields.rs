//! Names and shapes of fields: forms such as `x.keyword`, names in another case, arrays of objects
//! and lists of named values, in queries, targets, aggregators, texts and assets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::program;

/// Files of a run.
#[derive(Default)]
struct Files<'a> {
    /// Main configuration.
    main: &'a str,
    use_cases: String,
    events: String,
    mapping: Option<Value>,
    /// More arguments.
    options: &'a str,
}

/// What a run found: summaries by use case, and the assets of each document.
#[derive(Debug, Default)]
struct Found {
    summaries: BTreeMap<String, Vec<String>>,
    assets: Vec<Vec<String>>,
}

impl Found {
    /// Summaries of a use case, sorted.
    fn of(&self, use_case: &str) -> Vec<&str> {
        self.summaries.get(use_case).map_or_else(Vec::new, |summaries| summaries.iter().map(String::as_str).collect())
    }
}

impl Files<'_> {
    fn run(&self) -> Found {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("main.conf", self.main);
        write("use_cases.conf", &self.use_cases);
        write("events.ndjson", &self.events);
        let mut line = format!(
            "run -q --config main.conf --use-cases use_cases.conf --events events.ndjson -o out.ndjson {}",
            self.options
        );
        if let Some(mapping) = &self.mapping {
            write("mapping.json", &mapping.to_string());
            line += " --mapping mapping.json";
        }
        let finished = program::run(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
        let output =
            fs::read_to_string(folder.path().join("out.ndjson")).unwrap_or_else(|_| panic!("{}", finished.stderr));
        assert!(!finished.stderr.contains("error"), "{}", finished.stderr);
        found(&output)
    }
}

fn found(output: &str) -> Found {
    let mut found = Found::default();
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    for line in output.lines() {
        let hit: Value = serde_json::from_str(line).expect("a line of JSON");
        let outliers = &hit["_source"]["outliers"];
        for (name, summary) in texts(&outliers["model_name"]).into_iter().zip(texts(&outliers["summary"])) {
            let summary = summary.strip_prefix(&format!("{name}: ")).unwrap_or(&summary).to_owned();
            found.summaries.entry(name).or_default().push(summary);
        }
        found.assets.push(texts(&outliers["assets"]));
    }
    found.summaries.values_mut().for_each(|summaries| summaries.sort());
    found
}

fn lines(events: &[Value]) -> String {
    events.iter().fold(String::new(), |mut lines, event| {
        writeln!(lines, "{event}").expect("a text grows");
        lines
    })
}

/// A use case `[simplequery_NAME]` per query, in either language.
fn queries(queries: &[(&str, Value)], summary: &str) -> String {
    queries.iter().fold(String::new(), |mut text, (name, query)| {
        let filter = match query {
            Value::String(lucene) => format!("es_query_filter={lucene}"),
            dsl => format!("es_dsl_filter={}", json!({"query": dsl})),
        };
        // a document takes each summary once
        let summary = format!("{name}: {summary}");
        write!(text, "[simplequery_{name}]\n{filter}\n{}", texts(&summary)).expect("a text grows");
        text
    })
}

fn texts(summary: &str) -> String {
    format!("outlier_type=t\noutlier_reason=r\noutlier_summary={summary}\nrun_model=1\n\n")
}

/// A use case `[terms_NAME]` that finds rare targets.
fn rare(name: &str, aggregator: &str, target: &str) -> String {
    format!(
        "[terms_{name}]\nes_query_filter=*\naggregator={aggregator}\ntarget={target}\ntarget_count_method=within_aggregator\n\
         trigger_on=low\ntrigger_method=pct_of_max_value\ntrigger_sensitivity=20\n{}",
        texts(&format!("{name}: {{aggregator}}: {{term}} ({{term_count}})"))
    )
}

/// Answers to questions about a name, as sensors write them.
fn answers() -> Vec<Value> {
    let answer = |name: &str, kind: &str, ttl: u32, data: &str| json!({"rrname": name, "rrtype": kind, "ttl": ttl, "rdata": data});
    let event = |flow: u64, name: &str, answers: Value, grouped: Value| {
        json!({"timestamp": "2024-05-01T10:00:00.000000-0400", "flow_id": flow, "event_type": "dns",
            "dns": {"type": "answer", "rrname": name, "answers": answers, "grouped": grouped}})
    };
    let usual = |idx: u64| {
        let answers = json!([
            answer("www.example.com", "CNAME", 270, "cdn.example.net"),
            answer("cdn.example.net", "A", 29, "192.0.2.10"),
        ]);
        event(idx, "www.example.com", answers, json!({"A": ["192.0.2.10"]}))
    };
    let rare = json!([
        answer("bad.example.org", "A", 1, "198.51.100.99"),
        answer("bad.example.org", "A", 86400, "198.51.100.100"),
        answer("bad.example.org", "A", 2, "198.51.100.99"),
    ]);
    let grouped = json!({"A": ["198.51.100.99", "198.51.100.100"]});
    (0..12).map(usual).chain([event(u64::MAX, "bad.example.org", rare, grouped)]).collect()
}

#[test]
fn elements_of_arrays_of_objects_count_one_by_one() {
    let found = Files {
        main: "[general]\ntimestamp_field=timestamp\n[assets]\ndns.answers.rdata=answer\n",
        use_cases: queries(
            &[("data", json!("dns.answers.rdata:198.51.100.99")), ("ttl", json!("dns.answers.ttl:[80000 TO *]"))],
            "{dns.answers.rdata} for {dns.rrname}, {dns.answers.ttl}, flow {flow_id}",
        ) + &rare("answer", "dns.type", "dns.answers.rdata")
            + &rare("grouped", "dns.type", "dns.grouped.A")
            + &rare("per_name", "dns.answers.rrname", "dns.answers.rrtype"),
        events: lines(&answers()),
        ..Files::default()
    }
    .run();
    let text = "198.51.100.99, 198.51.100.100 for bad.example.org, 1, 86400, 2, flow 18446744073709551615";
    assert_eq!((found.of("data"), found.of("ttl")), (vec![text], vec![text]));
    let rare = ["answer: 198.51.100.100 (1)", "answer: 198.51.100.99 (1)"];
    assert_eq!((found.of("answer"), found.of("grouped")), (rare.to_vec(), rare.to_vec()));
    assert!(found.of("per_name").is_empty(), "{found:?}");
    let mut assets = found.assets[0].clone();
    assets.dedup();
    assets.truncate(2);
    assert_eq!(assets, ["answer: 198.51.100.99", "answer: 198.51.100.100"]);
}

/// Arrays in arrays, and numbers in them.
#[test]
fn nested_arrays_of_objects_count_too() {
    let event = |names: Value, sizes: Value| json!({"host": "h", "chain": [[{"cert": [{"names": names}, {"size": 1}]}], {"cert": {"size": sizes}}]});
    let mut events: Vec<Value> = (0..9).map(|_| event(json!(["a", "b"]), json!(2))).collect();
    events.push(event(json!(["a", "c", null]), json!([3, 1])));
    let found = Files {
        use_cases: queries(&[("c", json!("chain.cert.names:c")), ("size", json!({"range": {"chain.cert.size": {"gt": 2}}}))], "{chain.cert.names} {chain.cert.size}")
            + &rare("names", "host", "chain.cert.names")
            + &format!(
                "[metrics_joined]\nes_query_filter=*\naggregator=host\ntarget=chain.cert.names\nmetric=length\ntrigger_on=high\n\
                 trigger_method=float\ntrigger_sensitivity=4\n{}",
                texts("{target} {metric}")
            ),
        events: lines(&events),
        ..Files::default()
    }
    .run();
    assert_eq!((found.of("c"), found.of("size")), (vec!["a, c 1, 3"], vec!["a, c 1, 3"]));
    assert_eq!(found.of("names"), ["h: c (1)"]);
    assert_eq!((found.of("joined").len(), found.of("joined")[9]), (10, "a - c 5"));
}

#[test]
fn named_values_have_fields_of_their_own() {
    let change = |user: &str, properties: Value| json!({"Operation": "Update", "UserId": user, "ModifiedProperties": properties});
    let pair = |name: &str, value: &str| json!({"Name": name, "NewValue": value, "OldValue": ""});
    let mut events: Vec<Value> = (0..9)
        .map(|_| change("user@example.com", json!([pair("Included Updated Properties", "a"), pair("Role", "reader")])))
        .collect();
    events.push(change("mallory@example.com", json!([pair("Role", "admin"), pair("Other", "reader")])));
    events.push(change("eve@example.com", json!(["HtmlBody", "CreationTime"])));
    let found = Files {
        main: "[namedvalues]\nnew_role=ModifiedProperties[Name=Role].NewValue\n\
               included = ModifiedProperties[Name=Included Updated Properties].NewValue\n[assets]\nnew_role=role\n",
        use_cases: queries(&[("admin", json!("UserId:mallory@example.com"))], "{new_role} {included}")
            + &rare("role", "Operation", "new_role"),
        events: lines(&events),
        ..Files::default()
    }
    .run();
    assert_eq!(found.of("admin"), ["admin {field included not found in event}"]);
    assert_eq!(found.of("role"), ["Update: admin (1)"]);
    assert_eq!(found.assets.concat()[0], "role: admin");
}

#[test]
fn a_field_may_have_other_names() {
    let mut events: Vec<Value> = (0..9).map(|_| json!({"EventID": 1, "Image": "usual.exe", "h": "a"})).collect();
    events.push(json!({"EventID": 1, "Image": "flat.exe", "h": "a"}));
    events.push(json!({"event": {"code": "1"}, "process": {"executable": "ecs.exe"}, "Image": "not this", "h": "a"}));
    events.push(json!({"event_id": 1, "winlog": {"event_data": {"Image": "beats.exe"}}, "h": "a"}));
    events.push(json!({"EventID": 3, "Image": "other.exe", "h": "a"}));
    let found = Files {
        main: "[field_aliases]\nevent.code=EventID, event_id\n\
               process.executable = Image, winlog.event_data.Image\n[assets]\nprocess.executable=program\n",
        use_cases: queries(
            &[
                ("flat", json!("event.code:1 AND process.executable:(flat* OR other*)")),
                ("ecs", json!("process.executable.keyword:/[eb].*/ AND NOT _exists_:event_id")),
                ("none", json!("event.code:1 AND NOT process.executable:*")),
            ],
            "{process.executable}",
        ) + &rare("rare", "h", "process.executable"),
        events: lines(&events),
        ..Files::default()
    }
    .run();
    assert_eq!(found.of("flat"), ["flat.exe"]);
    assert_eq!(found.of("ecs"), ["ecs.exe"]);
    assert!(found.of("none").is_empty());
    let mut rare = found.of("rare");
    rare.sort_unstable();
    assert_eq!(rare, ["a: beats.exe (1)", "a: ecs.exe (1)", "a: flat.exe (1)", "a: other.exe (1)"]);
    assert!(found.assets.concat().contains(&"program: ecs.exe".to_owned()));
}

/// Names in another case are other names: clusters compare them exactly, so queries ask for both. A
/// value is that of the exact name, if an event has both.
#[test]
fn another_case_can_be_another_name() {
    let events = [
        json!({"id": 1, "message": "low", "h": "a"}),
        json!({"id": 2, "MESSAGE": "high", "h": "a"}),
        json!({"id": 3, "message": "low", "MESSAGE": "high", "h": "a"}),
    ];
    let found = Files {
        main: "[field_aliases]\nmessage=MESSAGE, Message\n[assets]\nmessage=text\n",
        use_cases: queries(
            &[
                ("high", json!("message:high")),
                ("exact", json!("MESSAGE:high AND message:low")),
                ("dsl", json!({"term": {"message.keyword": "high"}})),
                ("none", json!("NOT _exists_:message")),
            ],
            "{id} {message}",
        ),
        events: lines(&events),
        ..Files::default()
    }
    .run();
    assert_eq!(found.of("high"), ["2 high", "3 low"]);
    assert_eq!(found.of("exact"), ["3 low"]);
    assert_eq!(found.of("dsl"), ["2 high", "3 low"]);
    assert_eq!(found.of("none"), Vec::<&str>::new());
    let mut assets = found.assets.concat();
    assets.dedup();
    assert_eq!(assets, ["text: high", "text: low"]);
}

#[test]
fn other_names_that_cannot_be_are_told() {
    let said = refused("[field_aliases]\na=\nb= b, c\nd=e,,e\nB=f\n", &rare("x", "a", "b"));
    for part in [
        "main.conf:2",
        "no other name of the field",
        "main.conf:3",
        "`b` is named twice",
        "`e` is named twice",
        "main.conf:5",
        "it is `b` in another case",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn groups_of_fields_with_other_names_are_limited() {
    for (n, expected) in [(40, "groups grow to more than 1048576 bytes"), (100_000, "more than 128 groups")] {
        let query = format!("{}1{}", "b:(".repeat(n), ")".repeat(n));
        let said = refused("[field_aliases]\nb=c\n", &queries(&[("deep", json!(query))], "{b}"));
        for part in ["use_cases.conf:2", expected] {
            assert!(said.contains(part), "{part} is not said");
        }
    }
}

#[test]
fn named_values_without_a_name_are_an_error() {
    let use_cases = "[namedvalues]\nrole=a[b=c].d\n".to_owned() + &rare("x", "a", "b");
    let said = refused("[namedvalues]\nrole=ModifiedProperties.Role\n", &use_cases);
    for part in
        ["main.conf:2", "not a value with a name", "FIELD[NAME_KEY=NAME].VALUE_KEY", "named values of a use-case file"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

/// What `check` says of a configuration with errors.
fn refused(main: &str, use_cases: &str) -> String {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("main.conf"), main).expect("written");
    fs::write(folder.path().join("use_cases.conf"), use_cases).expect("written");
    let finished = program::run(folder.path(), &["check", "--config", "main.conf", "--use-cases", "use_cases.conf"]);
    let said = finished.stdout + &finished.stderr;
    assert_eq!(finished.code, 78, "{said}");
    said
}

#[test]
fn queries_find_names_in_another_case() {
    let events = [
        json!({"EventID": 4688, "Image": "a.exe", "Process": {"Name": "A"}}),
        json!({"EventID": 4688, "Image": "b.exe", "process": {"name": "b"}, "Process": {"Name": "A"}}),
        json!({"eventid": 1, "EventID": 4688, "Image": "c.exe", "process.name": "c"}),
        json!({"EVENTID": 2, "Image": "d.exe", "list": [{"Key": "k"}, {"key": "l", "KEY": "k"}]}),
    ];
    let found = Files {
        use_cases: queries(
            &[
                ("number", json!("eventid:4688")),
                ("exact", json!("EventID:4688")),
                ("other", json!({"term": {"eventId": 2}})),
                ("nested", json!("process.name:A")),
                ("missing", json!("NOT _exists_:PROCESS.NAME")),
                ("lists", json!("list.key:k")),
                ("exact_in_lists", json!("list.key:l")),
            ],
            "{image}",
        ),
        events: lines(&events),
        ..Files::default()
    }
    .run();
    for (query, expected) in [
        ("number", vec!["a.exe", "b.exe"]),
        ("exact", vec!["a.exe", "b.exe", "c.exe"]),
        ("other", vec!["d.exe"]),
        ("nested", vec!["a.exe"]),
        ("missing", vec!["d.exe"]),
        // the exact names of an event hide the others
        ("lists", vec![]),
        ("exact_in_lists", vec!["d.exe"]),
    ] {
        assert_eq!(found.of(query), expected, "{query}");
    }
}

/// A host with a few processes.
fn processes() -> Vec<Value> {
    let event = |idx: u32, name: &str, host: Value| {
        json!({"@timestamp": format!("2024-05-01T00:00:{idx:02}Z"), "seen": "2024-05-01T00:00:00Z", "host": host,
            "process": {"name": name, "line": format!("{name} -Enc Payload")}})
    };
    let mut events: Vec<Value> = (0..9).map(|idx| event(idx, "Cmd.exe", json!({"name": "PC-1"}))).collect();
    events.push(event(9, "cmd.EXE", json!({"name": "pc-1"})));
    events.push(event(10, "Evil.exe", json!({"name": {"keyword": "real"}})));
    events
}

#[test]
fn customary_forms_work_everywhere_without_a_mapping() {
    let main = "[general]\ntimestamp_field=seen.keyword\n[assets]\nhost.name.keyword=host\n\
                [derivedfields]\nprocess.line.keyword=%{WORD:first}\n";
    let found = Files {
        main,
        use_cases: queries(
            &[
                ("exact", json!("process.name.keyword:cmd.EXE")),
                ("raw", json!({"terms": {"process.name.raw": ["cmd.EXE", "x"]}})),
                ("caseless", json!("process.name.caseless:EVIL.EXE")),
                ("caseless_wildcard", json!({"wildcard": {"process.name.caseless": "evil*"}})),
                ("words", json!("process.line.text:\"evil.EXE enc payload\"")),
                ("word", json!("process.line.text:payload AND host.name.keyword:real")),
                ("pattern", json!("process.\\*.keyword:Evil.exe")),
                ("any_keyword", json!("\\*.keyword:Evil.exe")),
                ("any_text", json!("\\*.text:evil.exe")),
                ("real", json!("host.name.keyword:real")),
                ("not_the_object", json!("host.name.raw:real")),
            ],
            "{process.name.keyword} on {host.name.keyword}, {process.name.caseless}",
        ) + &rare("rare", "host.name.caseless", "process.name.keyword")
            + &rare("rare_caseless", "host.name.caseless", "process.name.caseless")
            + &rare("rare_word", "seen.raw", "first").replace("run_model=1", "use_derived_fields=1\nrun_model=1")
            + &format!(
                "[metrics_long]\nes_query_filter=*\naggregator=seen.text\ntarget=process.name.keyword\nmetric=length\n\
                 trigger_on=high\ntrigger_method=float\ntrigger_sensitivity=7\n{}",
                texts("{target} {metric}")
            ),
        events: lines(&processes()),
        options: "--from 2024-05-01T00:00:00Z",
        ..Files::default()
    }
    .run();
    let evil = ["Evil.exe on real, evil.exe"];
    let cmd = ["cmd.EXE on pc-1, cmd.exe"];
    for (use_case, expected) in [
        ("exact", &cmd[..]),
        ("raw", &cmd),
        ("caseless", &evil),
        ("caseless_wildcard", &evil),
        ("words", &evil),
        ("word", &evil),
        ("pattern", &evil),
        ("any_keyword", &evil),
        ("any_text", &evil),
        ("real", &evil),
        ("not_the_object", &[]),
        ("rare", &["pc-1: cmd.EXE (1)"]),
        ("rare_caseless", &[]),
        ("rare_word", &["2024-05-01T00:00:00Z: Evil (1)", "2024-05-01T00:00:00Z: cmd (1)"]),
        ("long", &["Evil.exe 8"]),
    ] {
        assert_eq!(found.of(use_case), expected, "{use_case}");
    }
    assert!(found.assets.concat().contains(&"host: pc-1".to_owned()), "{:?}", found.assets);
}

/// A part of a grok pattern that matches nothing is no field: not `None`, and it hides nothing.
#[test]
fn parts_of_patterns_that_match_nothing_are_no_fields() {
    let derived = |use_case: String| use_case.replace("run_model=1", "use_derived_fields=1\nrun_model=1");
    let events = [json!({"t": "sudo as root"}), json!({"t": "sudo"}), json!({"t": "su", "user": "own"})];
    let found = Files {
        main: "[derivedfields]\nt=%{WORD:verb}(?: as %{WORD:user})?$\n[assets]\nuser=user\n",
        use_cases: derived(queries(&[("all", json!("*"))], "{verb}: {user}")),
        events: lines(&events),
        ..Files::default()
    }
    .run();
    assert_eq!(found.of("all"), ["su: own", "sudo: root", "sudo: {field user not found in event}"]);
    let assets = found.assets.concat();
    assert_eq!(assets, ["user: root", "user: own"]);
}

/// Each form and each field of a dynamic template is what the mapping says.
#[test]
fn a_mapping_says_what_forms_are() {
    let mapping = json!({"logs": {"mappings": {
        "properties": {
            "user": {"type": "text", "fields": {
                "lower": {"type": "keyword", "normalizer": "lowercase"}, "keyword": {"type": "keyword", "ignore_above": 5}}},
            "who": {"type": "alias", "path": "user"},
            "Code": {"type": "long"},
        },
        "dynamic_templates": [
            {"notes": {"path_match": "note.*", "unmatch": "*_id", "match_mapping_type": "string",
                "mapping": {"type": "text", "fields": {"exact": {"type": "keyword", "normalizer": "lowercase"}}}}},
            {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}},
            {"numbers": {"match": "n_*", "match_mapping_type": "long", "mapping": {"type": "keyword"}}},
        ],
    }}});
    let events = [
        json!({"id": "1", "user": "Alice", "Code": 5, "note": {"a": "Quick Fox", "x_id": "Quick Fox"}, "n_1": 10}),
        json!({"id": "2", "user": "ALICE", "code": 6, "note": {"a": "quick fox", "b": ["Slow", "Quick Dog"]}, "other": "Quick"}),
        json!({"id": "3", "user": "Alice Smith", "note": {"x_id": "10"}, "n_1": 100}),
    ];
    let cases = [
        ("lower", json!("user.lower:ALICE"), vec!["1", "2"]),
        ("keyword", json!("user.keyword:Alice"), vec!["1"]),
        ("ignored", json!("_exists_:user.keyword"), vec!["1", "2"]),
        ("words", json!("user:alice"), vec!["1", "2", "3"]),
        ("alias", json!("who:smith"), vec!["3"]),
        ("unknown_form", json!("user.raw:Alice"), vec![]),
        ("code", json!("code:>=5"), vec!["1", "2"]),
        ("text", json!("note.a:quick"), vec!["1", "2"]),
        ("form", json!("note.a.exact:\"QUICK FOX\""), vec!["1", "2"]),
        ("unmatched", json!("note.x_id:quick"), vec![]),
        ("keyword_of_template", json!("note.x_id:\"Quick Fox\""), vec!["1"]),
        ("prefix_of_number", json!({"prefix": {"n_1": "10"}}), vec!["1", "3"]),
        ("anywhere", json!("Quick"), vec!["1", "2"]),
        ("exact_anywhere", json!("slow"), vec!["2"]),
        ("forms_anywhere", json!("\\*.exact:\"quick dog\""), vec!["2"]),
        ("notes", json!("note.\\*:dog"), vec!["2"]),
    ];
    let named: Vec<(&str, Value)> = cases.iter().map(|(name, query, _)| (*name, query.clone())).collect();
    let found = Files {
        use_cases: queries(&named, "{id}")
            + &queries(&[("names", json!("id:1"))], "{user.lower} {who} {note.a.exact} {user.raw} {user.other}")
            + &rare("per_user", "user.lower", "note.a.exact"),
        events: lines(&events),
        mapping: Some(mapping),
        ..Files::default()
    }
    .run();
    for (use_case, _, expected) in &cases {
        assert_eq!(found.of(use_case), *expected, "{use_case}");
    }
    assert_eq!(found.of("names"), ["alice Alice quick fox Alice {field user.other not found in event}"]);
}

/// The use case that ships with the predecessor, in which an aggregator is a form.
#[test]
fn sudden_appearances_of_forms_are_found() {
    let event = |day: u32, hour: u32, path: &str| {
        json!({"@timestamp": format!("2024-05-{day:02}T{hour:02}:00:00Z"), "winlog": {"event_id": 1},
            "meta": {"deployment_name": "site"}, "process": {"name": "svchost.exe", "executable": path}})
    };
    let usual = |day: u32| (0..24).map(move |hour| event(day, hour, "C:\\Windows\\svchost.exe"));
    let mut events: Vec<Value> = (1..8).flat_map(usual).collect();
    events.push(event(7, 12, "C:\\Temp\\svchost.exe"));
    let use_case = "[sudden_appearance_process_location]\nes_query_filter=_exists_:winlog.event_id AND winlog.event_id:1\n\
        aggregator=meta.deployment_name.keyword, process.name\ntarget=process.executable.keyword\nhistory_window_days=7\n\
        history_window_hours=0\nsliding_window_size=01:00:00\nsliding_window_step_size=00:01:00\n";
    let found = Files {
        use_cases: use_case.to_owned() + &texts("new location {process.executable.keyword}"),
        events: lines(&events),
        options: "--now 2024-05-08T00:00:00Z",
        ..Files::default()
    }
    .run();
    assert_eq!(found.of("process_location"), ["new location C:\\Temp\\svchost.exe"]);
}
