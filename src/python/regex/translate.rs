//! Translation from Python's dialects to syntax that `fancy_regex` and `regex` interpret alike.

use super::PatternError;
use super::class::{Alphabet, Escape, Member, push_class, push_literal, read_escape};
use super::groups::{Captures, NamedGroup, Numbers, Open};

/// Use of the compiled pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Checks if a text begins with it, ignoring case. The length of the match does not matter.
    Prefix,
    /// Finds it, with case.
    Search,
    /// Finds it, with case, and returns the matches of its named groups.
    Groups,
}

/// Python module whose dialect is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `re`.
    Re,
    /// `regex`, which also has atomic groups, possessive quantifiers, properties, and names used
    /// several times.
    Regex,
}

impl Purpose {
    fn dialect(self) -> Dialect {
        match self {
            Self::Prefix | Self::Search => Dialect::Re,
            Self::Groups => Dialect::Regex,
        }
    }
}

/// Pattern for the engines.
#[derive(Debug)]
pub(super) struct Translation {
    /// The pattern as one non-capturing group.
    pub(super) pattern: String,
    /// Its named groups in the order of first appearance.
    pub(super) named: Vec<NamedGroup>,
}

/// The end of the text, or before a final line feed.
const END: &str = "(?=\\n?\\z)";

/// `\b` for ASCII words; one of the engines does not know the flag for it.
const ASCII_BOUNDARY: &str = "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))";
const ASCII_INSIDE: &str = "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))";

/// Translates a pattern, or explains what is wrong with it.
pub(super) fn translate(pattern: &str, purpose: Purpose) -> Result<Translation, PatternError> {
    let mut flags = Flags { ignore_case: purpose == Purpose::Prefix, ..Flags::default() };
    let mut captures = if purpose == Purpose::Groups { Captures::Named } else { Captures::All };
    loop {
        let mut translator = Translator::new(pattern, purpose, flags, Numbers::new(captures));
        translator.read_all()?;
        // a flag for the whole pattern may stand anywhere in it, and applies from the beginning
        let lacks_groups = captures == Captures::Named && translator.numbers.are_referred_to;
        if translator.global == flags && !lacks_groups {
            let case = if flags.ignore_case { "(?i:" } else { "(?:" };
            let pattern = format!("{case}{})", translator.out);
            return Ok(Translation { pattern, named: translator.numbers.into_named() });
        }
        flags = translator.global;
        if lacks_groups {
            captures = Captures::All;
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    verbose: bool,
    ascii: bool,
}

impl Flags {
    /// Sets the flag of a letter; `None` if the letter is not a flag of text patterns.
    pub(super) fn set(&mut self, letter: char, on: bool) -> Option<()> {
        match letter {
            'i' => self.ignore_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_all = on,
            'x' => self.verbose = on,
            'a' if on => self.ascii = true,
            'u' if on => self.ascii = false,
            _ => return None,
        }
        Some(())
    }
}

/// Operand of a quantifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Group,
    Quantifier,
}

/// Reader of a pattern that writes its translation.
pub(super) struct Translator<'a> {
    pub(super) rest: &'a str,
    purpose: Purpose,
    pub(super) out: String,
    pub(super) flags: Flags,
    /// Flags of the whole pattern found so far.
    pub(super) global: Flags,
    /// True if a flag set inside the current group has opened a group in the translation.
    pub(super) in_case: bool,
    pub(super) open: Vec<Open>,
    pub(super) numbers: Numbers<'a>,
    last: Last,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str, purpose: Purpose, flags: Flags, numbers: Numbers<'a>) -> Self {
        Self {
            rest: pattern,
            purpose,
            out: String::with_capacity(pattern.len() + 8),
            flags,
            global: flags,
            in_case: false,
            open: Vec::new(),
            numbers,
            last: Last::Nothing,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.purpose.dialect()
    }

    pub(super) fn alphabet(&self) -> Alphabet {
        Alphabet { ascii: self.flags.ascii, dialect: self.dialect() }
    }

    fn read_all(&mut self) -> Result<(), PatternError> {
        while let Some(c) = self.next() {
            self.read(c)?;
        }
        self.leave_case();
        if self.open.is_empty() { Ok(()) } else { Err("a `(` is not closed".to_owned()) }
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    /// Consumes `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn read(&mut self, c: char) -> Result<(), PatternError> {
        match c {
            ' ' | '\t'..='\r' if self.flags.verbose => {}
            '#' if self.flags.verbose => self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest),
            '.' => self.item(if self.flags.dot_all { "(?s:.)" } else { "." }),
            '^' => self.assertion(if self.flags.multi_line { "(?m:^)" } else { "\\A" }),
            '$' => self.assertion(self.end()),
            '|' => self.alternative(),
            '(' => self.read_group()?,
            ')' => self.close_group()?,
            '*' | '+' | '?' => self.quantifier(c.encode_utf8(&mut [0; 4]))?,
            '{' => match self.take_bounds()? {
                Some(bounds) => self.quantifier(&bounds)?,
                None => {
                    self.check_not_fuzzy()?;
                    self.literal('{');
                }
            },
            '[' => {
                self.rest = push_class(self.rest, self.alphabet(), &mut self.out)?;
                self.last = Last::Item;
            }
            '\\' => self.read_escape()?,
            _ => self.literal(c),
        }
        Ok(())
    }

    pub(super) fn item(&mut self, translated: &str) {
        self.out.push_str(translated);
        self.last = Last::Item;
    }

    /// Ends a group.
    pub(super) fn group(&mut self) {
        self.out.push(')');
        self.last = Last::Group;
    }

    fn literal(&mut self, c: char) {
        push_literal(c, &mut self.out);
        self.last = Last::Item;
    }

    /// Writes an assertion, which cannot be repeated.
    pub(super) fn assertion(&mut self, translated: &str) {
        self.out.push_str(translated);
        self.last = Last::Nothing;
    }

    /// Translates `$`. If nothing can follow, consuming the line feed is as good as looking at it,
    /// and needs no backtracking.
    fn end(&self) -> &'static str {
        let is_last = self.open.is_empty() && (self.rest.is_empty() || self.rest.starts_with('|'));
        match (self.flags.multi_line, is_last && self.purpose != Purpose::Search) {
            (true, _) => "(?m:$)",
            (false, true) => "\\n?\\z",
            (false, false) => END,
        }
    }

    fn quantifier(&mut self, written: &str) -> Result<(), PatternError> {
        match self.last {
            Last::Nothing => return Err(format!("nothing to repeat before `{written}`")),
            Last::Quantifier => return Err(format!("`{written}` repeats what is already repeated")),
            Last::Group if written != "?" => self.numbers.repeat_last(),
            Last::Group | Last::Item => {}
        }
        self.out.push_str(written);
        if self.take("?") {
            self.out.push('?');
        } else if self.dialect() == Dialect::Regex && self.take("+") {
            self.out.push('+');
        }
        self.last = Last::Quantifier;
        Ok(())
    }

    /// Reads the rest of `{m}`, `{m,}`, `{,n}` or `{m,n}`; anything else after a `{` makes it an
    /// ordinary character.
    fn take_bounds(&mut self) -> Result<Option<String>, PatternError> {
        let length = self.rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b',').count();
        let (inside, behind) = self.rest.split_at(length);
        let Some(rest) = behind.strip_prefix('}') else { return Ok(None) };
        let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if inside.is_empty() || !is_number(least) || !is_number(most) {
            return Ok(None);
        }
        let parse = |text: &str, missing: u32| match text {
            "" => Ok(missing),
            _ => text.parse().map_err(|_| format!("`{{{inside}}}` repeats too often")),
        };
        let (least, most) = (parse(least, 0)?, parse(most, u32::MAX)?);
        if least > most {
            return Err(format!("`{{{inside}}}` has its bounds the wrong way round"));
        }
        self.rest = rest;
        Ok(Some(match most {
            u32::MAX => format!("{{{least},}}"),
            _ => format!("{{{least},{most}}}"),
        }))
    }

    /// Refuses `{e<=1}`, which asks for approximate matches; no engine here supports it.
    fn check_not_fuzzy(&self) -> Result<(), PatternError> {
        let inside = self.rest.split('}').next().unwrap_or_default().trim_start();
        let is_cost = |text: &str| text.trim_start().starts_with(['i', 'd', 's', 'e', '<']);
        let behind_digits = inside.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_fuzzy = is_cost(inside) || behind_digits.len() < inside.len() && is_cost(behind_digits);
        if self.dialect() == Dialect::Regex && is_fuzzy {
            return Err(format!(
                "`{{{inside}` begins approximate matching, which is not supported; write `\\{{` for a brace"
            ));
        }
        Ok(())
    }

    fn read_escape(&mut self) -> Result<(), PatternError> {
        if let Some(number) = self.take_reference()? {
            return self.refer(number);
        }
        let (escape, rest) = read_escape(self.rest, self.alphabet())?;
        self.rest = rest;
        match escape {
            Escape::Member(Member::Literal(c)) => self.literal(c),
            Escape::Member(Member::Set(set)) => self.item(&format!("[{set}]")),
            Escape::LineBreak => self.item("(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])"),
            Escape::Assertion('A' | 'G') => self.assertion("\\A"),
            Escape::Assertion('Z' | 'z') => self.assertion("\\z"),
            Escape::Assertion('b') => self.assertion(if self.flags.ascii { ASCII_BOUNDARY } else { "\\b" }),
            Escape::Assertion('m') => self.assertion("(?:\\b(?=\\w))"),
            Escape::Assertion('M') => self.assertion("(?:\\b(?<=\\w))"),
            // the start of the match does not matter
            Escape::Assertion('K') => {}
            Escape::Assertion(_) => self.assertion(if self.flags.ascii { ASCII_INSIDE } else { "\\B" }),
        }
        Ok(())
    }

    /// Reads the number in `\1` to `\99`; a `\0` or three octal digits are a character instead.
    fn take_reference(&mut self) -> Result<Option<usize>, PatternError> {
        let digits: &str = &self.rest[..self.rest.bytes().take(3).take_while(u8::is_ascii_digit).count()];
        let is_octal = digits.starts_with('0') || digits.len() == 3 && digits.bytes().all(|byte| byte < b'8');
        if digits.is_empty() || is_octal {
            return Ok(None);
        }
        let digits = &digits[..digits.len().min(2)];
        self.rest = &self.rest[digits.len()..];
        digits.parse().map(Some).map_err(|_| format!("no group `{digits}`"))
    }
}
