//! Splits text into tokens by the rule of Lucene's own scanner: at each position the longest token
//! wins.

use std::ops::Bound;

use winnow::combinator::{alt, delimited, opt, peek, preceded, repeat, terminated};
use winnow::prelude::*;
use winnow::stream::LocatingSlice;
use winnow::token::{any, none_of, one_of, rest, take_while};

use super::SyntaxError;

/// Characters that no term may begin with unless they are escaped. `-` and `+` may follow later.
pub(super) const NOT_IN_TERMS: [char; 22] = [
    ' ', '\t', '\n', '\r', '\u{3000}', '+', '-', '!', '(', ')', ':', '^', '[', ']', '"', '{', '}', '~', '*', '?', '\\',
    '/',
];
const WHITESPACE: [char; 5] = [' ', '\t', '\n', '\r', '\u{3000}'];

/// Advice on a `\\/` that was meant as the end of a regular expression.
pub(super) const BACKSLASH_AT_END: &str = "write `[\\\\]/` for a backslash at the end of a regular expression";

type Input<'a> = LocatingSlice<&'a str>;

/// A token. Its text is as written, escapes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    And,
    Or,
    Not,
    Plus,
    Minus,
    /// `+`, `-` or `!` before white space, which is a term of its own.
    BareOperator(&'a str),
    Open,
    Close,
    Colon,
    Star,
    /// Number after `^`.
    Boost(&'a str),
    /// Text without the quotes.
    Quoted(&'a str),
    Term(&'a str),
    /// Text after `~`.
    Fuzzy(&'a str),
    /// Text without the `*` at its end.
    Prefix(&'a str),
    Wildcard(&'a str),
    /// Pattern without the slashes.
    Regexp(&'a str),
    /// Bounds of `[a TO b}` without quotes; an open end is a `*`.
    Range(Bound<&'a str>, Bound<&'a str>),
}

/// A token, and the bytes where it begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spanned<'a> {
    pub(super) token: Token<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Returns all tokens of `text`.
pub(super) fn tokens(text: &str) -> Result<Vec<Spanned<'_>>, SyntaxError> {
    let spanned = token.with_span().map(|(token, span)| Spanned { token, start: span.start, end: span.end });
    preceded(blanks, repeat(0.., terminated(spanned, blanks)))
        .parse(LocatingSlice::new(text))
        .map_err(|error| lexical_error(text, error.offset()))
}

fn blanks<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    take_while(0.., WHITESPACE).parse_next(input)
}

fn token<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    alt((operator, word, quoted, regexp, fuzzy, boost, range)).parse_next(input)
}

fn operator<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    alt((
        (one_of(['+', '-', '!']).take(), take_while(1.., WHITESPACE)).map(|(sign, _)| Token::BareOperator(sign)),
        '+'.value(Token::Plus),
        '-'.value(Token::Minus),
        '!'.value(Token::Not),
        '('.value(Token::Open),
        ')'.value(Token::Close),
        ':'.value(Token::Colon),
    ))
    .parse_next(input)
}

fn escaped(input: &mut Input<'_>) -> ModalResult<()> {
    ('\\', any).void().parse_next(input)
}

fn term_start(input: &mut Input<'_>) -> ModalResult<()> {
    alt((escaped, none_of(NOT_IN_TERMS).void())).parse_next(input)
}

fn term_char(input: &mut Input<'_>) -> ModalResult<()> {
    alt((term_start, one_of(['-', '+']).void())).parse_next(input)
}

fn word<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    let wild = || one_of(['*', '?']).void();
    let text = (alt((term_start, wild())), repeat::<_, _, (), _, _>(0.., alt((term_char, wild()))))
        .take()
        .parse_next(input)?;
    Ok(match text {
        "AND" | "&&" => Token::And,
        "OR" | "||" => Token::Or,
        "NOT" => Token::Not,
        "*" => Token::Star,
        _ => match first_wildcard(text) {
            None => Token::Term(text),
            Some(at) if at + 1 == text.len() && text.ends_with('*') => Token::Prefix(&text[..at]),
            Some(_) => Token::Wildcard(text),
        },
    })
}

/// Position of the first `*` or `?` that is not escaped.
fn first_wildcard(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let wild = !escaped && matches!(c, '*' | '?');
        escaped = !escaped && c == '\\';
        wild.then_some(at)
    })
}

fn quoted<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    let inside = repeat::<_, _, (), _, _>(0.., alt((escaped, none_of(['"', '\\']).void()))).take();
    delimited('"', inside, '"').map(Token::Quoted).parse_next(input)
}

fn regexp<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    let inside = repeat::<_, _, (), _, _>(0.., alt((r"\/".void(), none_of('/').void()))).take();
    let ends_escaped = preceded('/', escaped_end).map(Token::Regexp);
    alt((delimited('/', inside, '/').map(Token::Regexp), ends_escaped)).parse_next(input)
}

/// Reads to the last slash of the text: if all slashes are escaped, Lucene's scanner ends a regular
/// expression there.
fn escaped_end<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    let text = peek(rest).parse_next(input)?;
    let inside = text.rfind('/').map_or("/", |slash| &text[..slash]);
    terminated(inside, '/').parse_next(input)
}

fn fuzzy<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    let rest_of_term = || repeat::<_, _, (), _, _>(0.., term_char);
    preceded('~', rest_of_term().take()).map(Token::Fuzzy).parse_next(input)
}

fn boost<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    let digits = || take_while(1.., '0'..='9');
    preceded('^', (digits(), opt(('.', digits()))).take()).map(Token::Boost).parse_next(input)
}

fn range<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    let open = one_of(['[', '{']).parse_next(input)?;
    let lower = preceded(blanks, range_bound).parse_next(input)?;
    (take_while(1.., WHITESPACE), "TO", take_while(1.., WHITESPACE)).parse_next(input)?;
    let upper = range_bound.parse_next(input)?;
    let close = preceded(blanks, one_of([']', '}'])).parse_next(input)?;
    let lower = if open == '[' { Bound::Included(lower) } else { Bound::Excluded(lower) };
    let upper = if close == ']' { Bound::Included(upper) } else { Bound::Excluded(upper) };
    Ok(Token::Range(lower, upper))
}

fn range_bound<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    let inside = repeat::<_, _, (), _, _>(1.., alt((escaped, none_of(['"', '\\']).void()))).take();
    let plain = take_while(1.., |c| !WHITESPACE.contains(&c) && c != ']' && c != '}');
    alt((delimited('"', inside, '"'), plain)).parse_next(input)
}

/// Explains to the user why no token begins at `start`.
fn lexical_error(text: &str, start: usize) -> SyntaxError {
    let (message, help) = match text[start..].chars().next() {
        Some('"') => ("a quoted phrase is not closed", "expected a second `\"`; write `\\\"` for the character itself"),
        Some('/') if text[..start].contains(r"\\/") => (
            "a regular expression is not closed; the one before it does not end at `\\\\/`, because `\\/` is a slash inside it",
            BACKSLASH_AT_END,
        ),
        Some('/') => (
            "a regular expression is not closed",
            "expected a second `/`; write `\\/` for the character itself, or quote the text",
        ),
        Some('\\') => (
            "a backslash at the end has nothing to escape",
            "expected a character after it; write `\\\\` for the character itself",
        ),
        Some('^') => ("a boost needs a number", "expected a number after `^`; write `\\^` for the character itself"),
        Some('[' | '{') => (
            "a range is not complete",
            "expected `[low TO high]`, with `{` or `}` where the bound itself is outside, `*` for an open end, and quotes around bounds with blanks",
        ),
        Some(']' | '}') => ("a range ends that was not opened", "write a backslash in front for the character itself"),
        _ => ("unexpected character", "write a backslash in front of special characters, or quote the text"),
    };
    SyntaxError::new(start, message, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_token_wins() {
        use Token::*;
        let cases: &[(&str, &[Token<'_>])] = &[
            ("a AND b", &[Term("a"), And, Term("b")]),
            ("ANDy a&&b && ||x", &[Term("ANDy"), Term("a&&b"), And, Term("||x")]),
            ("+a -b !c - d", &[Plus, Term("a"), Minus, Term("b"), Not, Term("c"), BareOperator("-"), Term("d")]),
            ("a-b+c a!b", &[Term("a-b+c"), Term("a"), Not, Term("b")]),
            ("* ** a* *a a\\* a?", &[Star, Wildcard("**"), Prefix("a"), Wildcard("*a"), Term("a\\*"), Wildcard("a?")]),
            ("f:\"a \\\" b\"~2^3.5", &[Term("f"), Colon, Quoted("a \\\" b"), Fuzzy("2"), Boost("3.5")]),
            ("/a\\/b c/", &[Regexp("a\\/b c")]),
            ("/a\\\\/", &[Regexp("a\\\\")]),
            ("/a\\\\/ x/ y", &[Regexp("a\\\\/ x"), Term("y")]),
            ("a\u{3000}ü", &[Term("a"), Term("ü")]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = tokens(text).unwrap().into_iter().map(|s| s.token).collect();
            assert_eq!(&found, expected, "{text}");
        }
    }

    #[test]
    fn ranges_keep_brackets_and_quotes() {
        let found = tokens("[\"a b\" TO *}").unwrap();
        assert_eq!(found[0].token, Token::Range(Bound::Included("a b"), Bound::Excluded("*")));
    }
}
