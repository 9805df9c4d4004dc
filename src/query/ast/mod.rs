//! Common form of both query languages: the query as written, before the types of its fields are
//! known.

use std::ops::Bound;

use super::regexp::Flags;

/// A query of either language. It has no boosts: they only order results, and a use case only
/// filters.
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
        /// Field or fields to test.
        field: FieldRef,
        /// Condition on the values.
        test: Test,
        /// True if a test that does not fit the type of the field matches nothing instead of being
        /// an error.
        lenient: bool,
    },
    /// Events with one of these document ids.
    Ids(Vec<String>),
}

impl Query {
    /// Returns a test on the values of `field`.
    pub fn leaf(field: FieldRef, test: Test) -> Self {
        Query::Leaf { field, test, lenient: false }
    }

    /// Returns a query that matches at least one of `queries`.
    pub fn any_of(queries: Vec<Query>) -> Self {
        Query::Bool(BoolQuery { should: queries, ..BoolQuery::default() })
    }
}

/// Lucene's boolean query. It differs from a boolean expression: `should` clauses are optional as
/// soon as there is a `must` clause, and a query of `must_not` clauses alone means "everything
/// but".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoolQuery {
    /// Clauses that must all match (`filter` of the query DSL means the same when nothing is
    /// scored).
    pub must: Vec<Query>,
    /// Clauses of which some must match, see `minimum_should_match`.
    pub should: Vec<Query>,
    /// Clauses that must not match.
    pub must_not: Vec<Query>,
    /// Number of `should` clauses that must match. Absent: one if `must` is empty, otherwise none.
    pub minimum_should_match: Option<MinimumShouldMatch>,
}

impl BoolQuery {
    /// Returns how many of `n_should` optional clauses must match beside `n_must` required ones.
    pub fn n_wanted(&self, n_must: usize, n_should: usize) -> usize {
        // Lucene requires a match: at least one optional clause if no clause is required
        let least = usize::from(n_must == 0 && n_should > 0);
        self.minimum_should_match.map_or(least, |minimum| minimum.of(n_should).max(least))
    }
}

/// Number of optional clauses that must match, in the notation of Elasticsearch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumShouldMatch {
    /// `3`, or `-1` for all but one.
    Count(i64),
    /// `75%` (rounded down), or `-25%` for all but a quarter (the quarter is rounded down).
    Percent(i64),
}

impl MinimumShouldMatch {
    /// Reads `2`, `-1`, `75%` or `-25%`. The conditional forms (`3<90%`) are not supported.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().map(MinimumShouldMatch::Percent),
            None => text.parse().ok().map(MinimumShouldMatch::Count),
        }
    }

    /// Number of clauses required out of `clauses`; it may be larger than `clauses`.
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

/// Field or fields that a test looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldRef {
    /// The field of this name.
    Name(String),
    /// All fields whose names match this pattern with `*`.
    Pattern(String),
    /// Any field, because none was named.
    Any,
}

impl FieldRef {
    /// Reads a field as a query names it: `*` is any field, a name with `*` is a pattern.
    pub fn new(name: &str) -> Self {
        match name {
            "*" => FieldRef::Any,
            _ if name.contains('*') => FieldRef::Pattern(name.to_owned()),
            _ => FieldRef::Name(name.to_owned()),
        }
    }
}

/// Combination of the words of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operator {
    /// Any word matches.
    #[default]
    Or,
    /// All words match.
    And,
}

/// Effect of a text without any words on the query around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroTerms {
    /// The text matches nothing (`match` of the query DSL).
    MatchNone,
    /// The text matches everything (`zero_terms_query: all`).
    MatchAll,
    /// The clause is dropped, as if it had not been written (Lucene).
    Drop,
}

/// A test on the values of a field.
///
/// `normalize` is true if the text is converted to the form in which a text field is indexed (lower
/// case). The Lucene language converts it, the query DSL takes the text as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The field has a value.
    Exists,
    /// Full text: words in a text field, the exact value elsewhere.
    Match {
        /// The text, not yet split into words.
        text: String,
        /// Combination of its words.
        operator: Operator,
        /// Number of its words that must match (with [`Operator::Or`]).
        minimum_should_match: Option<MinimumShouldMatch>,
        /// Effect of a text without any words.
        zero_terms: ZeroTerms,
    },
    /// Words in this order.
    Phrase {
        /// The text, not yet split into words.
        text: String,
        /// Number of positions that words may be moved.
        slop: u32,
        /// Effect of a text without any words.
        zero_terms: ZeroTerms,
    },
    /// One of these exact values.
    Terms {
        /// Values; numbers and booleans as JSON writes them.
        values: Vec<String>,
        /// True if the case of ASCII letters is ignored.
        case_insensitive: bool,
    },
    /// Values that begin with a text.
    Prefix {
        /// Text that the values begin with.
        text: String,
        /// True if the case of ASCII letters is ignored.
        case_insensitive: bool,
        /// See [`Test`].
        normalize: bool,
    },
    /// Values that match a pattern with `*`, `?` and `\` as escape.
    Wildcard {
        /// The pattern.
        pattern: String,
        /// True if the case of ASCII letters is ignored.
        case_insensitive: bool,
        /// See [`Test`].
        normalize: bool,
    },
    /// Whole values that match a Lucene regular expression.
    Regexp {
        /// The expression, without slashes.
        pattern: String,
        /// True if the case of ASCII letters is ignored.
        case_insensitive: bool,
        /// Optional operators that it may use.
        flags: Flags,
    },
    /// Values within an edit distance.
    Fuzzy {
        /// Text to compare with.
        text: String,
        /// Upper limit on the edits.
        edits: Edits,
        /// Number of leading characters that must be equal.
        prefix_length: usize,
        /// True if swapping two neighbouring characters is one edit instead of two.
        transpositions: bool,
        /// See [`Test`].
        normalize: bool,
    },
    /// Values between two bounds.
    Range {
        /// Lower bound.
        lower: Bound<String>,
        /// Upper bound.
        upper: Bound<String>,
        /// Offset of dates without a zone, in minutes east of UTC.
        offset_minutes: i32,
        /// See [`Test`].
        normalize: bool,
    },
}

/// Upper limit on the edits of a fuzzy test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edits {
    /// No edits below `low` characters, one below `high`, two from there on.
    Auto {
        /// Length from which one edit is allowed.
        low: usize,
        /// Length from which two edits are allowed.
        high: usize,
    },
    /// A fixed limit: 0, 1 or 2.
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

    /// Upper limit on the edits for a text of `characters` characters.
    pub fn for_length(self, characters: usize) -> usize {
        match self {
            Edits::Exact(edits) => usize::from(edits),
            Edits::Auto { low, .. } if characters < low => 0,
            Edits::Auto { high, .. } if characters < high => 1,
            Edits::Auto { .. } => 2,
        }
    }
}

#[cfg(test)]
mod tests;
