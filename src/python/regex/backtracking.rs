//! Patterns for the backtracking engine: their words, and whether they are certain to compile.

use fancy_regex::{Expr, LookAround};

use super::needles::{MOST_STATES, Matched, Needles, n_states as n_states_of_hir, of_literal, of_repetition};
use super::needles::{of_alternatives, of_sequence, walk as walk_hir};

/// Returns the words of a pattern. What assertions look at is not among them.
pub(super) fn needles(expr: &Expr) -> Needles {
    walk(expr).into_needles()
}

/// True if the engine certainly compiles the pattern; false if only compiling it can tell.
pub(super) fn is_sound(expr: &Expr) -> bool {
    n_states(expr).is_some_and(|n_states| n_states <= MOST_STATES)
}

fn walk(expr: &Expr) -> Matched {
    match expr {
        Expr::Literal { val, .. } => of_literal(val.as_bytes()),
        Expr::Delegate { inner, .. } => regex_syntax::parse(inner).map_or(Matched::ANYTHING, |hir| walk_hir(&hir)),
        Expr::Concat(parts) => of_sequence(parts.iter().map(walk)),
        Expr::Alt(parts) => of_alternatives(parts.iter().map(walk)),
        Expr::Group(inner) | Expr::AtomicGroup(inner) => walk(inner),
        Expr::Repeat { child, lo, hi, .. } => {
            of_repetition(*lo, Some(*hi).filter(|&hi| hi < usize::MAX), || walk(child))
        }
        Expr::Empty
        | Expr::Assertion(_)
        | Expr::LookAround(..)
        | Expr::KeepOut
        | Expr::ContinueFromPreviousMatchEnd
        | Expr::BackrefExistsCondition(_) => Matched::Exactly(String::new()),
        Expr::Any { .. } | Expr::Backref(_) | Expr::Conditional { .. } => Matched::ANYTHING,
    }
}

/// Generous estimate of the number of states; `None` for what the engine may refuse.
fn n_states(expr: &Expr) -> Option<usize> {
    let sum = |parts: &[Expr]| {
        parts.iter().try_fold(parts.len(), |sum, part| n_states(part).map(|n_states| sum.saturating_add(n_states)))
    };
    match expr {
        Expr::Literal { val, .. } => Some(val.len() * 4),
        Expr::Delegate { inner, .. } => regex_syntax::parse(inner).ok().map(|hir| n_states_of_hir(&hir)),
        Expr::Concat(parts) | Expr::Alt(parts) => sum(parts),
        Expr::Group(inner) | Expr::AtomicGroup(inner) => n_states(inner),
        Expr::LookAround(inner, LookAround::LookAhead | LookAround::LookAheadNeg) => n_states(inner),
        Expr::Repeat { child, lo, hi, .. } => {
            let n_copies = if *hi < usize::MAX { *hi } else { *lo };
            n_states(child).map(|n_states| n_states.saturating_add(1).saturating_mul(n_copies.max(1)))
        }
        Expr::Empty | Expr::Any { .. } | Expr::Assertion(_) => Some(8),
        Expr::LookAround(..)
        | Expr::KeepOut
        | Expr::ContinueFromPreviousMatchEnd
        | Expr::Backref(_)
        | Expr::BackrefExistsCondition(_)
        | Expr::Conditional { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_every_match_contains() {
        let check = |pattern: &str, expected: &[&[&str]]| {
            assert_eq!(needles(&Expr::parse_tree(pattern).unwrap().expr), expected, "{pattern}");
        };
        check("(?=x)ab(?!y)c", &[&["abc"]]);
        check("(?i:AB)(?=z)[cC]\\d", &[&["abc"]]);
        check("(ab)\\1(?:cd){2}", &[&["ab"], &["cdcd"]]);
        check("(?>ab|cd)+(?<=b)e?", &[&["ab", "cd"]]);
        check("(?=(a+)+\\1$)b", &[&["b"]]);
        check("(?:ab|(?=c))d", &[&["d"]]);
        check(".(?=a)", &[]);
    }

    #[test]
    fn doubtful_patterns_are_compiled_at_once() {
        let is_sound = |pattern: &str| is_sound(&Expr::parse_tree(pattern).unwrap().expr);
        assert!(is_sound("(?:a|b(?=\\n?\\z))"));
        assert!(is_sound("(?!evil)[a-z]{1,20}\\.exe"));
        assert!(!is_sound("(?<=a)b"));
        assert!(!is_sound("(a)\\1"));
        assert!(!is_sound("(?=x)(?:[a-z]{100}){1000}"));
    }
}
