//! Many regular expressions at once: a text is searched for the words of all of them in one pass,
//! and only the patterns whose words it contains are tried.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::{RegexSet, RegexSetBuilder};
use rustc_hash::{FxHashMap, FxHashSet};

use super::needles::fold;
use super::prefix::PrefixRegex;

/// Patterns in one automaton. More of them share the work on a text, and need more memory.
const MOST_IN_SET: usize = 256;

/// Up to this many patterns are tried one by one: an automaton of their own would not pay.
const FEW: usize = 4;

/// Memory in bytes for the states of an automaton that are kept between texts.
const CACHE_BYTES: usize = 1 << 20;

/// Length of a word of no pattern that is put before many others. The library renumbers its states
/// in a time that grows with the square of the number of adjacent ends of words, as in `tool1`,
/// `tool2`, ..., divided by the length of what stands before them.
const SPACER_BYTES: usize = 4096;

/// Set of regular expressions that match at the beginning of a text.
///
/// The time for a text grows with its length and with the number of patterns that have no words, or
/// whose words it contains. Automata are built when they are first needed.
#[derive(Clone, Debug, Default)]
pub struct PrefixRegexSet {
    members: Vec<PrefixRegex>,
    /// Finds the words of all members in a folded text.
    words: Option<AhoCorasick>,
    /// Members by word, in the order of the words.
    of_word: Vec<Group>,
    wordless: Group,
}

impl PrefixRegexSet {
    /// Combines patterns, which are known by their positions from now on.
    pub fn new(members: Vec<PrefixRegex>) -> Self {
        let mut words: Vec<&str> = Vec::new();
        let mut of_word: Vec<Vec<u32>> = Vec::new();
        let mut wordless: Vec<u32> = Vec::new();
        let mut word_idx: FxHashMap<&str, usize> = FxHashMap::default();
        let n_members = members_by_word(&members);
        for (idx, member) in members.iter().enumerate() {
            let Some(rarest) = rarest(member, &n_members) else {
                wordless.push(idx as u32);
                continue;
            };
            for word in rarest {
                let at = *word_idx.entry(word).or_insert_with(|| {
                    words.push(word);
                    of_word.push(Vec::new());
                    of_word.len() - 1
                });
                of_word[at].push(idx as u32);
            }
        }
        let spacer = "\u{1}".repeat(SPACER_BYTES);
        if words.len() > SPACER_BYTES {
            words.insert(0, &spacer);
            of_word.insert(0, Vec::new());
        }
        let automaton = AhoCorasick::new(&words).ok();
        if automaton.is_none() {
            // too many words for its numbers
            of_word.clear();
            wordless = (0..members.len() as u32).collect();
        }
        let of_word = of_word.iter().map(|idxs| Group::new(idxs, &members)).collect();
        let wordless = Group::new(&wordless, &members);
        PrefixRegexSet { members, words: automaton, of_word, wordless }
    }

    /// Positions of the patterns that match the beginning of `text`, and of those for the
    /// backtracking engine that may match it; in any order, some of them several times.
    pub fn possible(&self, text: &str) -> Vec<u32> {
        let mut possible = Vec::new();
        self.wordless.add_possible(&self.members, text, &mut possible);
        if let Some(words) = &self.words {
            let mut is_seen: FxHashSet<usize> = FxHashSet::default();
            for found in words.find_overlapping_iter(fold(text).as_ref()) {
                let word = found.pattern().as_usize();
                if is_seen.insert(word) {
                    self.of_word[word].add_possible(&self.members, text, &mut possible);
                }
            }
        }
        possible
    }
}

/// Patterns with the same word.
#[derive(Clone, Debug, Default)]
struct Group {
    chunks: Vec<Chunk>,
    /// Patterns for the backtracking engine, whose steps are limited: they are not tried here.
    apart: Vec<u32>,
}

impl Group {
    fn new(idxs: &[u32], members: &[PrefixRegex]) -> Self {
        let (plain, apart): (Vec<u32>, Vec<u32>) =
            idxs.iter().partition(|&&idx| members[idx as usize].plain_pattern().is_some());
        let chunk = |part: &[u32]| Chunk { members: part.to_vec(), set: OnceLock::new() };
        Group { chunks: plain.chunks(MOST_IN_SET).map(chunk).collect(), apart }
    }

    fn add_possible(&self, members: &[PrefixRegex], text: &str, possible: &mut Vec<u32>) {
        possible.extend(&self.apart);
        self.chunks.iter().for_each(|chunk| chunk.add_matches(members, text, possible));
    }
}

/// Number of patterns that have a word.
fn members_by_word(members: &[PrefixRegex]) -> FxHashMap<&str, u32> {
    let mut n_members = FxHashMap::default();
    for word in members.iter().flat_map(PrefixRegex::needles).flatten() {
        *n_members.entry(word.as_str()).or_default() += 1;
    }
    n_members
}

/// Returns the set of words of a pattern that the fewest patterns share; of several such sets, the
/// one with the longest words.
fn rarest<'a>(member: &'a PrefixRegex, n_members: &FxHashMap<&str, u32>) -> Option<impl Iterator<Item = &'a str>> {
    let sets = member.needles().iter().min_by_key(|words| {
        let n_sharing: u32 = words.iter().filter_map(|word| n_members.get(word.as_str())).sum();
        let shortest = words.iter().map(String::len).min();
        (n_sharing, std::cmp::Reverse(shortest))
    });
    sets.map(|words| words.iter().map(String::as_str))
}

/// Patterns that are tried together.
#[derive(Clone, Debug)]
struct Chunk {
    members: Vec<u32>,
    /// `None` if they are tried one by one.
    set: OnceLock<Option<RegexSet>>,
}

impl Chunk {
    fn add_matches(&self, all: &[PrefixRegex], text: &str, matched: &mut Vec<u32>) {
        match self.set.get_or_init(|| self.build(all)) {
            Some(set) => matched.extend(set.matches(text).iter().map(|idx| self.members[idx])),
            None => {
                let is_match = |idx: &u32| all[*idx as usize].is_match(text) == Ok(true);
                matched.extend(self.members.iter().copied().filter(is_match));
            }
        }
    }

    fn build(&self, all: &[PrefixRegex]) -> Option<RegexSet> {
        if self.members.len() <= FEW {
            return None;
        }
        let patterns = self.members.iter().filter_map(|&idx| all[idx as usize].plain_pattern());
        // `None` as well if they are too large together
        RegexSetBuilder::new(patterns).dfa_size_limit(CACHE_BYTES).build().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(patterns: &[&str]) -> PrefixRegexSet {
        PrefixRegexSet::new(patterns.iter().map(|pattern| PrefixRegex::new(pattern).unwrap()).collect())
    }

    fn possible(set: &PrefixRegexSet, text: &str) -> Vec<u32> {
        let mut possible = set.possible(text);
        possible.sort_unstable();
        possible.dedup();
        possible
    }

    #[test]
    fn every_pattern_that_matches_is_found() {
        let patterns = [
            "^.*teams\\.exe.*$",
            "c:",
            "teams",
            "\\d+$",
            ".*",
            "(?:x|y|teams)",
            "c:\\\\(?:users|teams)",
            "\u{e9}t\u{e9}",
            "(?=c)c:",
            "kelvin",
            "",
            "(a|b)\\1",
            "(?=x)",
        ];
        let apart = [8, 11, 12];
        let set = set(&patterns);
        for text in
            ["C:\\Teams.EXE -x", "12", "TEAMS", "\u{c9}T\u{c9}", "\u{212a}elvin", "", "xc:", "c:\\USER\u{17f}\\a"]
        {
            let is_match = |idx: &u32| set.members[*idx as usize].is_match(text).unwrap();
            let expected: Vec<u32> = (0..patterns.len() as u32).filter(is_match).collect();
            let mut found = possible(&set, text);
            assert!(expected.iter().all(|idx| found.contains(idx)), "{text:?}: {found:?}");
            // those for the backtracking engine are only ruled out by their words
            found.retain(|idx| expected.contains(idx) || !apart.contains(idx));
            assert_eq!(found, expected, "{text:?}");
        }
        assert!(possible(&set, "xyz").contains(&12) && !possible(&set, "xyz").contains(&8));
        assert!(possible(&PrefixRegexSet::default(), "x").is_empty());
    }

    #[test]
    fn patterns_that_share_their_words_are_tried_together() {
        let patterns: Vec<String> = (0..600).map(|n| format!("host[{}-9]x", n % 9)).collect();
        let set = set(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(
            set.of_word.iter().map(|group| group.chunks.len()).collect::<Vec<_>>(),
            [600_usize.div_ceil(MOST_IN_SET)]
        );
        assert_eq!(possible(&set, "HOST4X").len(), 335);
        assert!(set.members.iter().all(|member| !member.is_compiled()));
        assert!(possible(&set, "hos").is_empty());
    }

    /// Of very many patterns, a text needs those alone whose words it contains.
    #[test]
    fn few_of_many_patterns_are_compiled() {
        const N: u32 = 20_000;
        let patterns: Vec<String> = (0..N).map(|n| format!("^C:\\\\Tools\\\\tool{n:06}\\\\.+\\.exe$")).collect();
        let set = set(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        let n_compiled = || set.members.iter().filter(|member| member.is_compiled()).count();
        assert_eq!((set.wordless.chunks.len(), n_compiled()), (0, 0));
        // and the spacer
        assert_eq!(set.of_word.len() as u32, N + 1);
        assert_eq!(possible(&set, "c:\\tools\\TOOL000123\\a.exe"), [123]);
        assert!(possible(&set, "c:\\tools\\tool9\\a.exe").is_empty());
        assert!(possible(&set, &"c:\\tools\\".repeat(1000)).is_empty());
        assert_eq!(n_compiled(), 1);
    }

    #[test]
    fn patterns_for_the_backtracking_engine_have_words_too() {
        let patterns: Vec<String> = (0..2000).map(|n| format!("(?!c:)tool{n:04}\\.(exe|dll$)")).collect();
        let set = set(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(possible(&set, "Tool0123.exe"), [123]);
        assert!(possible(&set, "tool.exe").is_empty());
        assert!(set.members.iter().all(|member| member.plain_pattern().is_none() && !member.is_compiled()));
    }

    #[test]
    fn many_similar_words_are_told_apart() {
        // minutes without a spacer
        let patterns: Vec<String> = (0..60_000).map(|n| format!("(?!x)tool{n}")).collect();
        let set = set(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(possible(&set, "tool59999"), [5, 59, 599, 5999, 59999]);
        assert!(possible(&set, &"\u{1}".repeat(2 * SPACER_BYTES)).is_empty());
    }
}
