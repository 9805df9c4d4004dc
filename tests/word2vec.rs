//! `word2vec` as a user sees it: stored outliers, counts, reports, and models that are reused
//! between runs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::outliers;
use crate::program::{self, Finished, Report};

/// Programs by path; one of them is in an unusual place.
const USE_CASE: &str = "\
[word2vec_paths]
es_query_filter=*
target=path
aggregator=host
separators=\"\\\\\"
min_uniq_word_occurrence=1
size_window=1
trigger_focus=word
trigger_score=total
trigger_on=low
trigger_method=stdev
trigger_sensitivity=2
outlier_type=path
outlier_reason=odd path
outlier_summary=odd {outlier_words} in {path}
run_model=1
";

const COUNTED: &str = "use_prob_model=1\n";

const LEARNED: &str = "num_epochs=30\nlearning_rate=0.01\n";

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// Creates a folder with events and the use case. The keys in `more` replace those of the use
    /// case.
    fn new(more: &str, events: &[Value]) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let bench = Self { folder };
        bench.write_use_case(more);
        bench.write_events("events.ndjson", events);
        bench
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("written");
    }

    fn write_use_case(&self, more: &str) {
        let key = |line: &str| line.split('=').next().expect("split gives one part").to_owned();
        let is_replaced = |line: &str| more.lines().any(|other| key(other) == key(line));
        let kept: String = USE_CASE.lines().filter(|line| !is_replaced(line)).map(|line| format!("{line}\n")).collect();
        self.write("use_case.conf", &format!("{kept}{more}"));
    }

    fn write_events(&self, name: &str, events: &[Value]) {
        self.write(name, &events.iter().map(|event| format!("{event}\n")).collect::<String>());
    }

    fn run(&self, options: &str) -> Finished {
        let usual = "run --use-cases use_case.conf --events events.ndjson -o out.ndjson --report report.json";
        program::run(self.path(), &format!("{usual} {options}").split_whitespace().collect::<Vec<_>>())
    }

    fn report(&self) -> Report {
        Report::read(&self.path().join("report.json"))
    }

    /// Returns a key of the use case in the report.
    fn of_use_case(&self, key: &str) -> Value {
        self.report().json()["use_cases"][0][key].clone()
    }

    /// Stored outliers, with the ids of their events.
    fn outliers(&self) -> Vec<(String, Value)> {
        let written = outliers::read(&self.path().join("out.ndjson")).expect("well-formed output");
        written.into_iter().map(|((_, id), stored)| (id, Value::Object(stored))).collect()
    }
}

/// Many ordinary paths, and an unusual one in the middle.
fn events() -> Vec<Value> {
    let mut events: Vec<Value> = (0..60)
        .map(|idx| json!({"host": "h", "path": format!("C:\\Windows\\System{}\\tool{}.exe", idx % 2, idx % 6)}))
        .chain(
            (0..60)
                .map(|idx| json!({"host": "h", "path": format!("D:\\Users\\user{}\\notes{}.txt", idx % 3, idx % 4)})),
        )
        .collect();
    events.insert(70, json!({"host": "h", "path": "D:\\Users\\System1\\tool3.exe"}));
    events
}

#[test]
fn both_forms_find_the_unusual_word() {
    for form in [COUNTED, LEARNED] {
        let bench = Bench::new(form, &events());
        bench.run("").expect_code(0);
        let outliers = bench.outliers();
        let odd = outliers.iter().find(|(id, _)| id == "000000000070").map(|(_, odd)| odd);
        let odd = odd.unwrap_or_else(|| panic!("{form}: {outliers:?}"));
        let words = odd["words"].as_array().expect("words are a list");
        let system = words.iter().find(|word| word["word"] == "System1").expect("the word is named");
        let [score, frontier, confidence] =
            ["score", "decision_frontier", "confidence"].map(|key| system[key].as_f64().expect("a number"));
        assert!(score < frontier && (frontier - score - confidence).abs() < 1e-12, "{system}");
        assert_eq!(system["expected_window_words"].as_array().map(Vec::len), Some(2), "{system}");
        let named: Vec<&Value> = words.iter().map(|word| &word["word"]).collect();
        assert!(odd["outlier_words"].as_array().expect("a list").iter().eq(named));
        assert_eq!((&odd["size_window"], &odd["score_type"]), (&json!([1]), &json!(["total"])));
        assert!(odd["decision_frontier"].is_null(), "words are no names of fields: {odd}");
        let number = |key: &str| odd[key][0].as_f64().expect("a number");
        let expected = 100.0 * (1.0 - (-number("surprise") / 8.0).exp2());
        assert!((number("score") - expected).abs() < 0.01, "the score of a text of unusual words: {odd}");
        let summary = odd["summary"][0].as_str().expect("a text");
        assert!(summary.starts_with("odd ") && summary.contains("System1"), "{summary}");
    }
}

#[test]
fn a_whitelisted_word_is_counted_and_not_reported() {
    let bench = Bench::new(&format!("{COUNTED}[whitelist_literals]\nknown=System1\n"), &events());
    bench.run("").expect_code(0);
    let numbers = bench.report().numbers("word2vec_paths");
    assert!(bench.outliers().iter().all(|(id, _)| id != "000000000070"), "{numbers:?}");
    assert!(numbers.whitelisted > 0, "{numbers:?}");
}

#[test]
fn duplicate_texts_are_evaluated_once() {
    let mut events = events();
    for _ in 0..5 {
        events.push(events[70].clone());
    }
    let found = |more: &str, events: &[Value]| {
        let bench = Bench::new(
            &format!("{COUNTED}trigger_focus=text\ntrigger_method=float\ntrigger_sensitivity=1\n{more}"),
            events,
        );
        bench.run("").expect_code(0);
        bench
            .outliers()
            .into_iter()
            .filter(|(_, odd)| odd["summary"][0].as_str().is_some_and(|s| s.contains("Users\\System1")))
            .count()
    };
    assert_eq!(found("", &events), 6);
    assert_eq!(found("drop_duplicates=1\n", &events), 1);
    // enough texts only if duplicates are counted
    assert_eq!(found("drop_duplicates=1\nmin_target_buckets=30\n", &events), 0);
    assert_eq!(found("min_target_buckets=30\n", &events), 6);
    assert_eq!(found("min_target_buckets=127\n", &events), 0);
}

#[test]
fn several_targets_form_one_text() {
    let split: Vec<Value> = events()
        .iter()
        .map(|event| {
            let (folder, name) = event["path"].as_str().expect("a text").rsplit_once('\\').expect("a path");
            json!({"host": "h", "path": event["path"], "folder": folder, "name": name})
        })
        .collect();
    let (one, two) = (Bench::new(COUNTED, &split), Bench::new(&format!("{COUNTED}target=folder,name\n"), &split));
    one.run("").expect_code(0);
    two.run("").expect_code(0);
    assert!(!one.outliers().is_empty());
    assert_eq!(one.outliers(), two.outliers());
}

#[test]
fn outliers_are_compared_with_labels() {
    let mut events = events();
    for (idx, event) in events.iter_mut().enumerate() {
        let label = match idx {
            3 => continue,
            70 => json!(1),
            4 => json!(true),
            5 => json!("1"),
            _ => json!(0),
        };
        event["label"] = label;
    }
    let bench = Bench::new(&format!("{COUNTED}print_confusion_matrix=1\n"), &events);
    let finished = bench.run("-v").expect_code(0);
    let n_found = bench.report().numbers("word2vec_paths").outliers;
    let matrix = bench.of_use_case("confusion_matrix");
    let number = |key: &str| matrix[key].as_u64().expect("a number");
    assert_eq!(number("true_positives") + number("false_positives"), n_found, "{matrix}");
    assert_eq!((number("unlabelled"), number("true_positives") + number("false_negatives")), (1, 3), "{matrix}");
    assert!(number("true_positives") >= 1, "{matrix}");
    assert!(finished.stderr.contains("recall") && finished.stderr.contains("f_score"), "{}", finished.stderr);
    let of_each = Bench::new(&format!("{COUNTED}print_confusion_matrix=1\ndrop_duplicates=1\n"), &events);
    of_each.run("").expect_code(0);
    let matrix = of_each.of_use_case("confusion_matrix");
    let n_rows: u64 = matrix.as_object().expect("an object").values().filter_map(Value::as_u64).sum();
    let distinct: std::collections::BTreeSet<String> = events.iter().map(|event| event["path"].to_string()).collect();
    assert_eq!(n_rows, distinct.len() as u64, "{matrix}");
    let without = Bench::new(COUNTED, &events);
    without.run("").expect_code(0);
    assert_eq!(without.of_use_case("confusion_matrix"), Value::Null);
    assert_eq!(without.outliers(), bench.outliers());
}

#[test]
fn score_tables_are_logged() {
    let bench = Bench::new(&format!("{COUNTED}print_score_table=1\n"), &events());
    let finished = bench.run("-v").expect_code(0);
    for part in ["scores of an outlier", "System1", "the whole text", "fits between"] {
        assert!(finished.stderr.contains(part), "no {part} in\n{}", finished.stderr);
    }
}

#[test]
fn models_are_reused_between_runs() {
    let bench = Bench::new(&format!("{LEARNED}model_cache_dir=models\n"), &events());
    bench.run("").expect_code(0);
    let first = bench.of_use_case("training");
    let number = |training: &Value, key: &str| training[key].as_u64().expect("a number");
    assert_eq!((number(&first, "pairs_saved"), number(&first, "models_reused")), (0, 0), "{first}");
    let n_pairs = number(&first, "pairs_learned");

    bench.run("").expect_code(0);
    let second = bench.of_use_case("training");
    assert_eq!(number(&second, "models_reused"), 1, "{second}");
    assert_eq!(number(&second, "pairs_learned") + number(&second, "pairs_saved"), n_pairs, "{second}");
    assert!(number(&second, "pairs_saved") > n_pairs / 2, "{second}");
    assert!(bench.outliers().iter().any(|(id, _)| id == "000000000070"), "a reused model finds it too");

    let models: Vec<_> =
        fs::read_dir(bench.path().join("models")).expect("readable").map(|e| e.expect("readable").path()).collect();
    assert_eq!(models.len(), 1, "{models:?}");
    fs::write(&models[0], "damaged").expect("written");
    let finished = bench.run("").expect_code(0);
    let third = bench.of_use_case("training");
    assert_eq!((number(&third, "models_ignored"), number(&third, "pairs_learned")), (1, n_pairs), "{third}");
    assert!(finished.stderr.contains("training starts anew"), "{}", finished.stderr);

    bench.write_use_case(&format!("{LEARNED}model_cache_dir=events.ndjson\n"));
    let finished = bench.run("").expect_code(0);
    assert_eq!(number(&bench.of_use_case("training"), "models_not_written"), 1);
    assert!(finished.stderr.contains("cannot be kept"), "{}", finished.stderr);
}

#[test]
fn the_device_is_chosen_before_anything_is_read() {
    let bench = Bench::new(LEARNED, &events());
    bench.run("--device tpu").expect_code(2);
    bench.run("--device cpu").expect_code(0);
    let on_cpu = bench.outliers();
    fs::remove_file(bench.path().join("out.ndjson")).expect("removed");
    let finished = bench.run("--device auto -v").expect_code(0);
    assert!(finished.stderr.contains("device=\"c"), "auto tells what it chose:\n{}", finished.stderr);
    assert_eq!(on_cpu.len(), bench.outliers().len());
    fs::remove_file(bench.path().join("out.ndjson")).expect("removed");
    // no machine has this many GPUs
    let finished = bench.run("--device cuda:999").expect_code(78);
    assert!(finished.stderr.contains("--device cpu"), "no cure in\n{}", finished.stderr);
    assert!(!bench.path().join("out.ndjson").exists());
}

#[test]
fn a_model_that_cannot_be_trained_fails_its_use_case() {
    for (more, cure) in [("learning_rate=1e30\n", "smaller"), ("embedding_size=100000000\n", "embedding_size")] {
        let bench = Bench::new(more, &events());
        let finished = bench.run("").expect_code(3);
        assert!(finished.stderr.contains(cure), "{more}: {}", finished.stderr);
        assert_eq!(bench.of_use_case("status"), "failed");
    }
}
