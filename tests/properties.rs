//! The same events give the same output, byte for byte, whatever their order, their files, the
//! number of threads and the memory limit.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::outliers::{self, Outliers};
use crate::program;
use crate::random::Random;

/// Every model, on values that are missing, null, multi-valued, equally frequent, or far apart in
/// size.
pub(crate) const USE_CASES: &str = "\
[simplequery_powershell]
es_query_filter=process.name:powershell* AND NOT host.name:h0
outlier_summary={process.name} on {host.name}

[metrics_length]
es_query_filter=_exists_:process.command_line
target=process.command_line
aggregator=host.name
metric=length
trigger_on=high
trigger_method=stdev
trigger_sensitivity=1.5
outlier_summary=length {metric} in {aggregator}

[metrics_entropy]
es_query_filter=*
target=process.command_line
aggregator=user.name
metric=entropy
trigger_on=low
trigger_method=mad
trigger_sensitivity=2
outlier_summary=entropy in {aggregator}

[metrics_bytes]
es_query_filter=network.bytes:>=0
target=network.bytes
aggregator=tags
metric=numerical_value
trigger_on=high
trigger_method=pct_of_avg_value
trigger_sensitivity=300
outlier_summary=bytes {metric} in {aggregator}

[terms_rare_process]
es_query_filter=*
target=process.name
aggregator=host.name
target_count_method=within_aggregator
trigger_on=low
trigger_method=pct_of_max_value
trigger_sensitivity=40
outlier_summary=rare {term} in {aggregator}

[metrics_by_rate]
es_query_filter=network.bytes:>=0
target=network.bytes
aggregator=host.name
metric=numerical_value
trigger_on=high
trigger_method=fdr
trigger_sensitivity=0.9
outlier_summary=surprising bytes {metric} in {aggregator}

[metrics_by_hour]
es_query_filter=network.bytes:>=0
target=network.bytes
aggregator=tags
metric=numerical_value
trigger_on=high
trigger_method=mad
trigger_sensitivity=4
baseline=hour_of_week
peer_group=user.name
outlier_summary=bytes {metric} in {aggregator} at this hour

[terms_by_hour]
es_query_filter=*
target=process.name
aggregator=host.name
target_count_method=within_aggregator
trigger_on=low
trigger_method=percentile
trigger_sensitivity=20
baseline=hour_of_week
peer_group=tags
outlier_summary=rare {term} in {aggregator} at this hour

[terms_jumps]
es_query_filter=*
target=process.name
aggregator=user.name
target_count_method=across_aggregators
trigger_on=high
trigger_method=fdr
trigger_sensitivity=0.9
baseline=hour_of_week
peer_group=host.name
outlier_summary=many programs of {aggregator} at this hour

[terms_by_rate_of_terms]
es_query_filter=*
target=process.command_line
aggregator=tags
target_count_method=within_aggregator
trigger_on=high
trigger_method=fdr
trigger_sensitivity=0.9
outlier_summary=surprisingly frequent {term} in {aggregator}

[terms_regular]
es_query_filter=*
target=process.name
aggregator=tags,user.name
target_count_method=within_aggregator
trigger_on=low
trigger_method=coeff_of_variation
trigger_sensitivity=0.8
min_target_buckets=3
outlier_summary=regular {aggregator}

[terms_across]
es_query_filter=*
target=host.name,user.name
aggregator=process.name
target_count_method=across_aggregators
trigger_on=low
trigger_method=stdev
trigger_sensitivity=0.5
outlier_summary=few users of {aggregator}: {term_count}

[sudden_appearance_process]
es_query_filter=*
target=process.name
aggregator=host.name
history_window_days=2
history_window_hours=0
sliding_window_size=01:00:00
sliding_window_step_size=00:02:00
outlier_summary=new {target_value} on {aggregator_value}

[beacon_regular]
es_query_filter=*
aggregator=host.name,user.name,process.name
size_field=network.bytes
prevalence_field=host.name
min_events=4
min_period=1s
max_period=30d
trigger_method=float
trigger_sensitivity=0
outlier_summary=every {period} in {aggregator}, jitter {jitter}, {sources} sources

[beacon_of_user]
es_query_filter=*
aggregator=user.name
target=process.name
min_events=4
min_period=1s
max_period=30d
trigger_method=percentile
trigger_sensitivity=50
outlier_summary=every {period}: {target}

[travel_anywhere]
es_query_filter=*
aggregator=user.name
location_field=place.location
country_field=place.country
prevalence_field=host.name
min_distance_km=100
min_interval=1m
trigger_sensitivity=800
outlier_summary={previous_country} to {country}, {distance_km} km at {speed_kmh} km/h, {previous_network} to {network}

[word2vec_counted_words]
es_query_filter=*
target=process.command_line,user.name
aggregator=host.name
separators=\" \"
use_prob_model=1
size_window=1
trigger_focus=word
trigger_score=total
trigger_method=stdev
trigger_sensitivity=1
outlier_summary=words {outlier_words}

[word2vec_counted_duplicates]
es_query_filter=*
target=process.command_line
aggregator=tags
separators=\"\"
drop_duplicates=1
use_prob_model=1
output_prob=0
min_uniq_word_occurrence=30
trigger_focus=text
trigger_score=mean
trigger_method=percentile
trigger_sensitivity=10
outlier_summary=text of score {score}

[word2vec_learned]
es_query_filter=*
target=process.command_line,user.name
aggregator=host.name
separators=\" \"
embedding_size=8
learning_rate=0.01
trigger_focus=text
trigger_score=center
trigger_method=percentile
trigger_sensitivity=10
outlier_summary=text beyond {decision_frontier}

[whitelist_regexps]
accepted=^accepted
";

/// Keys that every use case needs but that are not under test.
const COMMON: &str = "outlier_type=test\noutlier_reason=property\nrun_model=1\n";

impl Random {
    /// Returns a number below `n`; small numbers are far more frequent.
    fn skewed(&mut self, n: u64) -> u64 {
        let bound = 1 + self.below(n);
        self.below(bound)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for idx in (1..items.len()).rev() {
            let other = usize::try_from(self.below(idx as u64 + 1)).expect("an index");
            items.swap(idx, other);
        }
    }
}

/// Generates events as exported hits. Their own ids survive shuffling and splitting.
pub(crate) fn events(n: usize, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    (0..n).map(|idx| event(idx, &mut random)).collect()
}

/// Places of events, in the forms of a `geo_point`; the last ones are nowhere.
const PLACES: [&str; 6] = [
    r#"{"country":"NL","location":{"lat":52.37,"lon":4.9}}"#,
    r#"{"country":"NG","location":[3.38,6.52]}"#,
    r#"{"country":"IE","location":"53.35,-6.26"}"#,
    r#"{"country":["NL","BE"],"location":[{"lat":"52.09","lon":"5.12"},"50.85,4.35"]}"#,
    r#"{"location":{"lat":520,"lon":4.9}}"#,
    "null",
];

fn event(idx: usize, random: &mut Random) -> String {
    let minute = random.below(3 * 24 * 60);
    let timestamp = format!("2024-05-{:02}T{:02}:{:02}:00Z", 1 + minute / 1440, minute / 60 % 24, minute % 60);
    let process = ["svchost.exe", "chrome.exe", "powershell.exe", "cmd.exe", "accepted.exe", "whoami.exe", "é😀.exe"]
        [usize::try_from(random.skewed(7)).expect("an index")];
    let command_line = match random.below(8) {
        0 => "null".to_owned(),
        1 => serde_json::json!([process, "-x", random.below(5)]).to_string(),
        _ => serde_json::json!(format!(
            "{process} {}",
            "ab1 /".repeat(usize::try_from(random.skewed(30)).expect("small"))
        ))
        .to_string(),
    };
    let bytes = match random.below(5) {
        0 => "1e3".to_owned(),
        1 => "0.1".to_owned(),
        _ => (random.next() >> (20 + random.below(43))).to_string(),
    };
    let tags = ["[\"a\",\"b\"]", "[\"a\"]", "[]", "[\"b\",null]"][usize::try_from(random.below(4)).expect("an index")];
    let user = random.skewed(6);
    let place = PLACES[(idx * 7 + idx / 5) % PLACES.len()];
    format!(
        "{{\"_index\":\"events-{index}\",\"_id\":\"e{idx:06}\",\"_source\":{{\"@timestamp\":\"{timestamp}\",\"host\":{{\"name\":\"h{host}\"}},\
         \"user\":{{\"name\":\"u{user}\"}},\"process\":{{\"name\":\"{process}\",\"command_line\":{command_line}}},\
         \"network\":{{\"bytes\":{bytes}}},\"tags\":{tags},\"place\":{place}}}}}",
        index = random.below(2),
        host = random.skewed(4),
    )
}

/// A scratch folder with a use-case file and room for event files.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(use_cases: &str) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let complete = use_cases.replace("outlier_summary=", &format!("{COMMON}outlier_summary="));
        fs::write(folder.path().join("use_cases.conf"), complete).expect("written");
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, events: &[String]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        let text: String = events.iter().map(|event| format!("{event}\n")).collect();
        let bytes = match path.extension().and_then(|extension| extension.to_str()) {
            Some("zst") => zstd::encode_all(text.as_bytes(), 1).expect("zstd"),
            Some("gz") => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text.as_bytes()).expect("gzip");
                encoder.finish().expect("gzip")
            }
            _ => text.into_bytes(),
        };
        fs::write(&path, bytes).expect("written");
        path
    }

    /// Returns the output of a run over `events` (a file or folder).
    fn run(&self, events: &Path, options: &[&str]) -> Vec<u8> {
        self.run_with("use_cases.conf", events, options)
    }

    fn run_with(&self, use_cases: &str, events: &Path, options: &[&str]) -> Vec<u8> {
        let output = self.path().join("out.ndjson");
        let mut args = ["run", "-q", "--use-cases", use_cases, "-o"].map(PathBuf::from).to_vec();
        args.extend([output.clone(), "--events".into(), events.to_path_buf()]);
        args.extend(options.iter().map(PathBuf::from));
        program::run(self.path(), &args).expect_code(0);
        let bytes = fs::read(&output).expect("the output is written");
        fs::remove_file(&output).expect("removed");
        bytes
    }

    fn outliers(&self, use_cases: &str, events: &Path) -> Outliers {
        let bytes = self.run_with(use_cases, events, &[]);
        let path = self.path().join("kept.ndjson");
        fs::write(&path, bytes).expect("written");
        outliers::read(&path).expect("well-formed output")
    }
}

/// Compares output without printing megabytes on failure.
fn assert_same(expected: &[u8], actual: &[u8], what: &str) {
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (expected, actual) = (lines(expected), lines(actual));
    let differing = expected.iter().zip(&actual).find(|(expected, actual)| expected != actual);
    assert!(differing.is_none(), "{what}: first difference\n{differing:#?}");
    assert_eq!(expected.len(), actual.len(), "{what}: number of lines");
}

#[test]
fn order_does_not_matter() {
    let bench = Bench::new(USE_CASES);
    let mut silent: BTreeSet<&str> = USE_CASES
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')?.split_once('_'))
        .map(|(_, name)| name)
        .collect();
    silent.remove("regexps");
    for seed in 1..=3 {
        let mut hits = events(400, seed);
        let expected = bench.run(&bench.write("ordered.ndjson", &hits), &[]);
        let written = String::from_utf8_lossy(&expected);
        silent.retain(|name| !written.contains(&format!("\"{}\"", name.trim_start_matches("appearance_"))));
        let n_lines = expected.iter().filter(|byte| **byte == b'\n').count();
        assert!((20..400).contains(&n_lines), "{n_lines} documents with outliers test too little");
        for shuffle in 0..3 {
            Random(100 * seed + shuffle).shuffle(&mut hits);
            let actual = bench.run(&bench.write("shuffled.ndjson", &hits), &[]);
            assert_same(&expected, &actual, &format!("seed {seed}, shuffle {shuffle}"));
        }
    }
    assert!(silent.is_empty(), "use cases that find nothing test nothing: {silent:?}");
}

#[test]
fn number_of_threads_does_not_matter() {
    let bench = Bench::new(USE_CASES);
    let path = bench.write("events.ndjson", &events(600, 4));
    let expected = bench.run(&path, &[]);
    for threads in ["1", "2", "8"] {
        assert_same(&expected, &bench.run(&path, &["--threads", threads]), &format!("{threads} threads"));
    }
}

/// A use case that runs alone is evaluated in as many partitions as there are threads.
#[test]
fn number_of_partitions_does_not_matter() {
    let bench = Bench::new(USE_CASES);
    let path = bench.write("events.ndjson", &events(600, 8));
    let names = USE_CASES.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    for name in names.filter(|name| !name.starts_with("whitelist")) {
        let run = |threads| bench.run(&path, &["--only", name, "--threads", threads]);
        let expected = run("1");
        assert!(!expected.is_empty(), "{name} finds nothing");
        for threads in ["2", "7", "64"] {
            assert_same(&expected, &run(threads), &format!("{name}, {threads} partitions"));
        }
    }
}

#[test]
fn split_and_compression_do_not_matter() {
    let bench = Bench::new(USE_CASES);
    let hits = events(500, 5);
    let expected = bench.run(&bench.write("all.ndjson", &hits), &[]);
    for (n_files, extension) in
        [(1, "ndjson.gz"), (1, "ndjson.zst"), (2, "jsonl"), (7, "ndjson"), (7, "ndjson.gz"), (64, "ndjson.zst")]
    {
        let folder = format!("{n_files}-{extension}");
        for (idx, part) in hits.chunks(hits.len().div_ceil(n_files)).enumerate() {
            bench.write(&format!("{folder}/part{idx}.{extension}"), part);
        }
        assert_same(&expected, &bench.run(&bench.path().join(&folder), &[]), &folder);
    }
}

#[test]
fn the_memory_limit_does_not_matter() {
    let bench = Bench::new(USE_CASES);
    let path = bench.write("events.ndjson", &events(30_000, 6));
    let spill = bench.path().join("spill");
    fs::create_dir(&spill).expect("created");
    let expected = bench.run(&path, &["--memory-limit", "2GiB"]);
    let report = bench.path().join("report.json");
    let texts = [&spill, &report].map(|path| path.to_str().expect("UTF-8"));
    let options = ["--memory-limit", "16MiB", "--spill-dir", texts[0], "--report", texts[1]];
    assert_same(&expected, &bench.run(&path, &options), "16 MiB");
    // the values of all these rows must not be gathered in memory at once
    for name in ["metrics_length", "metrics_entropy", "metrics_bytes"] {
        let expected = bench.run(&path, &["--only", name]);
        let little = ["--only", name, "--memory-limit", "4MiB"];
        assert_same(&expected, &bench.run(&path, &little), &format!("{name}, 4 MiB"));
    }
    let report = program::Report::read(&report);
    let n_spilled = report.json()["source"]["spilled_batches"].as_u64();
    assert!(n_spilled.is_some_and(|n| n > 0), "nothing was spilled: {n_spilled:?}");
    assert_eq!(fs::read_dir(&spill).expect("readable").count(), 0, "spilled files are left behind");
}

#[test]
fn fifty_use_cases_together_equal_fifty_runs() {
    let bench = Bench::new("");
    let path = bench.write("events.ndjson", &events(300, 7));
    let sections: Vec<String> = (0..50).map(varied_use_case).collect();
    fs::write(bench.path().join("together.conf"), sections.concat()).expect("written");
    let alone: Vec<Outliers> = sections
        .iter()
        .map(|section| {
            fs::write(bench.path().join("alone.conf"), section).expect("written");
            bench.outliers("alone.conf", &path)
        })
        .collect();
    assert!(alone.iter().filter(|outliers| !outliers.is_empty()).count() >= 30, "too many use cases find nothing");
    outliers::check_merged(&alone, &bench.outliers("together.conf", &path)).expect("together as alone");
}

/// Returns use case `idx` of many that differ in model, fields, query and trigger. Summaries name
/// the use case, so that no two use cases give a document the same summary.
fn varied_use_case(idx: usize) -> String {
    let pick = |choices: &[&'static str], step: usize| choices[idx / step % choices.len()];
    let query = pick(&["*", "host.name:h1 OR user.name:u0", "network.bytes:[10 TO *]", "NOT process.name:cmd.exe"], 3);
    let on = pick(&["high", "low"], 1);
    let mut text = String::new();
    let mut line = |key: &str, value: &str| writeln!(text, "{key}={value}").expect("text grows");
    let model = pick(&["simplequery", "metrics", "terms", "word2vec", "terms", "metrics", "word2vec"], 1);
    line("es_query_filter", query);
    line("outlier_summary", &format!("use case {idx}"));
    if model != "simplequery" {
        line("aggregator", pick(&["host.name", "user.name", "tags", "host.name,user.name"], 2));
        line("trigger_on", on);
        line("trigger_method", pick(&["pct_of_avg_value", "stdev", "percentile", "madpos", "pct_of_median_value"], 5));
        line("trigger_sensitivity", pick(&["50", "1", "30", "80"], 4));
    }
    match model {
        "metrics" => {
            line("target", pick(&["process.command_line", "process.name"], 10));
            line("metric", pick(&["length", "entropy", "relative_english_entropy", "url_length"], 6));
        }
        "terms" => {
            line("target", pick(&["process.name", "user.name,process.name"], 7));
            line("target_count_method", pick(&["within_aggregator", "across_aggregators"], 4));
        }
        "word2vec" => {
            line("target", pick(&["process.command_line,user.name", "process.command_line"], 7));
            line("separators", pick(&["\" \"", "\"[ .]\""], 14));
            line("use_prob_model", pick(&["1", "0"], 3));
            line("drop_duplicates", pick(&["0", "1", "0"], 7));
            line("trigger_focus", pick(&["text", "word"], 14));
            line("trigger_score", pick(&["center", "context", "total"], 7));
        }
        _ => {}
    }
    format!("[{model}_case{idx}]\n{COMMON}{text}\n")
}
