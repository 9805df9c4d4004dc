//! Size of a pattern with its counted repetitions written out. It decides how long matching takes
//! where the engine does not backtrack, so that no backtracking step is counted.

use fancy_regex::Expr;

/// Upper limit on the weight of a pattern.
const MOST: u64 = 100_000;

/// Weight up to which a pattern may be matched with texts of any length.
const LIGHT: u64 = 1000;

/// Upper limit on the product of the weight of a pattern and the length of a text.
const MOST_STEPS: u64 = 100_000_000;

/// Weight of a pattern: the number of its characters, classes and assertions, each as often as
/// counted repetitions around it allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight(u64);

impl Weight {
    /// Weighs a pattern in the syntax of `fancy_regex`.
    ///
    /// # Errors
    /// A pattern that cannot be parsed, or is too heavy.
    pub(super) fn of(pattern: &str) -> Result<Self, String> {
        let tree = Expr::parse_tree(pattern).map_err(|error| error.to_string())?;
        let weight = weight(&tree.expr);
        if weight > MOST {
            return Err(format!(
                "its repetitions make it as large as {weight} characters; at most {MOST} are possible"
            ));
        }
        Ok(Weight(weight))
    }

    /// True if a text can be matched in reasonable time.
    pub(super) fn allows(self, text: &str) -> bool {
        self.is_light() || self.0.saturating_mul(text.len() as u64) <= MOST_STEPS
    }

    /// True if every text can be matched in reasonable time.
    pub(super) fn is_light(self) -> bool {
        self.0 <= LIGHT
    }
}

/// The pattern has been parsed, which limits the depth.
fn weight(expr: &Expr) -> u64 {
    let sum = |parts: &[Expr]| parts.iter().map(weight).fold(0, u64::saturating_add);
    match expr {
        Expr::Literal { val, .. } => val.chars().count() as u64,
        Expr::Concat(parts) | Expr::Alt(parts) => sum(parts),
        Expr::Group(inner) | Expr::LookAround(inner, _) | Expr::AtomicGroup(inner) => weight(inner),
        Expr::Repeat { child, lo, hi, .. } => {
            let times = if *hi == usize::MAX { *lo } else { *hi };
            weight(child).saturating_mul(times.max(1) as u64)
        }
        Expr::Conditional { condition, true_branch, false_branch } => {
            [condition, true_branch, false_branch].into_iter().map(|part| weight(part)).fold(0, u64::saturating_add)
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_repetitions_multiply() {
        for (pattern, expected) in [
            ("", 1),
            ("abc", 3),
            ("a{2,30}", 30),
            ("(?:a{1,30}b){5}", 155),
            ("(?:a{3,}|b)*c", 5),
            ("(?=a{9})[a-z]", 10),
            ("(((a{1,60}){1,60}){1,20})", 72_000),
        ] {
            assert_eq!(Weight::of(pattern), Ok(Weight(expected)), "{pattern}");
        }
        assert!(Weight::of("((a{1,100}){1,100}){1,100}").unwrap_err().contains("as large as 1000000 characters"));
    }

    #[test]
    fn heavy_patterns_are_matched_with_short_texts() {
        let text = "a".repeat(2_000_000);
        for (weight, n_bytes, expected) in
            [(1000, 2_000_000, true), (1001, 99_000, true), (1001, 100_000, false), (72_000, 1300, true)]
        {
            assert_eq!(Weight(weight).allows(&text[..n_bytes]), expected, "{weight} {n_bytes}");
        }
    }
}
