//! Texts of tokens: removes escapes, and describes tokens in messages.

use std::ops::Bound;

use super::SyntaxError;
use super::lexer::Token;

/// Reads one end of a range; `*` is an open end.
pub(super) fn range_end(bound: Bound<&str>, at: usize) -> Result<Bound<String>, SyntaxError> {
    Ok(match bound.map(|text| unescape(text, at)) {
        Bound::Included(Ok(text)) | Bound::Excluded(Ok(text)) if text == "*" => Bound::Unbounded,
        Bound::Included(text) => Bound::Included(text?),
        Bound::Excluded(text) => Bound::Excluded(text?),
        Bound::Unbounded => Bound::Unbounded,
    })
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
            let help = "expected four hexadecimal digits after `\\u`; write `\\\\u` for a backslash and a u";
            units.push(unit.ok_or_else(|| SyntaxError::new(at + idx, "an incomplete unicode escape", help))?);
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
        Token::Range(..) => "range".to_owned(),
        Token::Quoted(text) => format!("phrase \"{}\"", text.escape_debug()),
        Token::Regexp(text) => format!("regular expression /{}/", text.escape_debug()),
        Token::Prefix(text) => format!("term `{}*`", text.escape_debug()),
        Token::Term(text) | Token::BareOperator(text) | Token::Wildcard(text) => {
            format!("term `{}`", text.escape_debug())
        }
    }
}
