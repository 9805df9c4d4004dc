//! Texts of events for people: bounded, and without anything that steers a terminal or hides text.

use crate::terminal::escape_controls;

/// Stands for what was cut off.
const CUT: &str = " …";

/// Returns `text` on one line of at most `most_chars` characters.
pub(super) fn one_line(text: &str, most_chars: usize) -> String {
    // the beginning is enough to be cut, however long the text is
    let beginning: String = text.chars().take(most_chars.saturating_mul(2)).collect();
    let words: Vec<&str> = beginning.split_whitespace().collect();
    let mut line = escape_controls(&words.join(" "));
    if beginning.len() < text.len() {
        line.push_str(CUT);
    }
    cut(&line, most_chars)
}

/// Returns `text` with its line breaks, and at most `most_chars` characters.
pub(super) fn block(text: &str, most_chars: usize) -> String {
    let beginning: String = text.chars().take(most_chars + 1).collect();
    let lines: Vec<String> = beginning.lines().map(|line| escape_controls(&line.replace('\t', "    "))).collect();
    cut(&lines.join("\n"), most_chars)
}

/// Returns at most `most_chars` characters of a text.
pub(super) fn cut(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        None => text.to_owned(),
        Some(_) => {
            let kept = most_chars.saturating_sub(CUT.chars().count());
            text.chars().take(kept).chain(CUT.chars()).collect()
        }
    }
}

/// Renders with less and less text until the result fits.
///
/// `render` gets the number of characters that a text may have. What it gives without any text has
/// to fit.
pub(super) fn fitting<T>(most_chars: usize, mut render: impl FnMut(usize) -> T, fits: impl Fn(&T) -> bool) -> T {
    let mut most_chars = most_chars;
    loop {
        let rendered = render(most_chars);
        if most_chars == 0 || fits(&rendered) {
            return rendered;
        }
        most_chars /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_and_harmless() {
        assert_eq!(one_line("a\r\nBcc: x\t\u{1b}[2J \u{202e}b", 100), "a Bcc: x \\u{1b}[2J \\u{202e}b");
        assert_eq!(one_line("aaaa", 4), "aaaa");
        assert_eq!(one_line("aaaaa", 4), "aa …");
        assert_eq!(one_line(&"é ".repeat(1000), 10).chars().count(), 10);
        assert_eq!(one_line("aaaa    b", 4), "aa …");
        assert_eq!(block("a\n\tb\u{7}\n", 100), "a\n    b\\u{7}");
        assert_eq!(block(&"x\n".repeat(100), 9).chars().count(), 9);
    }

    #[test]
    fn what_does_not_fit_is_rendered_with_less_text() {
        let text = "x".repeat(100);
        let rendered = fitting(1000, |most| format!("<{}>", cut(&text, most)), |text| text.len() <= 40);
        assert!(rendered.len() > 20 && rendered.len() <= 40, "{rendered}");
        assert_eq!(fitting(10, |_| "never fits", |_| false), "never fits");
    }
}
