//! Oracle of the entropy: the formula, symbol by symbol.

use std::f64::consts::LN_2;

/// Shannon entropy in bits per character (C. E. Shannon, "A mathematical theory of communication", 1948) of the code points
/// 0 to 255, in ascending order: the sum of `-p * ln(p) / ln(2)`, `p` = how often it occurs / number of code points.
///
/// Reference behaviour: code points above 255 count in the length and have no term of their own; an empty text has 0.
#[must_use]
pub fn entropy(text: &str) -> f64 {
    let mut entropy = 0.0;
    for symbol in '\0'..='\u{ff}' {
        let count = text.chars().filter(|&c| c == symbol).count();
        if count > 0 {
            entropy += term(count, text.chars().count());
        }
    }
    entropy
}

/// The term of a symbol that occurs `count` times among `n`; `count` is not 0.
pub(crate) fn term(count: usize, n: usize) -> f64 {
    let p = count as f64 / n as f64;
    -p * (p.ln() / LN_2)
}

#[cfg(test)]
mod tests {
    use super::entropy;

    #[test]
    fn values_of_the_reference() {
        let cases = [
            ("", 0.0),
            ("houston", 2.5216406363433186),
            ("aaaa", 0.0),
            ("abcd", 2.0),
            ("aab", 0.9182958340544896),
            ("0123456789", std::f64::consts::LOG2_10),
            ("€€€", 0.0),
            ("a€", 0.5),
        ];
        for (text, expected) in cases {
            assert!((entropy(text) - expected).abs() < 1e-14, "{text}: {} instead of {expected}", entropy(text));
        }
    }
}
