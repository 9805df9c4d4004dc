use proptest::prelude::*;

use super::*;

fn check(pattern: &str, text: &str, expected: bool) {
    let regex = PrefixRegex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    assert_eq!(regex.is_match(text), Ok(expected), "{pattern} {text:?}");
    if let Some(plain) = regex.plain_pattern() {
        assert_eq!(regex::Regex::new(plain).unwrap().is_match(text), expected, "plain {plain} {text:?}");
    }
}

#[test]
fn matches_are_prefixes_ignoring_case() {
    for (pattern, text, expected) in [
        ("abc", "ABCDEF", true),
        ("bc", "abc", false),
        ("a|b", "xb", false),
        ("b|a", "ax", true),
        ("^.*teams\\.exe.*$", "C:\\Teams.exe -x", true),
        ("é", "É", true),
        ("(?-i:a)b", "aB", true),
        ("(?-i:a)b", "AB", false),
        ("", "anything", true),
    ] {
        check(pattern, text, expected);
    }
}

#[test]
fn python_syntax_is_understood() {
    for (pattern, text, expected) in [
        ("abc$", "abc\n", true),
        ("abc$", "abc\nd", false),
        ("(abc$)", "abc\n", true),
        ("a$|b", "a\n", true),
        ("a$\n", "a\n", true),
        ("abc\\Z", "abc\n", false),
        ("a\n^b", "a\nb", false),
        ("a\n(?m)^b$\nc", "a\nb\nc", true),
        ("(?P<q>['\"])x(?P=q)", "'x'", true),
        ("(?P<q>['\"])x(?P=q)", "'x\"", false),
        ("(?P<q>a)(b)\\2\\1", "abba", true),
        ("(a)(?:\\1)0", "aa0", true),
        ("a.c", "a\nc", false),
        ("(?s)a.c", "a\nc", true),
        ("a.(?s:.)c", "ab\nc", true),
        ("[]a]+$", "a]a", true),
        ("[^]a]", "b", true),
        ("[^]a]", "]", false),
        ("[a&&b]", "&", true),
        ("[a&&b]$", "b", true),
        ("[+--b]$", ",", true),
        ("[+--b]$", "b", true),
        ("[[:alpha:]]", "a]", true),
        ("[[:alpha:]]", "z]", false),
        ("[a-]$", "-", true),
        ("[\\]-^]", "]", true),
        ("[~~#]", "#", true),
        ("(?=.*b)a", "aab", true),
        ("\\$\\<\\-\\ \\{", "$<- {", true),
        ("x{1", "x{1", true),
        ("a{,2}b", "aab", true),
        ("a{,2}b", "aaab", false),
        ("a{}", "a{}", true),
        ("a{x}", "a{x}", true),
        ("\\101\\x42\\u0043", "ABC", true),
        ("[\\101\\x42]", "b", true),
        ("\\0", "\0", true),
        ("\\w+$", "a²é_", true),
        ("(?a)\\w+$", "aé", false),
        ("\\s", "\u{1c}", true),
        ("[^\\s]", "\u{1c}", false),
        ("(?x) a b # no\n c", "abc", true),
        ("(?x)a[ ]b\\ c", "a b c", true),
        ("a(?#comment (x)b", "ab", true),
        ("(a)?(?(1)b|c)$", "ab", true),
        ("(a)?(?(1)b|c)$", "c", true),
        ("\\bfoo\\b", "foo bar", true),
        ("x(?i)y", "XY", true),
    ] {
        check(pattern, text, expected);
    }
}

#[test]
fn patterns_that_python_rejects_are_rejected() {
    for pattern in [
        "(",
        ")",
        "[",
        "[]",
        "a**",
        "a*+",
        "*a",
        "a|*",
        "^*",
        "(?>a)",
        "(?<n>a)",
        "(?P<1>a)",
        "(?P<a>x)(?P<a>y)",
        "(?P=a)",
        "\\1",
        "(\\1)",
        "(a)\\2",
        "(a)\\10",
        "\\8",
        "[\\8]",
        "\\e",
        "\\p{L}",
        "\\z",
        "\\K",
        "[\\Z]",
        "\\400",
        "\\xg0",
        "\\u12",
        "\\",
        "[b-a]",
        "[a-\\d]",
        "[\\d-z]",
        "a{2,1}",
        "(?",
        "(?)",
        "(?-)",
        "(?-:a)",
        "(?L)a",
        "(?i-i:a)",
        "(?y)",
        "(?(1)a)",
        "(?#x",
        "a{99999999999}",
    ] {
        assert!(PrefixRegex::new(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn usual_patterns_need_no_backtracking() {
    for pattern in ["^.*teams\\.exe.*$", "abc", "a$|b$", "[\\w.]+\\s", "(?P<x>a)b"] {
        assert!(PrefixRegex::new(pattern).unwrap().plain_pattern().is_some(), "{pattern}");
    }
    for pattern in ["(?=a)b", "(a)\\1", "(a$)"] {
        assert!(PrefixRegex::new(pattern).unwrap().plain_pattern().is_none(), "{pattern}");
    }
}

#[test]
fn hostile_texts_are_stopped() {
    let regex = PrefixRegex::new("(?:(a+)+\\1)+b").unwrap();
    assert_eq!(regex.is_match(&"a".repeat(500)), Err(TooManySteps));
}

#[test]
fn searching_respects_case_and_returns_only_the_match() {
    let regex = compile_search("b$").unwrap();
    let found = regex.find("ab\n").unwrap().map(|found| found.range());
    assert_eq!(found, Some(1..2));
    assert!(!regex.is_match("aB").unwrap());
}

/// Features of `regex` beyond `re`; the cases of derived fields compare many more with the
/// original.
#[test]
fn groups_follow_the_dialect_of_regex() {
    let check = |pattern: &str, text: &str, expected: &[(&str, Option<&str>)]| {
        let regex = GroupRegex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let found = regex.search(text).unwrap().unwrap_or_else(|| panic!("{pattern} {text:?}"));
        let found: Vec<(&str, Option<&str>)> = regex.names().zip(found).collect();
        assert_eq!(found, expected, "{pattern} {text:?}");
    };
    check("(?>a+)(?<x>b)", "aab", &[("x", Some("b"))]);
    check("a*+(?<x>.)", "aab", &[("x", Some("b"))]);
    check("(?<x>a)(.)\\2(?P=x)", "abba", &[("x", Some("a"))]);
    check("(?<b>a)?(?<a>b)(?<b>c)", "bc", &[("b", Some("c")), ("a", Some("b"))]);
    check("a(?i)b(?-i)(?<x>c|d)", "aBc", &[("x", Some("c"))]);
    check("(?:x(?i)y|z)(?<w>w)", "Zw", &[("w", Some("w"))]);
    check("[[:alpha:]_]+(?<x>.)", "é_1", &[("x", Some("1"))]);
    check("(?a)[[:^alpha:]](?<x>.)", "éa", &[("x", Some("a"))]);
    check("[\\p{Lu}\\h]+(?<x>.)", "A\u{a0}a", &[("x", Some("a"))]);
    check("(?<x>.)$", "ab\n", &[("x", Some("b"))]);
    check("(?<x>\\w)\\Z", "ab", &[("x", Some("b"))]);
    assert_eq!(GroupRegex::new("(?<x>a)\\Z").unwrap().search("a\n"), Ok(None));
}

/// Features of `regex` that these engines lack are refused, never misread.
#[test]
fn unsupported_constructs_are_refused() {
    for (pattern, reason) in [
        ("(?:a){e<=1}", "approximate matching"),
        ("a{2i+1d<3}", "approximate matching"),
        ("(?R)", "means nothing"),
        ("(a)(?1)", "means nothing"),
        ("(?<x>a)(?&x)", "means nothing"),
        ("(?|a|b)", "means nothing"),
        ("(?<x>a)(?<x>b)(?P=x)", "several times"),
        ("(?r)a", "means nothing"),
        ("\\X", "unknown escape"),
        ("\\N{DIGIT ONE}", "unknown escape"),
        ("\\p{NoSuchProperty}", "Regex error"),
        ("[[:foo:]]", "`[:foo:]`"),
        ("(?<=a+)b", "ook-behind"),
        ("\\b+", "nothing to repeat"),
    ] {
        let error = GroupRegex::new(pattern).map(|regex| format!("{regex:?}")).unwrap_err();
        assert!(error.contains(reason), "{pattern}: {error}");
    }
}

proptest! {
    #[test]
    fn every_ascii_character_can_be_escaped(c in "[^0-9A-Za-z]", in_class in any::<bool>()) {
        let pattern = if in_class { format!("[x\\{c}\\{c}]$") } else { format!("\\{c}$") };
        let regex = PrefixRegex::new(&pattern).unwrap();
        prop_assert_eq!(regex.is_match(&c), Ok(true));
    }

    #[test]
    fn any_pattern_is_compiled_or_refused(pattern in "[\\[\\](){}|?*+^$.\\\\:=!<>#&,a-cPmsix0-9 -]{0,24}", text in "[a-c0-9\n]{0,8}") {
        if let Ok(regex) = PrefixRegex::new(&pattern) {
            let matched = regex.is_match(&text);
            if let (Ok(matched), Some(plain)) = (matched, regex.plain_pattern()) {
                prop_assert_eq!(regex::Regex::new(plain).unwrap().is_match(&text), matched, "{}", plain);
            }
        }
    }
}
