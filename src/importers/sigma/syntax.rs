//! The condition of a rule: names of searches with `and`, `or`, `not`, and `1 of` or `all of` some.

use crate::spelling::nearest;

/// Upper limit on nested parentheses.
const MAX_DEPTH: usize = 32;

/// A parsed condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// A search, by its name.
    Search(String),
}

/// An error, and the character of the condition at which it lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConditionError {
    pub(super) character: usize,
    pub(super) message: String,
    pub(super) help: String,
}

/// Parses a condition over the searches of these names. An aggregation after `|` is not part of it.
pub(super) fn parse(text: &str, names: &[&str]) -> Result<Expression, ConditionError> {
    let mut parser = Parser { tokens: tokens(text), next: 0, depth: 0, names };
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some(")") => Err(parser.error("a `)` without its `(`", "remove it")),
        Some(_) => Err(parser.error("an operator is missing", "write `and` or `or` between two searches")),
    }
}

/// Words and parentheses, with the number of the character at which they begin.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (idx, c) in text.chars().enumerate() {
        match c {
            '(' | ')' => {
                tokens.push((idx + 1, c.to_string()));
                is_open = false;
            }
            c if c.is_whitespace() => is_open = false,
            c => match tokens.last_mut() {
                Some((_, word)) if is_open => word.push(c),
                _ => {
                    tokens.push((idx + 1, c.to_string()));
                    is_open = true;
                }
            },
        }
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<(usize, String)>,
    next: usize,
    depth: usize,
    names: &'a [&'a str],
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.next).map(|(_, word)| word.as_str())
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn error(&self, message: &str, help: &str) -> ConditionError {
        let end = || self.tokens.last().map_or(1, |(character, word)| character + word.chars().count());
        let character = self.tokens.get(self.next).map_or_else(end, |(character, _)| *character);
        ConditionError { character, message: message.to_owned(), help: help.to_owned() }
    }

    fn or(&mut self) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.and()?];
        while self.take("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn and(&mut self) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn not(&mut self) -> Result<Expression, ConditionError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error("too many parentheses inside each other", "take levels away"));
        }
        self.depth += 1;
        let expression = if self.take("not") {
            Expression::Not(Box::new(self.not()?))
        } else if self.take("(") {
            let inner = self.or()?;
            if !self.take(")") {
                return Err(self.error("a `(` is not closed", "write `)`"));
            }
            inner
        } else {
            self.search()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn search(&mut self) -> Result<Expression, ConditionError> {
        let Some(word) = self.peek().map(str::to_owned) else {
            return Err(self.error("the condition ends too early", "write the name of a search"));
        };
        let follows_of = self.tokens.get(self.next + 1).is_some_and(|(_, next)| next.eq_ignore_ascii_case("of"));
        if follows_of {
            return self.several(&word);
        }
        if let Some(name) = self.names.iter().find(|name| **name == word) {
            let name = (*name).to_owned();
            self.next += 1;
            return Ok(Expression::Search(name));
        }
        let help = match nearest(&word, self.names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the detection has: {}", self.names.join(", ")),
        };
        Err(self.error(&format!("there is no search named `{word}`"), &help))
    }

    /// Reads `1 of`, `any of` or `all of`, and the pattern of names behind it.
    fn several(&mut self, quantity: &str) -> Result<Expression, ConditionError> {
        let is_all = quantity.eq_ignore_ascii_case("all");
        if !is_all && !quantity.eq_ignore_ascii_case("any") && quantity != "1" {
            let help = "only `1 of`, `any of` and `all of` can be expressed";
            return Err(self.error(&format!("`{quantity} of` some searches"), help));
        }
        self.next += 2;
        let Some(pattern) = self.peek().map(str::to_owned) else {
            return Err(self.error("the condition ends too early", "write `them`, or a pattern of names"));
        };
        let is_meant = |name: &str| match pattern.to_ascii_lowercase().as_str() {
            "them" => !name.starts_with('_'),
            _ => crate::event::has_shape(name, &pattern),
        };
        let found: Vec<Expression> = self
            .names
            .iter()
            .filter(|name| is_meant(name))
            .map(|name| Expression::Search((*name).to_owned()))
            .collect();
        if found.is_empty() {
            let help = format!("the detection has: {}", self.names.join(", "));
            return Err(self.error(&format!("no search is named `{pattern}`"), &help));
        }
        self.next += 1;
        Ok(if is_all { Expression::And(found) } else { Expression::Or(found) })
    }
}
