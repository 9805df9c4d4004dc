use std::collections::HashMap;
use std::path::Path;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::event::FieldPath;
use crate::event::metric::Metric;

const SIMPLE: &str =
    "[simplequery_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n";
const METRICS: &str = "[metrics_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n\
    target=process.name\naggregator=host.name\nmetric=length\ntrigger_on=high\ntrigger_method=stdev\ntrigger_sensitivity=3\n";
const TERMS: &str = "[terms_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\ntest_model=0\n\
    aggregator=user.name\ntarget=process.name\ntarget_count_method=within_aggregator\n\
    trigger_on=high\ntrigger_method=float\ntrigger_sensitivity=60\n";
const SUDDEN: &str = "[sudden_appearance_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n\
    aggregator=host.name\ntarget=process.name\nhistory_window_days=7\nhistory_window_hours=0\n\
    sliding_window_size=07:00:00\nsliding_window_step_size=01:00:00\n";
const WORD2VEC: &str = "[word2vec_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n\
    aggregator=tags\ntarget=process.executable\nmin_target_buckets=20\nuse_prob_model=1\noutput_prob=1\nseparators=\"\\\\\"\n\
    size_window=1\nmin_uniq_word_occurrence=2\ntrigger_focus=text\ntrigger_score=center\ntrigger_on=low\n\
    trigger_method=percentile\ntrigger_sensitivity=5\nseed=43\n";

const TRAVEL: &str = "[travel_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n\
    aggregator=user.name\n";
const BEACON: &str = "[beacon_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n\
    aggregator=source.ip,destination.ip\n";

/// Loads one main configuration and one file of use cases, with an environment.
fn load_with(main: &[u8], use_cases: &[u8], environment: &[(&str, &str)]) -> Configuration {
    let folder = tempfile::tempdir().unwrap();
    let (main_path, path) = (folder.path().join("main.conf"), folder.path().join("u.conf"));
    std::fs::write(&main_path, main).unwrap();
    std::fs::write(&path, use_cases).unwrap();
    let environment: HashMap<&str, &str> = environment.iter().copied().collect();
    load_in(&[main_path], &[path.display().to_string()], &LoadOptions::default(), &|name| {
        environment.get(name).map(|value| (*value).to_owned())
    })
}

fn load_texts(main: &str, use_cases: &str) -> Configuration {
    load_with(main.as_bytes(), use_cases.as_bytes(), &[])
}

/// The only use case of a file, which has no problem.
fn use_case(text: &str) -> UseCase {
    let mut settings = load_texts("", text);
    assert_eq!(shown(&settings), Vec::<String>::new(), "{text}");
    settings.use_cases.remove(0)
}

/// `FILE:LINE:COLUMN SEVERITY KEY: MESSAGE` of each problem.
fn shown(settings: &Configuration) -> Vec<String> {
    let shown = |problem: &Problem| {
        let location = problem.location.clone().unwrap();
        let file = location.file.file_name().unwrap().to_string_lossy().into_owned();
        let key = problem.key.as_ref().map_or(String::new(), |key| format!(" {key}"));
        let (line, column, severity) = (location.line, location.column, problem.severity.as_str());
        format!("{file}:{line}:{column} {severity}{key}: {}", problem.message)
    };
    settings.problems.iter().map(shown).collect()
}

/// Replaces the line of a key, or adds one.
fn with(text: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (key, value) in changes {
        let line = value.map(|value| format!("{key}={value}"));
        let place = lines.iter().position(|line| line.starts_with(&format!("{key}=")));
        match (place, line) {
            (Some(idx), Some(line)) => lines[idx] = line,
            (Some(idx), None) => drop(lines.remove(idx)),
            (None, Some(line)) => lines.push(line),
            (None, None) => {}
        }
    }
    lines.join("\n")
}

#[test]
fn separators_queries_and_macros_may_end_with_an_escaped_blank() {
    let text = with(WORD2VEC, &[("separators", Some("\\ ")), ("es_query_filter", Some("${in} OR path:Program\\ "))]);
    let settings = load_texts("[macros]\nin=dir:My\\ \n", &text);
    assert_eq!(shown(&settings), Vec::<String>::new());
    let UseCase { model: Model::Word2vec(word2vec), query, .. } = &settings.use_cases[0] else { panic!() };
    assert_eq!((word2vec.separators.pattern(), word2vec.separators.joiner()), ("\\ ", " "));
    assert_eq!(query.lucene.as_deref(), Some("(dir:My\\ ) OR path:Program\\ "));
}

#[test]
fn a_use_case_of_each_model_is_read() {
    let simple = use_case(SIMPLE);
    assert_eq!((simple.id().as_str(), simple.active, simple.notifies("mail")), ("simplequery_a", true, false));
    assert_eq!(simple.query.lucene.as_deref(), Some("*"));
    assert_eq!(simple.query.recorded, "*");
    assert_eq!(simple.history_window, TimeDelta::hours(180));

    let Model::Metrics(metrics) = use_case(METRICS).model else { panic!() };
    assert_eq!((metrics.target.as_str(), metrics.metric), ("process.name", Metric::Length));
    let trigger = Trigger { on: TriggerOn::High, method: TriggerMethod::Stdev, sensitivity: 3.0 };
    assert_eq!(metrics.trigger, trigger);

    let terms = with(TERMS, &[("target", Some("a b, c")), ("min_target_buckets", Some("2"))]);
    let Model::Terms(terms) = use_case(&terms).model else { panic!() };
    assert_eq!(terms.target, [FieldPath::new("ab"), FieldPath::new("c")]);
    assert_eq!((terms.count_method, terms.min_target_buckets), (CountMethod::WithinAggregator, Some(2)));

    let Model::SuddenAppearance(sudden) = use_case(SUDDEN).model else { panic!() };
    assert_eq!((sudden.window, sudden.step), (TimeDelta::days(7), TimeDelta::days(1)));
    assert_eq!(sudden.min_aggregator_bucket, None);

    let Model::Word2vec(word2vec) = use_case(WORD2VEC).model else { panic!() };
    assert_eq!(word2vec.separators.pattern(), "\\\\");
    assert!(word2vec.separators.regex().unwrap().is_match("a\\b").unwrap());
    assert_eq!((word2vec.num_epochs, word2vec.embedding_size, word2vec.learning_rate), (1, 40, 0.001));
    assert_eq!(word2vec.batch_size, None);
    let Model::Word2vec(word2vec) = use_case(&with(WORD2VEC, &[("batch_size", Some("16"))])).model else { panic!() };
    assert_eq!(word2vec.batch_size, Some(16));
}

#[test]
fn travel_has_defaults() {
    let Model::Travel(travel) = use_case(TRAVEL).model else { panic!() };
    assert_eq!((travel.min_distance, travel.max_speed, &travel.networks), (500.0, 1_000.0, &None));
    assert_eq!((travel.location.as_str(), travel.min_interval), ("source.geo.location", TimeDelta::minutes(5)));
    assert_eq!(travel.country.as_ref().map(FieldPath::as_str), Some("source.geo.country_iso_code"));
    let text = with(TRAVEL, &[("location_field", Some("place")), ("prevalence_field", Some("as"))]);
    let Model::Travel(travel) = use_case(&text).model else { panic!() };
    assert_eq!((travel.country, travel.networks), (None, Some(Networks { field: FieldPath::new("as"), most: None })));
}

#[test]
fn beacons_have_defaults() {
    let Model::Beacon(beacon) = use_case(BEACON).model else { panic!() };
    assert_eq!((beacon.target.len(), beacon.min_events, &beacon.prevalence), (0, 6, &None));
    assert_eq!((beacon.min_period, beacon.max_period), (TimeDelta::seconds(2), TimeDelta::hours(12)));
    assert_eq!(beacon.trigger, BeaconTrigger { method: BeaconMethod::Fdr, sensitivity: 0.01 });
    let text = with(BEACON, &[("prevalence_field", Some("source.ip")), ("max_prevalence", Some("2.5"))]);
    let Model::Beacon(beacon) = use_case(&text).model else { panic!() };
    let (source, destination) = (FieldPath::new("source.ip"), vec![FieldPath::new("destination.ip")]);
    assert_eq!(beacon.prevalence, Some(Prevalence { source, destination, most: Some(2.5) }));
}

/// Sections that looked for beacons before there was this model.
#[test]
fn old_sections_are_not_beacons() {
    let old = use_case(&TERMS.replace("[terms_a]", "[terms_beaconing_a]"));
    assert_eq!(old.id(), "terms_beaconing_a");
    let text = format!("{TERMS}\n{}", TERMS.replace("[terms_a]", "[beaconing_a]"));
    let settings = load_texts("", &text);
    assert_eq!((settings.use_cases.len(), settings.problems.len()), (1, 1));
    let problem = &settings.problems[0];
    assert!(problem.message.contains("`beaconing` of older versions is now `beacon`"), "{problem:?}");
    assert!(problem.help.as_ref().is_some_and(|help| help.contains("[beacon_NAME]")), "{problem:?}");
}

/// A use case, what is changed in it (`None` removes the key), and the problems it then has.
type Wrong = (&'static str, &'static [(&'static str, Option<&'static str>)], &'static [&'static str]);

const WRONG: &[Wrong] = &[
    (BEACON, &[("aggregator", None)], &["u.conf:1:1 error aggregator: missing"]),
    (BEACON, &[("min_events", Some("3"))], &["u.conf:8:12 error min_events: too few to tell a rhythm from chance"]),
    (
        BEACON,
        &[("min_period", Some("1 y"))],
        &["u.conf:8:12 error min_period: not a period of a second or more: `1 y`"],
    ),
    (BEACON, &[("max_period", Some("2s"))], &["u.conf:8:12 error max_period: not longer than min_period"]),
    (
        BEACON,
        &[("max_prevalence", Some("5"))],
        &["u.conf:8:16 error max_prevalence: nothing says whose destinations are common"],
    ),
    (
        BEACON,
        &[("prevalence_field", Some("host.name"))],
        &["u.conf:8:18 error prevalence_field: `host.name` is not one of several fields of the aggregator"],
    ),
    (BEACON, &[("trigger_on", Some("low"))], &["u.conf:8:12 error trigger_on: only a high regularity is an outlier"]),
    (BEACON, &[("trigger_method", Some("mad"))], &["u.conf:8:16 error trigger_method: unknown value `mad`"]),
    (BEACON, &[("trigger_method", Some("float"))], &["u.conf:1:1 error trigger_sensitivity: missing"]),
    (
        BEACON,
        &[("trigger_sensitivity", Some("1"))],
        &["u.conf:8:21 error trigger_sensitivity: not a false discovery rate"],
    ),
    (TRAVEL, &[("aggregator", None)], &["u.conf:1:1 error aggregator: missing"]),
    (TRAVEL, &[("trigger_sensitivity", Some("0"))], &["u.conf:8:21 error trigger_sensitivity: not a speed"]),
    (TRAVEL, &[("min_distance_km", Some("inf"))], &["u.conf:8:17 error min_distance_km: not a distance"]),
    (TRAVEL, &[("trigger_method", Some("fdr"))], &["u.conf:8:16 error trigger_method: unknown value `fdr`"]),
    (TRAVEL, &[("trigger_on", Some("low"))], &["u.conf:8:12 error trigger_on: only a high speed is an outlier"]),
    (
        TRAVEL,
        &[("min_interval", Some("0"))],
        &["u.conf:8:14 error min_interval: not a period of a second or more: `0`"],
    ),
    (
        TRAVEL,
        &[("max_prevalence", Some("5"))],
        &["u.conf:8:16 error max_prevalence: nothing says which networks are common"],
    ),
    (SIMPLE, &[("es_query_filter", None)], &["u.conf:1:1 error es_query_filter: missing"]),
    (SIMPLE, &[("es_query_filter", Some(""))], &["u.conf:2:1 error es_query_filter: empty"]),
    (SIMPLE, &[("outlier_type", None)], &["u.conf:1:1 error outlier_type: missing"]),
    (SIMPLE, &[("run_model", Some("2"))], &["u.conf:6:11 error run_model: not a switch: `2`"]),
    (
        SIMPLE,
        &[("history_window_days", Some("1.0"))],
        &["u.conf:7:21 error history_window_days: not a whole number from 0 on: `1.0`"],
    ),
    (
        SIMPLE,
        &[("es_dsl_filter", Some("{\"query\": x}"))],
        &["u.conf:7:25 error es_dsl_filter: not JSON: expected value at line 1 column 11"],
    ),
    (
        SIMPLE,
        &[("es_dsl_filter", Some("[{\"size\": 1}]"))],
        &["u.conf:7:15 error es_dsl_filter: without an object named `query`"],
    ),
    (SIMPLE, &[("es_dsl_filter", Some("[]"))], &["u.conf:7:15 error es_dsl_filter: without an object named `query`"]),
    (SIMPLE, &[("summary", Some("x"))], &["u.conf:7:9 warning summary: the name is taken: the parameter is ignored"]),
    (SIMPLE, &[("timestamp_feild", Some("x"))], &["u.conf:7:17 warning timestamp_feild: unknown key"]),
    (SIMPLE, &[("targets", Some("x"))], &[]),
    (METRICS, &[("metric", Some("lenght"))], &["u.conf:9:8 error metric: unknown value `lenght`"]),
    (METRICS, &[("trigger_method", Some("median"))], &["u.conf:11:16 error trigger_method: unknown value `median`"]),
    (
        METRICS,
        &[("trigger_method", Some("percentile")), ("trigger_sensitivity", Some("101"))],
        &["u.conf:12:21 error trigger_sensitivity: not a percentile"],
    ),
    (
        METRICS,
        &[("trigger_sensitivity", Some("nan"))],
        &["u.conf:12:21 error trigger_sensitivity: not a number: `nan`"],
    ),
    (
        METRICS,
        &[("target", None), ("aggregator", Some("a,,b")), ("trigger_on", Some("up"))],
        &[
            "u.conf:1:1 error target: missing",
            "u.conf:7:12 error aggregator: an empty field name in `a,,b`",
            "u.conf:9:12 error trigger_on: unknown value `up`",
        ],
    ),
    (
        TERMS,
        &[("target_count_method", Some("across_aggregators")), ("trigger_method", Some("coeff_of_variation"))],
        &["u.conf:12:16 error trigger_method: coeff_of_variation has no meaning across aggregators"],
    ),
    (
        TERMS,
        &[("trigger_on", Some("low")), ("trigger_method", Some("coeff_of_variation"))],
        &[
            "u.conf:12:16 warning trigger_method: an aggregator with a single target has a coefficient of variation of 0 and is always flagged",
        ],
    ),
    (
        TERMS,
        &[
            ("trigger_on", Some("low")),
            ("trigger_method", Some("coeff_of_variation")),
            ("min_target_buckets", Some("2")),
        ],
        &[],
    ),
    (
        TERMS,
        &[("target_count_method", Some("across_aggregators")), ("min_target_buckets", Some("2"))],
        &["u.conf:14:20 warning min_target_buckets: is ignored across aggregators"],
    ),
    (
        SUDDEN,
        &[("sliding_window_size", Some("8:0:0"))],
        &["u.conf:11:21 error sliding_window_size: longer than the history window"],
    ),
    (
        SUDDEN,
        &[("sliding_window_step_size", Some("7:0:1"))],
        &["u.conf:12:26 error sliding_window_step_size: longer than the window"],
    ),
    (
        SUDDEN,
        &[("sliding_window_step_size", Some("0:0:0"))],
        &["u.conf:12:26 error sliding_window_step_size: not a duration: `0:0:0`"],
    ),
    (WORD2VEC, &[("separators", None)], &["u.conf:1:1 error separators: missing"]),
    (
        WORD2VEC,
        &[("separators", Some("\"(\""))],
        &["u.conf:12:12 error separators: not a regular expression: `(`: a `(` is not closed"],
    ),
    (
        WORD2VEC,
        &[("trigger_focus", Some("word")), ("trigger_score", Some("mean"))],
        &["u.conf:16:15 error trigger_score: words have no mean score"],
    ),
    (WORD2VEC, &[("size_window", Some("0"))], &["u.conf:13:13 error size_window: too small"]),
    (WORD2VEC, &[("batch_size", Some("0"))], &["u.conf:21:12 error batch_size: too small"]),
    (WORD2VEC, &[("batch_size", Some("all"))], &["u.conf:21:12 error batch_size: not a whole number from 0 on: `all`"]),
    (WORD2VEC, &[("trigger_sensitivity", None)], &["u.conf:1:1 error trigger_sensitivity: missing"]),
    (WORD2VEC, &[("trigger_sensitivity", None), ("trigger_method", Some("coeff_of_variation"))], &[]),
    (
        WORD2VEC,
        &[("num_epochs", Some("2")), ("num_epoch", Some("3"))],
        &["u.conf:22:11 warning num_epoch: is ignored: num_epochs is given too"],
    ),
];

#[test]
fn what_is_wrong_in_a_use_case_is_said_with_its_place() {
    for (text, changes, expected) in WRONG {
        let settings = load_texts("", &with(text, changes));
        assert_eq!(shown(&settings), *expected, "{changes:?}");
        let n_errors = settings.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        assert_eq!(settings.use_cases.len(), usize::from(n_errors == 0), "{changes:?}");
        assert_eq!(settings.rejected.iter().map(|rejected| rejected.problems).sum::<usize>(), n_errors);
        assert!(settings.problems.iter().all(|problem| problem.help.is_some() && problem.section.is_some()));
    }
}

#[test]
fn a_bad_use_case_stops_no_other() {
    let text = format!("{}\n{METRICS}", with(SIMPLE, &[("outlier_type", None)]));
    let settings = load_texts("", &text);
    assert_eq!(settings.use_cases.iter().map(UseCase::id).collect::<Vec<_>>(), ["metrics_a"]);
    let rejected = &settings.rejected[0];
    assert_eq!((rejected.section.as_str(), rejected.problems), ("simplequery_a", 1));
    assert_eq!((rejected.model_type, settings.rejected_files), (ModelType::SimpleQuery, 0));
}

#[test]
fn a_bad_line_rejects_its_file_only() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("a.conf", format!("{SIMPLE}oops\n=x\nOUTLIER_TYPE=2\n")), ("b.conf", METRICS.to_owned())] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let settings = load(&[], &[format!("{}/*.conf", folder.path().display())]);
    assert_eq!(settings.use_cases.iter().map(UseCase::id).collect::<Vec<_>>(), ["metrics_a"]);
    assert_eq!((settings.rejected_files, settings.rejected.len(), settings.main_errors), (1, 1, 0));
    assert_eq!(
        shown(&settings),
        [
            "a.conf:7:1 error: `oops` is neither a section nor a pair",
            "a.conf:8:1 error: nothing before the `=`",
            "a.conf:9:1 error outlier_type: key given twice: it is also in line 3",
        ]
    );
}

#[test]
fn section_names_begin_with_a_model() {
    for (section, expected) in [
        ("simplequery", Some("simplequery_")),
        ("simplequeryX_foo", Some("simplequery__foo")),
        ("simplequery-foo", Some("simplequery_foo")),
        ("simplequeryé", Some("simplequery_")),
        ("Simplequery_foo", None),
        ("simplquery_foo", None),
        ("other", None),
    ] {
        let settings = load_texts("", &SIMPLE.replace("simplequery_a", section));
        assert_eq!(settings.use_cases.first().map(UseCase::id).as_deref(), expected, "{section}");
        let helps: Vec<_> = settings.problems.iter().filter_map(|problem| problem.help.as_deref()).collect();
        let is_slip = section != "other" && expected.is_none();
        assert_eq!(helps.contains(&"did you mean `simplequery`?"), is_slip, "{helps:?}");
    }
}

#[test]
fn queries_are_joined_and_recorded() {
    let dsl = "{\"query\": {\"match_all\": {}}, \"size\": 1}";
    let settings = load_texts("", &with(SIMPLE, &[("es_dsl_filter", Some(dsl))]));
    assert_eq!(shown(&settings), ["u.conf:7:15 warning es_dsl_filter: ignored beside `query`: `size`"]);
    let both = &settings.use_cases[0];
    assert_eq!((both.query.lucene.as_deref(), both.query.dsl.len()), (Some("*"), 1));
    assert_eq!(both.query.recorded, format!("* AND {dsl}"));
    let list = "[{\"query\": {\"a\": 1}},\n {\"query\": {\"b\": 2}}]";
    let one = use_case(&with(SIMPLE, &[("es_query_filter", Some("")), ("es_dsl_filter", Some(list))]));
    assert_eq!(one.query.dsl, [serde_json::json!({"a": 1}), serde_json::json!({"b": 2})]);
    assert_eq!((one.query.lucene, one.query.recorded.lines().count()), (None, 2));
}

#[test]
fn parameters_are_copied_but_entries_of_whitelists_are_not() {
    let text = "[DEFAULT]\nOther_Key=From Default\nmine=1\n".to_owned()
        + SIMPLE
        + "Mine=2\nseverity={x}\ntarget=t\nnum_epoch=3\nwhitelist_literals_1=a, b\nwhitelist_regexps_x=^c\n";
    let settings = load_texts("", &text);
    let use_case = &settings.use_cases[0];
    let expected =
        [("other_key", "From Default"), ("mine", "2"), ("severity", "{x}"), ("target", "t"), ("num_epoch", "3")];
    let arbitrary: Vec<_> = use_case.arbitrary.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(arbitrary, expected);
    assert_eq!(use_case.whitelist.literals, [["a", "b"]]);
    assert_eq!(use_case.whitelist.regexps[0][0].value.as_str(), "^c");
    assert_eq!(settings.problems.len(), 2);
    assert!(settings.problems.iter().all(|problem| problem.severity == Severity::Warning));
}

#[test]
fn defaults_of_a_file_do_not_reach_its_lists() {
    let text = format!(
        "[DEFAULT]\nrun_model=1\n[whitelist_literals]\nx=a\n[whitelist_regexps]\ny=b\n[derivedfields]\nf=%{{WORD:w}}\n{SIMPLE}use_derived_fields=1\n"
    );
    let settings = load_texts(
        "[DEFAULT]\nz=1\n[derivedfields]\ng=p\n[assets]\nhost.name=host\n[whitelist_literals]\nl=m\n",
        &text,
    );
    let use_case = &settings.use_cases[0];
    assert_eq!(use_case.whitelist.literals, [["a"]]);
    assert_eq!(use_case.whitelist.regexps.len(), 1);
    assert_eq!(
        use_case.derived_fields.iter().map(|written| written.field.source.as_str()).collect::<Vec<_>>(),
        ["g", "f"]
    );
    assert_eq!(settings.main.whitelist.literals, [["m"]]);
    assert_eq!(settings.main.assets, [Asset { field: FieldPath::new("host.name"), asset_type: "host".to_owned() }]);
}

#[test]
fn a_bad_entry_of_a_whitelist_stops_no_use_case() {
    let settings = load_texts("", &format!("{SIMPLE}[whitelist_regexps]\na=ok, (\nb=fine\nc=\n"));
    assert_eq!(settings.use_cases[0].whitelist.regexps.len(), 1);
    assert_eq!(
        shown(&settings),
        [
            "u.conf:8:7 error a: not a regular expression: `(`: a `(` is not closed",
            "u.conf:10:1 warning c: an empty part is ignored: it would accept nearly everything",
        ]
    );
}

#[test]
fn windows_come_from_the_use_case_key_by_key() {
    let (both, hours_only) =
        ("[general]\nhistory_window_days=2\nhistory_window_hours=200\n", "[general]\nhistory_window_hours=200\n");
    for (main, changes, hours) in [
        (both, &[][..], 248),
        (both, &[("history_window_days", Some("1"))][..], 224),
        (both, &[("history_window_hours", Some("0"))][..], 48),
        (both, &[("history_window_days", Some("1")), ("history_window_hours", Some("0"))][..], 24),
        (both, &[("history_window_days", Some("0")), ("history_window_hours", Some("0"))][..], 0),
        (hours_only, &[][..], 368),
        (hours_only, &[("history_window_days", Some("1"))][..], 224),
        (hours_only, &[("history_window_hours", Some("0"))][..], 168),
    ] {
        let settings = load_texts(main, &with(SIMPLE, changes));
        assert_eq!(settings.use_cases[0].history_window, TimeDelta::hours(hours), "{changes:?}");
        assert_eq!(settings.problems.len(), usize::from(hours == 0));
    }
}

#[test]
fn use_cases_run_when_both_switches_agree() {
    for (main, changes, active) in [
        ("", &[("run_model", Some("yes"))][..], true),
        ("[general]\nrun_models=0\n", &[][..], false),
        ("[general]\ntest_models=on\n", &[("run_model", None), ("test_model", Some("TRUE"))][..], true),
        ("", &[("run_model", None), ("test_model", Some("1"))][..], false),
        ("", &[("run_model", None)][..], false),
    ] {
        assert_eq!(load_texts(main, &with(SIMPLE, changes)).use_cases[0].active, active, "{main} {changes:?}");
    }
}

#[test]
fn word2vec_takes_what_it_lacks_from_the_main_configuration() {
    let main = "[word2vec]\nseparators=\" \"\ntrigger_method=stdev\nsize_window=7\nseed=1\nbatch_size=64\nword2vec_batch_eval_size=9\nrun_model=0\n";
    let text = with(WORD2VEC, &[("separators", None), ("trigger_method", None), ("size_window", None)]);
    let settings = load_texts(main, &text);
    let Model::Word2vec(word2vec) = &settings.use_cases[0].model else { panic!() };
    assert_eq!((word2vec.separators.pattern(), word2vec.size_window, word2vec.seed), (" ", 7, 43));
    assert_eq!(word2vec.batch_size, Some(64));
    assert_eq!(word2vec.trigger.method, TriggerMethod::Stdev);
    assert!(settings.ignored_batch_sizes && settings.use_cases[0].active && settings.use_cases[0].arbitrary.is_empty());
}

#[test]
fn the_main_configuration_is_read_with_all_its_problems() {
    let main = "[general]\nes_url=http://u:secret@es:x\nes_scan_size=0\nes_scroll_time=25\nes_timeout=5m\nlog_level=info\nes_URL=x\n\
        history_window_days=-1\n[genral]\n[notifier]\nemail_notifier=1\nsmtp_port=0\n[terms_x]\n[terms]\nterms_batch_eval_size=1\n";
    let settings = load_texts(main, SIMPLE);
    assert_eq!(
        shown(&settings),
        [
            "main.conf:9:1 warning: unknown section",
            "main.conf:13:1 warning: a use case is ignored in the main configuration",
            "main.conf:2:8 error es_url: not an address",
            "main.conf:4:16 error es_scroll_time: not a time: `25`",
            "main.conf:3:14 error es_scan_size: must not be 0",
            "main.conf:5:12 error es_timeout: not a whole number from 0 on: `5m`",
            "main.conf:8:21 error history_window_days: not a whole number from 0 on: `-1`",
            "main.conf:6:11 error log_level: unknown value `info`",
            "main.conf:7:8 warning es_URL: unknown key",
            "main.conf:10:1 error smtp_server: missing",
            "main.conf:10:1 error smtp_user: missing",
            "main.conf:10:1 error smtp_pass: missing",
            "main.conf:10:1 error notification_email: missing",
            "main.conf:12:11 error smtp_port: not a port: `0`",
        ]
    );
    assert_eq!(settings.main_errors, 11);
    assert!(settings.ignored_batch_sizes);
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn later_files_win_and_missing_ones_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["1.conf", "2.conf", "gone.conf"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], "[general]\nes_scan_size=1\nes_timeout=7\n").unwrap();
    std::fs::write(&paths[1], "[general]\nes_scan_size=2\n").unwrap();
    let settings = load(&paths, &[]);
    assert_eq!((settings.main.elastic.es_scan_size, settings.main.elastic.es_timeout.as_secs()), (2, 7));
    assert_eq!(settings.main_errors, 1);
}

#[test]
fn credentials_come_from_the_address_else_the_environment() {
    let environment =
        [("es_username", "e"), ("es_password", "secret"), ("verify_certs", "No"), ("ca_certs", "/ca.pem")];
    for (main, environment, username, password) in [
        ("", &environment[..], Some("e"), Some("secret")),
        ("[general]\nes_url=https://u:p%40@es\n", &environment[..], Some("u"), Some("p@")),
        ("", &[("es_username", "")][..], None, None),
    ] {
        let elastic = load_with(main.as_bytes(), SIMPLE.as_bytes(), environment).main.elastic;
        let basic = username.zip(password).map(|(username, password)| Authentication::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        });
        assert_eq!(elastic.authentication, basic.unwrap_or_default());
        assert_eq!(elastic.verify_certs, environment.len() == 1);
        assert_eq!(elastic.ca_certs.as_deref(), environment.get(3).map(|_| Path::new("/ca.pem")));
    }
}

#[test]
fn names_given_twice_are_worth_a_warning() {
    let text = format!("{SIMPLE}{}", SIMPLE.replace("simplequery_a", "simplequery-a"));
    let settings = load_texts("", &text);
    assert_eq!(settings.use_cases.len(), 2);
    assert!(shown(&settings)[0].starts_with("u.conf:7:1 warning: the name is also used at "));
}

proptest! {
    #[test]
    fn hostile_files_are_loaded_with_problems_inside_them(
        main in proptest::collection::vec(any::<u8>(), 0..60),
        text in "(\\[(terms|metrics|word2vec|simplequery|sudden_appearance|whitelist_regexps|DEFAULT)_?[ab]?\\]\n|(target|metric|trigger_on|es_dsl_filter|es_query_filter|separators|x)[=:][\\[\\](){}\",*+\\\\é0-9a-c ]{0,12}\n| [\\[{(,\\\\]{0,3}\n){0,24}",
    ) {
        let settings = load_with(&main, text.as_bytes(), &[]);
        let lines: Vec<&str> = text.split('\n').collect();
        for problem in settings.problems {
            let Some(at) = problem.location else { continue };
            if at.file.ends_with("u.conf") {
                let line = lines.get(at.line as usize - 1).copied();
                prop_assert!(line.is_some_and(|line| at.column as usize <= line.chars().count() + 1), "{at}");
            }
        }
    }
}

#[test]
fn the_cluster_is_reached_as_files_say_else_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret\r\n").unwrap();
    let secret = secret.to_str().unwrap();
    let basic = |username: &str, password: &str| Authentication::Basic {
        username: username.to_owned(),
        password: Secret::new(password),
    };
    let key = || Authentication::ApiKey(Secret::new("s3cret"));
    for (general, environment, expected) in [
        (String::new(), vec![("es_api_key", "s3cret")], key()),
        (String::new(), vec![("es_api_key_file", secret)], key()),
        (String::new(), vec![("es_username", "u"), ("es_password_file", secret)], basic("u", "s3cret")),
        (format!("es_api_key_file={secret}"), vec![("es_username", "u")], key()),
        ("es_username=u\nes_password=p".to_owned(), vec![("es_api_key", "x")], basic("u", "p")),
        ("es_bearer_auth=t".to_owned(), vec![], Authentication::Bearer(Secret::new("t"))),
        ("es_url=http://a,https://u:p@b:1".to_owned(), vec![("es_username", "x")], basic("u", "p")),
    ] {
        let settings = load_with(format!("[general]\n{general}\n").as_bytes(), SIMPLE.as_bytes(), &environment);
        assert_eq!(settings.main.elastic.authentication, expected, "{general}");
        assert!(settings.problems.is_empty(), "{:?}", settings.problems);
    }
    let main = "[general]\nes_url=http://a, b:1 ,https://u:p@c/x\nes_ca_certs=/ca\nes_client_cert=/c\nes_client_key=/k\n\
        es_verify_certs=0\nes_retry_deadline=0\n";
    let elastic = load_with(main.as_bytes(), b"", &[("ca_certs", "/other"), ("verify_certs", "1")]).main.elastic;
    assert_eq!(elastic.es_urls, ["http://a", "http://b:1", "https://c/x"]);
    assert_eq!(elastic.ca_certs.as_deref(), Some(Path::new("/ca")));
    assert_eq!(elastic.client_certificate, Some(ClientCertificate { cert: "/c".into(), key: Some("/k".into()) }));
    assert_eq!((elastic.verify_certs, elastic.es_retry_deadline.as_secs()), (false, 0));
}

#[test]
fn credentials_that_contradict_each_other_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let empty = empty.to_str().unwrap();
    for (general, environment, expected) in [
        ("es_api_key=a\nes_bearer_auth=b", vec![], "more than one way to authenticate"),
        ("es_url=http://u:p@a\nes_api_key=b", vec![], "more than one way to authenticate"),
        ("", vec![("es_api_key", "a"), ("es_username", "b")], "more than one way to authenticate"),
        ("es_password=hunter2", vec![], "es_username: missing"),
        ("es_password=hunter2\nes_password_file=/nowhere\nes_username=u", vec![], "es_password is given too"),
        ("es_api_key_file=/nowhere/at/all", vec![], "cannot read /nowhere/at/all"),
        ("", vec![("es_api_key_file", empty)], "is empty"),
        ("es_client_key=/k", vec![], "es_client_cert: missing"),
        ("es_apikey=x", vec![], "did you mean `es_api_key`?"),
    ] {
        let settings = load_with(format!("[general]\n{general}\n").as_bytes(), SIMPLE.as_bytes(), &environment);
        let shown: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|problem| problem.contains(expected)), "{general}: {shown:?}");
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}

#[test]
fn what_is_not_built_yet_is_said_once() {
    let notifier =
        "[notifier]\nemail_notifier=1\nsmtp_server=s\nsmtp_user=u@s\nsmtp_pass=p\nnotification_email=e@f.g\n";
    let key = "u.conf:7:15 warning should_notify: nobody is told: the main configuration has no channel";
    let notifying = |names: &[&str]| -> String {
        let use_case = |name: &&str| SIMPLE.replace("simplequery_a", name) + "should_notify=1\n";
        names.iter().map(use_case).collect()
    };
    let (one, two) = (notifying(&["simplequery_a"]), notifying(&["simplequery_a", "simplequery_b"]));
    let three = notifying(&["simplequery_a", "simplequery_b", "simplequery_c"]);
    let (of_two, of_three) =
        (format!("{key}; 1 other use case has it, too"), format!("{key}; 2 other use cases have it, too"));
    for (main, use_cases, expected) in [
        (notifier, SIMPLE, &[][..]),
        ("[notifier]\nemail_notifier=0\n", SIMPLE, &[]),
        ("[daemon]\nschedule=0 0 * * *\n", SIMPLE, &[]),
        ("[daemon]\nschedule=never\n", SIMPLE, &["main.conf:2:10 warning schedule: not a cron expression: `never`"]),
        ("", &one, &[key]),
        ("", &two, &[&of_two]),
        ("", &three, &[&of_three]),
        (notifier, &three, &[]),
        ("", &one.replace("should_notify=1", "should_notify=0"), &[]),
    ] {
        let configuration = load_texts(main, use_cases);
        assert_eq!(shown(&configuration), expected);
        assert_eq!((configuration.main_errors, configuration.rejected.len()), (0, 0), "warnings reject nothing");
        assert!(configuration.problems.iter().all(|problem| problem.help.is_some()));
    }
}

#[test]
fn mistakes_of_the_daemon_do_not_matter_to_single_runs() {
    for (main, expected) in [
        ("schedule=0 0 * * * 30\ntimezone=Europe/Brussels\nrun_deadline=6h\nretry_after=0\nrun_at_start=0", ""),
        ("schedule=0 0 30 2 *", "main.conf:2:10: error: [daemon] schedule: a time that never comes: `0 0 30 2 *`"),
        ("timezone=Europe/Brussel", "main.conf:2:10: error: [daemon] timezone: not a time zone: `Europe/Brussel`"),
        ("run_deadline=6", "main.conf:2:14: error: [daemon] run_deadline: not a duration: `6`"),
        ("run_at_start=si", "main.conf:2:14: error: [daemon] run_at_start: not a switch: `si`"),
    ] {
        let configuration = load_texts(&format!("[daemon]\n{main}\n"), SIMPLE);
        let mistakes: Vec<String> = configuration.main.daemon.mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(mistakes.len(), usize::from(!expected.is_empty()), "{mistakes:?}");
        assert!(mistakes.iter().all(|mistake| mistake.contains(expected)), "{mistakes:?}");
        assert_eq!(configuration.main_errors, 0);
    }
    let own = SIMPLE.to_owned() + "schedule=0 * * * *\n";
    let schedule = load_texts("", &own).use_cases[0].schedule.clone();
    assert_eq!(schedule.unwrap().as_str(), "0 * * * *");
}

#[test]
fn only_a_token_opens_pages_to_others() {
    for (main, listen, n_errors) in [
        ("", Some("127.0.0.1:9597"), 0),
        ("listen=", None, 0),
        ("listen=[::1]:80", Some("[::1]:80"), 0),
        ("listen=0.0.0.0:80", Some("0.0.0.0:80"), 1),
        ("listen=0.0.0.0:80\ntoken=0123456789abcdef", Some("0.0.0.0:80"), 0),
        ("listen=0.0.0.0:80\ntoken=short", Some("0.0.0.0:80"), 1),
        ("listen=0.0.0.0:80\nallow_without_token=1", Some("0.0.0.0:80"), 0),
        ("listen=9597", None, 1),
        ("token_file=no/such/file", Some("127.0.0.1:9597"), 1),
    ] {
        let configuration = load_texts(&format!("[http]\n{main}\n"), SIMPLE);
        let expected = listen.map(|address| address.parse().unwrap());
        assert_eq!((configuration.main.http.listen, configuration.main_errors), (expected, n_errors), "{main}");
        assert!(!format!("{configuration:?}").contains("0123456789abcdef"));
    }
}

#[test]
fn near_misses_of_every_section_are_found() {
    for (section, key, expected) in [
        ("general", "es_timout", Some("es_timeout")),
        ("general", "log_levle", Some("log_level")),
        ("notifier", "smtp_prot", Some("smtp_port")),
        ("daemon", "scedule", Some("schedule")),
        ("simplequery", "highlight_macth", Some("highlight_match")),
        ("terms", "terms_batch_eval_sizes", Some("terms_batch_eval_size")),
        ("sudden_appearance", "max_num_target", Some("max_num_targets")),
        ("word2vec", "seperators", Some("separators")),
        ("word2vec", "word2vec_batch_evalsize", Some("word2vec_batch_eval_size")),
        ("general", "smtp_prot", None),
        ("assets", "es_timout", None),
    ] {
        let help = expected.map(|expected| format!("did you mean `{expected}`?"));
        let configuration = load_texts(&format!("[{section}]\n{key}=1\n"), SIMPLE);
        let helps: Vec<_> = configuration.problems.into_iter().filter_map(|problem| problem.help).collect();
        assert_eq!(helps, Vec::from_iter(help), "[{section}] {key}");
    }
}
