//! Conditions on events, before they are written in a query language.

use std::collections::BTreeSet;

use super::pattern::Pattern;

/// A condition on an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Every condition holds.
    All(Vec<Condition>),
    /// Some condition holds.
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// A value of the field passes the test.
    Field(String, ValueTest),
    /// A value of some field passes the test, without case.
    Anywhere(Pattern),
    /// A query string that is written already.
    Written(String),
}

/// A test of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ValueTest {
    Text(Pattern, LetterCase),
    Number(String),
    Bool(bool),
    /// A regular expression of Lucene, which matches the whole value.
    Regexp(String),
    /// A comparison with a number: its sign, and the number.
    Compared(Comparison, String),
    /// An address in a network, and the texts with which such addresses begin.
    Network(String, Vec<String>),
    Exists,
}

/// Treatment of case in texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LetterCase {
    Ignored,
    Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// All of `conditions`, without needless levels.
    pub(super) fn all(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let mut flat = Vec::new();
        for condition in conditions {
            match condition {
                Condition::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Condition::All(flat) }
    }

    /// Any of `conditions`, without needless levels.
    pub(super) fn any(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let mut flat = Vec::new();
        for condition in conditions {
            match condition {
                Condition::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Condition::Any(flat) }
    }

    /// The opposite, without double negations.
    pub(super) fn negated(self) -> Self {
        match self {
            Condition::Not(inner) => *inner,
            other => Condition::Not(Box::new(other)),
        }
    }

    /// A test of the whole value as text.
    pub(super) fn text(field: &str, pattern: Pattern, case: LetterCase) -> Self {
        let test = if pattern.is_anything() { ValueTest::Exists } else { ValueTest::Text(pattern, case) };
        Condition::Field(field.to_owned(), test)
    }

    /// Fields of which every event that matches has a value, in the order of the condition.
    pub(super) fn required_fields(&self) -> Vec<&str> {
        let mut fields = self.required();
        let mut seen = BTreeSet::new();
        fields.retain(|field| seen.insert(*field));
        fields
    }

    fn required(&self) -> Vec<&str> {
        match self {
            Condition::All(conditions) => conditions.iter().flat_map(Condition::required).collect(),
            Condition::Any(conditions) => {
                let Some((first, others)) = conditions.split_first() else { return Vec::new() };
                let others: Vec<BTreeSet<&str>> =
                    others.iter().map(|condition| condition.required().into_iter().collect()).collect();
                let is_in_all = |field: &&str| others.iter().all(|fields| fields.contains(field));
                first.required().into_iter().filter(is_in_all).collect()
            }
            Condition::Field(field, _) => vec![field],
            Condition::Not(_) | Condition::Anywhere(_) | Condition::Written(_) => Vec::new(),
        }
    }

    /// Number of levels.
    pub(super) fn depth(&self) -> usize {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                1 + conditions.iter().map(Condition::depth).max().unwrap_or(0)
            }
            Condition::Not(inner) => 1 + inner.depth(),
            Condition::Field(..) | Condition::Anywhere(_) | Condition::Written(_) => 1,
        }
    }
}
