//! Fields with several names: a clause on one of them becomes a clause on any of them.

use std::ops::Range;

use super::lexer::{self, NOT_IN_TERMS, Spanned, Token};
use super::text::unescape;
use crate::query::SyntaxError;

/// Field whose values are the names of the fields that a document has.
const EXISTS: &str = "_exists_";

/// Returns `text` with every clause on a field that has other names replaced by a clause on any of
/// its names: `a:x` becomes `(a:x OR b:x)`. All else stays as written.
///
/// # Errors
/// Fails if `text` cannot be split into tokens.
pub fn with_other_names(text: &str, others: &dyn Fn(&str) -> Vec<String>) -> Result<String, SyntaxError> {
    let tokens = lexer::tokens(text)?;
    Clauses { text, tokens: &tokens, others }.rewritten(0..tokens.len(), 0..text.len())
}

struct Clauses<'a> {
    text: &'a str,
    tokens: &'a [Spanned<'a>],
    others: &'a dyn Fn(&str) -> Vec<String>,
}

impl Clauses<'_> {
    /// Rewrites the tokens that lie in the range `bytes` of the text.
    fn rewritten(&self, tokens: Range<usize>, bytes: Range<usize>) -> Result<String, SyntaxError> {
        let mut rewritten = String::new();
        let (mut copied, mut next) = (bytes.start, tokens.start);
        while next < tokens.end {
            let [Spanned { token: Token::Term(name), start, .. }, Spanned { token: Token::Colon, .. }] =
                self.tokens[next..tokens.end.min(next + 2)]
            else {
                next += 1;
                continue;
            };
            let end = self.end_of_clause(next + 2).min(tokens.end);
            let Some(last) = self.tokens[next + 2..end].last() else { break };
            rewritten.push_str(&self.text[copied..start]);
            let value = self.tokens[next + 2].start..last.end;
            rewritten.push_str(&self.clause(&unescape(name, start)?, name, next + 2..end, value)?);
            copied = last.end;
            next = end;
        }
        rewritten.push_str(&self.text[copied..bytes.end]);
        Ok(rewritten)
    }

    /// Rewrites the clause on the field `name`, which is written `written`.
    fn clause(
        &self,
        name: &str,
        written: &str,
        tokens: Range<usize>,
        bytes: Range<usize>,
    ) -> Result<String, SyntaxError> {
        let asked_for = match self.tokens[tokens.start] {
            Spanned { token: Token::Term(field), start, .. } if name == EXISTS => Some(unescape(field, start)?),
            Spanned { token: Token::Quoted(field), start, .. } if name == EXISTS => Some(unescape(field, start + 1)?),
            _ => None,
        };
        let value = self.rewritten(tokens, bytes)?;
        let own = format!("{written}:{value}");
        let others: Vec<String> = match &asked_for {
            Some(field) => (self.others)(field).iter().map(|other| format!("{EXISTS}:{}", escaped(other))).collect(),
            None => (self.others)(name).iter().map(|other| format!("{}:{value}", escaped(other))).collect(),
        };
        if others.is_empty() {
            return Ok(own);
        }
        Ok(format!("({own} OR {})", others.join(" OR ")))
    }

    /// Index one past the tokens of a value that begins at `first`, with what is attached to it.
    fn end_of_clause(&self, first: usize) -> usize {
        let mut end = first;
        let mut depth = 0_usize;
        loop {
            match self.tokens.get(end).map(|spanned| spanned.token) {
                None => return end,
                Some(Token::Open) => depth += 1,
                Some(Token::Close) => depth = depth.saturating_sub(1),
                Some(_) => {}
            }
            end += 1;
            if depth == 0 {
                break;
            }
        }
        let is_attached = |spanned: &&Spanned<'_>| matches!(spanned.token, Token::Boost(_) | Token::Fuzzy(_));
        end + self.tokens[end..].iter().take_while(is_attached).count()
    }
}

/// Returns a name of a field as it is written in a query.
fn escaped(name: &str) -> String {
    let is_special = |c: char| NOT_IN_TERMS.contains(&c) || matches!(c, '&' | '|' | '<' | '>' | '=');
    name.chars().flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::lucene::{Defaults, parse};

    fn others(name: &str) -> Vec<String> {
        let others: &[&str] = match name {
            "a" => &["b", "c d:e"],
            "x.y" => &["z"],
            _ => &[],
        };
        others.iter().map(|other| (*other).to_owned()).collect()
    }

    #[test]
    fn clauses_ask_for_every_name() {
        for (text, expected) in [
            ("", ""),
            ("*", "*"),
            ("w:1 AND v", "w:1 AND v"),
            ("a:1", r"(a:1 OR b:1 OR c\ d\:e:1)"),
            ("NOT x.y:(1 OR \"2 3\")^2  AND w:a", "NOT (x.y:(1 OR \"2 3\")^2 OR z:(1 OR \"2 3\")^2)  AND w:a"),
            ("+x.y:/a b/ -x.y:[1 TO 2}", "+(x.y:/a b/ OR z:/a b/) -(x.y:[1 TO 2} OR z:[1 TO 2})"),
            ("w:(1 x.y:2)", "w:(1 (x.y:2 OR z:2))"),
            ("x.y:(1 w:2 x.y:3)", "(x.y:(1 w:2 (x.y:3 OR z:3)) OR z:(1 w:2 (x.y:3 OR z:3)))"),
            ("x.y:roam~1^2 x.y:a\\  x.y:>=5", "(x.y:roam~1^2 OR z:roam~1^2) (x.y:a\\  OR z:a\\ ) (x.y:>=5 OR z:>=5)"),
            ("_exists_:x.y", "(_exists_:x.y OR _exists_:z)"),
            ("NOT _exists_:\"a\"", r#"NOT (_exists_:"a" OR _exists_:b OR _exists_:c\ d\:e)"#),
            ("x\\.y:C\\:\\\\*", "(x\\.y:C\\:\\\\* OR z:C\\:\\\\*)"),
            ("a", "a"),
            ("x.y : 1", "(x.y:1 OR z:1)"),
        ] {
            let rewritten = with_other_names(text, &others).unwrap();
            assert_eq!(rewritten, expected, "{text}");
            assert_eq!(with_other_names(text, &|_| Vec::new()).unwrap().replace(' ', ""), text.replace(' ', ""));
            assert!(parse(&rewritten, &Defaults::default()).is_ok(), "{rewritten}");
        }
        for wrong in ["a:", "(a:1", "a:1)", "a:(1"] {
            let rewritten = with_other_names(wrong, &others).unwrap();
            assert!(parse(&rewritten, &Defaults::default()).is_err(), "{rewritten}");
        }
    }
}
