//! Doubts about query strings: what Lucene reads otherwise than its author probably meant.
//!
//! Most come from other languages: operators in lower case (KQL), `=` and `in` (SQL). To Lucene,
//! these are words to search for. Others are operators side by side (`mixed`). A doubt never
//! changes the meaning of a query.

use super::SyntaxError;
use super::lexer::{BACKSLASH_AT_END, Spanned, Token, tokens};
use super::mixed::{self, MAX_SHOWN};
use crate::query::ast::Operator;

const COMPARISONS: [&str; 9] = ["=", "==", "===", "!=", "<>", ">", "<", ">=", "<="];

/// Upper limit on the doubts about one query.
const MAX_DOUBTS: usize = 20;

/// Returns the first doubts about `text`, in its order; none if it cannot be parsed, which is an
/// error. `default` stands between clauses without an operator.
pub fn doubts(text: &str, default: Operator) -> Vec<SyntaxError> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let mut reader = Reader { text, tokens: &tokens, groups: Vec::new() };
    let mut found = Vec::new();
    let mut n_read = tokens.len();
    for idx in 0..tokens.len() {
        reader.follow_groups(idx);
        if let Some(comment) = reader.comment(idx) {
            // the words of a comment deserve no doubts of their own
            found.push(comment);
            n_read = idx;
            break;
        }
        let doubt = reader.operator(idx).or_else(|| reader.comparison(idx)).or_else(|| reader.open_comparison(idx));
        let doubt = doubt.or_else(|| reader.sign_before_value(idx));
        found.extend(doubt.or_else(|| reader.list_operator(idx)).or_else(|| reader.regexp(idx)));
    }
    found.extend(mixed::doubts(text, &tokens[..n_read], default));
    found.sort_by_key(|doubt| doubt.at);
    found.truncate(MAX_DOUBTS);
    found
}

/// Lucene's operator that `word` was probably meant to be.
fn operator_meant(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "and" | "&" => Some("AND"),
        "or" | "|" => Some("OR"),
        "not" => Some("NOT"),
        _ => None,
    }
}

/// Splits `word` into a field, which may be empty, a comparison and a bound, which may be empty.
fn split_comparison(word: &str) -> Option<(&str, &str, &str)> {
    let is_sign = |c: char| matches!(c, '=' | '<' | '>');
    let (name, rest) = word.split_at(word.find(is_sign)?);
    let (sign, bound) = rest.split_at(rest.find(|c| !is_sign(c)).unwrap_or(rest.len()));
    let is_name =
        name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@')) && !name.ends_with('-');
    (is_name && COMPARISONS.contains(&sign)).then_some((name, sign, bound))
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Spanned<'a>],
    /// Groups that are open; true if the group, or one around it, holds values of a field.
    groups: Vec<bool>,
}

impl<'a> Reader<'a> {
    fn follow_groups(&mut self, idx: usize) {
        match self.token(idx) {
            Some(Token::Open) => self.groups.push(self.is_value(idx)),
            Some(Token::Close) => drop(self.groups.pop()),
            _ => {}
        }
    }

    fn token(&self, idx: usize) -> Option<Token<'a>> {
        self.tokens.get(idx).map(|spanned| spanned.token)
    }

    fn before(&self, idx: usize) -> Option<Token<'a>> {
        self.token(idx.checked_sub(1)?)
    }

    /// The token at `idx` as it is written.
    fn written(&self, idx: usize) -> &'a str {
        let end = self.tokens.get(idx + 1).map_or(self.text.len(), |next| next.start);
        self.tokens.get(idx).map_or("", |spanned| &self.text[spanned.start..end]).trim_end()
    }

    /// True if a field is named for the token.
    fn is_value(&self, idx: usize) -> bool {
        self.before(idx) == Some(Token::Colon) || self.groups.last() == Some(&true)
    }

    /// The term at `idx`, wildcards included, unless it is the name of a field.
    fn term(&self, idx: usize) -> Option<&'a str> {
        let is_term = matches!(self.token(idx)?, Token::Term(_) | Token::Prefix(_) | Token::Wildcard(_));
        (is_term && self.token(idx + 1) != Some(Token::Colon)).then(|| self.written(idx))
    }

    /// The word at `idx` if no field is named for it: it may have been meant as a field.
    fn possible_field(&self, idx: usize) -> Option<&'a str> {
        match self.token(idx)? {
            Token::Term(word) if !self.is_value(idx) && operator_meant(word).is_none() => Some(word),
            _ => None,
        }
    }

    fn follows_clause(&self, idx: usize) -> bool {
        let ends_none = [Token::And, Token::Or, Token::Not, Token::Plus, Token::Minus, Token::Open, Token::Colon];
        self.before(idx).is_some_and(|token| !ends_none.contains(&token))
    }

    fn begins_clause(&self, idx: usize) -> bool {
        let is_suffix = |token| matches!(token, Token::Fuzzy(_) | Token::Boost(_));
        let begins_none = [Token::And, Token::Or, Token::Close, Token::Colon];
        self.token(idx).is_some_and(|token| !begins_none.contains(&token) && !is_suffix(token))
    }

    /// True if a clause begins at `idx` that cannot be one more word of a text.
    fn begins_fielded_clause(&self, idx: usize) -> bool {
        let is_name = matches!(self.token(idx), Some(Token::Term(_) | Token::Star));
        self.token(idx) == Some(Token::Open) || (is_name && self.token(idx + 1) == Some(Token::Colon))
    }

    fn follows_operator(&self, idx: usize) -> bool {
        match self.before(idx) {
            Some(Token::And | Token::Or) => true,
            Some(Token::Term(word)) => operator_meant(word).is_some() && self.before(idx - 1) != Some(Token::Colon),
            _ => false,
        }
    }

    fn doubt(&self, idx: usize, message: String, help: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.tokens[idx].start, message, help)
    }

    /// A comment behind the query.
    fn comment(&self, idx: usize) -> Option<SyntaxError> {
        let sign = self.term(idx)?.get(..1).filter(|sign| ["#", ";"].contains(sign))?;
        let is_comment = self.follows_clause(idx) && !self.is_value(idx);
        let message = format!("a comment cannot follow a value: `{sign}` begins words to search for");
        let help = "move the comment to a line of its own; put the text in quotes if it is meant";
        is_comment.then(|| self.doubt(idx, message, help))
    }

    /// An operator in lower case, between clauses.
    fn operator(&self, idx: usize) -> Option<SyntaxError> {
        let Some(Token::Term(word)) = self.token(idx) else { return None };
        let operator = operator_meant(word)?;
        let is_operator = match operator {
            _ if self.before(idx) == Some(Token::Colon) => false,
            "NOT" => {
                let is_next = self.follows_operator(idx) && self.begins_clause(idx + 1);
                is_next || self.begins_fielded_clause(idx + 1)
            }
            _ => self.follows_clause(idx) && self.begins_clause(idx + 1),
        };
        let message = format!("`{word}` is a word to search for, not an operator");
        let help = format!("write {operator} for the operator; put the text in quotes if the word is meant");
        is_operator.then(|| self.doubt(idx, message, help))
    }

    /// `=` and the like between a name and a value: `a = 1`, `a=1`, `a >=1`, `a != 1`.
    fn comparison(&self, idx: usize) -> Option<SyntaxError> {
        let (own_name, sign, own_bound) = split_comparison(self.term(idx)?).filter(|_| !self.is_value(idx))?;
        let is_negated = own_name.is_empty() && sign.starts_with('=') && self.before(idx) == Some(Token::Not);
        let name = match own_name {
            "" => self.possible_field(idx.checked_sub(if is_negated { 2 } else { 1 })?)?,
            own => own,
        };
        let bound = match own_bound {
            "" if self.begins_clause(idx + 1) => self.written(idx + 1),
            "" => return None,
            own => own,
        };
        let sign = if is_negated { "!=" } else { sign };
        let meant = match sign {
            "=" | "==" | "===" => format!("{name}:{bound}"),
            "!=" | "<>" => format!("NOT {name}:{bound}"),
            open => format!("{name}:{open}{bound}"),
        };
        let message = format!("`{sign}` is part of words to search for, not a comparison");
        Some(self.doubt(idx, message, advice(&meant)))
    }

    /// Signs of equality before a value: `a:=5`, `a:==5`, `a:=>5`.
    fn sign_before_value(&self, idx: usize) -> Option<SyntaxError> {
        let term = self.term(idx).filter(|_| self.before(idx) == Some(Token::Colon))?;
        let field = self.written(idx.checked_sub(2)?);
        let (sign, value) = term.split_at(term.find(|c| !matches!(c, '=' | '<' | '>')).unwrap_or(term.len()));
        let meant = match sign {
            "=" | "==" | "===" => "",
            "=>" => ">=",
            "=<" => "<=",
            _ => return None,
        };
        let message = format!("`{sign}` is part of the text to search for, not a comparison");
        (!value.is_empty()).then(|| self.doubt(idx, message, advice(&format!("{field}:{meant}{value}"))))
    }

    /// A comparison with a field but without its bound: `a:>= 5`.
    fn open_comparison(&self, idx: usize) -> Option<SyntaxError> {
        let sign = self.term(idx).filter(|term| [">", "<", ">=", "<="].contains(term) && self.is_value(idx))?;
        let meaning = match sign {
            ">=" => "finds what is after the text `=`",
            "<=" => "finds what is before the text `=`",
            _ => "is a text to search for",
        };
        let field = if self.before(idx) == Some(Token::Colon) { idx.checked_sub(2) } else { None };
        let (field, bound) = (field.map_or("field", |idx| self.written(idx)), self.written(idx + 1));
        let has_bound = self.begins_clause(idx + 1) && !self.begins_fielded_clause(idx + 1);
        let bound = if has_bound { bound } else { "5" };
        let message = format!("`{sign}` {meaning}: no bound stands directly behind it");
        // a bound in quotes cannot stand behind a sign, and a range has its own bounds
        let meant = match (bound.as_bytes()[0], sign) {
            (b'"', ">") => format!("{{{bound} TO *}}"),
            (b'"', ">=") => format!("[{bound} TO *]"),
            (b'"', "<") => format!("{{* TO {bound}}}"),
            (b'"', _) => format!("[* TO {bound}]"),
            (b'[' | b'{', _) => "[1 TO 5]".to_owned(),
            _ => format!("{sign}{bound}"),
        };
        Some(self.doubt(idx, message, advice(&format!("{field}:{meant}"))))
    }

    /// SQL's `in` and `like` behind a name.
    fn list_operator(&self, idx: usize) -> Option<SyntaxError> {
        let word = self.term(idx).filter(|_| !self.is_value(idx))?;
        let meant = match (word.to_ascii_lowercase().as_str(), self.token(idx + 1)?) {
            ("in", Token::Open) => ":(1 OR 2)",
            ("like" | "ilike" | "contains", Token::Quoted(_) | Token::Wildcard(_) | Token::Prefix(_)) => ":*text*",
            _ => return None,
        };
        let name = self.possible_field(idx.checked_sub(1)?)?;
        let message = format!("`{word}` is a word to search for, not an operator");
        Some(self.doubt(idx, message, advice(&format!("{name}{meant}"))))
    }

    /// A regular expression with an escaped backslash before a slash.
    fn regexp(&self, idx: usize) -> Option<SyntaxError> {
        let Some(Token::Regexp(pattern)) = self.token(idx) else { return None };
        let message = if ends_in_escaped_backslash(pattern) {
            "only because no other `/` follows, `\\\\/` ends the regular expression"
        } else if pattern.match_indices('/').any(|(slash, _)| ends_in_escaped_backslash(&pattern[..slash])) {
            "because another `/` follows, `\\\\/` does not end the regular expression"
        } else {
            return None;
        };
        Some(self.doubt(idx, message.to_owned(), BACKSLASH_AT_END))
    }
}

fn ends_in_escaped_backslash(pattern: &str) -> bool {
    let n_backslashes = pattern.len() - pattern.trim_end_matches('\\').len();
    n_backslashes > 0 && n_backslashes.is_multiple_of(2)
}

fn advice(meant: &str) -> String {
    let meant = if meant.chars().count() <= MAX_SHOWN { meant } else { "field:value" };
    format!("write `{meant}`; put the text in quotes if it is meant as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(query: &str) -> Vec<SyntaxError> {
        super::doubts(query, Operator::Or)
    }

    /// Texts at which the doubts about `query` begin.
    fn places(query: &str) -> Vec<&str> {
        let word = |doubt: SyntaxError| query[doubt.at..].split([' ', '/']).find(|word| !word.is_empty()).unwrap_or("");
        doubts(query).into_iter().map(word).collect()
    }

    #[test]
    fn words_that_were_meant_as_operators_are_doubted() {
        for (query, expected) in [
            ("EventID:4688 and Image:*cmd*", vec!["and"]),
            ("EventID:4688 or EventID:1", vec!["or"]),
            ("a:1 And b:2 oR c:3", vec!["And", "oR"]),
            ("a:1 & b:2 | c:3", vec!["&", "|"]),
            ("port:(80 or 443)", vec!["or"]),
            ("a:1 and not b:2", vec!["and", "not"]),
            ("not a:1", vec!["not"]),
            ("a:1 AND not (b:2)", vec!["not"]),
            ("\"x y\" and (a)", vec!["and"]),
            ("a:x* and /re/", vec!["and"]),
            ("a and and b", vec!["and", "and"]),
            ("EventID = 4688", vec!["="]),
            ("EventID == 4688 AND a:b", vec!["=="]),
            ("EventID=4688", vec!["EventID=4688"]),
            ("Image=*cmd*", vec!["Image=*cmd*"]),
            ("Image=\"C:\\\\x\"", vec!["Image=\"C:\\\\x\""]),
            ("bytes >= 5", vec![">="]),
            ("bytes >=5", vec![">=5"]),
            ("bytes>5 AND a:b", vec!["bytes>5"]),
            ("a != 5", vec!["="]),
            ("a!=5", vec!["=5"]),
            ("a <> 5", vec!["<>"]),
            ("bytes:>= 5", vec![">="]),
            ("bytes:>=", vec![">="]),
            ("bytes:< AND a:b", vec!["<"]),
            ("EventID in (1 OR 2)", vec!["in"]),
            ("name LIKE \"%x%\"", vec!["LIKE"]),
            ("a:1 # and more", vec!["#"]),
            ("a:1 ;note", vec![";note"]),
        ] {
            assert_eq!(places(query), expected, "{query}");
        }
    }

    #[test]
    fn values_and_quoted_texts_are_not_doubted() {
        for query in [
            "user:and",
            "user:and AND a:b",
            "user:(and)",
            "user:(or OR and)",
            "\"this and that = 1\"",
            "title:\"war and peace\"",
            "a\\ and\\ b:1",
            "\\and",
            "a \\and b",
            "and:1 OR not:2",
            "x AND or:1",
            "and",
            "not found",
            "message:(do not disturb)",
            "url:(a=1 OR b=2)",
            "url:a=1",
            "url:*d=x*",
            "a:>=5 AND b:<6 AND c:>-1",
            "a:(>5 AND <10)",
            ">5",
            "a\\=b",
            "x->y",
            "a:#1 AND b:(#2 ;3)",
            "in:(a OR b)",
            "a:in (b)",
            "path:/a\\/b/ AND f:/[\\\\]/",
            "NOT a:1 AND !b:2 && c:3 +e -f",
            "c:3 || d:4 +e -f",
            "a:b^2 \"c d\"~3 e~1",
            "*",
            "",
            "(",
        ] {
            assert_eq!(doubts(query), [], "{query}");
        }
    }

    #[test]
    fn advice_repeats_the_names_of_the_query() {
        for (query, expected) in [
            ("EventID = 4688", "EventID:4688"),
            ("bytes >= 5", "bytes:>=5"),
            ("bytes:>= 5", "bytes:>=5"),
            ("ts:>\"2024-05-01 10:00\"", "ts:{\"2024-05-01 10:00\" TO *}"),
            ("ts:<= \"x\"", "ts:[* TO \"x\"]"),
            ("a:>[1 TO 2]", "a:[1 TO 5]"),
            ("EventID:=5", "EventID:5"),
            ("bytes:=>5", "bytes:>=5"),
            ("a != \"x y\"", "NOT a:\"x y\""),
            ("EventID in (1 OR 2)", "EventID:(1 OR 2)"),
            ("a and b", "AND"),
        ] {
            assert!(
                doubts(query)[0].help.starts_with(&format!("write {expected}"))
                    || doubts(query)[0].help.contains(&format!("`{expected}`")),
                "{query}"
            );
        }
    }

    #[test]
    fn backslashes_before_the_closing_slash_are_doubted() {
        let messages = |query| doubts(query).into_iter().map(|doubt| doubt.message).collect::<Vec<_>>();
        assert!(messages("f:/C:\\\\Windows\\\\/")[0].contains("only because no other `/` follows"));
        assert!(messages("f:/a\\\\/ AND g:/b")[0].contains("does not end the regular expression"));
        assert_eq!(messages("f:/a\\/b/ AND g:/c\\\\d/"), Vec::<String>::new());
    }
}
