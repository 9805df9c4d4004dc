//! Searches for what the queries of many use cases look for inside texts, in one pass.
//!
//! A wildcard pattern holds only for values that contain the longest text between its wildcards,
//! and most regular expressions for values that contain one of a few texts. The texts of all
//! patterns on one column are the words of one automaton, which reads each distinct value once; a
//! pattern is tested only on the values in which a text of its own occurs. So the cost of a value
//! grows with its length and with what it contains, not with the number of patterns.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, BuildError};
use arrow::array::StringArray;

use super::column::QueryColumn;
use super::predicate::{Predicate, ValueRef};

/// Least number of tests on a column for which an automaton pays.
const MIN_TESTS: usize = 4;

/// Tests on one column, before the automaton is made.
#[derive(Debug, Default)]
pub(super) struct ColumnTests {
    tests: Vec<LiteralTest>,
    /// Per leaf, its number among the parts that queries share, and what no literal decides.
    leaves: Vec<(usize, Option<Predicate>)>,
}

/// A test that only values with one of certain texts can pass.
#[derive(Debug)]
struct LiteralTest {
    literals: Vec<String>,
    leaf_idx: usize,
    predicate: Predicate,
}

/// Searches of all columns.
#[derive(Debug, Default)]
pub struct Searches {
    /// Search and index of a leaf in it, by the leaf's number among the parts that queries share.
    of_parts: HashMap<usize, (usize, usize)>,
    searches: Vec<Search>,
}

/// One automaton over the literals of a column.
#[derive(Debug)]
struct Search {
    automaton: AhoCorasick,
    /// Per literal, the tests to which it belongs.
    tests_of_literals: Vec<Vec<usize>>,
    tests: Vec<LiteralTest>,
    /// Per leaf, the part that no literal decides.
    rests: Vec<Option<Predicate>>,
}

/// Per leaf of a search, the codes of the values that pass, in ascending order.
pub(super) type Passing = Vec<Vec<u32>>;

impl ColumnTests {
    /// Adds the leaf with the number `part`, if some of it can be searched for.
    pub(super) fn add(&mut self, part: usize, predicate: &Predicate) {
        let leaf_idx = self.leaves.len();
        let mut parts = Vec::new();
        let rest = predicate.split_by_literals(&mut parts);
        if parts.is_empty() {
            return;
        }
        let test = |(literals, predicate)| LiteralTest { literals, leaf_idx, predicate };
        self.tests.extend(parts.into_iter().map(test));
        self.leaves.push((part, rest));
    }
}

impl Searches {
    /// Makes the automata. Where one cannot be made, its tests are made one by one.
    pub(super) fn new(of_columns: HashMap<QueryColumn, ColumnTests>) -> Self {
        let mut searches = Searches::default();
        for tests in of_columns.into_values().filter(|tests| tests.tests.len() >= MIN_TESTS) {
            let parts: Vec<usize> = tests.leaves.iter().map(|(part, _)| *part).collect();
            if let Ok(search) = Search::new(tests) {
                let search_idx = searches.searches.len();
                let places = parts.into_iter().enumerate().map(|(leaf_idx, part)| (part, (search_idx, leaf_idx)));
                searches.of_parts.extend(places);
                searches.searches.push(search);
            }
        }
        searches
    }

    /// Search and index in it of a leaf; `None` if it is tested by itself.
    pub(super) fn of_part(&self, part: usize) -> Option<(usize, usize)> {
        self.of_parts.get(&part).copied()
    }

    /// Values that pass, per leaf of a search.
    pub(super) fn passing(&self, search_idx: usize, distinct: &StringArray) -> Passing {
        self.searches[search_idx].passing(distinct)
    }

    /// Part of a leaf that no literal decides.
    pub(super) fn rest(&self, (search_idx, leaf_idx): (usize, usize)) -> Option<&Predicate> {
        self.searches[search_idx].rests[leaf_idx].as_ref()
    }
}

impl Search {
    fn new(ColumnTests { tests, leaves }: ColumnTests) -> Result<Self, BuildError> {
        let mut literals: Vec<String> = Vec::new();
        let mut tests_of_literals: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let of_tests = tests.iter().enumerate().flat_map(|(idx, test)| test.literals.iter().map(move |one| (idx, one)));
        for (test_idx, literal) in of_tests {
            // some of the tests ignore case: all are found in any case, and tested as they are
            let literal = literal.to_ascii_lowercase();
            let literal_idx = *known.entry(literal).or_insert_with_key(|literal| {
                literals.push(literal.clone());
                tests_of_literals.push(Vec::new());
                literals.len() - 1
            });
            tests_of_literals[literal_idx].push(test_idx);
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&literals)?;
        let rests = leaves.into_iter().map(|(_, rest)| rest).collect();
        Ok(Search { automaton, tests_of_literals, tests, rests })
    }

    fn passing(&self, distinct: &StringArray) -> Passing {
        let mut passing = vec![Vec::new(); self.rests.len()];
        // latest value on which a test was made: a literal may occur several times
        let mut tested = vec![None; self.tests.len()];
        for (code, text) in (0..).zip(distinct) {
            let Some(value) = text.and_then(ValueRef::of_tagged) else { continue };
            for found in self.automaton.find_overlapping_iter(value.as_text()) {
                for &test_idx in &self.tests_of_literals[found.pattern().as_usize()] {
                    if tested[test_idx].replace(code) == Some(code) {
                        continue;
                    }
                    let LiteralTest { leaf_idx, predicate, .. } = &self.tests[test_idx];
                    let codes: &mut Vec<u32> = &mut passing[*leaf_idx];
                    if codes.last() != Some(&code) && predicate.matches(value) {
                        codes.push(code);
                    }
                }
            }
        }
        passing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::predicate::{TextReading, TextTest};
    use crate::query::regexp::{Flags, LuceneRegexp, Wildcard};

    fn wildcard(pattern: &str, case_insensitive: bool) -> Predicate {
        let test = TextTest::Wildcard(Wildcard::new(pattern, case_insensitive).unwrap());
        Predicate::Whole { reading: TextReading::default(), test }
    }

    fn regexp(pattern: &str) -> Predicate {
        let test = TextTest::Regexp(LuceneRegexp::new(pattern, false, Flags::ALL).unwrap());
        Predicate::Whole { reading: TextReading::default(), test }
    }

    #[test]
    fn searches_find_what_single_tests_find() {
        let predicates = [
            wildcard("*\\\\cmd.exe", false),
            wildcard("*\\\\CMD.exe", true),
            wildcard("c:*", false),
            wildcard("*whoami*", false),
            wildcard("*ami?", true),
            wildcard("*", false),
            wildcard("?", false),
            wildcard("*é*", true),
            wildcard("*amiwho*", false).or(wildcard("*\\\\a*b", true)),
            wildcard("*mi*", false).or(Predicate::Exists { ignore_above: Some(2) }),
            Predicate::Boolean(true),
            regexp(".*(who|\\\\cmd).*"),
            regexp(".*[aA][mM][iI].*"),
            regexp(".{5,}"),
        ];
        let values = [
            "sc:\\cmd.exe",
            "sC:\\CMD.EXE",
            "s",
            "swhoami",
            "sWHOAMI!",
            "samiwhoami",
            "n12",
            "btrue",
            "sé",
            "s\\aXb",
            "smi",
        ];
        let distinct = StringArray::from(values.to_vec());
        let column = QueryColumn::of("x");
        let mut tests: HashMap<QueryColumn, ColumnTests> = HashMap::new();
        for (part, predicate) in predicates.iter().enumerate() {
            tests.entry(column.clone()).or_default().add(part, predicate);
        }
        let searches = Searches::new(tests);
        let searched: Vec<bool> = (0..predicates.len()).map(|part| searches.of_part(part).is_some()).collect();
        assert_eq!(searched, [true, true, true, true, true, false, false, true, true, true, false, true, true, false]);
        let passing = searches.passing(0, &distinct);
        for (part, predicate) in predicates.iter().enumerate() {
            let Some(place) = searches.of_part(part) else { continue };
            let rest = |value| searches.rest(place).is_some_and(|rest| rest.matches(value));
            let actual: Vec<bool> = (0..)
                .zip(values)
                .map(|(code, text)| passing[place.1].contains(&code) || ValueRef::of_tagged(text).is_some_and(rest))
                .collect();
            let expected: Vec<bool> = values
                .iter()
                .map(|text| ValueRef::of_tagged(text).is_some_and(|value| predicate.matches(value)))
                .collect();
            assert_eq!(actual, expected, "{predicate:?}");
        }
    }
}
