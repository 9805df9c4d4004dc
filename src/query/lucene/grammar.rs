//! Parses tokens into an AST: the productions of Lucene's classic grammar, one method each.

use std::ops::Bound;

use super::lexer::{Spanned, Token};
use super::text::{describe, range_end, unescape};
use super::{Defaults, SyntaxError};
use crate::query::ast::{BoolQuery, Edits, FieldRef, Operator, Query, Test, ZeroTerms};
use crate::query::regexp::{Flags, LuceneRegexp};

/// Upper limit on nested groups: anybody may have written the query, and each group uses stack.
pub(super) const MAX_DEPTH: usize = 128;
/// Upper limit on the length of a regular expression; the same as in Elasticsearch.
const MAX_REGEXP_CHARS: usize = 1000;

/// Field whose values are the names of the fields that an event has.
pub(super) const EXISTS: &str = "_exists_";

const EXPECTED_CLAUSE: &str = "expected a term, a \"phrase\", a /regular expression/, a [range TO range], `field:` or `(`; \
    write a backslash in front of a special character, or quote the text";

pub(super) struct Grammar<'a> {
    tokens: &'a [Spanned<'a>],
    next: usize,
    end: usize,
    depth: usize,
    defaults: &'a Defaults,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Occur {
    Must,
    Should,
    MustNot,
}

impl<'a> Grammar<'a> {
    pub(super) fn new(tokens: &'a [Spanned<'a>], end: usize, defaults: &'a Defaults) -> Self {
        Grammar { tokens, next: 0, end, depth: 0, defaults }
    }

    /// Parses a query that must extend to the end of the text.
    pub(super) fn query_to_end(mut self) -> Result<Query, SyntaxError> {
        let query = self.query(None)?;
        match self.peek(0) {
            None => Ok(query),
            Some(Token::Close) => {
                Err(self.error("a `)` without its `(`", "write `\\)` for the character itself, or quote the text"))
            }
            Some(_) => Err(self.unexpected()),
        }
    }

    fn query(&mut self, field: Option<&FieldRef>) -> Result<Query, SyntaxError> {
        let mut clauses = Vec::new();
        loop {
            if let Some(text) = self.neighbouring_terms()? {
                let query = self.text(field, text);
                self.add(&mut clauses, None, None, query);
            } else {
                let conjunction = if clauses.is_empty() { None } else { self.conjunction() };
                let modifier = self.modifier();
                let query = self.clause(field)?;
                self.add(&mut clauses, conjunction, modifier, query);
            }
            if matches!(self.peek(0), None | Some(Token::Close)) {
                return Ok(combine(clauses));
            }
        }
    }

    /// Adds a clause by Lucene's rule: an operator also changes the clause before it.
    fn add(
        &self,
        clauses: &mut Vec<(Occur, Query)>,
        conjunction: Option<Operator>,
        modifier: Option<Occur>,
        query: Query,
    ) {
        let default = self.defaults.operator;
        if let Some((occur, _)) = clauses.last_mut().filter(|(occur, _)| *occur != Occur::MustNot) {
            match (conjunction, default) {
                (Some(Operator::And), _) => *occur = Occur::Must,
                (Some(Operator::Or), Operator::And) => *occur = Occur::Should,
                (Some(Operator::Or), Operator::Or) | (None, _) => {}
            }
        }
        let occur = match (modifier, conjunction.unwrap_or(default)) {
            (Some(Occur::MustNot), _) => Occur::MustNot,
            (_, Operator::And) => Occur::Must,
            // with AND as the default, OR makes even `+b` optional
            (Some(occur), Operator::Or) if default == Operator::Or => occur,
            (_, Operator::Or) => Occur::Should,
        };
        clauses.push((occur, query));
    }

    /// Takes the operator between a clause and the one before it.
    fn conjunction(&mut self) -> Option<Operator> {
        let conjunction = match self.peek(0)? {
            Token::And => Operator::And,
            Token::Or => Operator::Or,
            _ => return None,
        };
        self.next += 1;
        Some(conjunction)
    }

    /// Takes the sign of a clause.
    fn modifier(&mut self) -> Option<Occur> {
        let modifier = match self.peek(0)? {
            Token::Plus => Occur::Must,
            Token::Minus | Token::Not => Occur::MustNot,
            _ => return None,
        };
        self.next += 1;
        Some(modifier)
    }

    /// Joins adjacent terms into one text, except terms that an operator, colon or suffix claims.
    fn neighbouring_terms(&mut self) -> Result<Option<String>, SyntaxError> {
        let mut text = None;
        while let Some(Token::Term(first)) = self.peek(0) {
            let joins_next = matches!(self.peek(1), Some(Token::Term(_))) && !self.is_claimed(2);
            if text.is_none() && !joins_next {
                return Ok(None);
            }
            if text.is_some() && self.is_claimed(1) {
                break;
            }
            let term = unescape(first, self.position())?;
            text = Some(match text {
                None => term,
                Some(before) => format!("{before} {term}"),
            });
            self.next += 1;
        }
        Ok(text)
    }

    /// Returns true if the token `ahead` claims the term before it.
    fn is_claimed(&self, ahead: usize) -> bool {
        matches!(
            self.peek(ahead),
            Some(Token::Colon | Token::Star | Token::Fuzzy(_) | Token::Boost(_) | Token::And | Token::Or)
        )
    }

    fn clause(&mut self, field: Option<&FieldRef>) -> Result<Query, SyntaxError> {
        let named = match (self.peek(0), self.peek(1)) {
            (Some(Token::Term(name)), Some(Token::Colon)) => Some(FieldRef::new(&unescape(name, self.position())?)),
            (Some(Token::Star), Some(Token::Colon)) => Some(FieldRef::Any),
            _ => None,
        };
        if named.is_some() {
            self.next += 2;
        }
        let field = named.as_ref().or(field);
        if self.peek(0) != Some(Token::Open) {
            return self.term(field);
        }
        let opened_at = self.position();
        if self.depth == MAX_DEPTH {
            return Err(too_deep(opened_at));
        }
        self.next += 1;
        self.depth += 1;
        let query = self.query(field)?;
        self.depth -= 1;
        if self.peek(0) != Some(Token::Close) {
            let help = "expected `)`; write `\\(` for the character itself, or quote the text";
            return Err(SyntaxError::new(opened_at, "a `(` is not closed", help));
        }
        self.next += 1;
        self.skip_boost();
        Ok(query)
    }

    fn term(&mut self, field: Option<&FieldRef>) -> Result<Query, SyntaxError> {
        let at = self.position();
        let Some(token) = self.peek(0) else { return Err(self.unexpected()) };
        match token {
            Token::Term(text) | Token::BareOperator(text) => match self.take_term() {
                Some((edits, edits_at)) => self.fuzzy(field, unescape(text, at)?, edits, edits_at),
                None => Ok(self.text(field, unescape(text, at)?)),
            },
            Token::Star => {
                self.take_term();
                Ok(self.any_value(field))
            }
            Token::Prefix(text) => {
                self.take_term();
                let text = unescape(text, at)?;
                Ok(self.leaf(field, Test::Prefix { text, case_insensitive: false, normalize: true }))
            }
            Token::Wildcard(pattern) => {
                self.take_term();
                let pattern = pattern.to_owned();
                Ok(self.leaf(field, Test::Wildcard { pattern, case_insensitive: false, normalize: true }))
            }
            Token::Regexp(pattern) => {
                self.take_term();
                self.regexp(field, pattern, at)
            }
            Token::Quoted(text) => {
                let slop = self.take_term().and_then(|(slop, _)| slop.parse::<f32>().ok()).unwrap_or(0.0);
                let text = unescape(text, at + 1)?;
                if is_exists(field) {
                    return Ok(self.exists(&text));
                }
                // a float keeps Lucene's reading of `~1.5`; the cast truncates and saturates
                Ok(self.leaf(field, Test::Phrase { text, slop: slop as u32, zero_terms: ZeroTerms::Drop }))
            }
            Token::Range(lower, upper) => {
                self.next += 1;
                self.skip_boost();
                Ok(self.leaf(field, self.range(range_end(lower, at)?, range_end(upper, at)?)))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn regexp(&self, field: Option<&FieldRef>, pattern: &str, at: usize) -> Result<Query, SyntaxError> {
        if pattern.chars().count() > MAX_REGEXP_CHARS {
            let message = format!("a regular expression of more than {MAX_REGEXP_CHARS} characters");
            return Err(SyntaxError::new(at, message, "shorten it; the limit is that of Elasticsearch"));
        }
        LuceneRegexp::new(pattern, false, Flags::ALL)
            .map_err(|error| SyntaxError { at: at + 1 + error.at, ..error })?;
        Ok(self.leaf(field, Test::Regexp { pattern: pattern.to_owned(), case_insensitive: false, flags: Flags::ALL }))
    }

    fn fuzzy(&self, field: Option<&FieldRef>, text: String, edits: &str, at: usize) -> Result<Query, SyntaxError> {
        let edits = if edits.is_empty() { Some(Edits::AUTO) } else { Edits::parse(edits) };
        let help = "expected `~`, `~AUTO`, `~0`, `~1` or `~2`; write `\\~` for the character itself";
        let edits = edits.ok_or_else(|| SyntaxError::new(at, "a fuzzy term with a distance it cannot have", help))?;
        Ok(self.leaf(field, Test::Fuzzy { text, edits, prefix_length: 0, transpositions: true, normalize: true }))
    }

    /// Reads `field:>5` and the like; without a field only if the default is any field.
    fn comparison(&self, field: Option<&FieldRef>, text: &str) -> Option<Query> {
        let named = field.is_some() || self.defaults.fields == [FieldRef::Any];
        let (low, bound, inclusive) = match text.as_bytes() {
            [b'>', b'=', _, ..] => (true, &text[2..], true),
            [b'>', _, ..] => (true, &text[1..], false),
            [b'<', b'=', _, ..] => (false, &text[2..], true),
            [b'<', _, ..] => (false, &text[1..], false),
            _ => return None,
        };
        let bound = match (bound, inclusive) {
            ("*", _) => Bound::Unbounded,
            (text, true) => Bound::Included(text.to_owned()),
            (text, false) => Bound::Excluded(text.to_owned()),
        };
        let (lower, upper) = if low { (bound, Bound::Unbounded) } else { (Bound::Unbounded, bound) };
        named.then(|| self.leaf(field, self.range(lower, upper)))
    }

    fn range(&self, lower: Bound<String>, upper: Bound<String>) -> Test {
        Test::Range { lower, upper, offset_minutes: self.defaults.offset_minutes, normalize: true }
    }

    /// `*` matches every event if no field is named, otherwise the events that have a value.
    fn any_value(&self, field: Option<&FieldRef>) -> Query {
        match field {
            Some(FieldRef::Any) => Query::MatchAll,
            None if self.defaults.fields == [FieldRef::Any] => Query::MatchAll,
            _ => self.leaf(field, Test::Exists),
        }
    }

    fn exists(&self, field: &str) -> Query {
        self.leaf(Some(&FieldRef::new(field)), Test::Exists)
    }

    fn text(&self, field: Option<&FieldRef>, text: String) -> Query {
        if is_exists(field) {
            return self.exists(&text);
        }
        self.comparison(field, &text).unwrap_or_else(|| self.full_text(field, text))
    }

    fn full_text(&self, field: Option<&FieldRef>, text: String) -> Query {
        let operator = self.defaults.operator;
        self.leaf(field, Test::Match { text, operator, minimum_should_match: None, zero_terms: ZeroTerms::Drop })
    }

    fn leaf(&self, field: Option<&FieldRef>, test: Test) -> Query {
        let leaf =
            |field: &FieldRef, test: Test| Query::Leaf { field: field.clone(), test, lenient: self.defaults.lenient };
        match (field, self.defaults.fields.as_slice()) {
            (Some(field), _) | (None, [field]) => leaf(field, test),
            (None, fields) => Query::any_of(fields.iter().map(|field| leaf(field, test.clone())).collect()),
        }
    }

    /// Takes a term and the `~2`, `^3` or both in either order after it; returns the text after `~`
    /// and its position.
    fn take_term(&mut self) -> Option<(&'a str, usize)> {
        self.next += 1;
        self.skip_boost();
        let Some(Token::Fuzzy(text)) = self.peek(0) else { return None };
        let at = self.position();
        self.next += 1;
        self.skip_boost();
        Some((text, at))
    }

    fn skip_boost(&mut self) {
        if matches!(self.peek(0), Some(Token::Boost(_))) {
            self.next += 1;
        }
    }

    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.next + ahead).map(|spanned| spanned.token)
    }

    /// Byte where the next token begins.
    fn position(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |spanned| spanned.start)
    }

    fn unexpected(&self) -> SyntaxError {
        let message = match self.peek(0) {
            None => "the query ends too early".to_owned(),
            Some(token) => format!("unexpected {}", describe(&token)),
        };
        let before = self.next.checked_sub(1).and_then(|idx| self.tokens.get(idx)).map(|spanned| spanned.token);
        let help = match (self.peek(0), before) {
            (Some(Token::Colon), Some(Token::Prefix(_) | Token::Wildcard(_))) => {
                "a pattern of field names needs its `*` escaped, as in `user.\\*:x`"
            }
            (Some(Token::Colon), Some(Token::Term(_))) => {
                "a `:` inside a value needs a backslash in front, or quotes around the value"
            }
            _ => EXPECTED_CLAUSE,
        };
        self.error(&message, help)
    }

    fn error(&self, message: &str, help: &str) -> SyntaxError {
        SyntaxError::new(self.position(), message, help)
    }
}

/// Combines clauses; a single clause that is not prohibited needs no boolean query around it.
fn combine(mut clauses: Vec<(Occur, Query)>) -> Query {
    if clauses.len() == 1 && clauses[0].0 != Occur::MustNot {
        return clauses.remove(0).1;
    }
    let mut query = BoolQuery::default();
    for (occur, clause) in clauses {
        match occur {
            Occur::Must => query.must.push(clause),
            Occur::Should => query.should.push(clause),
            Occur::MustNot => query.must_not.push(clause),
        }
    }
    Query::Bool(query)
}

/// Returns the error of a group at the byte `at` that lies in too many others.
pub(super) fn too_deep(at: usize) -> SyntaxError {
    SyntaxError::new(at, format!("more than {MAX_DEPTH} groups inside each other"), "take parentheses away")
}

fn is_exists(field: Option<&FieldRef>) -> bool {
    matches!(field, Some(FieldRef::Name(name)) if name == EXISTS)
}
