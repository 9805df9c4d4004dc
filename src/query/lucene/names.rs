//! Fields with several names: a clause on one of them becomes a clause on any of them.

use std::ops::Range;

use super::grammar::{EXISTS, MAX_DEPTH, too_deep};
use super::lexer::{self, NOT_IN_TERMS, Spanned, Token};
use super::text::unescape;
use crate::query::SyntaxError;

/// Upper limit on a rewritten group. A group is repeated for each name of its field, so groups
/// inside of groups multiply.
const MAX_BYTES: usize = 1 << 20;

/// Returns `text` with every clause on a field that has other names replaced by a clause on any of
/// its names: `a:x` becomes `(a:x OR b:x)`. All else stays as written, and so does a text that
/// cannot be split into tokens.
///
/// # Errors
/// Fails if an escape is wrong, or if the groups of fields inside of each other are too many or
/// become too long.
pub fn with_other_names(text: &str, others: &dyn Fn(&str) -> Vec<String>) -> Result<String, SyntaxError> {
    let Ok(tokens) = lexer::tokens(text) else { return Ok(text.to_owned()) };
    Clauses { text, tokens: &tokens, others }.rewritten(0..tokens.len(), 0..text.len(), 0)
}

struct Clauses<'a> {
    text: &'a str,
    tokens: &'a [Spanned<'a>],
    others: &'a dyn Fn(&str) -> Vec<String>,
}

impl Clauses<'_> {
    /// Rewrites tokens, which lie in the range `bytes` of the text and in `depth` groups of fields.
    fn rewritten(&self, tokens: Range<usize>, bytes: Range<usize>, depth: usize) -> Result<String, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(too_deep(bytes.start));
        }
        let mut rewritten = String::new();
        let (mut copied, mut next) = (bytes.start, tokens.start);
        while next < tokens.end {
            let [Spanned { token: Token::Term(name), start, .. }, Spanned { token: Token::Colon, .. }] =
                self.tokens[next..tokens.end.min(next + 2)]
            else {
                next += 1;
                continue;
            };
            let value = next + 2..self.end_of_clause(next + 2).min(tokens.end);
            let Some(last) = self.tokens[value.clone()].last() else { break };
            rewritten.push_str(&self.text[copied..start]);
            (copied, next) = (last.end, value.end);
            rewritten.push_str(&self.clause(name, start, value, copied, depth)?);
        }
        rewritten.push_str(&self.text[copied..bytes.end]);
        Ok(rewritten)
    }

    /// Rewrites the clause on the field that is written `written`, from the byte `start` to `end`.
    fn clause(
        &self,
        written: &str,
        start: usize,
        value: Range<usize>,
        end: usize,
        depth: usize,
    ) -> Result<String, SyntaxError> {
        let name = unescape(written, start)?;
        let first = self.tokens[value.start];
        let text = self.rewritten(value, first.start..end, depth + 1)?;
        let mut clause = format!("{written}:{text}");
        let others: Vec<String> = match first.token {
            Token::Term(field) | Token::Quoted(field) if name == EXISTS => {
                let others = (self.others)(&unescape(field, first.start)?);
                others.iter().map(|other| format!(" OR {EXISTS}:{}", escaped(other))).collect()
            }
            _ => (self.others)(&name).iter().map(|other| format!(" OR {}:{text}", escaped(other))).collect(),
        };
        if others.is_empty() {
            return Ok(clause);
        }
        if clause.len() + others.iter().map(String::len).sum::<usize>() > MAX_BYTES {
            let message = format!("with all names of their fields, groups grow to more than {MAX_BYTES} bytes");
            let help = "name the field once, outside of the groups, or fewer other names in [field_aliases]";
            return Err(SyntaxError::new(start, message, help));
        }
        clause.extend(others);
        Ok(format!("({clause})"))
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
        let nested = |field: &str, n: usize| format!("{}1{}", format!("{field}:(").repeat(n), ")".repeat(n));
        assert_eq!(with_other_names(&nested("w", 128), &others).unwrap(), nested("w", 128));
        for (nested, expected) in [
            (nested("w", 100_000), "more than 128 groups inside each other"),
            (nested("x.y", 100_000), "more than 128 groups inside each other"),
            (nested("x.y", 40), "with all names of their fields, groups grow to more than 1048576 bytes"),
            ("a\\u12:1".to_owned(), "an incomplete unicode escape"),
        ] {
            assert_eq!(with_other_names(&nested, &others).unwrap_err().message, expected);
        }
        assert_eq!(with_other_names("a:[", &others).unwrap(), "a:[");
        for wrong in ["a:", "(a:1", "a:1)", "a:(1"] {
            let rewritten = with_other_names(wrong, &others).unwrap();
            assert!(parse(&rewritten, &Defaults::default()).is_err(), "{rewritten}");
        }
    }
}
