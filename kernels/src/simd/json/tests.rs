use proptest::prelude::*;

use super::Index;
use crate::scalar::json::{self as oracle, ByteSet, MAX_DEPTH, MAX_INDEXED_BYTES, Members};

fn check(bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    let expected = oracle::skip_value(bytes, at, max_depth);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(super::skip_value(bytes, at, max_depth), expected, "{shown:?} at {at}, {max_depth}");
    assert_eq!(super::skip_value_portable(bytes, at, max_depth), expected, "portable {shown:?} at {at}, {max_depth}");
    if let Some(first) = at.checked_add(1) {
        check_members(bytes, first, max_depth);
    }
    check_index(bytes);
    let string = oracle::skip_string(bytes, at);
    assert_eq!(super::skip_string(bytes, at), string, "string {shown:?} at {at}");
    let short = super::skip_short_string(bytes, at);
    assert!(short.is_none() || short == string, "short {shown:?} at {at}");
    let is_plain = |end| !bytes[at..end].contains(&b'\\');
    if let Some(end) = string.filter(|&end| end - at <= 17 && at + 17 <= bytes.len() && is_plain(end)) {
        assert_eq!(short, Some(end), "short {shown:?} at {at}");
    }
    expected
}

fn check_members(bytes: &[u8], at: usize, max_depth: u32) {
    for wanted in ["", "a", "\"\\e"] {
        let mut set = ByteSet::default();
        wanted.bytes().for_each(|byte| set.insert(byte));
        let expected = oracle::skip_members(bytes, at, &set, max_depth);
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(super::skip_members(bytes, at, &set, max_depth), expected, "{wanted} of {shown:?} at {at}");
        assert_eq!(super::skip_members_portable(bytes, at, &set, max_depth), expected, "portable {shown:?} at {at}");
    }
}

/// The index of the first line, and walks through the line with it.
fn check_index(bytes: &[u8]) {
    let expected = oracle::index_line(bytes).filter(|(end, _)| std::str::from_utf8(&bytes[..*end]).is_ok());
    let shown = String::from_utf8_lossy(bytes);
    let mut index = Index::default();
    for portable in [true, false] {
        let found = if portable { index.read_portable(bytes) } else { index.read(bytes) };
        let found = found.map(|line| (line.len(), index.strings().to_vec()));
        let whole = expected.clone().map(|(end, quotes)| (end, quotes.as_chunks().0.to_vec()));
        assert_eq!(found, whole, "{shown:?}");
    }
    let Some(line) = index.read(bytes).map(str::as_bytes) else { return };
    let mut strings = index.strings();
    let end = super::skip_value_indexed(&mut strings, line, 0, MAX_DEPTH);
    assert_eq!(end, oracle::skip_value(line, 0, MAX_DEPTH), "{shown:?}");
    let n_left = index.strings().iter().filter(|[open, _]| end.is_some_and(|end| *open as usize >= end)).count();
    assert!(end.is_none() || strings.len() == n_left, "{shown:?}");
    let (set, mut strings) = (ByteSet::default(), index.strings());
    let members = super::skip_members_indexed(&mut strings, line, 0, &set, MAX_DEPTH);
    assert_eq!(members, oracle::skip_members(line, 0, &set, MAX_DEPTH), "{shown:?}");
}

fn length(text: &str) -> Option<usize> {
    check(text.as_bytes(), 0, MAX_DEPTH)
}

#[test]
fn values_end_where_they_do() {
    for text in [
        "0",
        "-0",
        "10",
        "-1.5e+3",
        "1E5",
        "0.25",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "{}",
        "[]",
        "[ ]",
        "{ }",
        r#"{"a":1,"b":[true,null,{"c":"}]"}]}"#,
        " [1]",
        "[\"\\\"\"]",
        "\"\\u00e9\\\\\"",
        "[\n1\n,\t2\r]",
        r#"{"":{}}"#,
        "\"\u{e9}\u{1f600}\"",
        "[[[[]]],{\"a\" : {\"b\": [ ] } }]",
    ] {
        assert_eq!(length(text), Some(text.len()), "{text}");
        // what follows does not matter, and the value may begin anywhere
        for rest in [",", "]x", "}\n{\"a\":1}", "                                                                     "]
        {
            assert_eq!(length(&format!("{text}{rest}")), Some(text.len()), "{text}{rest}");
            let shifted = format!("xx{text}{rest}");
            assert_eq!(check(shifted.as_bytes(), 2, MAX_DEPTH), Some(2 + text.len()), "{shifted}");
        }
    }
}

#[test]
fn invalid_values_are_found() {
    for text in [
        "",
        " ",
        "x",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1.e5",
        "1e",
        "1e+",
        "tru",
        "True",
        "nul",
        "fals",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\q\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\t\"",
        "\"a\nb\"",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[1}",
        "{\"a\":1]",
        "{1:2}",
        "[\"\u{0}\"]",
        "}",
        "]",
        ",",
        ":",
        "{\"a\":1:2}",
        "{,}",
        "[\u{c}]",
    ] {
        assert_eq!(length(text), None, "{text}");
    }
}

#[test]
fn escapes_are_followed_across_blocks() {
    for n_before in 0..140 {
        for n_backslashes in 0..9 {
            for escape in ["", "n", "u00e9", "\"", "q", "u12", "\u{1}"] {
                let text = format!("\"{}{}{escape}\" and more", "x".repeat(n_before), "\\".repeat(n_backslashes));
                length(&text);
                length(&format!("[{text}\"]"));
            }
        }
    }
}

#[test]
fn members_are_skipped_up_to_a_wanted_one() {
    let find = |text: &str, wanted: &[u8]| {
        let mut set = ByteSet::default();
        wanted.iter().for_each(|byte| set.insert(*byte));
        super::skip_members(text.as_bytes(), 0, &set, MAX_DEPTH)
    };
    assert_eq!(find(r#""a":1,"b":{"x":2},"xy":3}"#, b"x"), Some(Members::Key(18)));
    assert_eq!(find(r#" "a" : 1 , "x": }"#, b"x"), Some(Members::Key(11)));
    assert_eq!(find(r#""a":1,"":2,"x":3}"#, b"x\\"), Some(Members::Key(11)));
    assert_eq!(find(r#""a":1,"":2,"x":3}"#, b"\""), Some(Members::Key(6)));
    assert_eq!(find(r#""a":1,"b":2 } "#, b"x"), Some(Members::End(13)));
    for invalid in ["", "}", r#""a":1,}"#, r#""a":1]"#, r#""a" 1}"#, r#""a":1"#, r#""a":01,"x":1}"#, r#"a:1}"#] {
        assert_eq!(find(invalid, b"x"), None, "{invalid}");
    }
}

#[test]
fn nesting_is_limited() {
    for n in [1, 2, 3, 64, 127, 128, 129, 1000] {
        for max_depth in [0, 1, 2, 127, 128, 500] {
            let is_fine = n <= max_depth.min(MAX_DEPTH) as usize;
            let lists = [vec![b'['; n], vec![b']'; n]].concat();
            assert_eq!(check(&lists, 0, max_depth).is_some(), is_fine);
            let objects = format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
            assert_eq!(check(objects.as_bytes(), 0, max_depth).is_some(), is_fine);
        }
    }
    assert_eq!(check(b"1", 0, 0), Some(1));
}

#[test]
fn lines_end_at_line_feeds() {
    let line = |bytes: &str| {
        check_index(bytes.as_bytes());
        Index::default().read(bytes.as_bytes()).map(str::len)
    };
    let long = format!("[\"{}\"]", "x".repeat(200));
    for (text, expected) in [
        ("", Some(0)),
        ("\n", Some(0)),
        ("{}", Some(2)),
        ("{}\r", Some(2)),
        ("{}\r\n{}", Some(2)),
        ("{}\r{}", None),
        ("{}\t\n", None),
        ("\"\\", Some(2)),
        ("\"\\\n", Some(2)),
        ("\"\\q\"\n", None),
        ("{}\n\\q", Some(2)),
        (&long, Some(204)),
        ("\"\u{e9}\"\n", Some(4)),
    ] {
        assert_eq!(line(text), expected, "{text:?}");
        assert_eq!(line(&format!("{text}\n{long}")), expected, "{text:?}");
    }
    assert_eq!(Index::default().read(b"\"\xff\"\n"), None);
    assert_eq!(line(&"x".repeat(MAX_INDEXED_BYTES - 1)), Some(MAX_INDEXED_BYTES - 1));
    assert_eq!(line(&"x".repeat(MAX_INDEXED_BYTES)), None);
    assert_eq!(line(&"\"".repeat(10_000)), Some(10_000));
}

#[test]
fn positions_past_the_end_hold_nothing() {
    for at in [1, 2, 100, usize::MAX - 64] {
        assert_eq!(check(b"1", at, MAX_DEPTH), None);
    }
}

/// Texts that are nearly JSON, or JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\\\",
        "\\\"",
        "\\u00e9",
        "\\ud800",
        " ",
        "\n",
        "\t",
        "a",
        "e",
        "E5",
        "1",
        "0",
        "-",
        ".",
        "true",
        "null",
        "\"key\":",
        "\"value\"",
        "\u{e9}",
        "\"C:\\\\Users\\\\paul\\\\AppData\\\\x.exe\"",
        "{\"a\":1}",
        "[1,2]",
        "\"a long text that does not end within thirty-two bytes, nor within sixty-four of them\"",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

fn json(depth: u32) -> BoxedStrategy<String> {
    let scalar = prop_oneof![
        "[ -~]{0,80}".prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f32>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
    ];
    if depth == 0 {
        return scalar.boxed();
    }
    let list = prop::collection::vec(json(depth - 1), 0..4).prop_map(|list| format!("[{}]", list.join(" , ")));
    let member = ("[a-z]{0,20}", json(depth - 1)).prop_map(|(key, value)| format!("\"{key}\": {value}"));
    let object = prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(",")));
    prop_oneof![scalar, list, object].boxed()
}

proptest! {
    #[test]
    fn agrees_with_oracle(text in nearly_json(), at in 0..8usize, max_depth in 0..6u32) {
        check(text.as_bytes(), at, max_depth);
        check(text.as_bytes(), 0, MAX_DEPTH);
    }

    #[test]
    fn agrees_with_oracle_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes, 0, MAX_DEPTH);
        check(&[b"\"", bytes.as_slice(), b"\""].concat(), 0, MAX_DEPTH);
    }

    #[test]
    fn whole_values_are_skipped(text in json(3), change in any::<prop::sample::Index>(), byte in any::<u8>()) {
        prop_assert_eq!(length(&text), Some(text.len()));
        let mut changed = text.into_bytes();
        let at = change.index(changed.len());
        changed[at] = byte;
        check(&changed, 0, MAX_DEPTH);
        check(&changed[..at], 0, MAX_DEPTH);
    }
}
