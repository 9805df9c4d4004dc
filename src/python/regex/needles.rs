//! Words that a text must contain to match a pattern: most texts are ruled out by one search for
//! the words of all patterns.

use std::borrow::Cow;

use regex_syntax::hir::{Class, Hir, HirKind};

/// Sets of words in folded form: every text that matches contains at least one word of each set.
pub type Needles = Vec<Vec<String>>;

/// Words are cut to this length in bytes; their ends tell more patterns apart than their starts.
const MOST_BYTES: usize = 64;

/// Upper limit on the words of one set.
const MOST_WORDS: usize = 32;

/// Patterns with at most this many states need not be compiled to know that they are not too large.
pub(super) const MOST_STATES: usize = 10_000;

/// Folds case: patterns and texts are compared in this form. Other letters than those of English
/// are never part of words.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    let is_folded = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { Cow::Borrowed(text) } else { text.chars().map(fold_char).collect::<String>().into() }
}

/// The long s and the Kelvin sign are the only other characters that equal English letters.
fn fold_char(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Returns the words of a pattern.
pub fn needles(hir: &Hir) -> Needles {
    walk(hir).into_needles()
}

/// True if the pattern is certainly not too large for the engine.
pub(super) fn is_small(hir: &Hir) -> bool {
    n_states(hir) <= MOST_STATES
}

/// Generous estimate of the number of states.
pub(super) fn n_states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() * 4,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let n_copies = repetition.max.unwrap_or(repetition.min).max(1) as usize;
            n_states(&repetition.sub).saturating_add(1).saturating_mul(n_copies)
        }
        HirKind::Capture(capture) => n_states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(n_states).fold(parts.len(), usize::saturating_add)
        }
    }
}

/// Knowledge about the texts that a part of a pattern matches.
pub(super) enum Matched {
    /// Exactly this text, in folded form.
    Exactly(String),
    /// Texts that contain these words.
    Containing(Needles),
}

impl Matched {
    /// Nothing is known.
    pub(super) const ANYTHING: Matched = Matched::Containing(Needles::new());

    pub(super) fn into_needles(self) -> Needles {
        match self {
            Self::Exactly(text) => word(text).into_iter().collect(),
            Self::Containing(needles) => needles,
        }
    }
}

/// The set of one word; `None` if it is empty.
fn word(mut text: String) -> Option<Vec<String>> {
    text.drain(..text.len().saturating_sub(MOST_BYTES));
    (!text.is_empty()).then(|| vec![text])
}

/// Returns what is known about the texts that `hir` matches.
pub(super) fn walk(hir: &Hir) -> Matched {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Matched::Exactly(String::new()),
        HirKind::Literal(literal) => of_literal(&literal.0),
        HirKind::Class(class) => match single_char(class) {
            Some(c) => Matched::Exactly(c.to_string()),
            None => Matched::ANYTHING,
        },
        HirKind::Repetition(repetition) => {
            let max = repetition.max.map(|max| max as usize);
            of_repetition(repetition.min as usize, max, || walk(&repetition.sub))
        }
        HirKind::Capture(capture) => walk(&capture.sub),
        HirKind::Concat(parts) => of_sequence(parts.iter().map(walk)),
        HirKind::Alternation(parts) => of_alternatives(parts.iter().map(walk)),
    }
}

/// Characters of other scripts end words.
pub(super) fn of_literal(bytes: &[u8]) -> Matched {
    let part = |run: &[u8]| {
        let text: String = run.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
        if run.is_ascii() { Matched::Exactly(text) } else { Matched::ANYTHING }
    };
    of_sequence(bytes.chunk_by(|a, b| a.is_ascii() == b.is_ascii()).map(part))
}

/// Returns the folded character that all characters of `class` are forms of.
fn single_char(class: &Class) -> Option<char> {
    const MOST_FORMS: usize = 4;
    let mut forms = match class {
        Class::Unicode(class) => {
            let ranges = class.iter().flat_map(|range| range.start()..=range.end());
            ranges.take(MOST_FORMS + 1).map(fold_char).collect::<Vec<_>>()
        }
        Class::Bytes(class) => {
            let ranges = class.iter().flat_map(|range| range.start()..=range.end());
            ranges.take(MOST_FORMS + 1).map(|byte| fold_char(char::from(byte))).collect()
        }
    };
    forms.dedup();
    match forms[..] {
        [c] if c.is_ascii() => Some(c),
        _ => None,
    }
}

/// Repetition of `part`; `max` is `None` for one without an upper limit.
pub(super) fn of_repetition(min: usize, max: Option<usize>, part: impl FnOnce() -> Matched) -> Matched {
    if min == 0 {
        return Matched::ANYTHING;
    }
    match part() {
        Matched::Exactly(text) => {
            let n_copies = min.min(MOST_BYTES / text.len().max(1) + 1);
            let copies = text.repeat(n_copies);
            if text.is_empty() || (max == Some(min) && n_copies == min) {
                Matched::Exactly(copies)
            } else {
                Matched::Containing(word(copies).into_iter().collect())
            }
        }
        containing => containing,
    }
}

pub(super) fn of_sequence(parts: impl Iterator<Item = Matched>) -> Matched {
    let mut needles = Needles::new();
    let mut run = String::new();
    let mut is_exact = true;
    for part in parts {
        match part {
            Matched::Exactly(text) => run.push_str(&text),
            Matched::Containing(more) => {
                is_exact = false;
                needles.extend(word(std::mem::take(&mut run)));
                needles.extend(more);
            }
        }
    }
    if is_exact {
        return Matched::Exactly(run);
    }
    needles.extend(word(run));
    Matched::Containing(needles)
}

/// One of the words of each alternative; nothing if one of them has none.
pub(super) fn of_alternatives(parts: impl Iterator<Item = Matched>) -> Matched {
    let mut words = Vec::new();
    for part in parts {
        let best = part.into_needles().into_iter().max_by_key(|words| words.iter().map(String::len).min());
        match best {
            Some(more) if words.len() + more.len() <= MOST_WORDS => words.extend(more),
            _ => return Matched::ANYTHING,
        }
    }
    words.sort_unstable();
    words.dedup();
    Matched::Containing(vec![words])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[&[&str]]) {
        assert_eq!(needles(&regex_syntax::parse(pattern).unwrap()), expected, "{pattern}");
    }

    #[test]
    fn words_are_what_every_match_contains() {
        check("(?i)\\AC:\\\\Tools\\\\.+\\.exe$", &[&["c:\\tools\\"], &[".exe"]]);
        check("(?i:ask)", &[&["ask"]]);
        check("a(?:bc)d", &[&["abcd"]]);
        check("a\\bb*c+", &[&["a"], &["c"]]);
        check("(ab){3}c", &[&["abababc"]]);
        check("(ab){2,}c", &[&["abab"], &["c"]]);
        check("x(?:one|two|three)y", &[&["x"], &["one", "three", "two"], &["y"]]);
        check("x(?:one|.*)y", &[&["x"], &["y"]]);
        check("x(?:one|)y", &[&["x"], &["y"]]);
        check("gr\u{fc}n", &[&["gr"], &["n"]]);
        check("[ab]c?", &[]);
        check(".*", &[]);
        check("", &[]);
        check(&"a".repeat(100), &[&["a".repeat(64).as_str()]]);
        check("(?:.|abc)?", &[]);
    }

    #[test]
    fn case_is_folded_as_patterns_fold_it() {
        assert_eq!(fold("Te\u{17f}t \u{212a} \u{c4}"), "test k \u{c4}");
        assert_eq!(fold("plain"), Cow::Borrowed("plain"));
        for c in (0..=0x2fff).filter_map(char::from_u32) {
            let pattern = format!("(?i)\\A{}\\z", regex_syntax::escape(&c.to_string()));
            let words = needles(&regex_syntax::parse(&pattern).unwrap());
            assert!(words.iter().flatten().all(|word| fold(&c.to_string()).contains(word)), "{c:?} {words:?}");
        }
    }

    #[test]
    fn an_alternative_without_words_rules_nothing_out() {
        check("(?:abc|[xy])", &[]);
        check("(?:[xy]|abc)", &[]);
    }

    #[test]
    fn large_patterns_are_seen() {
        let is_small = |pattern: &str| is_small(&regex_syntax::parse(pattern).unwrap());
        assert!(is_small("(?i)\\AC:\\\\Tools\\\\tool\\d{1,5}\\.exe$"));
        assert!(!is_small("(?:a{100}){100}b{2}"));
        assert!(!is_small("\\w{1000}"));
    }
}
