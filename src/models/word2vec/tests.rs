//! Shared fixtures of the tests in this module, and the reference's own example.

use super::bucket::{JudgedTexts, judge_texts};
use super::corpus::Text;
use super::judge::{Seen, TextVerdict};
use super::neural::TrainingDevice;
use super::neural::training::Training;
use crate::config::{Separators, Trigger, TriggerFocus, TriggerMethod, TriggerOn, TriggerScore, Word2vec};
use crate::event::FieldPath;

/// Program paths, with the number of rows of each.
pub(super) const TEXTS: &[(&str, u64)] = &[("C:\\Win\\a.exe", 5), ("C:\\Win\\b.exe", 1), ("C:\\Tmp\\a.exe", 1)];

pub(super) fn texts<'t>(texts: &[(&'t str, u64)]) -> Vec<Text<'t>> {
    texts.iter().map(|&(text, n)| Text { text, n }).collect()
}

/// Count-based form on the words of paths: window 1, frontier half a standard deviation below the
/// mean.
pub(super) fn settings(change: impl FnOnce(&mut Word2vec)) -> Word2vec {
    let mut word2vec = Word2vec {
        target: vec![FieldPath::new("path")],
        aggregator: vec![FieldPath::new("host")],
        min_target_buckets: 1,
        separators: Separators::new("\\\\").unwrap(),
        size_window: 1,
        min_uniq_word_occurrence: 1,
        drop_duplicates: false,
        use_prob_model: true,
        output_prob: true,
        num_epochs: 1,
        batch_size: None,
        learning_rate: 0.001,
        embedding_size: 40,
        seed: 0,
        model_cache_dir: None,
        print_score_table: false,
        print_confusion_matrix: false,
        trigger_focus: TriggerFocus::Word,
        trigger_score: TriggerScore::Center,
        trigger: Trigger { on: TriggerOn::Low, method: TriggerMethod::Stdev, sensitivity: 0.5 },
    };
    change(&mut word2vec);
    word2vec
}

pub(super) fn judge(word2vec: &Word2vec, distinct: &[(&str, u64)]) -> JudgedTexts {
    judge_texts(word2vec, &texts(distinct), &Training::on(&TrainingDevice::CPU)).unwrap()
}

fn check_close(got: TextVerdict, score: f64, frontier: f64) {
    let is_close = |got: f64, expected: f64| (got - expected).abs() <= 1e-12 * expected.abs();
    assert!(is_close(got.score, score) && is_close(got.frontier, frontier), "{got:?}: {score} {frontier}");
}

#[test]
fn flags_the_words_of_the_reference() {
    let judged = judge(&settings(|_| {}), TEXTS);
    let [b, tmp] = &judged.flagged[..] else { panic!("{judged:?}") };
    assert_eq!((b.text_idx, tmp.text_idx), (1, 2));
    let Seen::Words(words) = &b.seen else { panic!("{b:?}") };
    let [win] = &words[..] else { panic!("{words:?}") };
    check_close(win.verdict, 0.2878197989826109, 0.42414067485113977);
    assert_eq!((&*win.word, &win.expected), ("Win", &None));
    let spelled: Vec<&str> = win.expected_window.iter().map(|word| &**word).collect();
    assert_eq!(spelled, ["C:", "a.exe"]);
    let Seen::Words(words) = &tmp.seen else { panic!("{tmp:?}") };
    let [drive, program] = &words[..] else { panic!("{words:?}") };
    check_close(drive.verdict, 0.25, 0.6763620650543224);
    check_close(program.verdict, 0.2857142857142857, 0.6554253344047719);
    assert_eq!(drive.expected.as_deref(), Some("a.exe"));
}

#[test]
fn flags_the_texts_of_the_reference() {
    let word2vec = settings(|word2vec| {
        word2vec.trigger_focus = TriggerFocus::Text;
        word2vec.trigger_score = TriggerScore::Mean;
        word2vec.trigger.sensitivity = 1.0;
    });
    let judged = judge(&word2vec, TEXTS);
    let [tmp] = &judged.flagged[..] else { panic!("{judged:?}") };
    let Seen::Text(verdict) = tmp.seen else { panic!("{tmp:?}") };
    check_close(verdict, 0.4221068126374527, 0.5155927882604784);
}

#[test]
fn texts_without_pairs_are_not_outliers() {
    for lonely in [&[("a", 3)][..], &[], &[("", 1)]] {
        assert_eq!(judge(&settings(|_| {}), lonely).flagged, []);
    }
    // they do not affect the others either
    let mixed = [&[("one", 9)], TEXTS].concat();
    assert_eq!(judge(&settings(|_| {}), &mixed).flagged.len(), 2);
}

#[test]
fn long_texts_have_a_score() {
    let long: String = (0..3000).map(|idx| format!("{}\\", idx % 97)).collect();
    let word2vec = settings(|word2vec| {
        word2vec.trigger_focus = TriggerFocus::Text;
        word2vec.trigger = Trigger { on: TriggerOn::High, method: TriggerMethod::Float, sensitivity: 0.0 };
    });
    let judged = judge(&word2vec, &[(&long, 1)]);
    let [Seen::Text(verdict)] = judged.flagged.iter().map(|text| text.seen.clone()).collect::<Vec<_>>()[..] else {
        panic!("{judged:?}")
    };
    assert!(verdict.score > 0.3 && verdict.score < 1.0, "{verdict:?}");
}
