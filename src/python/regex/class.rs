//! Characters, escapes and `[...]` of patterns.

use std::borrow::Cow;

use super::PatternError;
use super::translate::Dialect;

/// Meaning of an escape.
pub(super) enum Escape {
    /// Characters that match.
    Member(Member),
    /// A position in the text: `A`, `Z`, `b` or `B`, and in `regex` also `z`, `G`, `K`, `m` or `M`.
    Assertion(char),
    /// Any line break, in `regex` only.
    LineBreak,
}

/// Part of a `[...]`.
pub(super) enum Member {
    /// One character.
    Literal(char),
    /// A set of characters, as the inside of a `[...]`.
    Set(Cow<'static, str>),
}

/// Meaning of letters, digits and whitespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alphabet {
    /// ASCII only.
    pub(super) ascii: bool,
    pub(super) dialect: Dialect,
}

/// Sets of `\d \D \s \S \w \W`, for all scripts and for ASCII. Word characters of Python exclude
/// marks and joiners, but include all numbers.
const SETS: [(char, &str, &str); 6] = [
    ('d', "\\d", "0-9"),
    ('D', "\\D", "[^0-9]"),
    ('s', "\\s\\x{1c}-\\x{1f}", "\\x{9}-\\x{d}\\x{20}"),
    ('S', "[^\\s\\x{1c}-\\x{1f}]", "[^\\x{9}-\\x{d}\\x{20}]"),
    ('w', "\\p{L}\\p{N}_", "0-9A-Za-z_"),
    ('W', "[^\\p{L}\\p{N}_]", "[^0-9A-Za-z_]"),
];

/// Sets that `regex` knows as `[:name:]`. Some contain ASCII digits only.
const POSIX_SETS: [(&str, &str); 14] = [
    ("alnum", "\\p{Alphabetic}0-9"),
    ("alpha", "\\p{Alphabetic}"),
    ("ascii", "\\x{0}-\\x{7f}"),
    ("blank", "\\t\\p{Zs}"),
    ("cntrl", "\\p{Cc}"),
    ("digit", "0-9"),
    ("graph", "[^\\s\\p{Cc}\\p{Cs}\\p{Cn}]"),
    ("lower", "\\p{Lowercase}"),
    ("print", "[^\\p{Zl}\\p{Zp}\\p{Cc}\\p{Cs}\\p{Cn}]"),
    ("punct", "[\\p{P}\\p{S}&&[^\\p{Alphabetic}]]"),
    ("space", "\\s"),
    ("upper", "\\p{Uppercase}"),
    ("word", "\\w"),
    ("xdigit", "0-9A-Fa-f"),
];

/// Writes `c` as a literal outside of `[...]`.
pub(super) fn push_literal(c: char, out: &mut String) {
    if matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$') {
        out.push('\\');
    }
    out.push(c);
}

/// Writes `c` as a literal inside `[...]`.
fn push_member(c: char, out: &mut String) {
    if c.is_alphanumeric() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}

/// Reads the escape after a backslash, outside of `[...]`.
pub(super) fn read_escape(rest: &str, alphabet: Alphabet) -> Result<(Escape, &str), PatternError> {
    match (rest.chars().next(), alphabet.dialect) {
        (Some(c @ ('A' | 'Z' | 'b' | 'B')), _) => Ok((Escape::Assertion(c), &rest[1..])),
        (Some(c @ ('z' | 'G' | 'K' | 'm' | 'M')), Dialect::Regex) => Ok((Escape::Assertion(c), &rest[1..])),
        (Some('R'), Dialect::Regex) => Ok((Escape::LineBreak, &rest[1..])),
        (Some('N'), Dialect::Regex) if !rest.starts_with("N{") => {
            Ok((Escape::Member(Member::Set("^\\n".into())), &rest[1..]))
        }
        _ => read_member_escape(rest, alphabet).map(|(member, behind)| (Escape::Member(member), behind)),
    }
}

/// Reads the escape after a backslash, inside `[...]`.
fn read_member_escape(rest: &str, alphabet: Alphabet) -> Result<(Member, &str), PatternError> {
    let Some(c) = rest.chars().next() else {
        return Err("a `\\` at the end".to_owned());
    };
    let behind = &rest[c.len_utf8()..];
    if let Some((_, words, plain)) = SETS.iter().find(|(letter, ..)| *letter == c) {
        let set = match (alphabet.ascii, alphabet.dialect) {
            (true, _) => Cow::Borrowed(*plain),
            (false, Dialect::Re) => Cow::Borrowed(*words),
            // the same in the engines
            (false, Dialect::Regex) => Cow::Owned(format!("\\{c}")),
        };
        return Ok((Member::Set(set), behind));
    }
    if alphabet.dialect == Dialect::Regex {
        match c {
            'h' => return Ok((Member::Set("\\t\\p{Zs}".into()), behind)),
            'p' | 'P' if behind.starts_with('{') => return property(c, behind),
            _ => {}
        }
    }
    let literal = match c {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => return hexadecimal(behind, 2),
        'u' => return hexadecimal(behind, 4),
        'U' => return hexadecimal(behind, 8),
        '0'..='7' => return octal(rest),
        _ if c.is_ascii_alphanumeric() => return Err(format!("unknown escape `\\{c}`")),
        _ => c,
    };
    Ok((Member::Literal(literal), behind))
}

fn hexadecimal(rest: &str, n_digits: usize) -> Result<(Member, &str), PatternError> {
    let digits = rest.get(..n_digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
    match code {
        Some(c) => Ok((Member::Literal(c), &rest[n_digits..])),
        None => Err(format!("an escape needs {n_digits} hexadecimal digits of a character")),
    }
}

fn octal(rest: &str) -> Result<(Member, &str), PatternError> {
    let n_digits = rest.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let (digits, behind) = rest.split_at(n_digits);
    match u8::from_str_radix(digits, 8) {
        Ok(code) => Ok((Member::Literal(char::from(code)), behind)),
        Err(_) => Err(format!("`\\{digits}` is beyond `\\377`")),
    }
}

/// Reads `\p{Name}`; the engine checks the name.
fn property(letter: char, behind: &str) -> Result<(Member, &str), PatternError> {
    let (name, behind) = behind.split_once('}').ok_or("a `}` is missing after `\\p`")?;
    Ok((Member::Set(format!("\\{letter}{name}}}").into()), behind))
}

/// Reads a set after its `[` and writes it; returns the rest after its `]`.
///
/// Brackets and doubled operators inside are ordinary characters in Python, but set operations in
/// the engines.
pub(super) fn push_class<'a>(class: &'a str, alphabet: Alphabet, out: &mut String) -> Result<&'a str, PatternError> {
    let (negation, mut rest) = match class.strip_prefix('^') {
        Some(rest) => ("[^", rest),
        None => ("[", class),
    };
    out.push_str(negation);
    let mut is_first = true;
    loop {
        if !is_first && let Some(behind) = rest.strip_prefix(']') {
            out.push(']');
            return Ok(behind);
        }
        is_first = false;
        let (low, behind) = read_member(rest, alphabet)?;
        rest = behind;
        // a dash before the end is a literal, which is read next
        let Some(behind) = rest.strip_prefix('-').filter(|behind| !behind.starts_with(']')) else {
            low.push(out);
            continue;
        };
        let (high, behind) = read_member(behind, alphabet)?;
        match (&low, &high) {
            (Member::Literal(first), Member::Literal(last)) if first <= last => {
                low.push(out);
                out.push('-');
                high.push(out);
            }
            // a set cannot end a range, so the dash is a literal
            (Member::Set(_), _) | (_, Member::Set(_)) if alphabet.dialect == Dialect::Regex => {
                low.push(out);
                push_member('-', out);
                high.push(out);
            }
            _ => return Err("a set has a range that is not two characters in order".to_owned()),
        }
        rest = behind;
    }
}

impl Member {
    fn push(&self, out: &mut String) {
        match self {
            Self::Literal(c) => push_member(*c, out),
            Self::Set(set) => out.push_str(set),
        }
    }
}

fn read_member(rest: &str, alphabet: Alphabet) -> Result<(Member, &str), PatternError> {
    let Some(c) = rest.chars().next() else {
        return Err("a `[` is not closed".to_owned());
    };
    let behind = &rest[c.len_utf8()..];
    match c {
        '[' if alphabet.dialect == Dialect::Regex && behind.starts_with(':') && behind.contains(":]") => {
            posix_set(&behind[1..], alphabet)
        }
        '\\' => read_member_escape(behind, alphabet),
        _ => Ok((Member::Literal(c), behind)),
    }
}

/// Reads the rest of `[:name:]` or `[:^name:]`.
fn posix_set(rest: &str, alphabet: Alphabet) -> Result<(Member, &str), PatternError> {
    let (name, behind) = rest.split_once(":]").unwrap_or((rest, ""));
    let positive = name.strip_prefix('^').unwrap_or(name);
    let Some((_, set)) = POSIX_SETS.iter().find(|(known, _)| *known == positive) else {
        return Err(format!("unknown character class `[:{name}:]`"));
    };
    let negation = if positive == name { "" } else { "^" };
    let limit = if alphabet.ascii { "&&[\\x{0}-\\x{7f}]" } else { "" };
    Ok((Member::Set(format!("[{negation}[{set}]{limit}]").into()), behind))
}
