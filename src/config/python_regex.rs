//! Python's regular expressions, compiled by `fancy_regex`.

use fancy_regex::{Regex, RegexBuilder};

/// Steps of backtracking after which a text is given up: hostile texts must not hold up a run.
const BACKTRACK_LIMIT: usize = 200_000;

/// The end of the text, or before a line feed there.
const END: &str = "(?=\\n?\\z)";

/// A regular expression that must match at the beginning of a text, ignoring case.
#[derive(Clone, Debug)]
pub struct PrefixRegex {
    text: String,
    regex: Regex,
}

impl PrefixRegex {
    /// Compiles a pattern of Python's dialect.
    pub(crate) fn new(pattern: &str) -> Result<Self, PatternError> {
        // as a group, so that alternatives at the top are anchored too
        let regex = build(&format!("\\A(?i:{})", translate(pattern)))?;
        Ok(Self { text: pattern.to_owned(), regex })
    }

    /// The pattern as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern for the `regex` package, where it means the same there: without what only a backtracking engine can do.
    pub fn plain_pattern(&self) -> Option<String> {
        let translated = translate(&self.text);
        // the end of the text may be looked at only where nothing follows
        let plain = match translated.strip_suffix(END) {
            Some(before) => format!("\\A(?i:{before}\\n?\\z)"),
            None => format!("\\A(?i:{translated})"),
        };
        regex::Regex::new(&plain).ok().map(|_| plain)
    }

    /// Whether the beginning of `text` matches.
    ///
    /// # Errors
    /// When the pattern needs more than the limit of backtracking steps for this text.
    #[expect(clippy::result_large_err, reason = "the error of the library, passed on")]
    pub fn is_match(&self, text: &str) -> Result<bool, fancy_regex::Error> {
        self.regex.is_match(text)
    }
}

/// Why a pattern cannot be compiled.
pub(crate) type PatternError = String;

/// A pattern of Python's dialect to be searched anywhere.
pub(crate) fn compile_search(pattern: &str) -> Result<Regex, PatternError> {
    build(&translate(pattern))
}

fn build(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern).backtrack_limit(BACKTRACK_LIMIT).build().map_err(|error| error.to_string())
}

/// What Python writes otherwise: `(?P=name)`, `\Z`, and `$`, which also matches before a line feed at the end.
fn translate(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        if character == '\\' {
            length += rest[1..].chars().next().map_or(0, char::len_utf8);
            translated.push_str(if &rest[..length] == "\\Z" { "\\z" } else { &rest[..length] });
        } else if in_class {
            in_class = character != ']';
            // in a class these are plain characters, where the library knows set operations
            if matches!(character, '[' | '&' | '~') {
                translated.push('\\');
            }
            translated.push(character);
        } else if character == '[' {
            in_class = true;
            // a bracket right behind the opening is a plain character
            let negated = rest[1..].starts_with('^');
            translated.push_str(if negated { "[^" } else { "[" });
            length += usize::from(negated);
            if rest[length..].starts_with(']') {
                translated.push_str("\\]");
                length += 1;
            }
        } else if character == '$' {
            translated.push_str(END);
        } else if let Some(name) = rest.strip_prefix("(?P=").and_then(|rest| rest.split_once(')')).map(|(name, _)| name)
        {
            translated.push_str(&format!("\\k<{name}>"));
            length = "(?P=)".len() + name.len();
        } else {
            translated.push(character);
        }
        rest = &rest[length..];
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        let regex = PrefixRegex::new(pattern).unwrap();
        assert_eq!(regex.is_match(text).ok(), Some(expected), "{pattern} {text:?}");
    }

    #[test]
    fn matches_are_prefixes_ignoring_case() {
        check("abc", "ABCDEF", true);
        check("bc", "abc", false);
        check("a|b", "xb", false);
        check("^.*teams\\.exe.*$", "C:\\Teams.exe -x", true);
        check("é", "É", true);
    }

    #[test]
    fn python_spellings_are_understood() {
        check("abc$", "abc\n", true);
        check("abc$", "abc\nd", false);
        check("abc\\Z", "abc\n", false);
        check("(?P<q>['\"])x(?P=q)", "'x'", true);
        check("(?P<q>['\"])x(?P=q)", "'x\"", false);
        check("a.c", "a\nc", false);
        check("[]a]+$", "a]a", true);
        check("[^]a]", "b", true);
        check("[a&&b]", "&", true);
        check("[[x]", "[", true);
        check("(?=.*b)a", "aab", true);
        check("\\$", "$", true);
    }

    #[test]
    fn hostile_texts_are_given_up() {
        let regex = PrefixRegex::new("(?=(a+)+$)b").unwrap();
        assert!(regex.is_match(&"a".repeat(5000)).is_err() || !regex.is_match("ab").unwrap());
        assert!(PrefixRegex::new("(").is_err());
    }
}
