//! Groups of a pattern: their names, their numbers, and the flags inside them.

use std::ops::Range;

use super::PatternError;
use super::translate::{Dialect, Flags, Translator};

/// Name with its groups in the translation.
#[derive(Clone, Debug)]
pub(super) struct NamedGroup {
    pub(super) name: String,
    /// Groups of the translation in the order in which they are closed; several if the name is used
    /// several times.
    pub(super) groups: Vec<usize>,
    /// True if one of them is inside a repetition, so that only the text shows which one matched
    /// last.
    pub(super) is_repeated: bool,
}

/// Group that is not closed yet.
#[derive(Debug)]
pub(super) struct Open {
    /// Flags outside of it.
    flags: Flags,
    /// True if a flag outside of it has opened a group in the translation.
    in_case: bool,
    /// Its number in the pattern, if any.
    number: Option<usize>,
    /// Its number in the translation, if it captures there.
    captured: Option<usize>,
    /// Number of the next group of the translation when it opens.
    first_inside: usize,
}

/// Groups of a pattern that capture in the translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Captures {
    All,
    /// Those with names, because unused groups cost time.
    Named,
}

/// Numbers of groups: groups with the same name share a number, and unnamed groups capture only if
/// necessary.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    captures: Captures,
    /// Names with their numbers, in the order of first appearance.
    names: Vec<(&'a str, usize)>,
    /// By number minus one: the groups of the translation, in the order in which they are closed.
    captured: Vec<Vec<usize>>,
    /// Number of the next group of the translation.
    next: usize,
    /// Groups of the translation inside the group closed last.
    last_closed: Range<usize>,
    repeated: Vec<Range<usize>>,
    /// True if the pattern refers to a group.
    pub(super) are_referred_to: bool,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(captures: Captures) -> Self {
        Numbers {
            captures,
            names: Vec::new(),
            captured: Vec::new(),
            next: 1,
            last_closed: 0..0,
            repeated: Vec::new(),
            are_referred_to: false,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.captured.len()
    }

    fn of_name(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
    }

    /// Marks the group closed last as repeated.
    pub(super) fn repeat_last(&mut self) {
        self.repeated.push(self.last_closed.clone());
    }

    /// Returns the group of the translation for a reference to `number`.
    fn refer(&mut self, number: usize) -> Result<usize, PatternError> {
        self.are_referred_to = true;
        match self.captured[number - 1].as_slice() {
            // the pattern is read again with all groups
            [] if self.captures == Captures::Named => Ok(0),
            [group] => Ok(*group),
            _ => Err(format!("group {number} occurs several times: references to it are not supported")),
        }
    }

    pub(super) fn into_named(self) -> Vec<NamedGroup> {
        let is_repeated = |group: &usize| self.repeated.iter().any(|inside| inside.contains(group));
        let named = self.names.iter().map(|(name, number)| {
            let groups = self.captured[number - 1].clone();
            NamedGroup { name: (*name).to_owned(), is_repeated: groups.iter().any(is_repeated), groups }
        });
        named.collect()
    }
}

impl<'a> Translator<'a> {
    /// Reads the text after a `(`.
    pub(super) fn read_group(&mut self) -> Result<(), PatternError> {
        if !self.take("?") {
            self.capture_unnamed();
            return Ok(());
        }
        for look in [":", "=", "!", "<=", "<!"] {
            if self.take(look) {
                self.open_group(&format!("(?{look}"), None);
                return Ok(());
            }
        }
        let is_regex = self.dialect() == Dialect::Regex;
        if self.take("P<") || is_regex && self.take("<") {
            return self.capture_named();
        }
        if is_regex && self.take(">") {
            self.open_group("(?>", None);
            return Ok(());
        }
        if self.take("P=") {
            let name = self.take_until(')')?;
            let number = self.numbers.of_name(name).ok_or_else(|| format!("unknown group name `{name}`"))?;
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
        let captured = number.filter(|_| translated == "(").map(|_| self.numbers.next);
        self.open.push(Open {
            flags: self.flags,
            in_case: std::mem::take(&mut self.in_case),
            number,
            captured,
            first_inside: self.numbers.next,
        });
        self.numbers.next += usize::from(captured.is_some());
        self.assertion(translated);
    }

    pub(super) fn close_group(&mut self) -> Result<(), PatternError> {
        let group = self.open.pop().ok_or("a `)` has no `(`")?;
        self.leave_case();
        self.in_case = group.in_case;
        self.flags = group.flags;
        if let (Some(number), Some(captured)) = (group.number, group.captured) {
            self.numbers.captured[number - 1].push(captured);
        }
        self.numbers.last_closed = group.first_inside..self.numbers.next;
        self.group();
        Ok(())
    }

    fn capture_unnamed(&mut self) {
        self.numbers.captured.push(Vec::new());
        let start = match self.numbers.captures {
            Captures::All => "(",
            Captures::Named => "(?:",
        };
        self.open_group(start, Some(self.numbers.count()));
    }

    /// Opens a named group. Names are resolved here: one engine does not accept names and numbers
    /// in the same pattern.
    fn capture_named(&mut self) -> Result<(), PatternError> {
        let name = self.take_until('>')?;
        let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !starts_well || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(format!("bad group name `{name}`"));
        }
        let number = match self.numbers.of_name(name) {
            Some(_) if self.dialect() == Dialect::Re => return Err(format!("the group name `{name}` is given twice")),
            Some(number) => number,
            None => {
                self.numbers.captured.push(Vec::new());
                self.numbers.names.push((name, self.numbers.count()));
                self.numbers.count()
            }
        };
        self.open_group("(", Some(number));
        Ok(())
    }

    pub(super) fn refer(&mut self, number: usize) -> Result<(), PatternError> {
        let is_open = self.open.iter().any(|open| open.number == Some(number));
        if number == 0 || number > self.numbers.count() || is_open {
            return Err(format!("there is no group {number} to refer to"));
        }
        let group = self.numbers.refer(number)?;
        // a group of its own, so that a following digit is not part of the number
        self.item(&format!("(?:\\{group})"));
        Ok(())
    }

    /// Reads `(?(1)yes|no)`.
    fn read_condition(&mut self) -> Result<(), PatternError> {
        let name = self.take_until(')')?;
        let number = self.numbers.of_name(name).or_else(|| name.parse().ok());
        match number {
            Some(number) if (1..=self.numbers.count()).contains(&number) => {
                let group = self.numbers.refer(number)?;
                self.open_group(&format!("(?({group})"), None);
                Ok(())
            }
            _ => Err(format!("unknown group `{name}` in a condition")),
        }
    }

    /// Reads `(?ims)` for the whole pattern or, in `regex`, for the rest of the group; `(?i-s:...)`
    /// for a group.
    fn read_flags(&mut self) -> Result<(), PatternError> {
        let is_regex = self.dialect() == Dialect::Regex;
        let mut flags = self.flags;
        let mut global = self.global;
        let mut letters = String::new();
        loop {
            let on = !letters.contains('-');
            match self.next() {
                Some(')') if is_regex && !letters.is_empty() && !letters.ends_with('-') => {
                    self.change_flags(flags);
                    return Ok(());
                }
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

    /// Applies `flags` to the rest of the group.
    fn change_flags(&mut self, flags: Flags) {
        if flags.ignore_case != self.flags.ignore_case {
            self.leave_case();
            self.flags = flags;
            self.enter_case();
        }
        self.flags = flags;
    }

    fn enter_case(&mut self) {
        self.assertion(if self.flags.ignore_case { "(?i:" } else { "(?-i:" });
        self.in_case = true;
    }

    pub(super) fn leave_case(&mut self) {
        if std::mem::take(&mut self.in_case) {
            self.out.push(')');
        }
    }

    /// Reads a `|`: a flag set before it also applies after it.
    pub(super) fn alternative(&mut self) {
        let in_case = self.in_case;
        self.leave_case();
        self.assertion("|");
        if in_case {
            self.enter_case();
        }
    }

    fn take_until(&mut self, end: char) -> Result<&'a str, PatternError> {
        let (taken, rest) = self.rest.split_once(end).ok_or_else(|| format!("a `{end}` is missing"))?;
        self.rest = rest;
        Ok(taken)
    }
}
