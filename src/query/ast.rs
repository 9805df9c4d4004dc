//! The one form both query languages are read into: what was asked, before it is known what a field holds.

mod print;

use super::regexp::Flags;

/// A query of either language. Boosts are gone: they order results, and a use case only filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Every event.
    MatchAll,
    /// No event.
    MatchNone,
    /// A combination of queries.
    Bool(BoolQuery),
    /// A test on the values of a field.
    Leaf {
        /// Whose values.
        field: FieldRef,
        /// Which values.
        test: Test,
        /// Whether a test that the type of the field cannot answer matches nothing rather than being an error.
        lenient: bool,
    },
    /// Events with one of these document ids.
    Ids(Vec<String>),
}

impl Query {
    /// A test on the values of `field`.
    pub fn leaf(field: FieldRef, test: Test) -> Self {
        Query::Leaf { field, test, lenient: false }
    }

    /// At least one of `queries`.
    pub fn any_of(queries: Vec<Query>) -> Self {
        Query::Bool(BoolQuery { should: queries, ..BoolQuery::default() })
    }
}

/// Lucene's boolean query, which is not a boolean expression: `should` clauses are optional as soon as there is a `must`
/// clause, and a query of `must_not` clauses alone means "everything but".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoolQuery {
    /// All of these (`filter` of the query DSL means the same when nothing is scored).
    pub must: Vec<Query>,
    /// Some of these, see `minimum_should_match`.
    pub should: Vec<Query>,
    /// None of these.
    pub must_not: Vec<Query>,
    /// How many of `should`; absent: one when `must` is empty, none otherwise.
    pub minimum_should_match: Option<MinimumShouldMatch>,
}

/// How many of several optional clauses must match, as Elasticsearch writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumShouldMatch {
    /// `3`, or `-1` = all but one.
    Count(i64),
    /// `75%` (rounded down), or `-25%` = all but a quarter (which is rounded down).
    Percent(i64),
}

impl MinimumShouldMatch {
    /// Reads `2`, `-1`, `75%` or `-25%`; the conditional forms (`3<90%`) are not read.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().map(MinimumShouldMatch::Percent),
            None => text.parse().ok().map(MinimumShouldMatch::Count),
        }
    }

    /// The number of clauses meant, out of `clauses`; more than there are when that many were asked for.
    pub fn of(self, clauses: usize) -> usize {
        let all = i64::try_from(clauses).unwrap_or(i64::MAX);
        let wanted = match self {
            MinimumShouldMatch::Count(count) if count < 0 => all.saturating_add(count),
            MinimumShouldMatch::Count(count) => count,
            MinimumShouldMatch::Percent(percent) => {
                let share = all.saturating_mul(percent) / 100;
                if percent < 0 { all.saturating_add(share) } else { share }
            }
        };
        usize::try_from(wanted.max(0)).unwrap_or(usize::MAX)
    }
}

/// The field or fields a test looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldRef {
    /// The field of this name.
    Name(String),
    /// All fields whose name matches this pattern with `*`.
    Pattern(String),
    /// No field was named: any field.
    Any,
}

impl FieldRef {
    /// A field as a query names it: `*` is any field, a name with `*` is a pattern.
    pub fn new(name: &str) -> Self {
        match name {
            "*" => FieldRef::Any,
            _ if name.contains('*') => FieldRef::Pattern(name.to_owned()),
            _ => FieldRef::Name(name.to_owned()),
        }
    }
}

/// How the words of one text combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operator {
    /// Any word.
    #[default]
    Or,
    /// All words.
    And,
}

/// What a text without a single word means to the query around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroTerms {
    /// It matches nothing (`match` of the query DSL).
    MatchNone,
    /// It matches everything (`zero_terms_query: all`).
    MatchAll,
    /// It is as if it had not been written (Lucene).
    Drop,
}

/// A test on the values of a field. `normalize` says whether the text is brought to the form in which a text field is
/// indexed (lower case): the Lucene language does that, the query DSL takes the text as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The field has a value.
    Exists,
    /// Full text: words in a text field, the exact value elsewhere.
    Match {
        /// The text, not yet split into words.
        text: String,
        /// How its words combine.
        operator: Operator,
        /// How many of its words are needed (with [`Operator::Or`]).
        minimum_should_match: Option<MinimumShouldMatch>,
        /// What to do when the text has no word.
        zero_terms: ZeroTerms,
    },
    /// Words in this order.
    Phrase {
        /// The text, not yet split into words.
        text: String,
        /// How far words may be moved, in positions.
        slop: u32,
        /// What to do when the text has no word.
        zero_terms: ZeroTerms,
    },
    /// One of these exact values.
    Terms {
        /// The values; numbers and booleans as JSON writes them.
        values: Vec<String>,
        /// Whether the case of ASCII letters is ignored.
        case_insensitive: bool,
    },
    /// Values that begin with a text.
    Prefix {
        /// The beginning.
        text: String,
        /// Whether the case of ASCII letters is ignored.
        case_insensitive: bool,
        /// See [`Test`].
        normalize: bool,
    },
    /// Values that match a pattern with `*`, `?` and `\` as escape.
    Wildcard {
        /// The pattern.
        pattern: String,
        /// Whether the case of ASCII letters is ignored.
        case_insensitive: bool,
        /// See [`Test`].
        normalize: bool,
    },
    /// Whole values that match a Lucene regular expression.
    Regexp {
        /// The expression, without slashes.
        pattern: String,
        /// Whether the case of ASCII letters is ignored.
        case_insensitive: bool,
        /// Which optional operators it may use.
        flags: Flags,
    },
    /// Values within an edit distance.
    Fuzzy {
        /// The text to be close to.
        text: String,
        /// Allowed edits.
        edits: Edits,
        /// Leading characters that must be equal.
        prefix_length: usize,
        /// Whether swapping two neighbours is one edit rather than two.
        transpositions: bool,
        /// See [`Test`].
        normalize: bool,
    },
    /// Values between two bounds.
    Range {
        /// Lower bound.
        lower: Bound,
        /// Upper bound.
        upper: Bound,
        /// Offset of dates without a zone, in minutes east of UTC.
        offset_minutes: i32,
        /// See [`Test`].
        normalize: bool,
    },
}

/// Allowed edits of a fuzzy test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edits {
    /// None below `low` characters, one below `high`, two from there on.
    Auto {
        /// Length from which one edit is allowed.
        low: usize,
        /// Length from which two edits are allowed.
        high: usize,
    },
    /// Exactly so many (0, 1 or 2).
    Exact(u8),
}

impl Edits {
    /// `AUTO` as Elasticsearch defines it.
    pub const AUTO: Edits = Edits::Auto { low: 3, high: 6 };

    /// Reads `AUTO`, `AUTO:low,high`, `0`, `1` or `2` (also `2.0`).
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        if upper == "AUTO" {
            return Some(Edits::AUTO);
        }
        if let Some(limits) = upper.strip_prefix("AUTO:") {
            let (low, high) = limits.split_once(',')?;
            let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
            return (low <= high).then_some(Edits::Auto { low, high });
        }
        match text.parse::<f32>().ok()? {
            0.0 => Some(Edits::Exact(0)),
            1.0 => Some(Edits::Exact(1)),
            2.0 => Some(Edits::Exact(2)),
            _ => None,
        }
    }

    /// The edits allowed for a text of `characters` characters.
    pub fn for_length(self, characters: usize) -> usize {
        match self {
            Edits::Exact(edits) => usize::from(edits),
            Edits::Auto { low, .. } if characters < low => 0,
            Edits::Auto { high, .. } if characters < high => 1,
            Edits::Auto { .. } => 2,
        }
    }
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// No limit.
    Open,
    /// The value itself is inside.
    Inclusive(String),
    /// The value itself is outside.
    Exclusive(String),
}

impl Bound {
    /// The text of the bound, if it is not open.
    pub fn text(&self) -> Option<&str> {
        match self {
            Bound::Open => None,
            Bound::Inclusive(text) | Bound::Exclusive(text) => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
