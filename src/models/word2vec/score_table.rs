//! Formats the scores of an outlier's words as a table for the log.

use std::borrow::Cow;

use comfy_table::{Table, presets};

use super::corpus::{Corpus, Text};
use super::judge::{Flagged, Seen, SeenWord};
use super::means::Mean;
use super::scores::{Outputs, Scores};
use super::words::split;
use crate::config::{TriggerScore, Word2vec};
use crate::terminal::escape_controls;

/// Scores of single words.
const OF_WORDS: [TriggerScore; 3] = [TriggerScore::Center, TriggerScore::Context, TriggerScore::Total];

/// One line per word of the text, and one for the whole text. Words come from events, so control
/// characters in them are escaped.
pub(super) fn score_table<M: Mean>(
    word2vec: &Word2vec,
    corpus: &Corpus<'_>,
    outputs: &Outputs,
    text: &Text<'_>,
    flagged: &Flagged,
) -> String {
    let words = corpus.text(flagged.text_idx);
    let mut scores = Scores::<M>::new();
    scores.fill(outputs, words, word2vec.size_window);
    let mut spelled = Vec::with_capacity(words.len());
    let split_up = split(&word2vec.separators, text.text, &mut spelled);
    debug_assert!(split_up.is_ok(), "a text that is not split has one word, and so no scores");
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["word", "occurrences", "center", "context", "total", "mean", "outlier"]);
    for (position, (&word, spelled)) in words.iter().zip(spelled).enumerate() {
        let vocabulary = corpus.vocabulary();
        let n = vocabulary.count(word);
        let occurrences = if word == vocabulary.unknown() { format!("unknown ({n})") } else { n.to_string() };
        let mut row = vec![escape_controls(spelled), occurrences];
        row.extend(OF_WORDS.map(|score| shown(scores.word(position, score))));
        row.push(String::new());
        row.push(seen_word(&flagged.seen, vocabulary.text(word)).map_or_else(String::new, expectations));
        table.add_row(row);
    }
    let mut row = vec!["the whole text".to_owned(), text.n.to_string()];
    row.extend(OF_WORDS.map(|score| shown(scores.text(score))));
    row.push(shown(scores.text(TriggerScore::Mean)));
    row.push(match flagged.seen {
        Seen::Text(verdict) => format!("beyond {}", shown(verdict.frontier)),
        Seen::Words(_) => String::new(),
    });
    table.add_row(row);
    table.to_string()
}

fn shown(score: f64) -> String {
    format!("{score:.2e}")
}

fn seen_word<'s>(seen: &'s Seen, word: &str) -> Option<&'s SeenWord> {
    match seen {
        Seen::Text(_) => None,
        Seen::Words(words) => words.iter().find(|seen| &*seen.word == word),
    }
}

fn expectations(seen: &SeenWord) -> String {
    let window: Vec<Cow<'_, str>> = seen.expected_window.iter().map(|word| escape_controls(word).into()).collect();
    let expected =
        seen.expected.as_deref().map_or_else(String::new, |word| format!("; {} fits here", escape_controls(word)));
    format!("beyond {}; fits between {}{expected}", shown(seen.verdict.frontier), window.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TEXTS, judge, settings};

    #[test]
    fn every_word_has_its_scores() {
        let judged = judge(&settings(|word2vec| word2vec.print_score_table = true), TEXTS);
        let [_, table] = &judged.score_tables[..] else { panic!("{judged:?}") };
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1][..6], ["C:", "7", "2.50e-1", "6.67e-1", "4.08e-1", "beyond"]);
        assert_eq!(rows[1][6..], ["6.76e-1;", "fits", "between", "Win;", "a.exe", "fits", "here"]);
        assert_eq!(rows[4][..4], ["the", "whole", "text", "1"]);
        assert_eq!(judge(&settings(|_| {}), TEXTS).score_tables.len(), 0);
    }

    #[test]
    fn rare_words_keep_their_text_and_cannot_control_a_terminal() {
        let texts = [TEXTS, &[("C:\\Win\\\u{1b}[31m.exe", 1)]].concat();
        let word2vec = settings(|word2vec| {
            word2vec.print_score_table = true;
            word2vec.min_uniq_word_occurrence = 2;
        });
        let judged = judge(&word2vec, &texts);
        let all = judged.score_tables.concat();
        assert!(all.contains("\\u{1b}[31m.exe"), "{all}");
        assert!(all.contains("unknown (3)") && !all.contains('\u{1b}'), "{all}");
    }
}
