//! Oracle of the relative English entropy, with its frequency table.

use std::f64::consts::LN_2;

/// Relative entropy in bits (S. Kullback and R. A. Leibler, "On information and sufficiency", 1951)
/// of the characters of `text` against their shares `b` in [`ENGLISH_FREQUENCY`].
///
/// The sum of `f * ln(f / b) / ln(2)` over the distinct characters in order of first appearance,
/// where `f` = occurrences of the character / number of code points.
///
/// Reference behaviour: characters without a share (capitals among them) count towards the length
/// but have no term, so the result may be negative; 0 for an empty text.
#[must_use]
pub fn relative_english_entropy(text: &str) -> f64 {
    let n = text.chars().count();
    let mut seen = Vec::new();
    let mut entropy = 0.0;
    for symbol in text.chars() {
        if seen.contains(&symbol) {
            continue;
        }
        seen.push(symbol);
        let count = text.chars().filter(|&c| c == symbol).count();
        if let Some(expected) = frequency(symbol) {
            entropy += term(count, n, expected);
        }
    }
    entropy
}

/// Term of a character that occurs `count` times among `n`.
pub(crate) fn term(count: usize, n: usize, expected: f64) -> f64 {
    let f = count as f64 / n as f64;
    f * ((f / expected).ln() / LN_2)
}

fn frequency(symbol: char) -> Option<f64> {
    ENGLISH_FREQUENCY.iter().find(|&&(byte, _)| char::from(byte) == symbol).map(|&(_, share)| share)
}

/// Shares of characters in English host names, in ascending order of character; characters without
/// a share are missing.
///
/// The numbers come from the reference.
pub const ENGLISH_FREQUENCY: [(u8, f64); 37] = [
    (b'-', 0.010803953745868712),
    (b'0', 0.0027525841661488358),
    (b'1', 0.0029865097894172872),
    (b'2', 0.0027598914142925837),
    (b'3', 0.0020435937308682425),
    (b'4', 0.001964712923983166),
    (b'5', 0.0017608594373062934),
    (b'6', 0.0017662930320798498),
    (b'7', 0.0015831434151435972),
    (b'8', 0.0021597602398201366),
    (b'9', 0.0017470880850353834),
    (b'a', 0.08965206537963542),
    (b'b', 0.021492396761465096),
    (b'c', 0.046178435692422186),
    (b'd', 0.031030885021106236),
    (b'e', 0.0938650686651803),
    (b'f', 0.016087468884472687),
    (b'g', 0.02706810814315049),
    (b'h', 0.027979827873085842),
    (b'i', 0.07074249978897978),
    (b'j', 0.006711051641353142),
    (b'k', 0.017011742091988323),
    (b'l', 0.04660619075683699),
    (b'm', 0.033597415407595026),
    (b'n', 0.06262892491736954),
    (b'o', 0.07421531631063037),
    (b'p', 0.026214752715696614),
    (b'q', 0.002948193577996864),
    (b'r', 0.06343497059722608),
    (b's', 0.06260194430883878),
    (b't', 0.05877603780957555),
    (b'u', 0.03113815167654972),
    (b'v', 0.013545577039801925),
    (b'w', 0.012812697524051385),
    (b'x', 0.006551510056881306),
    (b'y', 0.017683540507870608),
    (b'z', 0.007096836870275642),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_entropy_matches_the_reference() {
        let cases = [
            ("", 0.0),
            ("google", 2.374271689504774),
            ("GOOGLE", 0.0),
            ("xqz", 6.014543493648258),
            ("test.com", 1.2090568460609146),
            ("a", 3.4795193698864915),
            ("www.evil.com", 1.559358843404385),
            ("x7f9q2", 5.512175119379348),
        ];
        for (text, expected) in cases {
            let got = relative_english_entropy(text);
            assert!((got - expected).abs() < 1e-14, "{text}: {got} instead of {expected}");
        }
    }

    #[test]
    fn shares_sum_to_about_one() {
        let total: f64 = ENGLISH_FREQUENCY.iter().map(|&(_, share)| share).sum();
        assert!((0.9..1.1).contains(&total), "{total}");
        assert!(ENGLISH_FREQUENCY.is_sorted_by(|a, b| a.0 < b.0));
    }
}
