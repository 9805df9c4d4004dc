//! Lucene's regular expressions, wildcards and fuzzy terms as automata.

use regex::{Regex, RegexBuilder};

/// Largest automaton: a pattern must not eat the memory.
const SIZE_LIMIT: usize = 16 << 20;

/// Largest interval of numbers that is written out.
const MAX_INTERVAL: u64 = 10_000;

/// A regular expression of Lucene, over the whole value.
pub(super) fn regexp(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    compile(&translate(pattern)?, ignore_case)
}

/// `*` is any text, `?` any character, a backslash makes the next character plain.
pub(super) fn wildcard(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    let mut translated = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => translated.push_str(".*"),
            '?' => translated.push('.'),
            '\\' => translated.push_str(&regex::escape(&characters.next().unwrap_or('\\').to_string())),
            _ => translated.push_str(&regex::escape(&character.to_string())),
        }
    }
    compile(&translated, ignore_case)
}

fn compile(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    RegexBuilder::new(&format!("\\A(?s:{pattern})\\z"))
        .case_insensitive(ignore_case)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| format!("not a regular expression: {}", error.to_string().lines().last().unwrap_or_default()))
}

/// Lucene has no anchors, and writes any text as `@`, nothing as `#`, plain text in quotes and numbers as `<1-10>`.
fn translate(pattern: &str) -> Result<String, String> {
    let mut translated = String::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\\' => {
                let escaped = rest.chars().next().ok_or("a backslash at the end")?;
                rest = &rest[escaped.len_utf8()..];
                match escaped {
                    'd' | 'D' | 's' | 'S' | 'w' | 'W' => translated.push_str(&format!("(?-u:\\{})", escaped)),
                    _ => translated.push_str(&regex::escape(&escaped.to_string())),
                }
            }
            '"' => {
                let end = rest.find('"').ok_or("a quote that does not end")?;
                translated.push_str(&regex::escape(&rest[..end]));
                rest = &rest[end + 1..];
            }
            '<' => {
                let end = rest.find('>').ok_or("an interval that does not end")?;
                translated.push_str(&interval(&rest[..end])?);
                rest = &rest[end + 1..];
            }
            '[' => rest = class(rest, &mut translated)?,
            '@' => translated.push_str(".*"),
            '#' => translated.push_str("[^\\s\\S]"),
            '&' | '~' => return Err(format!("`{character}` in regular expressions cannot be answered by files")),
            '.' | '|' | '(' | ')' | '?' | '*' | '+' | '{' | '}' => translated.push(character),
            _ => translated.push_str(&regex::escape(&character.to_string())),
        }
    }
    Ok(translated)
}

/// A class of characters; `rest` begins behind its bracket. Inside, only `\`, `-`, `^` and `]` mean something.
fn class<'a>(rest: &'a str, translated: &mut String) -> Result<&'a str, String> {
    let mut characters = rest.char_indices();
    translated.push('[');
    let mut is_first = true;
    while let Some((at, character)) = characters.next() {
        match character {
            ']' if !is_first => {
                translated.push(']');
                return Ok(&rest[at + 1..]);
            }
            '^' if at == 0 => {
                translated.push('^');
                continue;
            }
            '\\' => {
                let (_, escaped) = characters.next().ok_or("a class that does not end")?;
                translated.push('\\');
                if !escaped.is_ascii_alphanumeric() || "dDsSwW".contains(escaped) {
                    translated.push(escaped);
                } else {
                    translated.pop();
                    translated.push(escaped);
                }
            }
            '-' => translated.push('-'),
            '[' | '&' | '~' => {
                translated.push('\\');
                translated.push(character);
            }
            _ => translated.push(character),
        }
        is_first = false;
    }
    Err("a class that does not end".to_owned())
}

fn interval(text: &str) -> Result<String, String> {
    let wrong = || format!("`<{text}>` is no interval such as <1-100>");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (low, high): (u64, u64) = (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?);
    if low > high || high - low > MAX_INTERVAL {
        return Err(format!("`<{text}>` is empty or too long: at most {MAX_INTERVAL} numbers"));
    }
    // equal lengths mean leading zeros; else any number of them
    let numbers: Vec<String> = (low..=high)
        .map(|number| {
            if from.len() == to.len() { format!("{number:0width$}", width = from.len()) } else { format!("0*{number}") }
        })
        .collect();
    Ok(format!("(?:{})", numbers.join("|")))
}

/// Whether `value` is `term` but for at most `edits` insertions, deletions, substitutions and swaps of neighbours.
pub(super) fn is_within(term: &str, value: &str, edits: usize, prefix: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (term.chars().collect(), value.chars().collect());
    let shared = prefix.min(a.len());
    if a.len().abs_diff(b.len()) > edits || b.len() < shared || a[..shared] != b[..shared] {
        return false;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()] <= edits
}

/// Edits that a term of this length may have: 0 up to 2 characters, 1 up to 5, else 2.
pub(super) fn automatic_edits(term: &str) -> usize {
    match term.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_take_whole_values() {
        let check = |pattern: &str, value: &str, expected: bool| {
            assert_eq!(regexp(pattern, false).unwrap().is_match(value), expected, "{pattern} {value}");
        };
        check("cmd.*", "cmd.exe", true);
        check("cmd", "cmd.exe", false);
        check("a\\.b", "a.b", true);
        check("a\\.b", "axb", false);
        check("^a$", "^a$", true);
        check("a@z", "a\nz", true);
        check("[^a-c]x", "dx", true);
        check("[a&]", "&", true);
        check("<1-12>", "007", true);
        check("<01-12>", "7", false);
        check("<01-12>", "07", true);
        check("\"a.b\"c", "a.bc", true);
        check("a{2,3}", "aaa", true);
        check("#", "", false);
        for wrong in ["a&b", "~a", "[a", "\"a", "<1-", "<5-1>", "\\", "a{1000000}{1000000}"] {
            assert!(regexp(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wildcards_take_whole_values() {
        let check = |pattern: &str, value: &str, expected: bool| {
            assert_eq!(wildcard(pattern, false).unwrap().is_match(value), expected, "{pattern} {value}");
        };
        check("*.exe", "cmd.exe", true);
        check("c?d*", "cmd.exe", true);
        check("*.exe", "cmd.exe -x", false);
        check("a\\*", "a*", true);
        check("a\\*", "ab", false);
        assert!(wildcard("CMD*", true).unwrap().is_match("cmd"));
    }

    #[test]
    fn edits_are_counted() {
        assert!(is_within("cmd.exe", "cmd.ex", 1, 0));
        assert!(is_within("cmd.exe", "cdm.exe", 1, 0));
        assert!(!is_within("cmd.exe", "cdm.ex", 1, 0));
        assert!(!is_within("cmd.exe", "xmd.exe", 2, 1));
    }
}
