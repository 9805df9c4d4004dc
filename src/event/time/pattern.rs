//! Patterns of times in the letters of Java, as mappings of Elasticsearch have them:
//! `dd/MMM/yyyy:HH:mm:ss Z`.

use super::iso::{Parsed, Precision};
use super::letter::Letter;
use super::parts::Parts;
use super::scanner::Scanner;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Item>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// Text that must come next; a blank stands for one or more.
    Literal(Vec<u8>),
    /// A letter, and how often it is written.
    Field(Letter, usize),
    /// Part that may be missing.
    Optional(Vec<Item>),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Says what is wrong: a letter without meaning, quotes or brackets without an end, a pattern
    /// without a date.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let mut rest = pattern;
        let items = items(&mut rest, Nesting::Outside)?;
        if !rest.is_empty() {
            return Err("`]` without `[`".to_owned());
        }
        let mut letters = Vec::new();
        collect_letters(&items, &mut letters);
        let has = |letter| letters.contains(&letter);
        let has_date = (has(Letter::Month) && has(Letter::Day))
            || (has(Letter::Year) && !has(Letter::Day) && !has(Letter::Week))
            || (has(Letter::WeekYear) && has(Letter::Week));
        if !has_date {
            return Err("it has no date: write a year (yyyy), or a month and a day (MM, dd), too".to_owned());
        }
        if has(Letter::Hour12) && !has(Letter::HalfOfDay) {
            return Err("hours of 12 (h) need AM or PM (a); HH are hours of 24".to_owned());
        }
        Ok(Pattern(items))
    }

    /// Reads a text that has this form as a whole; a missing zone is `missing_zone` microseconds
    /// east of UTC.
    pub(super) fn read(&self, text: &str, missing_zone: i64) -> Option<Parsed> {
        let mut scanner = Scanner::new(text.trim());
        let mut parts = Parts::default();
        read_items(&self.0, &mut scanner, &mut parts)?;
        scanner.is_at_end().then(|| parts.resolve(missing_zone))?
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Outside,
    Inside,
}

/// Reads items up to the end, or to the bracket that closes an optional part.
fn items(rest: &mut &str, nesting: Nesting) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    while let Some(first) = rest.chars().next() {
        match first {
            ']' => break,
            '[' if nesting == Nesting::Inside => return Err("`[` inside `[`".to_owned()),
            '[' => {
                *rest = &rest[1..];
                items.push(Item::Optional(self::items(rest, Nesting::Inside)?));
                *rest = rest.strip_prefix(']').ok_or("`[` without `]`")?;
            }
            '\'' => literal(&mut items, quoted(rest)?.as_bytes()),
            letter if letter.is_ascii_alphabetic() => {
                let count = rest.chars().take_while(|c| *c == letter).count();
                *rest = &rest[count..];
                let meaning = Letter::of(letter).ok_or_else(|| unknown(letter))?;
                items.push(Item::Field(meaning, count));
            }
            other => {
                *rest = &rest[other.len_utf8()..];
                literal(&mut items, other.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    Ok(items)
}

fn unknown(letter: char) -> String {
    format!("the letter `{letter}` has no meaning: write '{letter}' in quotes if it stands for itself")
}

/// Reads a quoted text; two quotes are one.
fn quoted(rest: &mut &str) -> Result<String, String> {
    if let Some(after) = rest.strip_prefix("''") {
        *rest = after;
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    *rest = &rest[1..];
    loop {
        let end = rest.find('\'').ok_or("a quote without an end")?;
        text.push_str(&rest[..end]);
        *rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => *rest = after,
            None => return Ok(text),
        }
        text.push('\'');
    }
}

fn literal(items: &mut Vec<Item>, bytes: &[u8]) {
    match items.last_mut() {
        Some(Item::Literal(known)) => known.extend_from_slice(bytes),
        _ => items.push(Item::Literal(bytes.to_vec())),
    }
}

fn collect_letters(items: &[Item], letters: &mut Vec<Letter>) {
    for item in items {
        match item {
            Item::Literal(_) => {}
            Item::Field(letter, _) => letters.push(*letter),
            Item::Optional(inner) => collect_letters(inner, letters),
        }
    }
}

fn read_items(items: &[Item], scanner: &mut Scanner<'_>, parts: &mut Parts) -> Option<()> {
    for (idx, item) in items.iter().enumerate() {
        match item {
            Item::Literal(literal) => read_literal(literal, scanner)?,
            Item::Field(letter, count) => {
                let is_followed_by_digits =
                    matches!(items.get(idx + 1), Some(Item::Field(next, n)) if next.is_number(*n));
                read_field(*letter, *count, is_followed_by_digits.then_some(*count), scanner, parts)?;
                parts.precision = parts.precision.max(letter.precision().unwrap_or(Precision::Year));
            }
            Item::Optional(inner) => {
                let (mut ahead, mut with) = (*scanner, *parts);
                if read_items(inner, &mut ahead, &mut with).is_some() {
                    (*scanner, *parts) = (ahead, with);
                }
            }
        }
    }
    Some(())
}

fn read_literal(literal: &[u8], scanner: &mut Scanner<'_>) -> Option<()> {
    for byte in literal {
        let found = if *byte == b' ' { scanner.blanks() } else { scanner.eat(*byte) };
        if !found {
            return None;
        }
    }
    Some(())
}

/// Reads one field. `exactly`: number of its digits, if more digits follow that are not its own.
fn read_field(
    letter: Letter,
    count: usize,
    exactly: Option<usize>,
    scanner: &mut Scanner<'_>,
    parts: &mut Parts,
) -> Option<()> {
    if !letter.is_number(count) {
        return parts.read_text(letter, scanner);
    }
    if letter == Letter::Fraction {
        return parts.read_fraction(count, exactly, scanner);
    }
    let most = match letter {
        Letter::Year | Letter::WeekYear => 4,
        Letter::DayOfYear => 3,
        Letter::Weekday => 1,
        _ => 2,
    };
    let number = match exactly.or((count > 1).then_some(count)) {
        Some(n) => scanner.number(n.min(9))?,
        None => scanner.number_between(1, most)?,
    };
    // two digits of a year are those of this century, as in Java
    let is_short_year = matches!(letter, Letter::Year | Letter::WeekYear) && count == 2;
    parts.set(letter, if is_short_year { number + 2000 } else { number })
}
