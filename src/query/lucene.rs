//! The query_string language as Elasticsearch reads it.
//!
//! `AND`, `OR`, `NOT`, `+` and `-` set, clause by clause, what must, should and must not match, as Lucene's classic parser does; they have
//! no precedence. Where nothing must match, something that should has to; a group of negations only stands against all events.

use super::ast::{Bound, FieldName, Query, Test, Text};
use super::lexer::{Token, TokenKind, lex, unescape};

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 100;

/// Fields that are searched where none is named, and how clauses are joined.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Fields of words without a field; none: every field.
    pub fields: Vec<String>,
    /// Whether clauses are joined by AND.
    pub joins_by_and: bool,
}

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LuceneError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// Where, in characters from 0 on.
    pub position: usize,
}

/// Parses a query. An empty one matches nothing.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str, options: &Options) -> Result<Query, LuceneError> {
    let at = |byte: usize| text[..byte].chars().count();
    let tokens = lex(text).map_err(|start| unfinished(text, start, at(start)))?;
    let fields: Vec<FieldName> = options.fields.iter().map(|field| field_name(field)).collect();
    let mut parser = Parser { tokens: &tokens, next: 0, depth: 0, joins_by_and: options.joins_by_and };
    let result = if tokens.is_empty() { Ok(Query::None) } else { parser.query(&fields) };
    let query = result.map_err(|error| error.at(text))?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => {
            Err(parser.error("a closing parenthesis without an opening one", "remove it, or escape it as \\)").at(text))
        }
    }
}

fn unfinished(text: &str, start: usize, position: usize) -> LuceneError {
    let (message, help) = match text[start..].chars().next() {
        Some('"') => ("a quoted phrase does not end", "close it with \", or escape the quote as \\\""),
        Some('/') => ("a regular expression does not end", "close it with /, or escape the slash as \\/"),
        Some('[' | '{') => ("a range does not end", "write [A TO B], {A TO B} or a mix; escape a bracket as \\["),
        Some('^') => ("a boost without a number", "write ^2, or escape it as \\^"),
        Some('\\') => ("a backslash at the end", "write \\\\ for a backslash"),
        _ => ("this character has no meaning here", "escape it with a backslash"),
    };
    LuceneError { message: message.to_owned(), help: help.to_owned(), position }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    depth: usize,
    joins_by_and: bool,
}

struct Located {
    message: String,
    help: String,
    byte: Option<usize>,
}

impl Located {
    fn at(self, text: &str) -> LuceneError {
        let byte = self.byte.unwrap_or(text.len());
        LuceneError { message: self.message, help: self.help, position: text[..byte].chars().count() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occur {
    Must,
    Should,
    MustNot,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn take(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek() == Some(kind);
        self.next += usize::from(found);
        found
    }

    fn error(&self, message: &str, help: &str) -> Located {
        let byte = self.tokens.get(self.next).map(|token| token.start);
        Located { message: message.to_owned(), help: help.to_owned(), byte }
    }

    /// Clauses up to the end or a closing parenthesis.
    fn query(&mut self, fields: &[FieldName]) -> Result<Query, Located> {
        let mut clauses: Vec<(Occur, Query)> = Vec::new();
        while !matches!(self.peek(), None | Some(TokenKind::Close)) {
            let joined_by_and = !clauses.is_empty() && self.take(&TokenKind::And);
            let joined_by_or = !clauses.is_empty() && !joined_by_and && self.take(&TokenKind::Or);
            let is_required = self.take(&TokenKind::Plus);
            let is_prohibited = !is_required && (self.take(&TokenKind::Not) || self.take(&TokenKind::Minus));
            let clause = self.clause(fields)?;
            if let Some(last) = clauses.last_mut().filter(|last| last.0 != Occur::MustNot) {
                if joined_by_and {
                    last.0 = Occur::Must;
                } else if joined_by_or && self.joins_by_and {
                    last.0 = Occur::Should;
                }
            }
            let must = is_required || joined_by_and || (self.joins_by_and && !joined_by_or);
            let occur = match (is_prohibited, must) {
                (true, _) => Occur::MustNot,
                (false, true) => Occur::Must,
                (false, false) => Occur::Should,
            };
            clauses.push((occur, clause));
        }
        if clauses.is_empty() {
            return Err(self.error("nothing to look for", "write a word, a field:value or *"));
        }
        Ok(combine(clauses))
    }

    fn clause(&mut self, fields: &[FieldName]) -> Result<Query, Located> {
        let is_field = matches!(self.tokens.get(self.next + 1).map(|token| &token.kind), Some(TokenKind::Colon));
        if let (true, Some(TokenKind::Term(name))) = (is_field, self.peek().cloned()) {
            self.next += 2;
            let name = unescape(&name);
            return match name.as_str() {
                "_exists_" => self.exists(),
                "*" if matches!(self.peek(), Some(TokenKind::Term(text)) if text == "*") => {
                    self.next += 1;
                    Ok(Query::All)
                }
                _ => self.value(&[field_name(&name)]),
            };
        }
        self.value(fields)
    }

    fn exists(&mut self) -> Result<Query, Located> {
        match self.peek().cloned() {
            Some(TokenKind::Term(name) | TokenKind::Phrase(name)) => {
                self.next += 1;
                Ok(Query::Field { field: field_name(&unescape(&name)), test: Test::Exists })
            }
            _ => Err(self.error("_exists_ without a field", "write _exists_:field")),
        }
    }

    fn value(&mut self, fields: &[FieldName]) -> Result<Query, Located> {
        let Some(kind) = self.peek().cloned() else {
            return Err(self.error("a value is missing at the end", "write what to look for"));
        };
        let tests = match kind {
            TokenKind::Open => return self.group(fields),
            TokenKind::Term(text) => {
                self.next += 1;
                self.term(&text)
            }
            TokenKind::Phrase(text) => {
                self.next += 1;
                let slop = self.tilde().flatten().unwrap_or(0.0);
                Test::Phrase(Text::exact(unescape(&text)), slop as usize)
            }
            TokenKind::Regexp(text) => {
                self.next += 1;
                Test::Regexp(Text::exact(text.replace("\\/", "/")))
            }
            TokenKind::Range { from, to, includes_from, includes_to } => {
                self.next += 1;
                Test::Range { from: bound(from, includes_from), to: bound(to, includes_to), zone: 0 }
            }
            TokenKind::And | TokenKind::Or => {
                return Err(self.error(
                    "an operator where a value should be",
                    "write a value on both sides, or escape it as \\AND",
                ));
            }
            TokenKind::Colon => {
                return Err(self.error(
                    "a colon without a field",
                    "escape it as \\: where it is part of a value, or quote the value",
                ));
            }
            TokenKind::Close => {
                return Err(self.error("an empty group", "write what to look for inside the parentheses"));
            }
            TokenKind::Not | TokenKind::Plus | TokenKind::Minus => {
                return Err(self.error("two operators in a row", "use one, or escape it with a backslash"));
            }
            TokenKind::Tilde(_) | TokenKind::Boost => {
                return Err(self.error("~ or ^ without a value before it", "escape it with a backslash"));
            }
        };
        self.take(&TokenKind::Boost);
        Ok(over(fields, &tests))
    }

    fn group(&mut self, fields: &[FieldName]) -> Result<Query, Located> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("groups are nested too deep", "use at most 100 levels of parentheses"));
        }
        let opening = self.tokens.get(self.next).map(|token| token.start);
        self.next += 1;
        let query = self.query(fields)?;
        self.depth -= 1;
        if !self.take(&TokenKind::Close) {
            let message = "a group does not end".to_owned();
            return Err(Located { message, help: "close it with )".to_owned(), byte: opening });
        }
        self.take(&TokenKind::Boost);
        Ok(query)
    }

    /// The number behind `~`; `Some(None)` without a number.
    fn tilde(&mut self) -> Option<Option<f64>> {
        match self.peek() {
            Some(TokenKind::Tilde(number)) => {
                let number = *number;
                self.next += 1;
                Some(number)
            }
            _ => None,
        }
    }

    fn term(&mut self, text: &str) -> Test {
        if let Some(test) = comparison(text) {
            return test;
        }
        if let Some(number) = self.tilde() {
            // a share of the length, as very old versions had it, counts as automatic
            let edits = number.filter(|number| *number >= 1.0 || *number == 0.0).map(|number| number.min(2.0) as u8);
            return Test::Fuzzy { text: unescape(text), edits, prefix: 0 };
        }
        match text {
            "*" => Test::Exists,
            _ if has_wildcard(text) => Test::Wildcard(Text::exact(text)),
            _ => Test::Term(Text::exact(unescape(text))),
        }
    }
}

/// `>5`, `>=5`, `<5`, `<=5`.
fn comparison(text: &str) -> Option<Test> {
    let open = Bound::Open;
    let split = |prefix: &str| text.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(unescape);
    let (from, to) = if let Some(rest) = split(">=") {
        (Bound::Including(rest), open)
    } else if let Some(rest) = split(">") {
        (Bound::Excluding(rest), open)
    } else if let Some(rest) = split("<=") {
        (open, Bound::Including(rest))
    } else {
        (open, Bound::Excluding(split("<")?))
    };
    Some(Test::Range { from, to, zone: 0 })
}

fn bound(text: String, includes: bool) -> Bound {
    match (text.as_str(), includes) {
        ("*", _) => Bound::Open,
        (_, true) => Bound::Including(text),
        (_, false) => Bound::Excluding(text),
    }
}

fn has_wildcard(text: &str) -> bool {
    let mut is_escaped = false;
    text.chars().any(|character| {
        let found = !is_escaped && matches!(character, '*' | '?');
        is_escaped = !is_escaped && character == '\\';
        found
    })
}

/// A field, or all fields that match a pattern.
pub(super) fn field_name(name: &str) -> FieldName {
    match name {
        "*" => FieldName::Any,
        _ if name.contains('*') => FieldName::Pattern(name.to_owned()),
        _ => FieldName::Name(name.to_owned()),
    }
}

/// The test over some fields; over every field where none is named. Any value in any field is any event.
fn over(fields: &[FieldName], test: &Test) -> Query {
    let query = |field: FieldName| match (&field, test) {
        (FieldName::Any, Test::Exists) => Query::All,
        _ => Query::Field { field, test: test.clone() },
    };
    match fields {
        [] => query(FieldName::Any),
        [field] => query(field.clone()),
        _ => Query::Bool {
            must: Vec::new(),
            should: fields.iter().cloned().map(query).collect(),
            must_not: Vec::new(),
            minimum_should: 1,
        },
    }
}

fn combine(clauses: Vec<(Occur, Query)>) -> Query {
    let of =
        |occur: Occur| clauses.iter().filter(move |clause| clause.0 == occur).map(|clause| clause.1.clone()).collect();
    let (must, should, must_not): (Vec<Query>, Vec<Query>, Vec<Query>) =
        (of(Occur::Must), of(Occur::Should), of(Occur::MustNot));
    if must_not.is_empty() && must.len() + should.len() == 1 {
        return must.into_iter().chain(should).next().unwrap_or(Query::None);
    }
    let minimum_should = usize::from(must.is_empty() && !should.is_empty());
    // what is optional beside something required changes scores only
    let should = if minimum_should == 0 { Vec::new() } else { should };
    Query::Bool { must, should, must_not, minimum_should }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, position: usize, part: &str) {
        let error = parse(text, &Options::default()).unwrap_err();
        assert_eq!(error.position, position, "{text}: {}", error.message);
        assert!(error.message.contains(part), "{text}: {}", error.message);
    }

    #[test]
    fn errors_name_the_place() {
        error("a AND", 5, "missing at the end");
        error("AND a", 0, "operator");
        error("(a", 0, "does not end");
        error("é a)", 3, "closing parenthesis");
        error("x \"abc", 2, "phrase does not end");
        error("f:[1 TO", 2, "range does not end");
        error("f:/ab", 2, "regular expression does not end");
        error(":x", 0, "colon");
        error("a ()", 3, "nothing to look for");
        error("f:~1", 2, "without a value");
        error(&"(".repeat(200), 100, "too deep");
    }

    #[test]
    fn operators_have_no_precedence() {
        let term = |name: &str| Query::Field { field: FieldName::Any, test: Test::Term(Text::exact(name)) };
        let check = |text: &str, must: &[&str], should: &[&str], must_not: &[&str]| {
            let list = |names: &[&str]| names.iter().map(|name| term(name)).collect::<Vec<Query>>();
            let minimum_should = usize::from(!should.is_empty());
            let expected =
                Query::Bool { must: list(must), should: list(should), must_not: list(must_not), minimum_should };
            assert_eq!(parse(text, &Options::default()), Ok(expected), "{text}");
        };
        check("a b", &[], &["a", "b"], &[]);
        check("a AND b", &["a", "b"], &[], &[]);
        check("a AND b OR c", &["a", "b"], &[], &[]);
        check("a OR b AND c", &["b", "c"], &[], &[]);
        check("+a b -c", &["a"], &[], &["c"]);
        check("NOT a", &[], &[], &["a"]);
        check("a && !b", &["a"], &[], &["b"]);
        check("a || b", &[], &["a", "b"], &[]);
    }

    #[test]
    fn nothing_matches_an_empty_query() {
        assert_eq!(parse("", &Options::default()), Ok(Query::None));
        assert_eq!(parse("  ", &Options::default()), Ok(Query::None));
        assert_eq!(parse("*", &Options::default()), Ok(Query::All));
        assert_eq!(parse("*:*", &Options::default()), Ok(Query::All));
    }

    proptest::proptest! {
        #[test]
        fn hostile_texts_never_panic(text in "[a-c:()\"/\\[\\]{}~^*?!+\\-\\\\&| é<>=.0-9TOANDR]{0,60}") {
            let _ = parse(&text, &Options::default());
        }
    }
}
