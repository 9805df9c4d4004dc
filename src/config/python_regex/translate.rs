//! From Python's dialect to what both `fancy_regex` and `regex` read alike.

use std::collections::HashMap;

use super::PatternError;
use super::class::{Escape, push_class, push_literal, read_escape};

/// What the compiled pattern is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To ask whether a text begins with it, ignoring case. How much of the text it takes does not matter.
    Prefix,
    /// To find it, with case.
    Search,
}

/// The end of the text, or before a line feed there.
const END: &str = "(?=\\n?\\z)";

/// `\b` for ASCII words; the flag that says so is unknown to one of the engines.
const ASCII_BOUNDARY: &str = "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))";
const ASCII_INSIDE: &str = "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))";

/// The translation as one group.
pub(super) fn translate(pattern: &str, purpose: Purpose) -> Result<String, PatternError> {
    let mut flags = Flags { ignore_case: purpose == Purpose::Prefix, ..Flags::default() };
    loop {
        let mut translator = Translator::new(pattern, purpose, flags);
        translator.read_all()?;
        // A flag for the whole pattern may stand anywhere in it, and then holds from the beginning.
        if translator.global == flags {
            let case = if flags.ignore_case { "(?i:" } else { "(?:" };
            return Ok(format!("{case}{})", translator.out));
        }
        flags = translator.global;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    verbose: bool,
    ascii: bool,
}

impl Flags {
    /// Sets the flag of that letter; `None` for letters that are no flag of text patterns.
    fn set(&mut self, letter: char, on: bool) -> Option<()> {
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

/// What a quantifier would apply to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Quantifier,
}

/// A group that is not closed yet.
#[derive(Debug)]
struct Open {
    /// The flags outside of it.
    flags: Flags,
    /// Its number, if it captures.
    number: Option<usize>,
}

struct Translator<'a> {
    rest: &'a str,
    purpose: Purpose,
    out: String,
    flags: Flags,
    /// The flags of the whole pattern as found so far.
    global: Flags,
    open: Vec<Open>,
    names: HashMap<&'a str, usize>,
    n_groups: usize,
    last: Last,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str, purpose: Purpose, flags: Flags) -> Self {
        Self {
            rest: pattern,
            purpose,
            out: String::with_capacity(pattern.len() + 8),
            flags,
            global: flags,
            open: Vec::new(),
            names: HashMap::new(),
            n_groups: 0,
            last: Last::Nothing,
        }
    }

    fn read_all(&mut self) -> Result<(), PatternError> {
        while let Some(c) = self.next() {
            self.read(c)?;
        }
        if self.open.is_empty() { Ok(()) } else { Err("a `(` is not closed".to_owned()) }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    /// Takes `text` if it comes next.
    fn take(&mut self, text: &str) -> bool {
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
            '|' => self.assertion("|"),
            '(' => self.read_group()?,
            ')' => {
                let group = self.open.pop().ok_or("a `)` has no `(`")?;
                self.flags = group.flags;
                self.item(")");
            }
            '*' | '+' | '?' => self.quantifier(c.encode_utf8(&mut [0; 4]))?,
            '{' => match self.take_bounds()? {
                Some(bounds) => self.quantifier(&bounds)?,
                None => self.literal('{'),
            },
            '[' => {
                self.rest = push_class(self.rest, self.flags.ascii, &mut self.out)?;
                self.last = Last::Item;
            }
            '\\' => self.read_escape()?,
            _ => self.literal(c),
        }
        Ok(())
    }

    fn item(&mut self, translated: &str) {
        self.out.push_str(translated);
        self.last = Last::Item;
    }

    fn literal(&mut self, c: char) {
        push_literal(c, &mut self.out);
        self.last = Last::Item;
    }

    /// Something that cannot be repeated.
    fn assertion(&mut self, translated: &str) {
        self.out.push_str(translated);
        self.last = Last::Nothing;
    }

    /// Translation of `$`. Where nothing can follow, taking the line feed is as good as looking at it, and needs no backtracking.
    fn end(&self) -> &'static str {
        let is_last = self.open.is_empty() && (self.rest.is_empty() || self.rest.starts_with('|'));
        match (self.flags.multi_line, is_last && self.purpose == Purpose::Prefix) {
            (true, _) => "(?m:$)",
            (false, true) => "\\n?\\z",
            (false, false) => END,
        }
    }

    fn quantifier(&mut self, written: &str) -> Result<(), PatternError> {
        match self.last {
            Last::Nothing => return Err(format!("nothing to repeat before `{written}`")),
            Last::Quantifier => return Err(format!("`{written}` repeats what is already repeated")),
            Last::Item => {}
        }
        self.out.push_str(written);
        if self.take("?") {
            self.out.push('?');
        }
        self.last = Last::Quantifier;
        Ok(())
    }

    /// The rest of `{m}`, `{m,}`, `{,n}` or `{m,n}`; anything else behind a `{` makes it an ordinary character.
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

    fn read_escape(&mut self) -> Result<(), PatternError> {
        if let Some(number) = self.take_reference()? {
            return self.refer(number);
        }
        let (escape, rest) = read_escape(self.rest, self.flags.ascii)?;
        self.rest = rest;
        match escape {
            Escape::Literal(c) => self.literal(c),
            Escape::Set(set) => self.item(&format!("[{set}]")),
            Escape::Assertion('A') => self.assertion("\\A"),
            Escape::Assertion('Z') => self.assertion("\\z"),
            Escape::Assertion('b') => self.assertion(if self.flags.ascii { ASCII_BOUNDARY } else { "\\b" }),
            Escape::Assertion(_) => self.assertion(if self.flags.ascii { ASCII_INSIDE } else { "\\B" }),
        }
        Ok(())
    }

    /// The number in `\1` to `\99`; a `\0` or three octal digits are a character instead.
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

    fn refer(&mut self, number: usize) -> Result<(), PatternError> {
        if number == 0 || number > self.n_groups || self.open.iter().any(|open| open.number == Some(number)) {
            return Err(format!("group {number} is not there to be referred to"));
        }
        // a group of its own, so that a digit behind it is not part of the number
        self.item(&format!("(?:\\{number})"));
        Ok(())
    }

    /// What follows a `(`.
    fn read_group(&mut self) -> Result<(), PatternError> {
        if !self.take("?") {
            self.capture();
            return Ok(());
        }
        for look in [":", "=", "!", "<=", "<!"] {
            if self.take(look) {
                self.open_group(&format!("(?{look}"), None);
                return Ok(());
            }
        }
        if self.take("P<") {
            return self.capture_named();
        }
        if self.take("P=") {
            let name = self.take_until(')')?;
            let number = *self.names.get(name).ok_or_else(|| format!("unknown group name `{name}`"))?;
            return self.refer(number);
        }
        if self.take("#") {
            return self.take_until(')').map(|_| ());
        }
        if self.take("(") {
            return self.read_condition();
        }
        self.read_flags()
    }

    fn open_group(&mut self, translated: &str, number: Option<usize>) {
        self.open.push(Open { flags: self.flags, number });
        self.assertion(translated);
    }

    fn capture(&mut self) {
        self.n_groups += 1;
        self.open_group("(", Some(self.n_groups));
    }

    /// Names are resolved here: one engine does not take names and numbers in the same pattern.
    fn capture_named(&mut self) -> Result<(), PatternError> {
        let name = self.take_until('>')?;
        let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !starts_well || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(format!("bad group name `{name}`"));
        }
        if self.names.insert(name, self.n_groups + 1).is_some() {
            return Err(format!("the group name `{name}` is given twice"));
        }
        self.capture();
        Ok(())
    }

    /// `(?(1)yes|no)`.
    fn read_condition(&mut self) -> Result<(), PatternError> {
        let name = self.take_until(')')?;
        let number = self.names.get(name).copied().or_else(|| name.parse().ok());
        match number {
            Some(number) if (1..=self.n_groups).contains(&number) => {
                self.open_group(&format!("(?({number})"), None);
                Ok(())
            }
            _ => Err(format!("unknown group `{name}` in a condition")),
        }
    }

    /// `(?ims)` for the whole pattern or `(?i-s:...)` for a group.
    fn read_flags(&mut self) -> Result<(), PatternError> {
        let mut flags = self.flags;
        let mut global = self.global;
        let mut letters = String::new();
        loop {
            let on = !letters.contains('-');
            match self.next() {
                Some(')') if on && !letters.is_empty() => {
                    self.global = global;
                    return Ok(());
                }
                Some(':') if !letters.is_empty() && !letters.ends_with('-') => break,
                Some('-') if on => letters.push('-'),
                Some(letter) if !letters.contains(letter) && flags.set(letter, on).is_some() => {
                    global.set(letter, on);
                    letters.push(letter);
                }
                Some(letter) => {
                    return Err(format!("`(?{letters}` is followed by `{letter}`, which means nothing there"));
                }
                None => return Err("a `(?` is not closed".to_owned()),
            }
        }
        self.open_group(if flags.ignore_case { "(?i:" } else { "(?-i:" }, None);
        self.flags = flags;
        Ok(())
    }

    fn take_until(&mut self, end: char) -> Result<&'a str, PatternError> {
        let (taken, rest) = self.rest.split_once(end).ok_or_else(|| format!("a `{end}` is missing"))?;
        self.rest = rest;
        Ok(taken)
    }
}
