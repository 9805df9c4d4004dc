use std::ops::Bound;

use chrono::{DateTime, Utc};

use super::*;
use crate::event::time::TimeFormats;
use crate::query::ast::{Operator, Test, ZeroTerms};
use crate::query::mapping::{DateResolution, FieldType, NumberKind};
use crate::query::words::Analyzer;

fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2024-05-15T10:20:30.456Z").unwrap().to_utc()
}

fn term(text: &str) -> Test {
    Test::Terms { values: vec![text.to_owned()], case_insensitive: false }
}

fn words(text: &str) -> Test {
    Test::Match {
        text: text.to_owned(),
        operator: Operator::Or,
        minimum_should_match: None,
        zero_terms: ZeroTerms::Drop,
    }
}

/// Reads `[a TO b}` and the like.
fn range(text: &str) -> Test {
    let (lower, upper) = text[1..text.len() - 1].split_once(" TO ").unwrap();
    let bound = |text: &str, inclusive: bool| match (text, inclusive) {
        ("*", _) => Bound::Unbounded,
        (_, true) => Bound::Included(text.to_owned()),
        (_, false) => Bound::Excluded(text.to_owned()),
    };
    Test::Range {
        lower: bound(lower, text.starts_with('[')),
        upper: bound(upper, text.ends_with(']')),
        offset_minutes: 0,
        normalize: true,
    }
}

fn check(test: &Test, field_type: &FieldType, values: &[(&str, bool)]) {
    let shape = compile(test, field_type, now()).unwrap_or_else(|error| panic!("{test:?}: {error:?}"));
    let Shape::Is(predicate) = shape else { panic!("{test:?}: {shape:?}") };
    for (tagged, expected) in values {
        let value = ValueRef::of_tagged(tagged).unwrap();
        assert_eq!(predicate.matches(value), *expected, "{test:?} on {value:?} as {field_type:?}");
    }
}

#[test]
fn untyped_values_keep_their_own_type() {
    let untyped = &FieldType::Untyped;
    check(&term("5"), untyped, &[("n5", true), ("s5", true), ("n5.0", true), ("s5.0", false), ("n50", false)]);
    check(&term("5.0"), untyped, &[("n5", true), ("s5.0", true), ("s5", false)]);
    check(&term("true"), untyped, &[("btrue", true), ("bfalse", false), ("strue", true)]);
    let times = |first: bool, second: bool| {
        [("s2024-05-01T10:00:00Z", first), ("s2024-05-02T10:00:00.123Z", second), ("sx", false)]
    };
    check(&term("2024-05-01"), untyped, &times(true, false));
    check(&words("2024-05-01T12:00:00+02:00"), untyped, &times(true, false));
    check(&words("2024-05-01T10:00:00.000Z"), untyped, &times(true, false));
    check(&words("1714557600000"), untyped, &times(true, false));
    // a month alone is its first day, as in Elasticsearch
    check(&term("2024-05"), untyped, &times(true, false));
    check(&term("2024-05-02T10:00:00Z"), untyped, &times(false, true));
    check(&term("now-13d/d"), untyped, &times(false, true));
    check(&words("New York"), untyped, &[("sNew York", true), ("snew york", false), ("sNew", false)]);
    check(
        &range("[400 TO 500}"),
        untyped,
        &[("n400", true), ("n499.9", true), ("n500", false), ("s45", true), ("s5000", false)],
    );
    check(&range("[* TO b]"), untyped, &[("sB", true), ("sb", true), ("sba", false)]);
    check(
        &range("[2024-05-01 TO 2024-05-02]"),
        untyped,
        &[
            ("s2024-05-02T23:59:59.999Z", true),
            ("s2024-05-03T00:00:00Z", false),
            ("s2024-05-02T01:00:00+02:00", true),
            ("sx", false),
        ],
    );
    check(&range("[2024-05-01 TO 2024-05-02]"), untyped, &[("n1714521600000", true), ("n1714521599999", false)]);
    check(
        &range("{now-1d TO *]"),
        untyped,
        &[("s2024-05-14T10:20:30.457Z", true), ("s2024-05-14T10:20:30.456Z", false), ("szzz", false)],
    );
    check(
        &range("[2024 TO *]"),
        untyped,
        &[("s2024-01-01", true), ("s2023-12-31T23:59:59Z", false), ("n2024", true), ("n2023", false)],
    );
}

#[test]
fn times_of_a_time_field() {
    let epoch = &FieldType::Time(TimeFormats::default());
    let in_2019 = range("[2019-01-01 TO 2019-12-31]");
    let values = [
        ("n1547188415.857497", true),
        ("n1547188415857", true),
        ("s1547188415", true),
        ("sJan 11 2019 06:33:35", true),
    ];
    check(&in_2019, epoch, &values);
    check(&in_2019, epoch, &[("n1577836800", false), ("n5", false), ("sx", false), ("sJan 11 06:33:35", false)]);
    check(&range("[1547188000 TO 1547189000]"), epoch, &[("n1547188415.857497", true), ("n1547189415", false)]);
    check(&term("2019-01-11"), epoch, &[("n1547188415.857497", true), ("n1547288415", false)]);
    let pattern = Test::Wildcard { pattern: "2019*".to_owned(), case_insensitive: false, normalize: false };
    check(&pattern, epoch, &[("s2019-01-11", true), ("s2018-01-11", false)]);
    // another field, whose numbers may be times
    check(&in_2019, &FieldType::Untyped, &[("n1547188415.857497", true), ("n1577836800", false), ("n80", false)]);
    let formats = TimeFormats::parse("MM/dd/yyyy||epoch_second").unwrap();
    let european = &FieldType::Date(DateResolution::Millis, formats);
    check(&in_2019, european, &[("s01/11/2019", true), ("n1547188415", true), ("s01/11/2018", false)]);
    check(&term("01/11/2019"), european, &[("n1547188415", true), ("n1547288415", false)]);
}

#[test]
fn typed_values() {
    let whole = &FieldType::Number(NumberKind::Whole);
    check(&term("443"), whole, &[("n443", true), ("s443", true), ("n443.7", true), ("sx", false)]);
    check(&term("443.5"), whole, &[("n443", false)]);
    check(&range("{5.5 TO *]"), whole, &[("n6", true), ("n5", false), ("n5.9", false)]);
    check(&term("0.1"), &FieldType::Number(NumberKind::Single), &[("n0.1", true), ("n0.10000000149", true)]);
    check(&term("9007199254740993"), whole, &[("n9007199254740993", true), ("n9007199254740992", false)]);
    let date = &FieldType::Date(DateResolution::Millis, TimeFormats::default());
    check(
        &term("2024-05-01"),
        date,
        &[("s2024-05-01T12:00:00Z", true), ("n1714521600000", true), ("s2024-05-02", false)],
    );
    check(&range("{2024-05-01 TO *]"), date, &[("s2024-05-01T23:59:59.999Z", false), ("s2024-05-02T00:00:00Z", true)]);
    check(&range("[* TO 2024-05-01}"), date, &[("s2024-04-30T23:59:59.999Z", true), ("s2024-05-01", false)]);
    check(&range("[* TO now/d}"), date, &[("s2024-05-14T23:59:59.999Z", true), ("s2024-05-15T00:00:00Z", false)]);
    check(
        &term("10.0.0.0/8"),
        &FieldType::Ip,
        &[("s10.255.0.1", true), ("s11.0.0.0", false), ("s::ffff:10.0.0.1", true), ("sx", false)],
    );
    check(&term("2001:db8::/32"), &FieldType::Ip, &[("s2001:db8::1", true), ("s2001:db9::1", false)]);
    check(&term("0.0.0.0/0"), &FieldType::Ip, &[("s1.2.3.4", true), ("s::1", false)]);
    check(
        &range("[10.0.0.1 TO 10.0.0.3}"),
        &FieldType::Ip,
        &[("s10.0.0.1", true), ("s10.0.0.2", true), ("s10.0.0.3", false)],
    );
    check(&term("true"), &FieldType::Boolean, &[("btrue", true), ("strue", true), ("bfalse", false)]);
    check(
        &Test::Exists,
        &FieldType::Keyword { ignore_above: Some(3), lowercase: false },
        &[("sabc", true), ("sabcd", false), ("s\u{e9}\u{e9}\u{e9}", true)],
    );
    check(
        &words("ABC"),
        &FieldType::Keyword { ignore_above: None, lowercase: true },
        &[("sabc", true), ("sABC", true)],
    );
}

#[test]
fn text_is_compared_word_by_word() {
    let text = &FieldType::Text(Analyzer::Standard);
    check(&words("Fox"), text, &[("sthe quick FOX", true), ("sfoxes", false)]);
    check(&term("Fox"), text, &[("sFox", false)]);
    check(
        &Test::Phrase { text: "Quick fox".to_owned(), slop: 0, zero_terms: ZeroTerms::Drop },
        text,
        &[("sthe quick fox", true), ("sfox quick", false)],
    );
    check(
        &Test::Prefix { text: "QUI".to_owned(), case_insensitive: false, normalize: true },
        text,
        &[("sthe Quick", true)],
    );
    check(
        &Test::Prefix { text: "QUI".to_owned(), case_insensitive: false, normalize: false },
        text,
        &[("sthe Quick", false)],
    );
    check(
        &Test::Prefix { text: "QUI".to_owned(), case_insensitive: true, normalize: false },
        text,
        &[("sthe Quick", true)],
    );
    let shape = compile(&words("a b"), text, now()).unwrap();
    assert!(matches!(shape, Shape::AtLeast(1, tests) if tests.len() == 2));
    assert!(matches!(compile(&words("--"), text, now()), Ok(Shape::Dropped)));
}

#[test]
fn tests_that_a_type_lacks_are_refused() {
    let prefix = Test::Prefix { text: "a".to_owned(), case_insensitive: false, normalize: true };
    for (test, field_type, message) in [
        (&prefix, FieldType::Ip, "it is an address: only values, ranges and existence can be asked for"),
        (&words("x"), FieldType::Number(NumberKind::Whole), "`x` is not a number"),
        (&words("x"), FieldType::Date(DateResolution::Millis, TimeFormats::default()), "`x` is not a time"),
        (&words("10.0.0.0/33"), FieldType::Ip, "`10.0.0.0/33` is not an address or network"),
        (&words("maybe"), FieldType::Boolean, "`maybe` is neither true nor false"),
        (&words("x"), FieldType::Opaque("its type is `geo_point`".to_owned()), "its type is `geo_point`"),
        (&range("[now-1x TO *]"), FieldType::Untyped, "`-1x` is not date math"),
        (&range("[now-1d TO x]"), FieldType::Untyped, "one bound is a time and the other is not"),
    ] {
        let refusal = compile(test, &field_type, now()).expect_err(message);
        let (Refusal::Mismatch(text) | Refusal::Unknowable(text)) = refusal;
        assert_eq!(text, message, "{test:?}");
    }
}

#[test]
fn terms_are_merged() {
    let terms = |text: &str| Predicate::Terms(Terms::new(&[text.to_owned()], false));
    let joined = terms("a").or(terms("5")).or(terms("c"));
    let Predicate::Terms(joined) = joined else { panic!("{joined:?}") };
    assert_eq!((joined.texts.len(), joined.numbers.len()), (3, 1));
}
