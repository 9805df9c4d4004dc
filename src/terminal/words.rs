//! Lines of words: text that fits a width, with words whole.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Sign in place of what does not fit.
const MORE: char = '…';

/// Columns that a text takes in a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Start of a text that takes at most `most` columns; `…` stands for the rest.
pub fn fitted(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let (mut fitted, mut taken) = (String::new(), 0);
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken >= most {
            break;
        }
        fitted.push(c);
    }
    fitted.push(MORE);
    fitted
}

/// Lines of a text, each at most `most` columns wide and broken between words only. A word that is
/// wider than a line is shortened. Of more than `n_lines`, the last one ends with `…`.
pub fn wrapped(text: &str, most: usize, n_lines: usize) -> Vec<String> {
    let mut lines = filled(text.split_whitespace().map(|word| fitted(word, most)), most);
    if lines.len() > n_lines {
        lines.truncate(n_lines);
        end_with_more(&mut lines, most);
    }
    lines
}

/// Lines of a text, broken between words only. A word that is wider than `most` columns is a line
/// of its own, and whole: names and paths are there to be copied.
pub fn flowed(text: &str, most: usize) -> Vec<String> {
    filled(text.split_whitespace().map(str::to_owned), most)
}

/// At least one line.
fn filled(words: impl Iterator<Item = String>, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if width(line) + 1 + width(&word) <= most => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn end_with_more(lines: &mut [String], most: usize) {
    let Some(last) = lines.last_mut() else { return };
    if width(last) + 2 <= most {
        last.push(' ');
        last.push(MORE);
    } else if let Some((start, _)) = last.rsplit_once(' ') {
        *last = format!("{start} {MORE}");
    } else {
        *last = fitted(&format!("{last}{MORE}{MORE}"), most);
    }
}

/// Text with spaces behind it, up to `columns`.
pub fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two  three", 7, 9), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 7, 1), ["one …"]);
        assert_eq!(wrapped("aaaaaaaaaa b", 5, 9), ["aaaa…", "b"]);
        assert_eq!(wrapped("aaaaa bbbbb", 5, 1), ["aaaa…"]);
        assert_eq!(wrapped("", 5, 9), [""]);
        // wide characters take two columns
        assert_eq!(wrapped("日本 語", 4, 9), ["日本", "語"]);
        assert_eq!(fitted("日本語", 4), "日…");
        assert_eq!(padded("日", 4), "日  ");
        assert_eq!(flowed("a aaaaaaaaaa b c", 5), ["a", "aaaaaaaaaa", "b c"]);
        assert_eq!(flowed("", 5), [""]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide(text in "[a-zé日 ]{0,60}", most in 4..30_usize, n_lines in 1..5_usize) {
            let lines = wrapped(&text, most, n_lines);
            prop_assert!(lines.len() <= n_lines);
            prop_assert!(lines.iter().all(|line| width(line) <= most), "{lines:?}");
            let words: Vec<&str> = text.split_whitespace().collect();
            let shown = lines.iter().flat_map(|line| line.split(' ')).filter(|word| !word.is_empty());
            prop_assert!(shown.filter(|word| !word.ends_with(MORE)).all(|word| words.contains(&word)));
        }
    }
}
