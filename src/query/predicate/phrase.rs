//! Phrases, exact and with slop.

use std::collections::HashMap;

/// Returns true if `text` has the words of `phrase` in order. With `slop`, words may be moved by
/// that many positions in total. As in Lucene, this is the spread of (position in the text -
/// position in the phrase) over the words, and no two words of the phrase share one of the text.
///
/// The steps are bounded by the length of the text times that of the phrase.
pub(super) fn has_phrase(text: &[String], phrase: &[String], slop: u32) -> bool {
    if slop == 0 {
        return !phrase.is_empty() && text.windows(phrase.len()).any(|window| window == phrase);
    }
    let mut words = words_of(phrase);
    for (at, word) in text.iter().enumerate() {
        if let Some(word) = words.get_mut(word.as_str()) {
            word.positions.push(at as i64);
        }
    }
    let mut words: Vec<Word> = words.into_values().collect();
    if phrase.is_empty() || words.iter().any(|word| word.positions.len() < word.places.len()) {
        return false;
    }
    // all words moved by at least `least` and at most `slop` more
    (1 - phrase.len() as i64..text.len() as i64)
        .any(|least| words.iter_mut().all(|word| word.fits(least, i64::from(slop))))
}

/// A distinct word of a phrase.
#[derive(Default)]
struct Word {
    /// Its places in the phrase, ascending.
    places: Vec<Place>,
    /// Its positions in the text, ascending.
    positions: Vec<i64>,
}

/// A place of a word in a phrase.
struct Place {
    offset: i64,
    /// Number of positions in the text that are too far to the left by now.
    n_passed: usize,
}

fn words_of(phrase: &[String]) -> HashMap<&str, Word> {
    let mut words: HashMap<&str, Word> = HashMap::new();
    for (offset, word) in phrase.iter().enumerate() {
        let place = Place { offset: offset as i64, n_passed: 0 };
        words.entry(word).or_default().places.push(place);
    }
    words
}

impl Word {
    /// True if each place can have a position of its own, moved by `least` to `least + slop`.
    /// `least` must not become smaller from call to call.
    ///
    /// The ranges of the places are equally long, so giving each the first free position, from left
    /// to right, finds a solution if there is one.
    fn fits(&mut self, least: i64, slop: i64) -> bool {
        let mut n_taken = 0;
        for Place { offset, n_passed } in &mut self.places {
            let first = least + *offset;
            while self.positions.get(*n_passed).is_some_and(|&at| at < first) {
                *n_passed += 1;
            }
            let idx = n_taken.max(*n_passed);
            if self.positions.get(idx).is_none_or(|&at| at > first + slop) {
                return false;
            }
            n_taken = idx + 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule itself: tries all positions.
    fn naive(text: &[String], phrase: &[String], slop: u32) -> bool {
        let positions: Vec<Vec<usize>> = phrase
            .iter()
            .map(|word| text.iter().enumerate().filter(|(_, other)| *other == word).map(|(at, _)| at).collect())
            .collect();
        positions.first().is_some_and(|first| {
            first.iter().any(|&at| place(&positions, &mut vec![at], at as i64, at as i64, i64::from(slop)))
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

    proptest! {
        #[test]
        fn words_are_found_as_by_trying_all_positions(
            text in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d"]), 0..12),
            phrase in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..6),
            slop in 0..9_u32,
        ) {
            let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let (text, phrase) = (owned(text), owned(phrase));
            prop_assert_eq!(has_phrase(&text, &phrase, slop), naive(&text, &phrase, slop));
        }
    }

    #[test]
    fn repeated_words_take_linear_time() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let text = words(&"failed login ".repeat(100_000));
        for slop in [1, 20, u32::MAX] {
            assert!(!has_phrase(&text, &words("failed login failed login failed zzz"), slop));
            assert!(has_phrase(&text, &words("failed login failed login login login"), slop.max(3)));
        }
    }

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
