//! `cases.json` holds the results of pygrok 1.0.0 (with Python's `regex`) on texts of our own. The
//! tests themselves need no Python.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::config::{Location, Problem, WrittenDerivedField, compile_derived};
use crate::python::repr;

const TIMESTAMP: &str = "%{YEAR:timestamp_year}-%{MONTHNUM:timestamp_month}-%{MONTHDAY:timestamp_day}[T ]%{HOUR:timestamp_hour}:?%{MINUTE:timestamp_minute}(?::?%{SECOND:timestamp_second})?%{ISO8601_TIMEZONE:timestamp_timezone}?";

#[derive(Debug, Deserialize)]
struct Case {
    pattern: String,
    text: String,
    /// Keys and values in order, or null if nothing matched.
    found: Option<Vec<(String, Value)>>,
    /// Exception that was raised instead.
    raises: Option<String>,
}

/// A case for which we give another answer on purpose.
#[derive(Debug, Deserialize)]
struct Deliberate {
    pattern: String,
    text: String,
    /// Number of the quirk of the reference that this avoids, and why our answer is better.
    why: String,
    #[serde(default)]
    problem: bool,
    found: Option<Vec<(String, Value)>>,
}

/// Our answer: values, or `Err` if loading reports a problem.
type Answer = Result<Option<Vec<(String, Value)>>, ()>;

/// Returns the expected answer. Besides the listed differences there are three rules. A pattern
/// that cannot work is a problem at load, instead of silence or a failure at each event. A text
/// that is not a number in JSON gives nothing instead of an exception. A part of the pattern that
/// matched nothing gives nothing instead of null.
fn expected(case: &Case, deliberate: &[Deliberate]) -> Answer {
    let is_it = |other: &&Deliberate| other.pattern == case.pattern && other.text == case.text;
    if let Some(other) = deliberate.iter().find(is_it) {
        return if other.problem { Err(()) } else { Ok(without_null(other.found.as_ref())) };
    }
    match case.raises.as_deref() {
        Some("KeyError" | "error") => return Err(()),
        // all of these cases have one key
        Some("ValueError") => return Ok(Some(Vec::new())),
        Some(other) => panic!("{other}"),
        None => {}
    }
    Ok(without_null(case.found.as_ref()))
}

/// The values that JSON can hold.
fn without_null(found: Option<&Vec<(String, Value)>>) -> Option<Vec<(String, Value)>> {
    let is_value = |(_, value): &&(String, Value)| !value.is_null() && value.get("not_finite").is_none();
    Some(found?.iter().filter(is_value).cloned().collect())
}

fn rules(patterns: &[(&str, &str)]) -> (DerivedFields, Vec<Problem>) {
    let location = Location { file: Arc::from(Path::new("main.conf")), line: 1, column: 1 };
    let fields: Vec<WrittenDerivedField> = patterns
        .iter()
        .map(|(source, pattern)| WrittenDerivedField {
            field: DerivedField { source: FieldPath::new(source), pattern: (*pattern).to_owned() },
            location: location.clone(),
        })
        .collect();
    compile_derived(&fields)
}

fn answer(case: &Case) -> Answer {
    let (rules, problems) = rules(&[("t", &case.pattern)]);
    if !problems.is_empty() {
        return Err(());
    }
    let pattern = Pattern::compiled(&case.pattern).unwrap();
    let matched = pattern.search(&case.text).unwrap().is_some();
    let derived = rules.derive(json!({"t": case.text}).as_object().unwrap(), &FieldNames::default());
    Ok(matched.then_some(derived))
}

/// Renders values as text, because numbers that differ only in spelling are equal.
fn shown(answer: &Answer) -> Answer {
    let show = |(key, value): (String, Value)| (key, Value::String(repr(&value)));
    Ok(answer.clone()?.map(|found| found.into_iter().map(show).collect()))
}

#[test]
fn patterns_find_what_pygrok_found() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let deliberate: Vec<Deliberate> = serde_json::from_str(include_str!("deliberate.json")).unwrap();
    assert!(cases.len() > 1000);
    let mut differences = Vec::new();
    for case in &cases {
        let (ours, expected) = (answer(case), expected(case, &deliberate));
        if shown(&ours) != shown(&expected) {
            differences.push(format!("{} on {:?}: {ours:?}, not {expected:?}", case.pattern, case.text));
        }
    }
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), cases.len(), differences.join("\n"));
}

/// Differences that no longer exist must not stay in the list.
#[test]
fn every_deliberate_difference_still_exists() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let deliberate: Vec<Deliberate> = serde_json::from_str(include_str!("deliberate.json")).unwrap();
    for other in &deliberate {
        assert!(other.why.starts_with('Q'), "{other:?}");
        let case = cases.iter().find(|case| case.pattern == other.pattern && case.text == other.text).unwrap();
        assert_ne!(shown(&expected(case, &[])), shown(&expected(case, &deliberate)), "{other:?}");
    }
}

/// Every pattern of the library occurs in at least one case, except those that pygrok does not
/// have.
#[test]
fn cases_use_every_pattern_except_newer_ones() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let newer = [
        "BIND9",
        "BIND9_TIMESTAMP",
        "CISCOFW304001",
        "CLOUDFRONT_ACCESS_LOG",
        "HTTPD_COMBINEDLOG",
        "HTTPD_COMMONLOG",
        "IPTABLES",
        "IPTABLES4_FRAG",
        "IPTABLES4_PART",
        "IPTABLES6_PART",
        "IPTABLES_TCP_FLAGS",
        "IPTABLES_TCP_PART",
        "MAVEN_VERSION",
        "REDISMONLOG",
        "SFW2",
        "SFW2_LOG_PREFIX",
        "SHOREWALL_OUT",
        "SQUID3",
        "URN",
    ];
    for name in library::names().filter(|name| !newer.contains(name)) {
        let uses = |case: &&Case| case.pattern == format!("%{{{name}:x}}");
        assert!(cases.iter().any(|case| uses(&case)), "{name}");
    }
}

/// The test above compares numbers by value; this one compares their spelling.
#[test]
fn numbers_are_converted_on_request() {
    let derive = |pattern: &str, text: &str| {
        let (rules, problems) = rules(&[("t", pattern)]);
        assert!(problems.is_empty(), "{problems:?}");
        serde_json::to_string(&rules.derive(json!({"t": text}).as_object().unwrap(), &FieldNames::default())).unwrap()
    };
    assert_eq!(
        derive("%{DATA:a:int}$", "-000123456789012345678901234567890"),
        r#"[["a",-123456789012345678901234567890]]"#
    );
    assert_eq!(derive("%{DATA:a:float}$", "007"), r#"[["a",7.0]]"#);
    assert_eq!(derive("%{DATA:a:int}$", "seven"), "[]");
}

#[test]
fn only_texts_are_sources() {
    let (rules, _) = rules(&[("t", TIMESTAMP)]);
    for value in [json!(5), json!(null), json!(["2018-07-02T07:54"]), json!({})] {
        assert_eq!(rules.derive(json!({"t": value}).as_object().unwrap(), &FieldNames::default()), []);
    }
    assert_eq!(rules.derive(json!({"T": "2018-07-02T07:54"}).as_object().unwrap(), &FieldNames::default()).len(), 5);
}

#[test]
fn later_rules_replace_values_of_earlier_ones_in_their_place() {
    let (rules, _) = rules(&[("t", "%{INT:a}(?<b>.)"), ("u", "%{WORD:c}"), ("t", "(?<b>.)$")]);
    let derived = rules.derive(json!({"t": "5xyz", "u": "w"}).as_object().unwrap(), &FieldNames::default());
    assert_eq!(derived, [("a", "5"), ("b", "z"), ("c", "w")].map(|(key, value)| (key.to_owned(), json!(value))));
    let keys: Vec<(&str, &str)> = rules.keys().map(|(source, key)| (source.as_str(), key)).collect();
    assert_eq!(keys, [("t", "a"), ("t", "b"), ("u", "c"), ("t", "b")]);
}

#[test]
fn parts_that_match_nothing_give_no_field() {
    let (rules, _) =
        rules(&[("t", "%{WORD:user}"), ("t", "%{WORD:verb}(?: as %{WORD:user})?(?: for %{DATA:s:int}s)?$")]);
    let derive = |text: &str| {
        let derived = rules.derive(json!({"t": text}).as_object().unwrap(), &FieldNames::default());
        derived.into_iter().map(|(key, value)| format!("{key}={}", repr(&value))).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(derive("ann sudo as root for 5s"), "user='root' verb='sudo' s=5");
    // what a rule did not find leaves the value of an earlier one
    assert_eq!(derive("ann sudo"), "user='ann' verb='sudo'");
    assert_eq!(derive("ann sudo for fives"), "user='ann' verb='sudo'");
}

#[test]
fn problems_name_the_cause_and_the_place() {
    let check = |pattern: &str, expected: &str| {
        let (_, problems) = rules(&[("t", pattern)]);
        let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.starts_with("main.conf:1:1: error: [derivedfields] t: ") && text.contains(expected), "{text}");
    };
    check("%{NOSUCHPATTERN:x}", "there is no grok pattern `NOSUCHPATTERN`");
    check("%{TIMESTAMP_ISO8610:x}", "did you mean `TIMESTAMP_ISO8601`?");
    check("%{ip:x}", "did you mean `IP`?");
    check("%{IP:client.ip}", "`%{IP:client.ip}` is not %{NAME:key}");
    check("(%{IP:x}", "a `(` is not closed");
    check("(?:a){e<=1}", "approximate matching");
    check(&"%{NAGIOSLOGLINE}".repeat(500), "too long");
}

/// Rules that exceed the step limit on a text derive nothing from it, and each such text is counted
/// once.
#[test]
fn texts_that_exceed_the_step_limit_are_counted() {
    let (rules, problems) = rules(&[("t", "(?<x>(?:(a+)+\\2)+b)"), ("t", "%{WORD:w}")]);
    assert!(problems.is_empty(), "{problems:?}");
    let source = FieldPath::new("t");
    for text in ["a".repeat(500), "a".repeat(501), "a".repeat(500)] {
        let found: Vec<String> = rules.apply(&source, &text).into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, ["w"]);
    }
    let given_up = rules.given_up();
    assert_eq!(given_up, [GivenUp { source: &source, pattern: "(?<x>(?:(a+)+\\2)+b)", n_texts: 2 }]);
}

/// The step limit must not stop the search in texts that are merely long.
#[test]
fn long_texts_are_searched_to_the_end() {
    let (rules, _) = rules(&[("t", TIMESTAMP), ("t", "%{IP:ip}"), ("t", "%{NUMBER:n} items")]);
    let text = format!("{} 2018-07-02T07:54 from 10.1.2.3: 12 items", "lorem ipsum ".repeat(8_000));
    let derived = rules.derive(json!({"t": text}).as_object().unwrap(), &FieldNames::default());
    assert_eq!(derived.len(), 7, "{:?}", rules.given_up());
}

#[test]
fn every_pattern_of_the_library_can_be_used() {
    for name in library::names() {
        let (_, problems) = rules(&[("t", &format!("%{{{name}:x}}"))]);
        assert!(problems.is_empty(), "{name}: {problems:?}");
    }
}
