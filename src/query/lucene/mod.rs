//! The Lucene `query_string` language as Elasticsearch reads it: Lucene's classic grammar, default operator OR, text not split on blanks.
//!
//! What surprises people, and is so on purpose, because it is what Elasticsearch answers:
//! * operators have no precedence: AND makes the clause before it and the one after it required, NOT prohibits, OR does nothing
//!   (`a OR b AND c` = b and c are required, a is optional);
//! * a query of prohibited clauses alone means everything but those;
//! * `f:>5` and its like are ranges; `a - b` looks for a minus; a `/` begins a regular expression, also inside a word;
//! * neighbouring words without an operator are one text: `f:(new york)` on an exact field asks for the value `new york`.
//!
//! One difference is known: a clause whose text has no word (`message:!!!` on analysed text) is left out only after the clauses around
//! it are bound, so an AND behind it does not reach the clause in front of it.

mod grammar;
mod lexer;
mod text;

use super::ast::{FieldRef, Operator, Query};

/// Why a query text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset in the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected, or how to write it.
    pub help: String,
}

impl SyntaxError {
    /// The place in characters of `text`, from 0 on.
    pub fn position_in(&self, text: &str) -> usize {
        text.char_indices().take_while(|(byte, _)| *byte < self.at).count()
    }
}

/// What applies to clauses that do not say it themselves.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Fields of a clause that names none.
    pub fields: Vec<FieldRef>,
    /// How clauses and words without an operator combine.
    pub operator: Operator,
    /// Whether a test that the type of its field cannot answer matches nothing rather than being an error, as Elasticsearch has it
    /// where all fields are searched by default.
    pub lenient: bool,
    /// Offset of dates without a zone, in minutes east of UTC.
    pub offset_minutes: i32,
}

impl Default for Defaults {
    fn default() -> Self {
        Defaults { fields: vec![FieldRef::Any], operator: Operator::Or, lenient: true, offset_minutes: 0 }
    }
}

/// Reads `text`; a blank text matches nothing.
pub fn parse(text: &str, defaults: &Defaults) -> Result<Query, SyntaxError> {
    let tokens = lexer::tokens(text)?;
    if tokens.is_empty() {
        return Ok(Query::MatchNone);
    }
    grammar::Grammar::new(&tokens, text.len(), defaults).query_to_end()
}

#[cfg(test)]
mod tests;
