//! Phrases, exact and with slop.

/// Returns true if `text` has the words of `phrase` in order. With `slop`, words may be moved by
/// that many positions in total. As in Lucene, this is the spread of (position in the text -
/// position in the phrase) over the words.
pub(super) fn has_phrase(text: &[String], phrase: &[String], slop: u32) -> bool {
    if slop == 0 {
        return !phrase.is_empty() && text.windows(phrase.len()).any(|window| window == phrase);
    }
    let positions: Vec<Vec<usize>> = phrase
        .iter()
        .map(|word| text.iter().enumerate().filter(|(_, other)| *other == word).map(|(at, _)| at).collect())
        .collect();
    let slop = i64::from(slop);
    positions.first().is_some_and(|first| {
        first.iter().any(|&at| {
            let mut taken = vec![at];
            place(&positions, &mut taken, at as i64, at as i64, slop)
        })
    })
}

/// Finds positions for the remaining words. No two words share one, and the spread stays within
/// `slop`.
fn place(positions: &[Vec<usize>], taken: &mut Vec<usize>, low: i64, high: i64, slop: i64) -> bool {
    let idx = taken.len();
    let Some(candidates) = positions.get(idx) else { return true };
    for &at in candidates {
        let shift = at as i64 - idx as i64;
        let (low, high) = (low.min(shift), high.max(shift));
        if high - low > slop || taken.contains(&at) {
            continue;
        }
        taken.push(at);
        if place(positions, taken, low, high, slop) {
            return true;
        }
        taken.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slop_counts_moves() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (text, phrase, slop, expected) in [
            ("a b c", "a b", 0, true),
            ("a x b", "a b", 0, false),
            ("a x b", "a b", 1, true),
            ("b a", "a b", 1, false),
            ("b a", "a b", 2, true),
            ("a b c d", "a d", 1, false),
            ("a b c d", "a d", 2, true),
            ("a b", "a a", 5, false),
            ("a x a", "a a", 1, true),
            ("a b", "c", 0, false),
        ] {
            assert_eq!(has_phrase(&words(text), &words(phrase), slop), expected, "{phrase}~{slop} in {text}");
        }
    }
}
