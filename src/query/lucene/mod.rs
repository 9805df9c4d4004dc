//! Lucene `query_string` language as Elasticsearch reads it: Lucene's classic grammar, default
//! operator OR, text not split at white space.
//!
//! Some rules are surprising, but they are what Elasticsearch does:
//! * Operators have no precedence. AND makes the clauses on both sides required, NOT prohibits, OR
//!   does nothing (`a OR b AND c`: b and c are required, a is optional).
//! * A query of prohibited clauses alone means everything but those.
//! * `f:>5` and the like are ranges; `a - b` looks for a minus; a `/` begins a regular expression,
//!   even inside a word.
//! * Adjacent words without an operator are one text: `f:(new york)` on an exact field looks for
//!   the value `new york`.
//!
//! One difference is known. A clause whose text has no words (`message:!!!` on analyzed text) is
//! dropped only after the clauses around it are bound. An AND after it therefore does not affect
//! the clause before it.

mod doubts;
mod grammar;
mod lexer;
mod mixed;
mod names;
mod text;

use super::SyntaxError;
use super::ast::{FieldRef, Operator, Query};

pub use doubts::doubts;
pub use names::with_other_names;

/// Settings for clauses that do not override them.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Fields of clauses that name none.
    pub fields: Vec<FieldRef>,
    /// Combination of clauses and words without an operator.
    pub operator: Operator,
    /// True if a test that does not fit the type of its field matches nothing instead of being an
    /// error. This is Elasticsearch's default if all fields are searched.
    pub lenient: bool,
    /// Offset of dates without a zone, in minutes east of UTC.
    pub offset_minutes: i32,
}

impl Default for Defaults {
    fn default() -> Self {
        Defaults { fields: vec![FieldRef::Any], operator: Operator::Or, lenient: true, offset_minutes: 0 }
    }
}

/// Parses `text`. White space alone matches nothing.
pub fn parse(text: &str, defaults: &Defaults) -> Result<Query, SyntaxError> {
    let tokens = lexer::tokens(text)?;
    if tokens.is_empty() {
        return Ok(Query::MatchNone);
    }
    grammar::Grammar::new(&tokens, text.len(), defaults).query_to_end()
}

#[cfg(test)]
mod tests;
