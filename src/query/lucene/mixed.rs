//! Doubts about operators side by side, because Lucene's have no precedence.
//!
//! AND makes the clauses on both sides of it required, NOT excludes, and OR changes nothing. So
//! `a OR NOT b` means `a AND NOT b`, and the last clause of `a AND b OR c` decides nothing.

use super::SyntaxError;
use super::lexer::{Spanned, Token};
use crate::query::ast::Operator;

/// Upper limit on the characters of the query that a doubt repeats.
pub(super) const MAX_SHOWN: usize = 60;

/// Returns at most one doubt about each group of clauses, in the order of the text. If AND is the
/// `default` operator, OR beside it is no mistake: it makes the clauses on both sides optional.
pub(super) fn doubts(text: &str, tokens: &[Spanned<'_>], default: Operator) -> Vec<SyntaxError> {
    let mut outer = Vec::new();
    let mut group = Group::default();
    let mut found = Vec::new();
    for spanned in tokens {
        match spanned.token {
            Token::Open => {
                group.take(spanned);
                outer.push(std::mem::take(&mut group));
            }
            Token::Close => {
                found.extend(group.doubt(text, default));
                group = outer.pop().unwrap_or_default();
                group.extend(spanned);
            }
            _ => group.take(spanned),
        }
    }
    found.extend(group.doubt(text, default));
    found.sort_by_key(|doubt| doubt.at);
    found
}

/// Clauses between two parentheses, or of the whole query.
#[derive(Default)]
struct Group {
    clauses: Vec<Clause>,
    /// Operator before the next clause, and where it stands.
    operator: Option<(Operator, usize)>,
    /// Sign of the next clause: true if it excludes, and where it stands.
    sign: Option<(bool, usize)>,
    /// True if the next token is the value of a field.
    is_value: bool,
}

struct Clause {
    /// Operator between it and the clause before it, and where that stands.
    operator: Option<(Operator, usize)>,
    is_excluded: bool,
    /// True if the query says itself that it is required, by `+`.
    is_required: bool,
    /// Bytes of the text, with its sign.
    start: usize,
    end: usize,
}

impl Clause {
    fn has(&self, wanted: Operator) -> bool {
        self.operator.is_some_and(|(operator, _)| operator == wanted)
    }

    fn written<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start..self.end]
    }

    /// The clause as it can stand beside OR: one that excludes is a group of its own.
    fn beside_or(&self, text: &str) -> String {
        let written = self.written(text);
        if self.is_excluded { format!("({written})") } else { written.to_owned() }
    }
}

impl Group {
    fn take(&mut self, spanned: &Spanned<'_>) {
        match spanned.token {
            Token::And => self.operator = Some((Operator::And, spanned.start)),
            Token::Or => self.operator = Some((Operator::Or, spanned.start)),
            Token::Not | Token::Minus => self.sign = Some((true, spanned.start)),
            Token::Plus => self.sign = Some((false, spanned.start)),
            Token::Colon => {
                self.extend(spanned);
                self.is_value = true;
            }
            Token::Fuzzy(_) | Token::Boost(_) => self.extend(spanned),
            _ if self.is_value => self.extend(spanned),
            _ => {
                let (operator, sign) = (self.operator.take(), self.sign.take());
                self.clauses.push(Clause {
                    operator,
                    is_excluded: sign.is_some_and(|(excludes, _)| excludes),
                    is_required: sign.is_some_and(|(excludes, _)| !excludes),
                    start: sign.map_or(spanned.start, |(_, at)| at),
                    end: spanned.end,
                });
            }
        }
    }

    /// Adds a token to the last clause.
    fn extend(&mut self, spanned: &Spanned<'_>) {
        self.is_value = false;
        self.clauses.iter_mut().last().into_iter().for_each(|clause| clause.end = spanned.end);
    }

    fn doubt(&self, text: &str, default: Operator) -> Option<SyntaxError> {
        let has = |operator| self.clauses.iter().any(|clause| clause.has(operator));
        match (has(Operator::And) && has(Operator::Or), default) {
            (true, Operator::Or) => self.mixed(text),
            (true, Operator::And) => None,
            (false, _) => self.excluded(text),
        }
    }

    /// True if the operator stands on some side of the clause.
    fn is_beside(&self, idx: usize, operator: Operator) -> bool {
        self.clauses[idx].has(operator) || self.clauses.get(idx + 1).is_some_and(|next| next.has(operator))
    }

    /// OR beside a clause that excludes.
    fn excluded(&self, text: &str) -> Option<SyntaxError> {
        let mut excluded = (0..self.clauses.len()).filter(|&idx| self.clauses[idx].is_excluded);
        let idx = excluded.find(|&idx| self.is_beside(idx, Operator::Or))?;
        let clause = &self.clauses[idx];
        let written = cut(clause.written(text));
        let with = |operator: &str| match clause.has(Operator::Or) {
            true => format!("`{operator} {written}`"),
            false => format!("`{written} {operator}`"),
        };
        let message = format!("NOT excludes, so {} means {}", with("OR"), with("AND"));
        let help = format!("write `({written})`, in parentheses, if one or the other is meant, and AND if both are");
        Some(SyntaxError::new(clause.start, message, help))
    }

    /// AND and OR in one group.
    fn mixed(&self, text: &str) -> Option<SyntaxError> {
        let mut operators = self.clauses.iter().filter_map(|clause| clause.operator);
        let (_, at) = operators.find(|(operator, _)| *operator == Operator::Or)?;
        let is_optional = |idx: &usize| {
            let clause = &self.clauses[*idx];
            !clause.is_excluded && !clause.is_required && !self.is_beside(*idx, Operator::And)
        };
        let meaning = match (0..self.clauses.len()).find(is_optional) {
            Some(idx) => format!("`{}` decides nothing", cut(self.clauses[idx].written(text))),
            None => "this means AND everywhere".to_owned(),
        };
        let message = format!("{meaning}: Lucene requires what stands beside AND, and ignores OR");
        let [one, other] = self.meant(text).unwrap_or(["(a AND b) OR c", "a AND (b OR c)"].map(str::to_owned));
        Some(SyntaxError::new(at, message, format!("write `{one}` or `{other}`, whichever is meant")))
    }

    /// The group with parentheses, first around what AND joins, then around what OR joins; `None`
    /// if that is too long, or if some clauses have no operator between them.
    fn meant(&self, text: &str) -> Option<[String; 2]> {
        let runs = |operator| self.clauses.chunk_by(move |_, next| next.has(operator));
        let joined = |texts: Vec<String>, operator: &str| match &texts[..] {
            [only] => only.clone(),
            texts => format!("({})", texts.join(operator)),
        };
        let ands = runs(Operator::And).map(|run| match run {
            [only] => only.beside_or(text),
            run => joined(run.iter().map(|clause| clause.written(text).to_owned()).collect(), " AND "),
        });
        let ors = runs(Operator::Or).map(|run| match run {
            [only] => only.written(text).to_owned(),
            run => joined(run.iter().map(|clause| clause.beside_or(text)).collect(), " OR "),
        });
        let meant = [ands.collect::<Vec<_>>().join(" OR "), ors.collect::<Vec<_>>().join(" AND ")];
        let is_joined = self.clauses.iter().skip(1).all(|clause| clause.operator.is_some());
        let is_short = meant.iter().all(|text| text.chars().count() <= MAX_SHOWN);
        (is_joined && is_short).then_some(meant)
    }
}

/// The text, cut to what a doubt repeats.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::super::{Defaults, parse};
    use super::*;

    fn doubts_of(query: &str) -> Vec<SyntaxError> {
        doubts(query, &tokens(query).unwrap(), Operator::Or)
    }

    /// Queries that are written in other ways with the same meaning.
    fn assert_equal(query: &str, other: &str) {
        let parsed = |text: &str| parse(text, &Defaults::default()).unwrap();
        assert_eq!(parsed(query), parsed(other), "{query}");
    }

    #[test]
    fn or_beside_a_negation_is_doubted() {
        for (query, at, message, help) in [
            ("a:1 OR NOT b:2", 7, "NOT excludes, so `OR NOT b:2` means `AND NOT b:2`", "write `(NOT b:2)`"),
            ("NOT a:1 OR b:2", 0, "NOT excludes, so `NOT a:1 OR` means `NOT a:1 AND`", "write `(NOT a:1)`"),
            ("a:1 || -b:(2 3)^2", 7, "NOT excludes, so `OR -b:(2 3)^2` means", "write `(-b:(2 3)^2)`"),
            ("a:1 OR !\"x y\"~3", 7, "NOT excludes, so `OR !\"x y\"~3` means", "write `(!\"x y\"~3)`"),
            (
                "c:3 AND (a:1 OR NOT (b:2 AND d:4))",
                16,
                "NOT excludes, so `OR NOT (b:2 AND d:4)` means",
                "write `(NOT (b:2 AND d:4))`",
            ),
            ("p:(80 OR NOT 443)", 9, "NOT excludes, so `OR NOT 443` means", "write `(NOT 443)`"),
        ] {
            let [doubt] = &doubts_of(query)[..] else { panic!("{query}: {:?}", doubts_of(query)) };
            assert_eq!(doubt.at, at, "{query}");
            assert!(doubt.message.starts_with(message) && doubt.help.starts_with(help), "{query}: {doubt:?}");
        }
        // what the message says it means
        assert_equal("+a:1 -b:2", "a:1 AND NOT b:2");
        assert_eq!(doubts_of("a:1 OR (NOT b:2)"), []);
        let long = format!("a:1 OR NOT b:{}", "x".repeat(100));
        assert!(doubts_of(&long)[0].message.contains("x …` means"), "{long}");
    }

    #[test]
    fn and_beside_or_is_doubted() {
        for (query, at, meaning, [one, other]) in [
            ("a:1 AND b:2 OR c:3", 12, "`c:3` decides nothing", ["(a:1 AND b:2) OR c:3", "a:1 AND (b:2 OR c:3)"]),
            ("a:1 OR b:2 && c:3", 4, "`a:1` decides nothing", ["a:1 OR (b:2 AND c:3)", "(a:1 OR b:2) AND c:3"]),
            ("a AND b OR c AND d", 8, "AND everywhere", ["(a AND b) OR (c AND d)", "a AND (b OR c) AND d"]),
            ("a OR NOT b AND c", 2, "`a` decides nothing", ["a OR (NOT b AND c)", "(a OR (NOT b)) AND c"]),
            ("x:(a AND b OR c) OR d", 11, "`c` decides nothing", ["(a AND b) OR c", "a AND (b OR c)"]),
            ("a b AND c OR d", 10, "`a` decides nothing", ["(a AND b) OR c", "a AND (b OR c)"]),
        ] {
            let [doubt] = &doubts_of(query)[..] else { panic!("{query}: {:?}", doubts_of(query)) };
            assert_eq!(doubt.at, at, "{query}");
            assert!(doubt.message.contains(meaning), "{query}: {doubt:?}");
            assert_eq!(doubt.help, format!("write `{one}` or `{other}`, whichever is meant"), "{query}");
            assert!(doubts_of(one).is_empty() && doubts_of(other).is_empty(), "{query}");
        }
        assert_equal("a:1 AND b:2 OR c:3", "+a:1 +b:2 c:3");
        assert_equal("a AND b OR c AND d", "a AND b AND c AND d");
        let long = format!("{} OR b AND c", "a".repeat(100));
        assert_eq!(doubts_of(&long)[0].help, "write `(a AND b) OR c` or `a AND (b OR c)`, whichever is meant");
    }

    #[test]
    fn the_default_operator_decides_what_or_does_beside_and() {
        let of_and = |query: &str| doubts(query, &tokens(query).unwrap(), Operator::And).len();
        assert_eq!([of_and("a AND b OR c"), of_and("a OR NOT b"), of_and("NOT a OR b")], [0, 1, 1]);
    }

    #[test]
    fn one_operator_per_group_is_not_doubted() {
        for query in [
            "",
            "*",
            "a:1 AND b:2 AND NOT c:3",
            "a:1 OR b:2 OR c:3",
            "a:(1 OR 2) AND b:(3 OR 4)",
            "(a:1 AND b:2) OR (c:3 AND NOT d:4)",
            "a:1 -b:2",
            "+a:1 OR b:2",
            "a:1 OR b:2 NOT c:3",
            "NOT (a:1 OR b:2)",
            "x:\"a AND b OR c\"",
            "a:1 AND b:[1 TO 2] AND c:/x OR NOT y/",
        ] {
            assert_eq!(doubts_of(query), [], "{query}");
        }
    }
}
