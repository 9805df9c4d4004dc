use serde_json::json;

use super::*;

#[test]
fn queries_that_lucene_can_express() {
    for (dsl, printed) in [
        (json!({"match_all": {}}), "*:*"),
        (
            json!({"bool": {"must": [{"prefix": {"a": "x"}}], "filter": {"match": {"b": "y z"}}, "should": {"exists": {"field": "c"}}}}),
            r"+(a:x*) +(b:y\ z) (c:*)",
        ),
        (json!({"bool": {"must_not": {"match_phrase": {"a": {"query": "x y", "slop": 2}}}}}), "-(a:\"x y\"~2)"),
        (json!({"range": {"a": {"gt": 5, "lte": "x"}}}), r#"a:{"5" TO "x"]"#),
        (json!({"range": {"a": {"from": 5, "include_lower": false, "to": null, "boost": 2}}}), r#"a:{"5" TO *]"#),
        (json!({"wildcard": {"a": {"wildcard": "x*y", "boost": 1}}}), "a:x*y"),
        (json!({"regexp": {"a": "x.*"}}), "a:/x.*/"),
        (json!({"fuzzy": {"a": {"value": "x", "fuzziness": 1}}}), "a:x~1"),
        (json!({"constant_score": {"filter": {"match": {"a": 1.50}}, "boost": 2}}), "a:1.5"),
        (json!({"query_string": {"query": "x OR b:y", "fields": ["a^2", "c"]}}), "((a:x) (c:x)) (b:y)"),
        (json!({"query_string": {"query": "x:1 y:2", "default_operator": "AND"}}), "+(x:1) +(y:2)"),
        (json!({"multi_match": {"query": "x", "fields": ["a", "b.*"]}}), r"(a:x) (b.\*:x)"),
        (json!({"bool": {}}), "*:*"),
    ] {
        let query = parse(&dsl).unwrap_or_else(|error| panic!("{dsl}: {error:?}"));
        assert_eq!(query.to_string(), printed, "{dsl}");
    }
}

#[test]
fn errors_name_the_place() {
    for (dsl, path, message) in [
        (json!([]), "", "not a query"),
        (json!({}), "", "a query has one key, its kind"),
        (json!({"term": {"a": 1}, "match": {"a": 1}}), "", "a query has one key, its kind"),
        (
            json!({"bool": {"must": [{"match_all": {}}, {"nope": {}}]}}),
            ".bool.must[1].nope",
            "`nope` is not a query that events from files can answer",
        ),
        (json!({"bool": {"musst": []}}), ".bool.musst", "unknown option `musst`"),
        (json!({"term": {"a": {"value": 1, "x": 2}}}), ".term.a.x", "unknown option `x`"),
        (json!({"term": {"a": {"boost": 1}}}), ".term.a", "`value` is missing"),
        (json!({"term": {"a": 1, "b": 2}}), ".term", "not exactly one field"),
        (json!({"term": {"a": [1]}}), ".term.a", "not a single value"),
        (json!({"terms": {"a": {"index": "i"}}}), ".terms.a", "not a list of values"),
        (json!({"nested": {"path": "a"}}), ".nested", "`nested` queries need the index"),
        (json!({"range": {"a": {"gt": 1, "gte": 2}}}), ".range.a.gt", "two bounds for one end"),
        (
            json!({"range": {"a": {"gt": 1, "format": "dd/MM/yyyy"}}}),
            ".range.a.format",
            "unsupported date format `dd/MM/yyyy`",
        ),
        (
            json!({"range": {"a": {"gt": 1, "time_zone": "Europe/Paris"}}}),
            ".range.a.time_zone",
            "not a known time zone",
        ),
        (json!({"bool": {"minimum_should_match": "3<90%"}}), ".bool.minimum_should_match", "not a minimum"),
        (json!({"query_string": {"query": "é ("}}), ".query_string.query", "the query ends too early at character 4"),
        (json!({"regexp": {"a": "x("}}), ".regexp.a", "the regular expression ends too early at character 3"),
        (json!({"match": {"a": {"query": "x", "operator": "xor"}}}), ".match.a.operator", "not an operator"),
        (json!({"match": {"a": {"query": "x", "fuzziness": 1}}}), ".match.a.fuzziness", "unknown option `fuzziness`"),
        (
            json!({"multi_match": {"query": "x", "type": "cross_fields"}}),
            ".multi_match.type",
            "unsupported type `cross_fields`",
        ),
        (json!({"exists": {}}), ".exists", "`field` is missing"),
        (json!({"exists": {"field": 1}}), ".exists.field", "not a text"),
    ] {
        let error = parse(&dsl).expect_err(&dsl.to_string());
        assert_eq!((error.path.as_str(), error.message.as_str()), (path, message), "{dsl}");
        assert!(!error.help.is_empty());
    }
}

#[test]
fn depth_is_limited() {
    let mut query = json!({"match_all": {}});
    for _ in 0..127 {
        query = json!({"bool": {"must": [query]}});
    }
    assert!(parse(&query).is_ok());
    let error = parse(&json!({"bool": {"must": query}})).unwrap_err();
    assert!(error.message.starts_with("more than 128"), "{error:?}");
}
