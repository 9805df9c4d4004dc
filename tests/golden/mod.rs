//! Golden cases: the program finds the same outliers as the reference implementation in the same
//! events. `README.md` beside this file describes the cases and how they are compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use serde_json::{Map, Value};

use crate::outliers::{self, Outliers};
use crate::program::{self, Numbers, Report};

/// Cases in which we differ from the reference on purpose: `SET/CASE` and the reason. A case listed
/// here must differ.
const DELIBERATE_DIFFERENCES: &[(&str, &str)] = &[
    ("synthetic/metrics_base64_encoded_length_low_pct_of_max_value", BUCKET_ORDER),
    ("synthetic/metrics_relative_english_entropy_high_percentile", BUCKET_ORDER),
    ("synthetic/terms_across_high_pct_of_max_value", BUCKET_ORDER),
    ("synthetic/terms_within_cv_low", BUCKET_ORDER),
    ("synthetic/sudden_appearance_one_window", FIELD_CASE),
    ("synthetic/terms_whitelist_within", RANDOM_SAMPLE),
    ("otrf/terms_whitelist_within", RANDOM_SAMPLE),
    ("otrf/sudden_appearance_one_window", EVENTS_IN_WINDOW),
    ("otrf/word2vec_prob_word_center", EQUAL_FITS),
    ("otrf/word2vec_prob_word_context", EQUAL_FITS),
];

/// The outliers are equal. We count the events in the history window, the reference those of the
/// whole file.
const EVENTS_IN_WINDOW: &str = "events are counted inside the history window (Q9)";

/// Several outliers of one event are in the order of the event's own values. The reference has them
/// in the order in which it first saw their aggregators, which depends on the order of the events.
const BUCKET_ORDER: &str = "several outliers of one event: order of its values, not order of arrival (Q49)";

/// We find `Process.Name` even if its case differs from the configured one, as everywhere else. A
/// script in Elasticsearch does not find it.
const FIELD_CASE: &str = "field names match in any case in every model (Q28)";

/// The reference tests its random sample of other events' values against the whitelist, so a
/// whitelisted term in the sample accepts an outlier at random. We do not test samples.
const RANDOM_SAMPLE: &str = "the sample of non-outliers is not tested against the whitelist (Q50)";

/// Several words or windows fit equally well. We expect the most frequent one, the reference the
/// one it saw first. Everything else is equal.
const EQUAL_FITS: &str =
    "of equally good expectations the most frequent one is shown, not the first to arrive (order-free)";

/// Keys of a word that may hold one of several equally good answers.
const EXPECTATIONS: [&str; 2] = ["expected_word", "expected_window_words"];

/// Keys under which the reference stores objects with words as names, which would make every word a
/// field of the index. We store one list of objects instead; [`word_lists`] converts to it.
const BY_WORD: [&str; 5] = ["score", "decision_frontier", "confidence", "expected_words", "expected_window_words"];

/// Key that is drawn at random by the reference and is therefore not compared.
const NOT_COMPARED: &str = "non_outlier_values_sample";

pub(crate) const SYNTHETIC: Set = Set { name: "synthetic", now: "2024-05-08T00:00:00Z" };
pub(crate) const OTRF: Set = Set { name: "otrf", now: "2020-09-22T00:00:00Z" };

#[test]
fn synthetic_cases_equal_the_reference() {
    check_against_reference(&SYNTHETIC);
}

#[test]
fn otrf_cases_equal_the_reference() {
    check_against_reference(&OTRF);
}

#[test]
fn synthetic_cases_together_equal_each_alone() {
    check_together(&SYNTHETIC);
}

#[test]
fn otrf_cases_together_equal_each_alone() {
    check_together(&OTRF);
}

/// A set of events with its cases.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    /// End of the windows of `sudden_appearance`.
    pub(crate) now: &'static str,
}

/// Result of a case that ran alone.
struct Alone {
    case: String,
    result: Result<(Outliers, Numbers), String>,
}

impl Set {
    pub(crate) fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(self.name)
    }

    /// Returns the events, one per line.
    pub(crate) fn events(&self) -> String {
        let compressed = fs::read(self.folder().join("events.ndjson.zst")).expect("the set has events");
        String::from_utf8(zstd::decode_all(&*compressed).expect("zstd")).expect("UTF-8")
    }

    /// Returns the names of the cases, which are the names of their folders.
    pub(crate) fn cases(&self) -> Vec<String> {
        let mut cases: Vec<String> = fs::read_dir(self.folder())
            .expect("the set has a folder")
            .map(|entry| entry.expect("a readable folder"))
            .filter(|entry| entry.path().join("use_case.conf").exists())
            .map(|entry| entry.file_name().into_string().expect("case names are ASCII"))
            .collect();
        cases.sort();
        cases
    }

    /// Runs every case alone, once for all tests that use the results.
    fn alone(&self) -> &'static [Alone] {
        static RESULTS: Mutex<BTreeMap<&str, &'static OnceLock<Vec<Alone>>>> = Mutex::new(BTreeMap::new());
        let cell: &'static OnceLock<Vec<Alone>> =
            RESULTS.lock().expect("no test panics here").entry(self.name).or_insert_with(|| Box::leak(Box::default()));
        cell.get_or_init(|| self.run_all_alone())
    }

    fn run_all_alone(&self) -> Vec<Alone> {
        let queue = Mutex::new(self.cases());
        let done = Mutex::new(Vec::new());
        let n_threads = std::thread::available_parallelism().map_or(2, |n| n.get().min(4));
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| {
                    loop {
                        let Some(case) = queue.lock().expect("no panic holds it").pop() else {
                            break;
                        };
                        let result = self.run(&[case.as_str()]).and_then(|run| run.of_case(&case));
                        done.lock().expect("no panic holds it").push(Alone { case, result });
                    }
                });
            }
        });
        let mut done = done.into_inner().expect("all threads ended");
        done.sort_by(|a, b| a.case.cmp(&b.case));
        done
    }

    /// Runs the program once over the events of the set, with the use cases of `cases`.
    fn run(&self, cases: &[&str]) -> Result<Run, String> {
        let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (output, report) = (scratch.path().join("out.ndjson"), scratch.path().join("report.json"));
        let folder = self.folder();
        let mut args: Vec<PathBuf> =
            ["run", "-q", "--config", "main.conf", "--events", "events.ndjson.zst", "-o"].map(PathBuf::from).to_vec();
        args.extend([output.clone(), "--report".into(), report.clone()]);
        for case in cases {
            args.extend(["--use-cases".into(), Path::new(case).join("use_case.conf")]);
        }
        if cases.iter().any(|case| case.starts_with("sudden_appearance")) {
            args.extend(["--now".into(), self.now.into()]);
        }
        let finished = program::run(&folder, &args);
        if finished.code != 0 {
            return Err(format!("exit code {}: {}", finished.code, finished.stderr));
        }
        Ok(Run { outliers: outliers::read(&output)?, report: Report::read(&report) })
    }

    fn expected(&self, case: &str) -> BTreeMap<String, Map<String, Value>> {
        let compressed = fs::read(self.folder().join(case).join("expected.ndjson.zst")).expect("a case is complete");
        if compressed.is_empty() {
            return BTreeMap::new();
        }
        let text = String::from_utf8(zstd::decode_all(&*compressed).expect("zstd")).expect("UTF-8");
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("expected lines are JSON"))
            .map(|line| {
                let outliers = line["outliers"].as_object().expect("outliers");
                (line["_id"].as_str().expect("_id").to_owned(), word_lists(outliers))
            })
            .collect()
    }

    fn expected_numbers(&self, case: &str) -> Numbers {
        let text = fs::read_to_string(self.folder().join(case).join("counts.json")).expect("a case is complete");
        let counts: Value = serde_json::from_str(&text).expect("counts are JSON");
        let number = |key: &str| counts[key].as_u64().expect("counts are numbers");
        Numbers {
            events: number("total_events"),
            documents: number("documents"),
            outliers: number("outliers_kept"),
            whitelisted: number("whitelisted"),
        }
    }
}

/// Converts the reference's results for words to our form: `words` is a list of objects sorted by
/// word, `outlier_words` holds the words alone.
fn word_lists(outliers: &Map<String, Value>) -> Map<String, Value> {
    let scores = outliers.get("score").and_then(Value::as_array);
    if !scores.is_some_and(|scores| scores.iter().any(Value::is_object)) {
        return outliers.clone();
    }
    let mut listed: Map<String, Value> = outliers
        .iter()
        .filter(|(key, _)| !BY_WORD.contains(&key.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let of_outlier = |key: &str, outlier_idx: usize| outliers[key][outlier_idx].as_object().expect("words").clone();
    let n_outliers = outliers["score"].as_array().expect("scores").len();
    let mut words = Vec::new();
    for outlier_idx in 0..n_outliers {
        let [scores, frontiers, confidences, expected, windows] = BY_WORD.map(|key| of_outlier(key, outlier_idx));
        for (word, score) in &scores {
            let mut object = Map::new();
            object.insert("word".to_owned(), word.as_str().into());
            object.insert("score".to_owned(), score.clone());
            object.insert("decision_frontier".to_owned(), frontiers[word].clone());
            object.insert("confidence".to_owned(), confidences[word].clone());
            object.extend(expected.get(word).map(|expected| ("expected_word".to_owned(), expected.clone())));
            object.insert("expected_window_words".to_owned(), windows[word].clone());
            words.push(Value::Object(object));
        }
        assert!([&frontiers, &confidences, &windows].iter().all(|by_word| by_word.len() == scores.len()));
    }
    words.sort_by_key(|word| word["word"].to_string());
    listed.insert("outlier_words".to_owned(), words.iter().map(|object| object["word"].clone()).collect());
    listed.insert("words".to_owned(), words.into());
    listed
}

/// Converts our outliers to a form that can be compared with [`word_lists`]. The reference does not
/// keep the order of the words, and writes lists as Python does.
fn comparable(stored: &Map<String, Value>) -> Map<String, Value> {
    let mut stored = stored.clone();
    stored.shift_remove(NOT_COMPARED);
    if let Some(Value::Array(words)) = stored.get_mut("words") {
        for word in words.iter_mut() {
            let window: Vec<String> =
                word["expected_window_words"].as_array().expect("a list").iter().map(repr).collect();
            word["expected_window_words"] = format!("[{}]", window.join(", ")).into();
        }
        words.sort_by_key(|word| word["word"].to_string());
    }
    if let Some(Value::Array(words)) = stored.get_mut("outlier_words") {
        words.sort_by_key(ToString::to_string);
    }
    stored
}

/// Removes the keys that the reference does not know: each outlier has a surprise, and the score
/// that follows from it unless its model stores a score of its own.
fn without_additions(mut stored: Map<String, Value>, expected: &Map<String, Value>) -> Map<String, Value> {
    let additions: &[&str] = if expected.contains_key("score") { &["surprise"] } else { &["surprise", "score"] };
    for key in additions {
        let n = stored.shift_remove(*key).as_ref().and_then(Value::as_array).map(Vec::len);
        assert_eq!(n.map(Value::from).as_ref(), stored.get("total_outliers"), "{key} of {stored:?}");
    }
    stored
}

/// Removes the keys `ignored` from the words.
fn without(mut outliers: Map<String, Value>, ignored: &[&str]) -> Map<String, Value> {
    let words = outliers.get_mut("words").and_then(Value::as_array_mut).into_iter().flatten();
    for word in words.filter_map(Value::as_object_mut) {
        ignored.iter().for_each(|key| drop(word.shift_remove(*key)));
    }
    outliers
}

/// Writes a text as Python's `repr` does, as far as the golden events need it.
fn repr(word: &Value) -> String {
    let word = word.as_str().expect("a text");
    let quote = if word.contains('\'') { '"' } else { '\'' };
    format!("{quote}{}{quote}", word.replace('\\', "\\\\"))
}

/// Output of one run of the program.
struct Run {
    outliers: Outliers,
    report: Report,
}

impl Run {
    fn of_case(self, case: &str) -> Result<(Outliers, Numbers), String> {
        match &self.report.use_cases()[..] {
            [name] => {
                let numbers = self.report.numbers(name);
                Ok((self.outliers, numbers))
            }
            others => Err(format!("the report of {case} names the use cases {others:?}")),
        }
    }
}

fn check_against_reference(set: &Set) {
    let mut wrong = Vec::new();
    for Alone { case, result } in set.alone() {
        let case_path = format!("{}/{case}", set.name);
        let found = match result {
            Ok((outliers, numbers)) => difference(set, case, outliers, numbers, &[]),
            Err(reason) => Some(reason.clone()),
        };
        let deliberate = DELIBERATE_DIFFERENCES.iter().find(|(case, _)| *case == case_path);
        if let (Some((_, EQUAL_FITS)), Ok((outliers, numbers))) = (deliberate, result) {
            let other = difference(set, case, outliers, numbers, &EXPECTATIONS);
            wrong.extend(other.map(|difference| format!("{case_path}: {difference}")));
        }
        match (found, deliberate) {
            (Some(difference), None) => wrong.push(format!("{case_path}: {difference}")),
            (None, Some((_, reason))) => wrong.push(format!("{case_path}: does not differ, though \"{reason}\"")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), set.alone().len(), wrong.join("\n"));
}

/// Returns the first difference from the reference. The keys `ignored` of words are not compared.
fn difference(set: &Set, case: &str, outliers: &Outliers, numbers: &Numbers, ignored: &[&str]) -> Option<String> {
    let expected = set.expected(case);
    let actual: BTreeMap<&String, &Map<String, Value>> =
        outliers.iter().map(|((_, id), stored)| (id, stored)).collect();
    let missing: Vec<&String> = expected.keys().filter(|id| !actual.contains_key(id)).collect();
    let surplus: Vec<&&String> = actual.keys().filter(|id| !expected.contains_key(**id)).collect();
    if let Some(id) = missing.first() {
        return Some(format!(
            "{} documents missing, {} too many; first missing {id}: {:?}",
            missing.len(),
            surplus.len(),
            expected[*id]
        ));
    }
    if let Some(id) = surplus.first() {
        return Some(format!("{} documents too many; first {id}: {:?}", surplus.len(), actual[**id]));
    }
    let differing = expected.iter().find_map(|(id, expected)| {
        let stored = without_additions(comparable(actual[id]), expected);
        let [expected, stored] = [expected.clone(), stored].map(|outliers| without(outliers, ignored));
        outliers::difference_of_objects(id, &expected, &stored)
    });
    let expected_numbers = set.expected_numbers(case);
    differing
        .or_else(|| (*numbers != expected_numbers).then(|| format!("expected {expected_numbers:?}, got {numbers:?}")))
}

fn check_together(set: &Set) {
    let with_equal_windows = || set.alone().iter().filter(|alone| !alone.case.starts_with("sudden_appearance"));
    let cases: Vec<&str> = with_equal_windows().map(|alone| alone.case.as_str()).collect();
    let alone: Vec<Outliers> = with_equal_windows()
        .map(|alone| alone.result.as_ref().map(|(outliers, _)| outliers.clone()))
        .collect::<Result<_, _>>()
        .expect("every case runs alone");
    let together = set.run(&cases).expect("all cases run together");
    outliers::check_merged(&alone, &together.outliers).expect("together as alone");
}
