//! Texts that a value must contain to pass a test.

use super::Predicate;
use super::text::TextTest;

impl Predicate {
    /// Splits the test into parts that only values with one of certain texts can pass, whatever the
    /// case of its ASCII letters is, and the rest. A value passes if it passes a part or the rest.
    pub(in crate::query) fn split_by_literals(&self, parts: &mut Vec<(Vec<String>, Predicate)>) -> Option<Predicate> {
        match self {
            Predicate::AnyOf(tests) => {
                let rest: Vec<Predicate> = tests.iter().filter_map(|test| test.split_by_literals(parts)).collect();
                (!rest.is_empty()).then_some(Predicate::AnyOf(rest))
            }
            Predicate::OfKinds(kinds, test) => {
                let mut inner = Vec::new();
                let rest = test.split_by_literals(&mut inner);
                let of_kinds = |test| Predicate::OfKinds(kinds.clone(), Box::new(test));
                parts.extend(inner.into_iter().map(|(literals, test)| (literals, of_kinds(test))));
                rest.map(of_kinds)
            }
            // what lower case makes of other letters may be an ASCII letter
            Predicate::Whole { reading, test } if !reading.lowercase => {
                let literals = match test {
                    TextTest::Wildcard(pattern) => pattern.literal().into_iter().collect(),
                    TextTest::Regexp(regexp) => regexp.literals().to_vec(),
                    _ => Vec::new(),
                };
                if literals.is_empty() {
                    return Some(self.clone());
                }
                parts.push((literals, self.clone()));
                None
            }
            other => Some(other.clone()),
        }
    }
}
