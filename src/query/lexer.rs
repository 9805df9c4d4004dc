//! Lucene's query_string text -> tokens.

use winnow::combinator::{alt, delimited, opt, preceded, repeat};
use winnow::error::{ContextError, ErrMode};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, none_of, one_of, take_while};

/// A piece of a query and where it begins, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    And,
    Or,
    Not,
    Plus,
    Minus,
    Open,
    Close,
    Colon,
    /// As written, with its escapes.
    Term(String),
    Phrase(String),
    Regexp(String),
    Range {
        from: String,
        to: String,
        includes_from: bool,
        includes_to: bool,
    },
    /// `~` with its number, if any.
    Tilde(Option<f64>),
    Boost,
}

type Input<'a> = LocatingSlice<&'a str>;
type Lexed<T> = Result<T, ErrMode<ContextError>>;

/// All tokens.
///
/// # Errors
/// Where a token begins that does not end, in bytes.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, usize> {
    let mut input = Input::new(text);
    let mut tokens = Vec::new();
    loop {
        let _ = blanks(&mut input);
        if input.is_empty() {
            return Ok(tokens);
        }
        let start = input.current_token_start();
        match token(&mut input) {
            Ok(kind) => tokens.push(Token { kind, start }),
            Err(_) => return Err(start),
        }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{3000}')
}

fn blanks(input: &mut Input<'_>) -> Lexed<()> {
    take_while(0.., is_blank).void().parse_next(input)
}

fn token(input: &mut Input<'_>) -> Lexed<TokenKind> {
    alt((
        one_of(['+', '-', '!', '(', ')', ':']).map(|character| match character {
            '+' => TokenKind::Plus,
            '-' => TokenKind::Minus,
            '!' => TokenKind::Not,
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            _ => TokenKind::Colon,
        }),
        phrase,
        regexp,
        range,
        preceded('~', opt(number)).map(TokenKind::Tilde),
        preceded('^', number).map(|_| TokenKind::Boost),
        term,
    ))
    .parse_next(input)
}

fn number(input: &mut Input<'_>) -> Lexed<f64> {
    take_while(1.., |character: char| character.is_ascii_digit() || character == '.')
        .try_map(|digits: &str| digits.parse())
        .parse_next(input)
}

fn phrase(input: &mut Input<'_>) -> Lexed<TokenKind> {
    delimited('"', escaped(|character| character != '"'), '"').map(TokenKind::Phrase).parse_next(input)
}

fn regexp(input: &mut Input<'_>) -> Lexed<TokenKind> {
    delimited('/', escaped(|character| character != '/'), '/').map(TokenKind::Regexp).parse_next(input)
}

/// Characters that pass, and every character behind a backslash; both as written.
fn escaped<'a>(passes: impl Fn(char) -> bool + Copy) -> impl Parser<Input<'a>, String, ErrMode<ContextError>> {
    repeat(0.., alt((('\\', any).take(), take_while(1.., move |character| character != '\\' && passes(character)))))
        .fold(String::new, |mut text, part: &str| {
            text.push_str(part);
            text
        })
}

fn range(input: &mut Input<'_>) -> Lexed<TokenKind> {
    let opening = one_of(['[', '{']).parse_next(input)?;
    blanks(input)?;
    let from = bound(input)?;
    blanks(input)?;
    opt(("TO", take_while(1.., is_blank))).parse_next(input)?;
    let to = bound(input)?;
    blanks(input)?;
    let closing = one_of([']', '}']).parse_next(input)?;
    Ok(TokenKind::Range { from, to, includes_from: opening == '[', includes_to: closing == ']' })
}

fn bound(input: &mut Input<'_>) -> Lexed<String> {
    alt((
        delimited('"', escaped(|character| character != '"'), '"').map(|text| unescape(&text)),
        take_while(1.., |character: char| !is_blank(character) && !matches!(character, ']' | '}')).map(unescape),
    ))
    .parse_next(input)
}

/// A word; `AND`, `OR`, `NOT`, `&&` and `||` are operators when they stand alone.
fn term(input: &mut Input<'_>) -> Lexed<TokenKind> {
    let is_special = |character: char| is_blank(character) || "!():^[]\"{}~\\/".contains(character);
    let part = alt((('\\', any).take(), none_of(is_special).take()));
    let text: String = repeat(1.., part)
        .fold(String::new, |mut text, part: &str| {
            text.push_str(part);
            text
        })
        .parse_next(input)?;
    Ok(match text.as_str() {
        "AND" | "&&" => TokenKind::And,
        "OR" | "||" => TokenKind::Or,
        "NOT" => TokenKind::Not,
        _ => TokenKind::Term(text),
    })
}

/// The text without its backslashes; `\uXXXX` is a character.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let code = rest.strip_prefix('u').and_then(|digits| digits.get(..4));
        match code.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32) {
            Some(character) => {
                plain.push(character);
                rest = &rest[5..];
            }
            None => {
                let mut characters = rest.chars();
                plain.extend(characters.next());
                rest = characters.as_str();
            }
        }
    }
    plain.push_str(rest);
    plain
}
