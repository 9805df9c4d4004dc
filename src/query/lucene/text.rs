//! Texts of tokens: removes escapes, and describes tokens in messages.

use super::SyntaxError;
use super::lexer::{RangeBound, RangeToken, Token};
use crate::query::ast::Bound;

/// Reads both ends of a range; `*` is an open end.
pub(super) fn bounds(range: &RangeToken<'_>, at: usize) -> Result<(Bound, Bound), SyntaxError> {
    let bound = |bound: RangeBound<'_>, inclusive: bool| -> Result<Bound, SyntaxError> {
        let text = unescape(bound.text, at)?;
        Ok(match (text.as_str(), inclusive) {
            ("*", _) => Bound::Open,
            (_, true) => Bound::Inclusive(text),
            (_, false) => Bound::Exclusive(text),
        })
    };
    Ok((bound(range.lower, range.lower_inclusive)?, bound(range.upper, range.upper_inclusive)?))
}

/// Removes the backslashes; `\u0041` is the character with that code.
pub(super) fn unescape(text: &str, at: usize) -> Result<String, SyntaxError> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut plain = String::with_capacity(text.len());
    let mut units = Vec::new();
    let mut chars = text.char_indices();
    while let Some((idx, c)) = chars.next() {
        let (c, escaped) = if c == '\\' { (chars.next().map_or('\\', |(_, c)| c), true) } else { (c, false) };
        if escaped && c == 'u' {
            let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
            let unit = Some(&hex).filter(|hex| hex.len() == 4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
            units.push(unit.ok_or_else(|| SyntaxError {
                at: at + idx,
                message: "an incomplete unicode escape".to_owned(),
                help: "expected four hexadecimal digits after `\\u`; write `\\\\u` for a backslash and a u".to_owned(),
            })?);
            continue;
        }
        plain.push_str(&String::from_utf16_lossy(&units));
        units.clear();
        plain.push(c);
    }
    plain.push_str(&String::from_utf16_lossy(&units));
    Ok(plain)
}

pub(super) fn describe(token: &Token<'_>) -> String {
    match token {
        Token::And => "operator AND".to_owned(),
        Token::Or => "operator OR".to_owned(),
        Token::Not => "operator NOT".to_owned(),
        Token::Plus => "`+`".to_owned(),
        Token::Minus => "`-`".to_owned(),
        Token::Open => "`(`".to_owned(),
        Token::Close => "`)`".to_owned(),
        Token::Colon => "`:`".to_owned(),
        Token::Star => "`*`".to_owned(),
        Token::Boost(_) => "boost `^`".to_owned(),
        Token::Fuzzy(_) => "`~`".to_owned(),
        Token::Range(_) => "range".to_owned(),
        Token::Quoted(text) => format!("phrase \"{}\"", text.escape_debug()),
        Token::Regexp(text) => format!("regular expression /{}/", text.escape_debug()),
        Token::Prefix(text) => format!("term `{}*`", text.escape_debug()),
        Token::Term(text) | Token::BareOperator(text) | Token::Wildcard(text) => {
            format!("term `{}`", text.escape_debug())
        }
    }
}
