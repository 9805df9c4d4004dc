use std::ops::Bound;

use proptest::prelude::*;

use super::*;
use crate::query::ast::{BoolQuery, Edits, Test, ZeroTerms};
use crate::query::regexp::Flags;

fn read(text: &str) -> Query {
    parse(text, &Defaults::default()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// The expected texts are clauses as Lucene prints them: `+must should -must_not`.
#[test]
fn operators_bind_as_in_lucene() {
    for (text, printed) in [
        ("a AND b OR c", "+(a) +(b) (c)"),
        ("a OR b AND c", "+(b) +(c) (a)"),
        ("a AND NOT b", "+(a) -(b)"),
        ("NOT a AND b", "+(b) -(a)"),
        ("NOT a", "-(a)"),
        ("a OR NOT b", "(a) -(b)"),
        ("a && b || !c", "+(a) +(b) -(c)"),
        ("+a b", "+(a) (b)"),
        ("a -b", "(a) -(b)"),
        ("a (b OR c) AND d", "+((b) (c)) +(d) (a)"),
        ("a AND (b)", "+(a) +(b)"),
        ("((a))", "a"),
        ("a b", r"a\ b"),
        ("a b c AND d", r"+(c) +(d) (a\ b)"),
        ("a b NOT c", r"(a\ b) -(c)"),
        ("f:a b c", r"(f:a) (b\ c)"),
        ("f:(a b)", r"f:a\ b"),
        ("f:(a OR g:b)", "(f:a) (g:b)"),
        ("a b:c", "(a) (b:c)"),
        ("a b* c", "(a) (b*) (c)"),
        ("a - b", r"(a) (\-) (b)"),
        ("*", "*:*"),
        ("*:*", "*:*"),
        ("f:*", "f:*"),
        ("_exists_:f", "f:*"),
        ("_exists_:\"a b\"", r"a\ b:*"),
        ("f:>=5 g:<6", r#"(f:["5" TO *]) (g:[* TO "6"})"#),
        (">5", r#"["5" TO *]"#.replace('[', "{").leak()),
        ("f:[1 TO *}", r#"f:["1" TO *]"#),
        ("f:{\"a b\" TO \\*x]^3", r#"f:{"a b" TO "*x"]"#),
        (r"f\:g:x\ y", r"f\:g:x\ y"),
        (r"\u0041\u00e9", "Aé"),
        ("a~ b~1^2 c^2~0", "(a~) (b~1) (c~0)"),
        ("\"a b\"~3 \"c\"", "(\"a b\"~3) (\"c\")"),
        (r"user.\*:x", r"user.\*:x"),
    ] {
        assert_eq!(read(text).to_string(), printed, "{text}");
    }
}

#[test]
fn an_empty_query_matches_nothing() {
    for text in ["", "  ", "\t\u{3000}"] {
        assert_eq!(read(text), Query::MatchNone);
    }
}

#[test]
fn all_clauses_are_required_with_operator_and() {
    let defaults = Defaults { operator: Operator::And, ..Defaults::default() };
    for (text, printed) in
        [("f:a g:b", "+(f:a) +(g:b)"), ("f:a OR g:b", "(f:a) (g:b)"), ("f:a g:b OR h:c", "+(f:a) (g:b) (h:c)")]
    {
        assert_eq!(parse(text, &defaults).map(|query| query.to_string()).as_deref(), Ok(printed), "{text}");
    }
}

#[test]
fn clauses_without_a_field_use_the_default_fields() {
    let defaults =
        Defaults { fields: vec![FieldRef::new("a"), FieldRef::new("b")], lenient: false, ..Defaults::default() };
    assert_eq!(parse("x OR c:y", &defaults).unwrap().to_string(), "((a:x) (b:x)) (c:y)");
}

#[test]
fn errors_name_the_place() {
    for (text, at, message) in [
        ("a AND", 5, "the query ends too early"),
        ("AND a", 0, "unexpected operator AND"),
        ("a OR OR b", 5, "unexpected operator OR"),
        ("(a", 0, "a `(` is not closed"),
        ("é a)", 4, "a `)` without its `(`"),
        ("x \"abc", 2, "a quoted phrase is not closed"),
        ("f:[1 TO", 2, "a range is not complete"),
        ("f:[1 2]", 2, "a range is not complete"),
        ("f:/ab", 2, "a regular expression is not closed"),
        (
            r"f:/a\\/ /b/",
            10,
            r"a regular expression is not closed; the one before it does not end at `\\/`, because `\/` is a slash inside it",
        ),
        ("f:/a(b/", 6, "a `(` is not closed"),
        ("a/b", 1, "a regular expression is not closed"),
        (":x", 0, "unexpected `:`"),
        ("f:", 2, "the query ends too early"),
        ("a ()", 3, "unexpected `)`"),
        ("f:~1", 2, "unexpected `~`"),
        ("f:-5", 2, "unexpected `-`"),
        ("a^x", 1, "a boost needs a number"),
        ("a\\", 1, "a backslash at the end has nothing to escape"),
        ("a]", 1, "a range ends that was not opened"),
        ("a~3", 1, "a fuzzy term with a distance it cannot have"),
        ("\\u12", 0, "an incomplete unicode escape"),
        ("a:b:c", 3, "unexpected `:`"),
        ("user.*:x", 6, "unexpected `:`"),
    ] {
        let error = parse(text, &Defaults::default()).expect_err(text);
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
        assert!(!error.help.is_empty());
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(128), &Defaults::default()).is_ok());
    let error = parse(&nested(129), &Defaults::default()).unwrap_err();
    assert_eq!(error.at, 128);
    assert!(parse(&"(".repeat(1_000_000), &Defaults::default()).is_err());
    assert!(parse(&"NOT a AND ".repeat(100_000), &Defaults::default()).is_err());
}

fn field() -> impl Strategy<Value = FieldRef> {
    prop_oneof![Just(FieldRef::Any), "[a-z@][a-z._: ]{0,6}".prop_map(FieldRef::Name),]
        .prop_filter("a name of its own", |field| !matches!(field, FieldRef::Name(name) if name == "_exists_"))
}

fn leaf() -> impl Strategy<Value = Query> {
    let text = || "[a-zA-Z0-9_\\\\:\"() \u{e9}*?/-]{1,8}";
    let test = prop_oneof![
        text().prop_map(|text| Test::Match {
            text,
            operator: Operator::Or,
            minimum_should_match: None,
            zero_terms: ZeroTerms::Drop
        }),
        (text(), 0..4_u32).prop_map(|(text, slop)| Test::Phrase { text, slop, zero_terms: ZeroTerms::Drop }),
        "[a-z0-9 :]{1,6}".prop_map(|text| Test::Prefix { text, case_insensitive: false, normalize: true }),
        "[a-z]{0,3}[*?][a-z]{1,3}".prop_map(|pattern| Test::Wildcard {
            pattern,
            case_insensitive: false,
            normalize: true
        }),
        "[a-z.]{1,5}".prop_map(|pattern| Test::Regexp { pattern, case_insensitive: false, flags: Flags::ALL }),
        ("[a-z ]{1,5}", 0..3_u8).prop_map(|(text, edits)| Test::Fuzzy {
            text,
            edits: Edits::Exact(edits),
            prefix_length: 0,
            transpositions: true,
            normalize: true
        }),
        ("[a-z0-9 \"]{1,5}", "[a-z0-9\\]\\\\]{1,5}").prop_map(|(low, high)| Test::Range {
            lower: Bound::Included(low),
            upper: Bound::Excluded(high),
            offset_minutes: 0,
            normalize: true
        }),
    ];
    (field(), test).prop_map(|(field, test)| Query::Leaf { field, test, lenient: true })
}

fn query() -> impl Strategy<Value = Query> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let clauses = || prop::collection::vec(inner.clone(), 0..3);
        (clauses(), clauses(), clauses())
            .prop_filter("more than one clause, or a prohibited one", |(must, should, must_not)| {
                must.len() + should.len() + must_not.len() > 1 || !must_not.is_empty()
            })
            .prop_map(|(must, should, must_not)| {
                Query::Bool(BoolQuery { must, should, must_not, minimum_should_match: None })
            })
    })
}

proptest! {
    #[test]
    fn printed_queries_parse_to_the_same_query(query in query()) {
        let text = query.to_string();
        prop_assert_eq!(parse(&text, &Defaults::default()), Ok(query), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "[a-b:()\\[\\]{}\"/\\\\*?~^+!&|<>= -]{0,24}|(AND|OR|NOT|TO|\\(|\\)|a|f:| ){0,20}|.{0,24}") {
        if let Err(error) = parse(&text, &Defaults::default()) {
            prop_assert!(text.is_char_boundary(error.at.min(text.len())), "{} in {}", error.at, text);
        }
    }
}
