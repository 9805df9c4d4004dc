//! Prints an AST as Lucene text, for logs and so that tests can parse it again.

use std::fmt::{self, Display, Formatter, Write};

use super::{BoolQuery, Bound, Edits, FieldRef, Query, Test};

/// Characters that end or change a term and therefore need a backslash before them.
const SPECIAL: &str = " \t\n\r\u{3000}+-!():^[]\"{}~*?\\/&|<>=";

impl Display for Query {
    /// Writes Lucene text that means this query; parts that the Lucene language cannot express are
    /// in angle brackets.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Query::MatchAll => f.write_str("*:*"),
            Query::MatchNone => f.write_str("<nothing>"),
            Query::Ids(ids) => write!(f, "<ids {}>", ids.join(" ")),
            Query::Bool(query) => write!(f, "{query}"),
            Query::Leaf { field, test, .. } => print_leaf(f, field, test),
        }
    }
}

impl Display for BoolQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let clauses = [("+", &self.must), ("", &self.should), ("-", &self.must_not)];
        let mut blank = "";
        for (sign, queries) in clauses {
            for query in queries {
                write!(f, "{blank}{sign}({query})")?;
                blank = " ";
            }
        }
        if let Some(minimum) = self.minimum_should_match {
            write!(f, "<{minimum:?} of the optional ones>")?;
        }
        Ok(())
    }
}

fn print_leaf(f: &mut Formatter<'_>, field: &FieldRef, test: &Test) -> fmt::Result {
    match (field, test) {
        (FieldRef::Any, _) => {}
        (FieldRef::Name(name) | FieldRef::Pattern(name), _) => {
            escape(f, name)?;
            f.write_char(':')?;
        }
    }
    match test {
        Test::Exists => f.write_char('*'),
        Test::Match { text, .. } => escape(f, text),
        Test::Phrase { text, slop, .. } => {
            write!(f, "\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))?;
            if *slop > 0 { write!(f, "~{slop}") } else { Ok(()) }
        }
        Test::Terms { values, .. } => write!(f, "<terms {}>", values.join(" ")),
        Test::Prefix { text, .. } => {
            escape(f, text)?;
            f.write_char('*')
        }
        Test::Wildcard { pattern, .. } => f.write_str(pattern),
        Test::Regexp { pattern, .. } => write!(f, "/{pattern}/"),
        Test::Fuzzy { text, edits, .. } => {
            escape(f, text)?;
            match edits {
                Edits::Auto { .. } => f.write_char('~'),
                Edits::Exact(edits) => write!(f, "~{edits}"),
            }
        }
        Test::Range { lower, upper, .. } => print_range(f, lower, upper),
    }
}

fn print_range(f: &mut Formatter<'_>, lower: &Bound, upper: &Bound) -> fmt::Result {
    let bound = |bound: &Bound| match bound.text() {
        None => "*".to_owned(),
        Some(text) => format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
    };
    let open = if matches!(lower, Bound::Exclusive(_)) { '{' } else { '[' };
    let close = if matches!(upper, Bound::Exclusive(_)) { '}' } else { ']' };
    write!(f, "{open}{} TO {}{close}", bound(lower), bound(upper))
}

fn escape(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    // `AND`, `OR` and `NOT` are operators unless one of their characters is escaped
    let operator = matches!(text, "AND" | "OR" | "NOT");
    for (idx, c) in text.chars().enumerate() {
        if SPECIAL.contains(c) || (operator && idx == 0) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}
