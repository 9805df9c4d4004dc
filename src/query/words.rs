//! Splits text into words, like those analyzers of Elasticsearch that need no dictionary.
//!
//! The standard analyzer follows UAX #29. It supports runs of letters, digits and connectors;
//! apostrophes, full stops and colons between letters; full stops, commas and apostrophes between
//! digits; one word per ideograph or hiragana character; pictographs such as `®` and emoji with
//! their sequences; and words of at most 255 characters. It lacks the dictionaries for Thai, Lao,
//! Khmer and Burmese; a run in these scripts is one word.

use std::sync::LazyLock;

use regex::Regex;

use crate::event::text::lower_case;
use crate::python::decimal_digit;

/// Upper limit on the characters of a word; longer words are split, as in Elasticsearch.
const MAX_WORD_CHARS: usize = 255;

/// Method that splits a text field into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Analyzer {
    /// Words by UAX #29, in lower case.
    Standard,
    /// Runs of letters, in lower case.
    Simple,
    /// Text between white space; case is kept.
    Whitespace,
    /// The whole text as one word.
    Keyword,
}

impl Analyzer {
    /// Returns the built-in analyzer of this name, if it is supported.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "standard" | "default" => Some(Analyzer::Standard),
            "simple" => Some(Analyzer::Simple),
            "whitespace" => Some(Analyzer::Whitespace),
            "keyword" => Some(Analyzer::Keyword),
            _ => None,
        }
    }

    /// Returns the words of `text`, in order.
    pub fn words(self, text: &str) -> Vec<String> {
        match self {
            Analyzer::Standard => standard_words(text),
            Analyzer::Simple => {
                text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(lower_case).collect()
            }
            Analyzer::Whitespace => text.split_whitespace().map(str::to_owned).collect(),
            Analyzer::Keyword => vec![text.to_owned()],
        }
    }

    /// Converts a part of a word to the form in which it is indexed.
    pub fn normalize(self, text: &str) -> String {
        match self {
            Analyzer::Standard | Analyzer::Simple => lower_case(text),
            Analyzer::Whitespace | Analyzer::Keyword => text.to_owned(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Connector,
    /// A word of its own.
    Single,
    /// Belongs to the character before it: accents, joiners, format characters.
    Extend,
    /// Joins letters.
    MidLetter,
    /// Joins digits.
    MidNumber,
    /// Joins letters or digits.
    MidBoth,
    /// A word of its own, with what belongs to it.
    Pictograph,
    /// Half of a flag.
    Regional,
    Other,
}

const JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';
/// Variation selector that requests text presentation: the character is not an emoji.
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';

fn class(c: char) -> Class {
    match c {
        '_'
        | '\u{202f}'
        | '\u{203f}'
        | '\u{2040}'
        | '\u{2054}'
        | '\u{fe33}'
        | '\u{fe34}'
        | '\u{fe4d}'..='\u{fe4f}'
        | '\u{ff3f}' => Class::Connector,
        '.' | '\'' | '\u{2018}' | '\u{2019}' | '\u{2024}' | '\u{fe52}' | '\u{ff07}' | '\u{ff0e}' => Class::MidBoth,
        ':' | '\u{b7}' | '\u{387}' | '\u{55f}' | '\u{5f4}' | '\u{2027}' | '\u{fe13}' | '\u{fe55}' | '\u{ff1a}' => {
            Class::MidLetter
        }
        ',' | ';' | '\u{37e}' | '\u{589}' | '\u{60c}' | '\u{66c}' | '\u{2044}' | '\u{fe10}' | '\u{fe14}'
        | '\u{ff0c}' | '\u{ff1b}' => Class::MidNumber,
        '\u{300}'..='\u{36f}'
        | '\u{200c}'..='\u{200f}'
        | '\u{ad}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{e0020}'..='\u{e007f}' => Class::Extend,
        '\u{3041}'..='\u{309f}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3134f}' => Class::Single,
        // other numeric characters (½, ²) are not part of words
        _ if decimal_digit(c).is_some() => Class::Digit,
        _ if c.is_alphabetic() => Class::Letter,
        '\u{1f1e6}'..='\u{1f1ff}' => Class::Regional,
        _ if is_pictograph(c) => Class::Pictograph,
        _ => Class::Other,
    }
}

fn is_pictograph(c: char) -> bool {
    static PICTOGRAPH: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\A[\p{Extended_Pictographic}\p{Emoji_Modifier}]").ok());
    // no ASCII character is one
    !c.is_ascii() && PICTOGRAPH.as_ref().is_some_and(|regex| regex.is_match(c.encode_utf8(&mut [0; 4])))
}

fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Returns the number of characters of the emoji that `chars` begin with, if they do.
fn emoji_length(chars: &[(char, Class)]) -> Option<usize> {
    let is = |idx: usize, wanted: char| chars.get(idx).is_some_and(|(c, _)| *c == wanted);
    let class = |idx: usize| chars.get(idx).map(|(_, class)| *class);
    let mut length = match class(0)? {
        Class::Pictograph => 1,
        Class::Regional => (class(1) == Some(Class::Regional)).then_some(2)?,
        _ if is(0, JOINER) && class(1) == Some(Class::Pictograph) => 2,
        _ if (is(0, '#') || is(0, '*')) && is(1, KEYCAP) => 2,
        _ if (is(0, '#') || is(0, '*')) && is(1, EMOJI_STYLE) && is(2, KEYCAP) => 3,
        _ => return None,
    };
    loop {
        let joins = is(length - 1, JOINER) && class(length) == Some(Class::Pictograph);
        let extends = class(length) == Some(Class::Extend) && !is(length, TEXT_STYLE);
        if !joins && !extends && !chars.get(length).is_some_and(|(c, _)| is_modifier(*c)) {
            return Some(length);
        }
        length += 1;
    }
}

fn standard_words(text: &str) -> Vec<String> {
    let chars: Vec<(char, Class)> = text.chars().map(|c| (c, class(c))).collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let mut last = Class::Other;
    let mut end_of_emoji = 0;
    for (idx, &(c, class)) in chars.iter().enumerate() {
        if idx < end_of_emoji {
            continue;
        }
        let begins_emoji = word.is_empty() || class != Class::Extend;
        if let Some(length) = emoji_length(&chars[idx..]).filter(|_| begins_emoji) {
            end_word(&mut word, &mut words);
            end_of_emoji = idx + length;
            words.push(chars[idx..end_of_emoji].iter().map(|(c, _)| c).collect());
            last = Class::Other;
            continue;
        }
        let next = || chars[idx + 1..].iter().map(|(_, class)| *class).find(|class| *class != Class::Extend);
        let inside = match class {
            Class::Letter | Class::Digit | Class::Connector => true,
            Class::Extend => !word.is_empty(),
            Class::MidLetter => last == Class::Letter && next() == Some(Class::Letter),
            Class::MidNumber => last == Class::Digit && next() == Some(Class::Digit),
            Class::MidBoth => matches!(last, Class::Letter | Class::Digit) && next() == Some(last),
            Class::Single | Class::Pictograph | Class::Regional | Class::Other => false,
        };
        if inside {
            word.extend(c.to_lowercase().next());
        } else {
            end_word(&mut word, &mut words);
        }
        if class == Class::Single {
            words.push(c.to_string());
        }
        if class != Class::Extend {
            last = class;
        }
    }
    end_word(&mut word, &mut words);
    words
}

fn end_word(word: &mut String, words: &mut Vec<String>) {
    // connectors alone are not a word
    if word.chars().any(|c| matches!(class(c), Class::Letter | Class::Digit)) {
        let chars: Vec<char> = word.chars().collect();
        words.extend(chars.chunks(MAX_WORD_CHARS).map(|chunk| chunk.iter().collect::<String>()));
    }
    word.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard() {
        for (text, expected) in [
            ("The QUICK brown-fox", vec!["the", "quick", "brown", "fox"]),
            ("can't 3.14 1,000 a,b 1;2", vec!["can't", "3.14", "1,000", "a", "b", "1;2"]),
            (r"C:\Windows\cmd.exe /c", vec!["c", "windows", "cmd.exe", "c"]),
            ("a_b __ _x end. .net", vec!["a_b", "_x", "end", "net"]),
            ("host1.example a1.2 a.1", vec!["host1", "example", "a1.2", "a", "1"]),
            ("a:b 10:20", vec!["a:b", "10", "20"]),
            ("世界 münchen ひら カタ", vec!["世", "界", "münchen", "ひ", "ら", "カタ"]),
            ("İx e\u{301}a ½", vec!["ix", "e\u{301}a"]),
            ("a® b™c ©®\u{fe0e}", vec!["a", "®", "b", "™", "c", "©", "®"]),
            ("_😀😀a \u{200d}😀 ⓜ", vec!["😀", "😀", "a", "\u{200d}😀", "ⓜ"]),
            ("👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥x", vec!["👨\u{200d}👩\u{200d}👧", "❤\u{fe0f}\u{200d}🔥", "x"]),
            ("👍🏽🏽 🇩🇪🇫 🏽", vec!["👍🏽🏽", "🇩🇪", "🏽"]),
            (
                "1\u{fe0f}\u{20e3} #\u{20e3}*\u{fe0f}\u{20e3} #\u{fe0f}",
                vec!["1\u{fe0f}\u{20e3}", "#\u{20e3}", "*\u{fe0f}\u{20e3}"],
            ),
            ("→ € ✓ a\u{200d}😀", vec!["a\u{200d}", "😀"]),
            ("", vec![]),
        ] {
            assert_eq!(Analyzer::Standard.words(text), expected, "{text}");
        }
        let long = Analyzer::Standard.words(&"a".repeat(300));
        assert_eq!(long.iter().map(String::len).collect::<Vec<_>>(), [255, 45]);
    }

    #[test]
    fn others() {
        assert_eq!(Analyzer::Simple.words("Cmd2.EXE"), ["cmd", "exe"]);
        assert_eq!(Analyzer::Whitespace.words(" A-b  c "), ["A-b", "c"]);
        assert_eq!(Analyzer::Keyword.words("A b"), ["A b"]);
    }
}
