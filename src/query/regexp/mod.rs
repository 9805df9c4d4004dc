//! Lucene's regular expressions. They match whole values and have operators that other engines
//! lack: `~` complement, `&` intersection, `#` nothing, `@` anything, `<1-10>` numbers, `"quoted"`.
//!
//! Complement and intersection are evaluated around ordinary expressions. Inside a sequence or a
//! repetition they would need automata arithmetic, so there they are an error.

mod interval;
mod parse;
mod required;
mod wildcard;

use std::cell::RefCell;
use std::collections::VecDeque;

use regex::{Regex, RegexBuilder};

use super::SyntaxError;
use required::Required;

pub use wildcard::Wildcard;

/// Upper limit on the size of a compiled expression: matching takes time in proportion to it.
const MAX_BYTES: usize = 2 << 20;

/// Optional operators that are enabled, as in `flags` of a `regexp` query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// `~`
    pub complement: bool,
    /// `&`
    pub intersection: bool,
    /// `#`
    pub empty: bool,
    /// `@`
    pub any_string: bool,
    /// `<1-10>`
    pub interval: bool,
}

impl Flags {
    /// All operators; the default of both languages.
    pub const ALL: Flags =
        Flags { complement: true, intersection: true, empty: true, any_string: true, interval: true };
    /// No optional operators.
    pub const NONE: Flags =
        Flags { complement: false, intersection: false, empty: false, any_string: false, interval: false };

    /// Reads `NONE`, `ALL` or names joined by `|`.
    pub fn parse(text: &str) -> Option<Flags> {
        let mut flags = Flags::NONE;
        for name in text.split('|').filter(|name| !name.is_empty()) {
            match name.to_ascii_uppercase().as_str() {
                "ALL" => flags = Flags::ALL,
                "NONE" => {}
                "COMPLEMENT" => flags.complement = true,
                "INTERSECTION" => flags.intersection = true,
                "EMPTY" => flags.empty = true,
                "ANYSTRING" => flags.any_string = true,
                "INTERVAL" => flags.interval = true,
                _ => return None,
            }
        }
        Some(flags)
    }
}

/// Number of expressions that are kept: a query asks for the same one under all names of a field.
const MOST_RECENT: usize = 16;

type RecentRegexp = ((String, bool, Flags), LuceneRegexp);

thread_local! {
    /// The expressions that were compiled last.
    static RECENT: RefCell<VecDeque<RecentRegexp>> = const { RefCell::new(VecDeque::new()) };
}

/// A compiled Lucene regular expression.
#[derive(Clone, Debug)]
pub struct LuceneRegexp {
    node: Node<Regex>,
    /// Properties that rule out most values without the automaton.
    required: Required,
}

/// An expression: what the `regex` crate can express, with the other operators around it.
#[derive(Clone, Debug)]
enum Node<T> {
    Plain(T),
    All(Vec<Node<T>>),
    Any(Vec<Node<T>>),
    Not(Box<Node<T>>),
}

impl LuceneRegexp {
    /// Compiles `pattern`. As in Lucene, `case_insensitive` applies to ASCII letters only, and not
    /// to ranges of them.
    pub fn new(pattern: &str, case_insensitive: bool, flags: Flags) -> Result<Self, SyntaxError> {
        let key = (pattern.to_owned(), case_insensitive, flags);
        let known = RECENT.with_borrow(|recent| recent.iter().find(|(known, _)| *known == key).cloned());
        if let Some((_, known)) = known {
            return Ok(known);
        }
        let node = parse::parse(pattern, case_insensitive, flags)?;
        let required = Required::of(&node);
        let compiled = LuceneRegexp { node: node.compile()?, required };
        RECENT.with_borrow_mut(|recent| {
            if recent.len() == MOST_RECENT {
                recent.pop_front();
            }
            recent.push_back((key, compiled.clone()));
        });
        Ok(compiled)
    }

    /// Returns true if the expression matches the whole of `text`.
    pub fn is_match(&self, text: &str) -> bool {
        text.len() >= self.required.n_bytes && self.node.is_match(text)
    }

    /// Texts of which every match contains at least one, if case is ignored for ASCII letters;
    /// none if there are no such texts.
    pub fn literals(&self) -> &[String] {
        &self.required.literals
    }
}

impl Node<Regex> {
    fn is_match(&self, text: &str) -> bool {
        match self {
            Node::Plain(regex) => regex.is_match(text),
            Node::All(parts) => parts.iter().all(|part| part.is_match(text)),
            Node::Any(parts) => parts.iter().any(|part| part.is_match(text)),
            Node::Not(part) => !part.is_match(text),
        }
    }
}

impl Node<String> {
    fn compile(self) -> Result<Node<Regex>, SyntaxError> {
        let compile_all = |parts: Vec<Self>| parts.into_iter().map(Self::compile).collect::<Result<_, _>>();
        Ok(match self {
            Node::Plain(pattern) => Node::Plain(anchored(&pattern)?),
            Node::All(parts) => Node::All(compile_all(parts)?),
            Node::Any(parts) => Node::Any(compile_all(parts)?),
            Node::Not(part) => Node::Not(Box::new(part.compile()?)),
        })
    }
}

/// Compiles a pattern that must match the whole value; `.` matches newlines too.
fn anchored(pattern: &str) -> Result<Regex, SyntaxError> {
    let help = "shorten its repetitions, or split it into several expressions";
    RegexBuilder::new(&format!(r"(?s)\A(?:{pattern})\z"))
        .size_limit(MAX_BYTES)
        .build()
        .map_err(|_| SyntaxError::new(0, "the regular expression is too complex", help))
}

fn push_literal(pattern: &mut String, c: char, case_insensitive: bool) {
    if case_insensitive && c.is_ascii_alphabetic() {
        pattern.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']']);
    } else {
        let mut buffer = [0; 4];
        pattern.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_values_match() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("ab?c", &["ac", "abc"], &["abbc", "xabc", "abcx"]),
            ("a.c", &["abc", "a\nc", "aéc"], &["ac"]),
            ("[a-c\\]]+", &["a]c"], &["d", ""]),
            ("[^a-c]x", &["dx", "-x"], &["ax"]),
            (r"[<\>\-]x", &["<x", ">x", "-x"], &["x"]),
            ("[\\d_]+\\s\\W", &["1_ -"], &["a -"]),
            ("\\.exe|\\/", &[".exe", "/"], &["xexe"]),
            ("\"a.b\"+", &["a.b", "a.ba.b"], &["axb"]),
            ("()", &[""], &["a"]),
            ("", &[""], &["a"]),
            ("a{2}b{1,}c{0,1}", &["aab", "aabbc"], &["ab", "aabcc"]),
            ("<1-10>", &["1", "10", "007", "5"], &["0", "11", "", "1a"]),
            ("v<08-11>", &["v08", "v11"], &["v8", "v12"]),
            ("<100-9>", &["9", "42", "100"], &["8", "101"]),
            ("a@z", &["az", "a--z"], &["a"]),
            ("#|b", &["b"], &["", "#"]),
            ("~(ab*)", &["", "x", "ba"], &["a", "abb"]),
            (".*a.*&.*b.*", &["ab", "ba"], &["a", "b"]),
            ("a|~(.*)|b&b", &["a", "b"], &["c"]),
            ("^a$", &["^a$"], &["a"]),
            ("a**?", &["", "aa"], &["b"]),
        ];
        for (pattern, matching, other) in cases {
            let regexp = LuceneRegexp::new(pattern, false, Flags::ALL).unwrap_or_else(|e| panic!("{pattern}: {e:?}"));
            for text in *matching {
                assert!(regexp.is_match(text), "/{pattern}/ should match {text:?}");
            }
            for text in *other {
                assert!(!regexp.is_match(text), "/{pattern}/ should not match {text:?}");
            }
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (pattern, at, message) in [
            ("a(b", 3, "a `(` is not closed"),
            ("a)b", 1, "a `)` without its `(`"),
            ("[ab", 3, "a `[` is not closed"),
            ("a{x}", 2, "a repetition without a number"),
            ("a{2", 3, "a `{` is not closed"),
            ("a{3,2}", 1, "a repetition whose limits are in the wrong order"),
            ("x~(a)", 1, "`~` or `&` inside a sequence or repetition"),
            ("(a&b)c", 0, "`~` or `&` inside a sequence or repetition"),
            ("<abc>", 0, "a named automaton or an incomplete numeric interval"),
            ("\\q", 1, "an unknown escape"),
            ("[z-a]", 1, "a character range in the wrong order"),
            ("a|", 2, "the regular expression ends too early"),
            ("\"a", 2, "a quoted text is not closed"),
        ] {
            let error = LuceneRegexp::new(pattern, false, Flags::ALL).expect_err(pattern);
            assert_eq!((error.at, error.message.as_str()), (at, message), "{pattern}");
        }
        assert!(LuceneRegexp::new(&"(".repeat(5000), false, Flags::ALL).is_err());
        assert!(LuceneRegexp::new("a{9999}{9999}", false, Flags::ALL).is_err());
    }

    #[test]
    fn flags_switch_operators_off() {
        let regexp = LuceneRegexp::new("~a&<1-2>#@", false, Flags::NONE).unwrap();
        assert!(regexp.is_match("~a&<1-2>#@"));
        assert_eq!(
            Flags::parse("COMPLEMENT|INTERVAL"),
            Some(Flags { complement: true, interval: true, ..Flags::NONE })
        );
        assert_eq!(Flags::parse("X"), None);
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("a*", "a\nb", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("*.exe", "x.exe", true),
            ("*.exe", "xxexe", false),
            ("[a]", "[a]", true),
        ] {
            assert_eq!(Wildcard::new(pattern, false).unwrap().is_match(text), expected, "{pattern} on {text}");
        }
        assert!(Wildcard::new("aBé", true).unwrap().is_match("Abé"));
        assert!(!Wildcard::new("aBé", true).unwrap().is_match("abÉ"));
        for (text, expected) in [("xaY", true), ("XaY", true), ("XAY", false), ("xay", true)] {
            assert_eq!(Wildcard::new(r"x\ay", true).unwrap().is_match(text), expected, "{text}");
        }
    }
}
