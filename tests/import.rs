//! `import`: use cases made of rules find the events that the rules mean.
//!
//! What counts is which events match, not how the query is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::{self, Finished};

/// Environment variable with the path of a release of Sigma rules.
const RELEASE: &str = "EE_OUTLIERS_SIGMA";

/// A rule without its title, events that it finds, and events that it does not find.
type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

fn import(folder: &Path, kind: &str, files: &[&str]) -> Finished {
    let args = ["import", kind, "-o", "made.conf", "--report", "report.json"];
    program::run(folder, &args.iter().chain(files).copied().collect::<Vec<_>>())
}

fn json_file(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("written")).expect("JSON")
}

/// Imports all rules at once, runs their use cases over all events at once, and compares what each
/// rule finds.
fn check(kind: &str, title: &str, cases: &[Case<'_>]) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let (mut rules, mut events, mut expected) = (String::new(), String::new(), Vec::new());
    let mut n_events = 0_u64;
    for (idx, (rule, found, missed)) in cases.iter().enumerate() {
        rules.push_str(&format!("---\n{title}: case {idx}.\n{rule}\n"));
        for (event, is_found) in
            found.iter().map(|event| (event, true)).chain(missed.iter().map(|event| (event, false)))
        {
            let mut event: Value = serde_json::from_str(event).unwrap_or_else(|error| panic!("{event}: {error}"));
            event["number"] = json!(n_events);
            events.push_str(&format!("{event}\n"));
            expected.push((n_events, format!("case {idx}."), is_found));
            n_events += 1;
        }
    }
    fs::write(folder.path().join("rules.yml"), rules).expect("written");
    fs::write(folder.path().join("events.ndjson"), events).expect("written");
    let finished = import(folder.path(), kind, &["rules.yml"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let run = ["run", "-q", "--use-cases", "made.conf", "--events", "events.ndjson", "-o", "out.ndjson"];
    let finished = program::run(folder.path(), &run);
    // rules that exclude what no event has make a run partial
    assert!([0, 3].contains(&finished.code), "{}", finished.stderr);
    let reasons = reasons(&folder.path().join("out.ndjson"));
    let conf = fs::read_to_string(folder.path().join("made.conf")).expect("written");
    for (number, reason, is_found) in expected {
        let found = reasons.get(&number).is_some_and(|reasons| reasons.contains(&reason));
        let section = conf.split("\n\n").find(|section| section.contains(&format!("outlier_reason={reason}\n")));
        assert_eq!(found, is_found, "event {number}: {reason}\n{}", section.unwrap_or("no such section"));
    }
}

/// Reasons of outliers by the number of their event.
fn reasons(path: &Path) -> BTreeMap<u64, BTreeSet<String>> {
    let mut reasons: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for line in fs::read_to_string(path).expect("written").lines() {
        let document: Value = serde_json::from_str(line).expect("JSON");
        let source = &document["_source"];
        let found = source["outliers"]["reason"].as_array().expect("a list");
        let found = found.iter().map(|reason| reason.as_str().expect("a text").to_owned());
        reasons.entry(source["number"].as_u64().expect("a number")).or_default().extend(found);
    }
    reasons
}

/// Checks rules that have a single search with the given lines.
fn check_selections(cases: &[Case<'_>]) {
    let rule = |lines: &str| format!("detection:\n  selection:\n    {lines}\n  condition: selection");
    let rules: Vec<String> = cases.iter().map(|(lines, ..)| rule(lines)).collect();
    let cases: Vec<Case<'_>> = rules.iter().zip(cases).map(|(rule, case)| (rule.as_str(), case.1, case.2)).collect();
    check("sigma", "title", &cases);
}

#[test]
fn texts_with_wildcards() {
    check_selections(&[
        (
            "f: CMD.exe",
            &[r#"{"f":"cmd.EXE"}"#, r#"{"f":["x","cmd.exe"]}"#],
            &[r#"{"f":"xcmd.exe"}"#, r#"{"g":"cmd.exe"}"#],
        ),
        (
            r"f: 'C:\a b\\*.exe'",
            &[r#"{"f":"c:\\A B\\x.exe"}"#],
            &[r#"{"f":"c:\\ab\\x.exe"}"#, r#"{"f":"c:\\a b\\x.exe1"}"#],
        ),
        (r"f: 'a?c\*'", &[r#"{"f":"aXc*"}"#], &[r#"{"f":"ac*"}"#, r#"{"f":"abcd"}"#]),
        (r"f|contains: '-enc '", &[r#"{"f":"x -ENC y"}"#], &[r#"{"f":"x -ency"}"#]),
        (r"f|startswith: '\\srv'", &[r#"{"f":"\\srv\\x"}"#], &[r#"{"f":"x\\srv"}"#]),
        (
            r"f|endswith: ['\a.exe', '\b.exe']",
            &[r#"{"f":"c:\\A.EXE"}"#, r#"{"f":"d:\\b.exe"}"#],
            &[r#"{"f":"c:\\ab.exe"}"#],
        ),
        ("f|contains|all: [one, two]", &[r#"{"f":"TWO one"}"#], &[r#"{"f":"one"}"#]),
        ("f|contains|cased: One", &[r#"{"f":"a One b"}"#], &[r#"{"f":"a one b"}"#]),
    ]);
}

#[test]
fn numbers_addresses_and_missing_values() {
    check_selections(&[
        ("f: 4688", &[r#"{"f":4688}"#, r#"{"f":"4688"}"#], &[r#"{"f":46880}"#]),
        ("f: '4688'", &[r#"{"f":4688}"#, r#"{"f":"4688"}"#], &[r#"{"f":"4688 "}"#]),
        ("f: -1", &[r#"{"f":-1}"#, r#"{"f":"-1"}"#], &[r#"{"f":1}"#]),
        ("f: true", &[r#"{"f":true}"#, r#"{"f":"True"}"#], &[r#"{"f":false}"#]),
        ("f: 'FALSE'", &[r#"{"f":false}"#, r#"{"f":"false"}"#], &[r#"{"f":true}"#]),
        ("f: null", &[r#"{"g":1}"#, r#"{"f":null}"#], &[r#"{"f":"x"}"#]),
        ("f: ''", &[r#"{"f":""}"#], &[r#"{"f":" "}"#, r#"{"g":1}"#]),
        ("f: '*'", &[r#"{"f":"x"}"#, r#"{"f":1}"#], &[r#"{"g":1}"#]),
        ("f|exists: true", &[r#"{"f":"x"}"#], &[r#"{"g":1}"#]),
        ("f|exists: false", &[r#"{"g":"x"}"#], &[r#"{"f":1}"#]),
        ("f|gt: 5", &[r#"{"f":6}"#], &[r#"{"f":5}"#, r#"{"g":6}"#]),
        ("f|gte: 5", &[r#"{"f":5}"#], &[r#"{"f":4.5}"#]),
        ("f|lt: -5", &[r#"{"f":-6}"#], &[r#"{"f":-5}"#]),
        ("f|lte: 5", &[r#"{"f":5}"#], &[r#"{"f":6}"#]),
        ("f|neq: a", &[r#"{"f":"b"}"#], &[r#"{"f":"A"}"#]),
        ("f|cidr: 10.16.0.0/12", &[r#"{"f":"10.31.2.3"}"#], &[r#"{"f":"10.32.2.3"}"#, r#"{"f":"110.31.2.3"}"#]),
        (
            "f|cidr: ['127.0.0.1/32', '::1/128', 'fe80::/10']",
            &[r#"{"f":"127.0.0.1"}"#, r#"{"f":"::1"}"#, r#"{"f":"fe91::2"}"#],
            &[r#"{"f":"127.0.0.11"}"#, r#"{"f":"fec0::1"}"#],
        ),
        ("f|startswith: '192.168.'", &[r#"{"f":"192.168.7.7"}"#], &[r#"{"f":"192.169.7.7"}"#]),
        ("f|startswith: 'FE80:'", &[r#"{"f":"fe80::1"}"#], &[r#"{"f":"fd80::1"}"#]),
    ]);
}

#[test]
fn dashes_and_encodings() {
    check_selections(&[
        (
            "f|windash|contains: ' -x '",
            &[r#"{"f":"a /X b"}"#, r#"{"f":"a –x b"}"#, r#"{"f":"a -x b"}"#],
            &[r#"{"f":"a +x b"}"#],
        ),
        ("f|windash|contains: ' -1'", &[r#"{"f":"a /1"}"#, r#"{"f":"a -1"}"#], &[r#"{"f":"a 1"}"#]),
        ("f|base64: foobar", &[r#"{"f":"Zm9vYmFy"}"#], &[r#"{"f":"xZm9vYmFy"}"#]),
        (
            "f|base64offset|contains: secret",
            &[r#"{"f":"c2VjcmV0"}"#, r#"{"f":"eHNlY3JldA=="}"#, r#"{"f":"eHhzZWNyZXQ="}"#],
            &[r#"{"f":"Zm9vYmFy"}"#],
        ),
        ("f|wide|base64offset|contains: abc", &[r#"{"f":"YQBiAGMA"}"#], &[r#"{"f":"YWJj"}"#]),
        ("f|utf16be|base64|contains: abc", &[r#"{"f":"x AGEAYgBj"}"#], &[r#"{"f":"YQBiAGMA"}"#]),
    ]);
}

#[test]
fn special_characters() {
    check_selections(&[
        ("cs(User-Agent)|contains: bot", &[r#"{"cs(User-Agent)":"a Bot 1"}"#], &[r#"{"cs(User-Agent)":"a"}"#]),
        ("c-uri|contains: '/../'", &[r#"{"c-uri":"/a/../b"}"#], &[r#"{"c-uri":"/a/b"}"#]),
        ("a.b|startswith: x", &[r#"{"a":{"b":"Xy"}}"#, r#"{"a.b":"xy"}"#], &[r#"{"a":{"b":"yx"}}"#]),
        ("f|contains: '\"{}[]()/:^~&|#;%'", &[r##"{"f":"a\"{}[]()/:^~&|#;%b"}"##], &[r#"{"f":"a{}"}"#]),
        ("f: ' # x ; y '", &[r##"{"f":" # X ; y "}"##], &[r##"{"f":"# x ; y"}"##]),
        ("f|contains: \"a\\nb\"", &[r#"{"f":"xA\nBx"}"#], &[r#"{"f":"a b"}"#]),
        ("f|contains: \"1\\n2\"", &[r#"{"f":"x1\n2x"}"#], &[r#"{"f":"1 2"}"#]),
        ("f|endswith: '1 '", &[r#"{"f":"x1 "}"#], &[r#"{"f":"x1"}"#]),
        ("f|endswith: '-\u{a0}'", &[r#"{"f":"1-\u00a0"}"#], &[r#"{"f":"1-"}"#]),
        ("f: AND", &[r#"{"f":"and"}"#], &[r#"{"f":"or"}"#]),
        ("f|contains: '${x}'", &[r#"{"f":"a ${X} b"}"#], &[r#"{"f":"a x b"}"#]),
        ("f|contains: '${1}'", &[r#"{"f":"a ${1} b"}"#], &[r#"{"f":"a 1 b"}"#]),
    ]);
}

#[test]
fn regular_expressions() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (r"re: 'b+c'", &["abbcd", "bc"], &["BC", "ac"]),
        (r"re: '^ab'", &["abc"], &["xab"]),
        (r"re: 'ab$'", &["xab"], &["abc"]),
        (r"re: '^ab$'", &["ab"], &["abc", "xab"]),
        (r"re: '(^|/)x(/|$)'", &["x", "a/x", "x/b", "a/x/b"], &["ax", "xb", "a/xb"]),
        (r"re: '(?i)powershell'", &["x PowerShell"], &["power"]),
        (r"re|i: 'a[b-d]\.e'", &["A.e aC.E"], &["A.e"]),
        (r"re: 'a(?i)b(?-i)c'", &["aBc"], &["ABc", "aBC"]),
        (r"re: '\d{3}-\w+\s?\S'", &["x123-ab c"], &["12-ab c"]),
        (r"re: '\bnet\b'", &["net", "a net b", "a-net."], &["netx", "xnet", "_net"]),
        (r"re: '\bnet\s'", &["a net b"], &["xnet b"]),
        (r"re: 'a\.\bb'", &["a.b"], &["a.-b", "ab"]),
        (r"re: 'a.b'", &["axb"], &["a\\nb", "ab"]),
        (r"re|s: 'a.b'", &["a\\nb"], &["ab"]),
        (r"re: '[^/\\]{3}$'", &["/abc"], &["a/bc"]),
        (r"re: '[[&~<\]-]1'", &["[1", "&1", "]1", "-1"], &["a1"]),
        (r"re: 'a\<b\>|c@d#e&f~g'", &["a<b>", "c@d#e&f~g"], &["ab", "cd"]),
        (r"re: '(?:ab|cd){2,}?e'", &["xabcde"], &["abe"]),
        (r"re: 'x\\'", &["a x\\\\ b"], &["x"]),
        (r"re: 'x\\$'", &["a x\\\\"], &["x\\\\y"]),
        (r"re: '^\.$|/y/'", &[".", "a/y/b"], &["..", "y"]),
        (r"re: '(|a)b'", &["b", "ab"], &["a"]),
        (r"re: 'a[\s\S]b[\d_]'", &["a\\nb_", "axb1"], &["ab1", "axbx"]),
        (r"re: '[^\d]x\Dy'", &["ax-y"], &["1x-y", "axx1y"]),
        (r"re: '$'", &["anything"], &[]),
    ];
    let rule = |lines: &str| format!("detection:\n  selection:\n    f|{lines}\n  condition: selection");
    let rules: Vec<String> = cases.iter().map(|(lines, ..)| rule(lines)).collect();
    let event = |value: &&str| format!("{{\"f\":\"{value}\"}}");
    let events: Vec<[Vec<String>; 2]> = cases
        .iter()
        .map(|(_, found, missed)| [found, missed].map(|values| values.iter().map(event).collect()))
        .collect();
    let borrowed: Vec<[Vec<&str>; 2]> =
        events.iter().map(|sides| sides.each_ref().map(|side| side.iter().map(String::as_str).collect())).collect();
    let cases: Vec<Case<'_>> =
        rules.iter().zip(&borrowed).map(|(rule, [found, missed])| (rule.as_str(), &found[..], &missed[..])).collect();
    check("sigma", "title", &cases);
}

#[test]
fn conditions() {
    const SEARCHES: &str = "detection:\n  sel_a:\n    a: x\n  sel_b:\n    b: y\n  filter:\n    c|contains: [m, n]\n  \
                            list:\n    - d: 1\n    - e: 2\n      f: z\n  words:\n    - Mimi Katz\n    - 'lsa*dump'\n  \
                            both:\n    '|all':\n      - alpha\n      - beta\n  number:\n    - 7777\n    - true\n  _hidden:\n    g: 1\n  condition: ";
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("sel_a and sel_b", &[r#"{"a":"X","b":"y"}"#], &[r#"{"a":"x"}"#]),
        ("sel_a or sel_b", &[r#"{"a":"x"}"#, r#"{"b":"Y"}"#], &[r#"{"c":"x"}"#]),
        ("sel_a and not filter", &[r#"{"a":"x"}"#, r#"{"a":"x","c":"o"}"#], &[r#"{"a":"x","c":"aNb"}"#]),
        ("not sel_a", &[r#"{"b":"x"}"#], &[r#"{"a":"x"}"#]),
        ("sel_a or sel_b and filter", &[r#"{"a":"x"}"#, r#"{"b":"y","c":"m"}"#], &[r#"{"b":"y"}"#]),
        ("(sel_a or sel_b) and filter", &[r#"{"a":"x","c":"m"}"#], &[r#"{"a":"x"}"#]),
        ("not (sel_a or sel_b)", &[r#"{"c":"m"}"#], &[r#"{"a":"x"}"#, r#"{"b":"y"}"#]),
        (
            "sel_a and not (sel_b and not filter)",
            &[r#"{"a":"x"}"#, r#"{"a":"x","b":"y","c":"n"}"#],
            &[r#"{"a":"x","b":"y"}"#],
        ),
        ("1 of sel_*", &[r#"{"b":"y"}"#], &[r#"{"c":"m"}"#]),
        ("all of sel_*", &[r#"{"a":"x","b":"y"}"#], &[r#"{"b":"y"}"#]),
        ("1 of them", &[r#"{"d":1}"#, r#"{"q":"a mimi katz b"}"#], &[r#"{"g":1}"#]),
        ("list", &[r#"{"d":1}"#, r#"{"e":2,"f":"Z"}"#], &[r#"{"e":2}"#]),
        ("not list", &[r#"{"e":2}"#], &[r#"{"d":1}"#]),
        ("words", &[r#"{"q":{"r":"MIMI katz"}}"#, r#"{"q":"x LSA and dump"}"#], &[r#"{"q":"mimi  katz"}"#]),
        ("number", &[r#"{"q":"a 7777"}"#, r#"{"q":7777}"#, r#"{"q":true}"#], &[r#"{"q":"777"}"#]),
        ("both", &[r#"{"q":"beta Alpha"}"#, r#"{"q":"beta","r":"alpha"}"#], &[r#"{"q":"beta"}"#]),
    ];
    let rules: Vec<String> = cases.iter().map(|(condition, ..)| format!("{SEARCHES}{condition}")).collect();
    let cases: Vec<Case<'_>> = rules.iter().zip(cases).map(|(rule, case)| (rule.as_str(), case.1, case.2)).collect();
    check("sigma", "title", &cases);
}

#[test]
fn log_sources() {
    const SELECTION: &str = "detection:\n  selection:\n    f: x\n  condition: selection";
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "product: windows\n  category: process_creation",
            &[
                r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","f":"X"}"#,
                r#"{"EventID":"1","UtcTime":"2020-01-01 00:00:00","f":"X"}"#,
                r#"{"EventID":4688,"Channel":"Security","f":"x"}"#,
            ],
            &[
                r#"{"EventID":1,"Channel":"Security","f":"x"}"#,
                r#"{"EventID":4689,"Channel":"Security","f":"x"}"#,
                r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","f":"y"}"#,
            ],
        ),
        (
            "product: windows\n  service: powershell",
            &[r#"{"Channel":"PowerShellCore/Operational","f":"x"}"#],
            &[r#"{"Channel":"Windows PowerShell","f":"x"}"#],
        ),
        (
            "product: windows\n  category: registry_event",
            &[r#"{"EventID":14,"UtcTime":"t","f":"x"}"#],
            &[r#"{"EventID":15,"UtcTime":"t","f":"x"}"#],
        ),
        ("product: zeek\n  service: dns", &[r#"{"_path":"dns","f":"x"}"#], &[r#"{"_path":"conn","f":"x"}"#]),
        ("category: webserver", &[r#"{"anything":1,"f":"x"}"#], &[r#"{"f":"y"}"#]),
    ];
    let rules: Vec<String> = cases.iter().map(|(source, ..)| format!("logsource:\n  {source}\n{SELECTION}")).collect();
    let cases: Vec<Case<'_>> = rules.iter().zip(cases).map(|(rule, case)| (rule.as_str(), case.1, case.2)).collect();
    check("sigma", "title", &cases);
}

/// Runs the use cases of rules over events; returns the numbers of the events that are outliers.
fn found(kind: &str, rules: &str, events: &[Value]) -> BTreeMap<u64, BTreeSet<String>> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("rules.yml"), rules).expect("written");
    let numbered = events.iter().enumerate().map(|(number, event)| {
        let mut event = event.clone();
        event["number"] = json!(number);
        format!("{event}\n")
    });
    fs::write(folder.path().join("events.ndjson"), numbered.collect::<String>()).expect("written");
    import(folder.path(), kind, &["rules.yml"]).expect_code(0);
    let run = ["run", "-q", "--use-cases", "made.conf", "--events", "events.ndjson", "-o", "out.ndjson"];
    program::run(folder.path(), &run).expect_code(0);
    reasons(&folder.path().join("out.ndjson"))
}

fn logon(user: &str, host: &str) -> Value {
    json!({"id": 4625, "user": user, "host": host, "@timestamp": "2024-05-01T00:00:00Z"})
}

const BASE: &str = "title: Base\nname: base\nid: 00000000-0000-0000-0000-000000000001\ndetection:\n  a:\n    id: 4625\n  \
                    condition: a\n";

#[test]
fn correlations_count_events_and_values() {
    let correlation = |kind: &str, condition: &str| {
        format!(
            "{BASE}---\ntitle: Many\ncorrelation:\n  type: {kind}\n  rules: [base]\n  group-by: [user]\n  timespan: 10m\n  \
             condition: {{{condition}}}\n"
        )
    };
    let mut events = vec![logon("a", "h1"), logon("a", "h2"), logon("a", "h3"), logon("b", "h1"), logon("b", "h1")];
    events.extend([logon("b", "h1"), logon("b", "h1"), logon("c", "h1")]);
    events.push(json!({"id": 4624, "user": "c", "host": "h9"}));
    let check = |kind: &str, condition: &str, users: &str| {
        let found = found("sigma", &correlation(kind, condition), &events);
        assert!(found.values().flatten().all(|reason| reason == "Many"), "{found:?}");
        let users_found: BTreeSet<&str> =
            found.keys().map(|number| events[*number as usize]["user"].as_str().expect("a text")).collect();
        assert_eq!(users_found, users.split_whitespace().collect(), "{kind} {condition}");
    };
    check("event_count", "gte: 3", "a b");
    check("event_count", "gt: 3", "b");
    check("event_count", "lt: 3", "c");
    check("event_count", "lte: 3", "a c");
    check("value_count", "field: host, gte: 3", "a");
    check("value_count", "field: host, lt: 2", "b c");
}

#[test]
fn aggregations_count_as_correlations_do() {
    let rule = |aggregation: &str| {
        format!("title: Old\ndetection:\n  a:\n    id: 4625\n  timeframe: 1d\n  condition: a | {aggregation}\n")
    };
    let events = [logon("a", "h1"), logon("a", "h2"), logon("b", "h1"), logon("b", "h1"), logon("b", "h1")];
    let numbers = |aggregation: &str| found("sigma", &rule(aggregation), &events).into_keys().collect::<Vec<_>>();
    assert_eq!(numbers("count() by user > 2"), [2, 3, 4]);
    assert_eq!(numbers("count(host) by user >= 2"), [0, 1]);
}

/// `LINE:COLUMN: MESSAGE` of each rule that is listed, and of each unreadable rest of a file.
fn listed(kind: &str, text: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("rules.yml"), text).expect("written");
    import(folder.path(), kind, &["rules.yml"]).expect_code(3);
    let report = json_file(&folder.path().join("report.json"));
    let rules = report["rules"].as_array().expect("a list").iter().map(|rule| &rule["reason"]);
    let unreadable = report["unreadable"].as_array().expect("a list");
    let shown = |reason: &Value| {
        assert!(reason["help"].as_str().is_some_and(|help| !help.is_empty()), "no cure: {reason}");
        format!("{}:{}: {}", reason["line"], reason["column"], reason["message"].as_str().expect("a text"))
    };
    rules.filter(|reason| !reason.is_null()).chain(unreadable).map(shown).collect()
}

#[test]
fn what_cannot_be_expressed_is_listed_with_its_place() {
    let rule = |search: &str, condition: &str| {
        format!("title: T\ndetection:\n  a:\n    {search}\n  timeframe: 5m\n  condition: {condition}\n")
    };
    for (search, condition, expected) in [
        ("f|fieldref: g", "a", "4:5: the modifier `fieldref` cannot be expressed"),
        ("f|expand: '%x%'", "a", "4:5: a placeholder, which stands for values of your site"),
        ("f|contians: x", "a", "4:5: the modifier `contians` cannot be expressed"),
        ("f|re: 'a(?=b)'", "a", "4:11: a regular expression of an unknown form: look-around, including look-ahead"),
        ("f|re: 'a(b|^)c'", "a", "4:11: `^`, `$` or `\\b` in the middle"),
        ("f|cidr: 10.0.0.0/40", "a", "4:13: not a network: `10.0.0.0/40`"),
        ("f|gt: x", "a", "4:11: a comparison with something that is not a number"),
        ("f|base64: 'a*'", "a", "4:15: wildcards or `windash` in a text that is to be encoded"),
        ("f: [[x]]", "a", "4:9: a list or mapping among values"),
        ("f: []", "a", "4:8: an empty list of values"),
        ("f: x", "b", "6:14: there is no search named `b` at character 1"),
        ("f: x", "a and", "6:14: the condition ends too early at character 6"),
        ("f: x", "(a", "6:14: a `(` is not closed at character 3"),
        ("f: x", "a a", "6:14: an operator is missing at character 3"),
        ("f: x", "2 of a*", "6:14: `2 of` some searches at character 1"),
        ("f: x", "1 of b*", "6:14: no search is named `b*` at character 6"),
        ("f: x", "a | near b", "6:14: the aggregation `near` cannot be expressed"),
        ("f: x", "a | count() > 5", "6:14: a count without a group cannot be expressed"),
    ] {
        let found = listed("sigma", rule(search, condition).as_bytes());
        assert!(found.len() == 1 && found[0].starts_with(expected), "{search} {condition}: {found:?}");
    }
    let correlation =
        |lines: &str| format!("{BASE}---\ncorrelation:\n  rules: [base]\n  group-by: [user]\n  {lines}\n");
    for (lines, expected) in [
        ("type: temporal\n  timespan: 1h", "12:9: a correlation of the type `temporal` cannot be expressed"),
        ("type: event_count\n  timespan: 1h\n  condition: {eq: 3}", "14:19: counts cannot be compared by `eq`"),
        ("type: event_count\n  timespan: x\n  condition: {gt: 3}", "13:13: not a period"),
        ("type: value_count\n  timespan: 1h\n  condition: {gt: 3}", "14:14: no field whose values are counted"),
    ] {
        let found = listed("sigma", correlation(lines).as_bytes());
        assert!(found.iter().any(|reason| reason.starts_with(expected)), "{lines}: {found:?}");
        assert!(found.iter().any(|reason| reason.contains("only serves correlations")), "{lines}: {found:?}");
    }
}

#[test]
fn hostile_yaml_is_refused_at_its_place() {
    let bomb = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
        let before = level - 1;
        format!("{text}a{level}: &a{level} [*a{before}, *a{before}, *a{before}]\n")
    });
    let deep = "[".repeat(100) + &"]".repeat(100);
    let deepest = "[".repeat(100_000);
    let long = format!("a: {}", "x".repeat(5 << 20));
    for (text, expected) in [
        (b"a: 1\na: 2\n".as_slice(), "2:1: the key `a` is given twice: it is also in line 1"),
        (b"a: [1\nb: 2\n", "2:"),
        (b"a: \"\xff\"\n", "1:5: not UTF-8"),
        (b"a: &x [*x]\n", "1:8: an alias of a value that is not complete"),
        (b"a: *nobody\n", "1:"),
        (b"? [a]\n: b\n", "1:3: a key that is not a text"),
        (b"<<: {a: b}\n", "1:1: merge keys are not supported"),
        (b"a: !!python/object:os.system x\n", ""),
        (b"a: !x y\n", "1:"),
        (bomb.as_bytes(), "11:"),
        (deep.as_bytes(), "1:65: more than 64 lists and mappings inside each other"),
        (deepest.as_bytes(), "1:256: not YAML: recursion limit exceeded"),
        (long.as_bytes(), "1:1: a file of 5242883 bytes"),
    ] {
        let found = listed("sigma", text);
        let shown = String::from_utf8_lossy(&text[..text.len().min(60)]);
        assert!(found.iter().any(|reason| reason.starts_with(expected)), "{shown}: {found:?}");
    }
    let two = format!("{BASE}---\na: [\n");
    assert_eq!(listed("sigma", two.as_bytes()).len(), 1, "the rule before the error is made");
}

#[test]
fn texts_of_rules_stay_texts() {
    let title = "A {x}, B\\n[simplequery_evil]\\nrun_model=0 ; # C \u{202e} 100 % \\e[31m";
    let description = "one\n\n    [simplequery_evil]\n    es_query_filter=*\n    x";
    let rule = |id: &str| {
        format!(
            "---\ntitle: \"{title}\"\nid: {id}\ndescription: |\n    {description}\nlevel: HIGH\ntags:\n  - attack.t1059.001\n  \
             - attack.defense-evasion\n  - attack.execution\n  - attack.g0001\ndetection:\n  a:\n    f|contains: cmd\n    '{{e}}': 1\n  \
             condition: a\n"
        )
    };
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("rules.yml"), rule("11111111-x") + &rule("22222222-y")).expect("written");
    import(folder.path(), "sigma", &["rules.yml"]).expect_code(0);
    let conf = fs::read_to_string(folder.path().join("made.conf")).expect("written");
    let headers: Vec<&str> = conf.lines().filter(|line| line.starts_with('[')).collect();
    let name = "simplequery_sigma_a_x_b_simplequery_evil_run_model_0_c_100_31m";
    assert_eq!(headers, [format!("[{name}]"), format!("[{name}_22222222]")]);
    for line in [
        "outlier_type=defense evasion,execution",
        "outlier_reason=A (x); B [simplequery_evil] run_model=0 C 100 % [31m (22222222)",
        "outlier_summary=A (x), B [simplequery_evil] run_model=0 C 100 % [31m: {f}",
        "severity=high",
        "technique=T1059.001",
        "rule_id=11111111-x",
        "run_model=1",
    ] {
        assert!(conf.lines().any(|found| found == line), "no line {line}\n{conf}");
    }
    program::run(folder.path(), &["check", "--use-cases", "made.conf", "--deny-warnings"]).expect_code(0);
}

#[test]
fn elastalert_rules_that_look_at_single_events() {
    let cases: &[Case<'_>] = &[
        (
            "type: any\nfilter:\n- query:\n    query_string:\n      query: \"a:1 OR b:2\"\n- term:\n    c: 3",
            &[r#"{"b":2,"c":3}"#],
            &[r#"{"b":2}"#, r#"{"a":1,"c":4}"#],
        ),
        (
            "type: any\nfilter:\n- query_string: {query: 'a:1 OR b:1'}\n- query_string: {query: 'c:1 OR d:1'}",
            &[r#"{"a":1,"d":1}"#],
            &[r#"{"a":1}"#, r#"{"d":1}"#],
        ),
        (
            "type: any\nfilter:\n- not:\n    term: {a: x}\n- or:\n  - term: {b: 1}\n  - range: {c: {from: 5, to: 7}}",
            &[r#"{"a":"y","b":1}"#, r#"{"c":6}"#],
            &[r#"{"a":"x","b":1}"#, r#"{"c":8}"#],
        ),
        (
            "type: any\nfilter:\n- bool:\n    must:\n    - terms: {a: [1, 2]}\n    must_not:\n      exists: {field: b}",
            &[r#"{"a":2}"#],
            &[r#"{"a":2,"b":0}"#],
        ),
        (
            "type: blacklist\ncompare_key: a\nblacklist: [x, 7]",
            &[r#"{"a":"x"}"#, r#"{"a":7}"#],
            &[r#"{"a":"y"}"#, r#"{"b":"x"}"#],
        ),
        (
            "type: whitelist\ncompare_key: a\nignore_null: true\nwhitelist: [x]",
            &[r#"{"a":"y"}"#],
            &[r#"{"a":"x"}"#, r#"{"b":1}"#],
        ),
        (
            "type: whitelist\ncompare_key: a\nignore_null: false\nwhitelist: [x]\nfilter: []",
            &[r#"{"b":1}"#],
            &[r#"{"a":"x"}"#],
        ),
        (
            "type: metric_aggregation\nmetric_agg_key: n\nmetric_agg_type: max\nmax_threshold: 10\nbuffer_time: {minutes: 5}",
            &[r#"{"n":10.5}"#],
            &[r#"{"n":10}"#],
        ),
        (
            "type: metric_aggregation\nmetric_agg_key: n\nmetric_agg_type: min\nmin_threshold: 3",
            &[r#"{"n":2}"#],
            &[r#"{"n":3}"#],
        ),
    ];
    check("elastalert", "name", cases);
}

#[test]
fn elastalert_rules_that_count() {
    let events = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 1)].map(|(user, n)| json!({"user": user, "n": n}));
    let numbers = |rule: &str| {
        let rule = format!("name: R\nquery_key: user\ntimeframe: {{minutes: 90}}\nindex: logs-*\n{rule}\n");
        found("elastalert", &rule, &events).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(numbers("type: frequency\nnum_events: 3"), [0, 1, 2]);
    assert_eq!(numbers("type: cardinality\ncardinality_field: n\nmax_cardinality: 2"), [0, 1, 2]);
    assert_eq!(numbers("type: cardinality\ncardinality_field: n\nmin_cardinality: 2"), [3, 4]);
    assert_eq!(
        numbers("type: metric_aggregation\nmetric_agg_key: n\nmetric_agg_type: cardinality\nmax_threshold: 2"),
        [0, 1, 2]
    );
}

#[test]
fn elastalert_finds_new_terms() {
    let event = |user: &str, host: &str, day: u32| json!({"user": user, "host": host, "@timestamp": format!("2024-05-{day:02}T00:00:00Z")});
    let mut events: Vec<Value> = (1..=9).flat_map(|day| [event("a", "h1", day), event("b", "h2", day)]).collect();
    events.extend([event("a", "h2", 9), event("c", "h1", 9)]);
    let rule = |fields: &str| format!("name: N\ntype: new_term\nfields: {fields}\nterms_window_size: {{days: 6}}\n");
    let numbers = |fields: &str| found("elastalert", &rule(fields), &events).into_keys().collect::<Vec<_>>();
    assert_eq!(numbers("[user]"), [19]);
    assert_eq!(numbers("[[user, host]]"), [18, 19]);
    assert_eq!(numbers("[user, host]"), [19]);
}

#[test]
fn elastalert_rules_that_are_listed() {
    for (rule, expected) in [
        ("type: change\ncompare_key: a", "2:7: `change`"),
        ("type: flatline\nthreshold: 1", "2:7: `flatline`"),
        ("type: my.module.Rule", "2:7: `my.module.Rule`: a type of your own"),
        ("type: frequency\nnum_events: 3\ntimeframe: {hours: 1}", "1:1: a count without a group"),
        ("type: frequency\nnum_events: x\nquery_key: a\ntimeframe: {hours: 1}", "3:13: not a number of events"),
        ("type: frequency\nnum_events: 3\nquery_key: a\ntimeframe: {moons: 1}", "5:12: not a period"),
        ("type: blacklist\ncompare_key: a\nblacklist: ['!file x.txt']", "4:13: values that are not in the rule"),
        (
            "type: metric_aggregation\nmetric_agg_key: a\nmetric_agg_type: avg\nmax_threshold: 1",
            "1:1: the aggregation `avg`",
        ),
        ("type: spike\nspike_type: down\nquery_key: a", "3:13: a count that falls"),
        ("type: any\nfilter:\n- script: {script: x}", "1:1: its use case would be refused: `script` is not a query"),
        (
            "type: any\nfilter:\n- query_string: {query: 'a:('}",
            "1:1: its use case would be refused: the query ends too early",
        ),
    ] {
        let found = listed("elastalert", format!("name: R\n{rule}\n").as_bytes());
        assert!(found.len() == 1 && found[0].starts_with(expected), "{rule}: {found:?}");
    }
}

#[test]
fn files_are_found_in_folders_and_by_patterns() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::create_dir_all(folder.path().join("rules[1]/below")).expect("made");
    for (name, id) in [("rules[1]/a.yml", 'a'), ("rules[1]/below/b.YAML", 'b'), ("rules[1]/c.txt", 'c')] {
        let text = format!("title: rule {id}\ndetection:\n  s:\n    f: {id}\n  condition: s\n");
        fs::write(folder.path().join(name), text).expect("written");
    }
    let reasons = |path: &str| {
        let finished = program::run(folder.path(), &["import", "sigma", path]).expect_code(0);
        let lines = finished.stdout.lines().filter_map(|line| line.strip_prefix("outlier_reason=").map(str::to_owned));
        lines.collect::<Vec<_>>()
    };
    assert_eq!(reasons("rules[1]"), ["rule a", "rule b"]);
    assert_eq!(reasons("rules[[]1]/*.txt"), ["rule c"]);
    assert_eq!(reasons("rules[1]/c.txt"), ["rule c"]);
    let missing = program::run(folder.path(), &["import", "sigma", "nowhere/*.yml"]).expect_code(74);
    assert!(missing.stderr.contains("no file of rules: nowhere/*.yml"), "{}", missing.stderr);
}

/// Of a release of Sigma, or of the rules of this file without one: at least 95 % of the rules are
/// expressed, all others have a reason, and the use cases have no errors.
#[test]
fn a_whole_release_is_covered() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let release = std::env::var_os(RELEASE).map(PathBuf::from).unwrap_or_else(|| {
        let rule =
            |id: usize| format!("title: rule {id}\ndetection:\n  s:\n    f|contains: v{id}\n  condition: s\n---\n");
        let unknown = "title: odd\ndetection:\n  s:\n    f|fieldref: g\n  condition: s\n";
        let path = folder.path().join("release.yml");
        fs::write(&path, (0..19).map(rule).collect::<String>() + unknown).expect("written");
        path
    });
    import(folder.path(), "sigma", &[release.to_str().expect("a path in UTF-8")]).expect_code(3);
    let report = json_file(&folder.path().join("report.json"));
    let number = |key: &str| report["summary"][key].as_u64().expect("a number");
    assert_eq!(number("unreadable"), 0, "{:#}", report["unreadable"]);
    assert_eq!(number("expressed") + number("listed"), number("rules"));
    assert!(number("expressed") * 100 >= number("rules") * 95, "{:#}", report["summary"]);
    for rule in report["rules"].as_array().expect("a list").iter().filter(|rule| rule["expressed"] == json!(false)) {
        let reason = &rule["reason"];
        assert!(reason["message"].is_string() && reason["line"].is_u64() && reason["file"].is_string(), "{rule:#}");
    }
    program::run(folder.path(), &["check", "--use-cases", "made.conf"]).expect_code(0);
}
