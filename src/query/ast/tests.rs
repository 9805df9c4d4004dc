//! Prints an AST as Lucene text, so that tests can parse it again.

use std::fmt::{self, Display, Formatter, Write};

use super::*;

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

fn print_range(f: &mut Formatter<'_>, lower: &Bound<String>, upper: &Bound<String>) -> fmt::Result {
    let bound = |bound: &Bound<String>| match bound {
        Bound::Unbounded => "*".to_owned(),
        Bound::Included(text) | Bound::Excluded(text) => {
            format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
        }
    };
    let open = if matches!(lower, Bound::Excluded(_)) { '{' } else { '[' };
    let close = if matches!(upper, Bound::Excluded(_)) { '}' } else { ']' };
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

#[test]
fn minimum_should_match_counts() {
    for (text, clauses, expected) in [
        ("2", 3, 2),
        ("-1", 3, 2),
        ("75%", 4, 3),
        ("75%", 3, 2),
        ("-25%", 4, 3),
        ("-25%", 3, 3),
        ("-5", 3, 0),
        ("5", 3, 5),
        ("100%", 3, 3),
    ] {
        assert_eq!(MinimumShouldMatch::parse(text).map(|m| m.of(clauses)), Some(expected), "{text} of {clauses}");
    }
    assert_eq!(MinimumShouldMatch::parse("3<90%"), None);
}

#[test]
fn edits_by_length() {
    for (text, length, expected) in [
        ("AUTO", 2, 0),
        ("auto", 3, 1),
        ("AUTO", 5, 1),
        ("AUTO", 6, 2),
        ("AUTO:2,4", 2, 1),
        ("AUTO:2,4", 4, 2),
        ("2.0", 1, 2),
    ] {
        assert_eq!(Edits::parse(text).map(|e| e.for_length(length)), Some(expected), "{text} for {length}");
    }
    for text in ["3", "0.5", "AUTO:5,2", "x", "-1"] {
        assert_eq!(Edits::parse(text), None, "{text}");
    }
}
