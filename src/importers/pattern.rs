//! Texts with wildcards, and how query languages write them.

/// Characters that stand for the beginning of an option on Windows, besides the hyphen.
const DASHES: &str = r"\-\/–—―";

/// A part of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    /// Any text.
    Any,
    /// Any character.
    One,
    /// A hyphen, or another character that Windows takes for one.
    Dash,
}

/// A text with wildcards, which is compared with whole values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// A text without wildcards.
    pub(super) fn literal(text: &str) -> Self {
        let mut pattern = Pattern::default();
        text.chars().for_each(|c| pattern.push_char(c));
        pattern
    }

    pub(super) fn push_char(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Piece::Literal(text)) => text.push(c),
            _ => self.0.push(Piece::Literal(c.to_string())),
        }
    }

    pub(super) fn push(&mut self, piece: Piece) {
        if piece != Piece::Any || self.0.last() != Some(&Piece::Any) {
            self.0.push(piece);
        }
    }

    /// The same pattern with any text in front.
    pub(super) fn after_anything(mut self) -> Self {
        if self.0.first() != Some(&Piece::Any) {
            self.0.insert(0, Piece::Any);
        }
        self
    }

    /// The same pattern with any text behind.
    pub(super) fn before_anything(mut self) -> Self {
        self.push(Piece::Any);
        self
    }

    /// The text, if there are no wildcards.
    pub(super) fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The text before a single wildcard for any text at the end.
    pub(super) fn as_prefix(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Literal(text), Piece::Any] => Some(text),
            _ => None,
        }
    }

    /// True if every value matches.
    pub(super) fn is_anything(&self) -> bool {
        self.0.as_slice() == [Piece::Any]
    }

    pub(super) fn has_dashes(&self) -> bool {
        self.0.contains(&Piece::Dash)
    }

    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The same pattern with each hyphen or slash that begins an option replaced by any dash.
    pub(super) fn with_dashes(&self) -> Self {
        let mut dashed = Pattern::default();
        for piece in &self.0 {
            let Piece::Literal(text) = piece else {
                dashed.push(piece.clone());
                continue;
            };
            let chars: Vec<char> = text.chars().collect();
            let is_word = |idx: usize| chars.get(idx).is_some_and(|c| c.is_alphanumeric() || *c == '_');
            for (idx, c) in chars.iter().enumerate() {
                let begins_option = (idx == 0 || !is_word(idx - 1)) && is_word(idx + 1);
                if matches!(c, '-' | '/') && begins_option {
                    dashed.push(Piece::Dash);
                } else {
                    dashed.push_char(*c);
                }
            }
        }
        dashed
    }

    /// Replaces a literal; other pieces stay.
    pub(super) fn map_literal(&self, change: impl Fn(&str) -> String) -> Option<Self> {
        self.as_literal().map(|text| Pattern::literal(&change(text)))
    }

    /// Pattern of a `wildcard` query; `None` if it has dashes.
    pub(super) fn wildcard(&self) -> Option<String> {
        let mut written = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => {
                    for c in text.chars() {
                        if matches!(c, '*' | '?' | '\\') {
                            written.push('\\');
                        }
                        written.push(c);
                    }
                }
                Piece::Any => written.push('*'),
                Piece::One => written.push('?'),
                Piece::Dash => return None,
            }
        }
        Some(written)
    }

    /// Regular expression of Lucene that matches the same values, case-sensitively.
    pub(super) fn regexp(&self) -> String {
        let mut written = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => text.chars().for_each(|c| push_escaped(&mut written, c)),
                Piece::Any => written.push_str(".*"),
                Piece::One => written.push('.'),
                Piece::Dash => written.push_str(&format!("[{DASHES}]")),
            }
        }
        written
    }

    /// As [`Self::regexp`], without case.
    pub(super) fn regexp_ignoring_case(&self) -> String {
        let mut written = String::new();
        for piece in &self.0 {
            let Piece::Literal(text) = piece else {
                written.push_str(&Pattern(vec![piece.clone()]).regexp());
                continue;
            };
            for c in text.chars() {
                if c.is_ascii_alphabetic() {
                    written.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']']);
                } else {
                    push_escaped(&mut written, c);
                }
            }
        }
        written
    }
}

/// Adds a character of a regular expression of Lucene.
pub(super) fn push_escaped(pattern: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        pattern.push('\\');
    }
    pattern.push(c);
}
