//! Oracle of the entropy: the formula, symbol by symbol.

use std::f64::consts::LN_2;

/// Shannon entropy in bits per character (C. E. Shannon, "A mathematical theory of communication",
/// 1948) over the code points 0 to 255.
///
/// The sum of `-p * ln(p) / ln(2)` in ascending order of code point, where `p` = occurrences of the
/// code point / number of code points.
///
/// Reference behaviour: code points above 255 count towards the length but have no term; 0 for an
/// empty text.
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

/// Term of a symbol that occurs `count` times among `n`; `count` must not be 0.
pub(crate) fn term(count: usize, n: usize) -> f64 {
    let p = count as f64 / n as f64;
    -p * (p.ln() / LN_2)
}

#[cfg(test)]
mod tests {
    use super::entropy;

    #[test]
    fn entropy_matches_the_reference() {
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
