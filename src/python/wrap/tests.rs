use proptest::prelude::*;

use super::*;

/// Texts, and the output of Python's `textwrap.fill(text, width=150)` for each.
const CASES: &str = include_str!("cases.json");

#[test]
fn lines_break_as_in_python() {
    let cases: Vec<(String, String)> = serde_json::from_str(CASES).unwrap();
    assert!(cases.len() > 60);
    for (text, expected) in cases {
        assert_eq!(wrap(&text), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn lines_are_short_and_complete(text in ".{0,600}|([a-z]{0,9}[-\t ]{0,2}){0,90}") {
        let wrapped = wrap(&text);
        prop_assert!(wrapped.split('\n').all(|line| line.chars().count() <= WIDTH));
        let dense = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
        prop_assert_eq!(dense(&wrapped), dense(&text));
    }
}
