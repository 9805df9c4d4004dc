//! One tree for both query languages.

/// Which events.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// Every event.
    All,
    /// No event.
    None,
    /// Some of `must`, `should` and `must_not`, as Elasticsearch combines them.
    Bool {
        /// All of these.
        must: Vec<Query>,
        /// At least `minimum_should` of these.
        should: Vec<Query>,
        /// None of these.
        must_not: Vec<Query>,
        /// How many of `should`.
        minimum_should: usize,
    },
    /// A value of a field.
    Field {
        /// Which field.
        field: FieldName,
        /// What its value is like.
        test: Test,
    },
    /// Documents with one of these ids.
    Ids(Vec<String>),
}

/// Which field a test looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FieldName {
    /// One field.
    Name(String),
    /// Every field whose name matches a pattern with `*`.
    Pattern(String),
    /// Every field.
    Any,
}

/// What a value is like.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// There is one.
    Exists,
    /// It is this, or, analysed, holds these words.
    Term(Text),
    /// It holds these words next to each other.
    Phrase(Text, usize),
    /// It matches `*` and `?`; a backslash escapes.
    Wildcard(Text),
    /// It begins so.
    Prefix(Text),
    /// All of it matches a regular expression of Lucene.
    Regexp(Text),
    /// It is this but for some edits.
    Fuzzy {
        /// The text.
        text: String,
        /// Most edits; `None`: by its length.
        edits: Option<u8>,
        /// Characters at the beginning that must be equal.
        prefix: usize,
    },
    /// It lies between bounds.
    Range {
        /// Lower bound.
        from: Bound,
        /// Upper bound.
        to: Bound,
        /// Offset of bounds without a zone, in seconds.
        zone: i32,
    },
    /// It holds some of these words: how many.
    Words {
        /// The text.
        text: String,
        /// All, or at least this many.
        minimum: Minimum,
    },
}

/// A text and whether its case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Whether its case does not count.
    pub ignore_case: bool,
}

impl Text {
    /// A text whose case counts.
    pub fn exact(text: impl Into<String>) -> Self {
        Text { text: text.into(), ignore_case: false }
    }
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Without end.
    Open,
    /// Up to and with a value.
    Including(String),
    /// Up to a value.
    Excluding(String),
}

/// How many words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Minimum {
    /// All of them.
    All,
    /// As `minimum_should_match` says.
    Should(String),
}

impl Query {
    /// Both.
    pub fn and(queries: Vec<Query>) -> Query {
        match queries.len() {
            1 => queries.into_iter().next().unwrap_or(Query::All),
            _ => Query::Bool { must: queries, should: Vec::new(), must_not: Vec::new(), minimum_should: 0 },
        }
    }

    /// Whether the query takes every event, whatever it is.
    pub fn is_all(&self) -> bool {
        match self {
            Query::All => true,
            Query::Bool { must, should, must_not, minimum_should } => {
                must.iter().all(Query::is_all) && should.is_empty() && must_not.is_empty() && *minimum_should == 0
            }
            _ => false,
        }
    }
}
