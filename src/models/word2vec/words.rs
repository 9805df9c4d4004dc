//! Splits texts into words.

use crate::config::Separators;

/// Text of a group in the separators that did not take part in a match.
const ABSENT_GROUP: &str = "None";

/// Error for a text that needs too many backtracking steps. It counts as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GivenUp;

/// Appends the words of `text` to `words`: the parts between the separators, including empty ones,
/// and the text captured by the separators' groups. Behaves like `re.split` in Python 3.7.
pub(super) fn split<'t>(separators: &Separators, text: &'t str, words: &mut Vec<&'t str>) -> Result<(), GivenUp> {
    let Some(regex) = separators.regex() else {
        words.extend(text.char_indices().map(|(at, character)| &text[at..at + character.len_utf8()]));
        return Ok(());
    };
    let n_before = words.len();
    let result =
        if regex.captures_len() > 1 { split_with_groups(regex, text, words) } else { split_plain(regex, text, words) };
    result.map_err(|_| {
        words.truncate(n_before);
        words.push(text);
        GivenUp
    })
}

fn split_plain<'t>(
    regex: &fancy_regex::Regex,
    text: &'t str,
    words: &mut Vec<&'t str>,
) -> Result<(), Box<fancy_regex::Error>> {
    let (mut start, mut from) = (0, 0);
    while let Some(found) = regex.find_from_pos(text, from).map_err(Box::new)? {
        words.push(&text[start..found.start()]);
        start = found.end();
        let Some(next) = next_start(text, found.start(), found.end()) else { break };
        from = next;
    }
    words.push(&text[start..]);
    Ok(())
}

fn split_with_groups<'t>(
    regex: &fancy_regex::Regex,
    text: &'t str,
    words: &mut Vec<&'t str>,
) -> Result<(), Box<fancy_regex::Error>> {
    let (mut start, mut from) = (0, 0);
    while let Some(captures) = regex.captures_from_pos(text, from).map_err(Box::new)? {
        let Some(found) = captures.get(0) else { break };
        words.push(&text[start..found.start()]);
        words.extend(captures.iter().skip(1).map(|group| group.map_or(ABSENT_GROUP, |group| group.as_str())));
        start = found.end();
        let Some(next) = next_start(text, found.start(), found.end()) else { break };
        from = next;
    }
    words.push(&text[start..]);
    Ok(())
}

/// Position where the search continues: after the match, or one character further if the match is
/// empty; `None` at the end of the text.
fn next_start(text: &str, start: usize, end: usize) -> Option<usize> {
    if start < end {
        return Some(end);
    }
    text[end..].chars().next().map(|character| end + character.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: &[&str]) {
        let mut words = vec!["before"];
        split(&Separators::new(pattern).unwrap(), text, &mut words).unwrap();
        assert_eq!(words[1..], *expected, "{pattern:?} {text:?}");
    }

    #[test]
    fn splits_texts_as_python_does() {
        check("\\\\", "C:\\Win\\a.exe", &["C:", "Win", "a.exe"]);
        check("\\\\", "\\x\\", &["", "x", ""]);
        check("\\\\", "", &[""]);
        check(" +", "a  b c", &["a", "b", "c"]);
        check("", "aé😀", &["a", "é", "😀"]);
        check("", "", &[]);
        check("(-)|(\\.)", "a-b.c", &["a", "-", "None", "b", "None", ".", "c"]);
        check("x*", "axbc", &["", "a", "", "b", "c", ""]);
        check("x*", "", &["", ""]);
        check("(?=b)", "abab", &["a", "ba", "b"]);
        check("(?=é)", "éé", &["", "é", "é"]);
    }

    #[test]
    fn a_text_that_takes_too_many_steps_is_one_word() {
        let separators = Separators::new("(?=(a+)+$)(a+)+b").unwrap();
        let text = format!("{}c", "a".repeat(5000));
        let mut words = Vec::new();
        assert_eq!(split(&separators, &text, &mut words), Err(GivenUp));
        assert_eq!(words, [text.as_str()]);
    }
}
