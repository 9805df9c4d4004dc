//! Mappings as servers write them.

use serde_json::json;

use super::*;
use crate::event::{MappedName, MappedNames};

fn mapping(reply: &Value) -> Mapping {
    Mapping::parse(reply.to_string().as_bytes()).unwrap()
}

#[test]
fn fields_of_all_indices() {
    let keyword = |ignore_above| FieldType::Keyword { ignore_above, lowercase: false };
    let mapping = mapping(&json!({
        "a": {"mappings": {"properties": {
            "msg": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}, "copy_to": "all"},
            "all": {"type": "text"},
            "src": {"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}}},
            "alias": {"type": "alias", "path": "src.ip"},
            "n": {"type": "nested", "properties": {"x": {"type": "keyword"}}},
            "f": {"type": "flattened"}, "c": {"type": "constant_keyword", "value": "v"},
            "lower": {"type": "keyword", "normalizer": "lowercase"}, "odd": {"type": "keyword", "normalizer": "mine"},
            "d": {"type": "date"}, "dd": {"type": "date", "format": "dd.MM.qqqq"}, "g": {"type": "geo_point"}}}},
        "b": {"mappings": {"properties": {"src": {"properties": {"port": {"type": "keyword"}}}}}}
    }));
    for (name, sources, expected) in [
        ("msg", vec!["msg"], FieldType::Text(Analyzer::Standard)),
        ("msg.keyword", vec!["msg"], keyword(Some(256))),
        ("all", vec!["all", "msg"], FieldType::Text(Analyzer::Standard)),
        ("alias", vec!["src.ip"], FieldType::Ip),
        ("lower", vec!["lower"], FieldType::Keyword { ignore_above: None, lowercase: true }),
        ("c", vec!["c"], FieldType::Constant("v".to_owned())),
        ("f", vec!["f"], keyword(None)),
        ("f.sub", vec!["f.sub"], FieldType::Untyped),
        ("d", vec!["d"], FieldType::Date(DateResolution::Millis, TimeFormats::default())),
    ] {
        let sources = sources.into_iter().map(QueryColumn::of).collect();
        assert_eq!(mapping.fields_named(name), [Field { sources, field_type: expected, kinds: None }], "{name}");
    }
    for (name, reason) in
        [("n.x", "nested"), ("odd", "normalizer"), ("dd", "dd.MM.qqqq"), ("g", "geo_point"), ("src.port", "another")]
    {
        let (FieldType::Opaque(text) | FieldType::Unsearchable(text)) =
            mapping.fields_named(name)[0].field_type.clone()
        else {
            panic!("{name} is usable")
        };
        assert!(text.contains(reason), "{name}: {text}");
    }
    let names: Vec<Field> = mapping.fields_like("msg*");
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn replies_that_are_not_mappings() {
    for json in ["x", "[]", "{}", r#"{"error": {"type": "index_not_found_exception"}}"#] {
        assert!(Mapping::parse(json.as_bytes()).is_err(), "{json}");
    }
    assert!(Mapping::parse(br#"{"empty": {"mappings": {}}}"#).is_ok());
    assert!(Mapping::parse(br#"{"properties": {"a": {"type": "ip"}}}"#).is_ok());
}

#[test]
fn forms_of_fields() {
    let mapping = mapping(&json!({"properties": {
        "msg": {"type": "text", "fields": {"lower": {"type": "keyword", "normalizer": "lowercase"}}},
        "alias": {"type": "alias", "path": "msg"},
        "o": {"properties": {"raw": {"type": "keyword"}}},
    }, "dynamic_templates": [
        {"a": {"match": "*_t", "match_mapping_type": "string", "mapping": {"type": "text", "fields": {"exact": {"type": "keyword"}}}}}
    ]}));
    let form = |name: &str| match mapping.meaning(name) {
        MappedName::Form(form) => Some((form.of.to_string(), form.case)),
        MappedName::Field | MappedName::Unknown => None,
    };
    assert_eq!(form("msg.lower"), Some(("msg".to_owned(), Case::Lower)));
    assert_eq!(form("MSG.LOWER"), Some(("msg".to_owned(), Case::Lower)));
    assert_eq!(form("alias"), Some(("msg".to_owned(), Case::Kept)));
    assert_eq!(form("x.b_t.exact"), Some(("x.b_t".to_owned(), Case::Kept)));
    assert_eq!((form("msg"), form("o.raw"), form("msg.keyword"), form("x.exact")), (None, None, None, None));
    assert_eq!((mapping.meaning("o.raw"), mapping.meaning("msg.keyword")), (MappedName::Field, MappedName::Unknown));
}

#[test]
fn names_without_a_mapping() {
    let columns = |name: &str| -> Vec<String> {
        fields_named(None, name).iter().flat_map(|field| &field.sources).map(QueryColumn::name).collect()
    };
    assert_eq!(columns("a.b"), ["leaves:a.b"]);
    assert_eq!(columns("a.keyword"), ["leaves:a.keyword", "leaves of a as:a.keyword"]);
    assert_eq!(fields_named(None, "a.TEXT")[1].field_type, FieldType::Text(Analyzer::Standard));
    assert_eq!(fields_named(None, "keyword").len(), 1);
    let patterns: Vec<String> =
        fields_like(None, "a.*.raw").iter().flat_map(|field| &field.sources).map(QueryColumn::name).collect();
    assert_eq!(patterns, ["leaves:a.*.raw", "leaves of a.* as:a.*.raw"]);
    assert_eq!(fields_like(None, "*").len(), 1);
}

#[test]
fn templates_that_differ_between_indices() {
    let template =
        |kind: &str| json!({"mappings": {"dynamic_templates": [{"a": {"match": "x*", "mapping": {"type": kind}}}]}});
    let mapping = mapping(&json!({"a": template("keyword"), "b": template("text")}));
    assert!(matches!(mapping.fields_named("xy")[0].field_type, FieldType::Opaque(_)));
    assert_eq!(mapping.fields_named("y"), untyped("y"));
    let same = super::Mapping::parse(json!({"a": template("ip"), "b": template("ip")}).to_string().as_bytes()).unwrap();
    assert_eq!(same.fields_named("xy")[0].field_type, FieldType::Ip);
    assert_eq!(same.fields_like("*").len(), LeafKind::ALL.len());
}
