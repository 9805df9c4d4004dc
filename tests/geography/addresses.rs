//! Places of addresses, from a database.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::json::ReaderBuilder;
use ee_outliers::event::geo::AddressDatabases;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::database::{Database, cities, city, networks};
use super::{run, run_on};
use crate::program;
use crate::random::Random;

const GEOIP: &str = "[geoip]\ndatabase=cities.mmdb\nasn_database=networks.mmdb\n";

/// Shows what is known of the source of every event.
const SHOWN: &str = "[simplequery_shown]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\nrun_model=1\n\
    outlier_summary={source.geo.city_name}|{source.geo.country_iso_code}|{source.geo.country_name}|\
    {source.geo.continent_code}|{source.geo.continent_name}|{source.geo.region_iso_code}|{source.geo.region_name}|\
    {source.geo.postal_code}|{source.geo.timezone}|{source.geo.location}|{source.geo.location.lat}|\
    {source.as.number}|{source.as.organization.name}\n";

/// A use case of each way in which keys are read.
const COUNTED: &str = "[terms_countries]\nes_query_filter=*\naggregator=user\ntarget=source.geo.country_iso_code\n\
    target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\ntrigger_sensitivity=2\n\
    outlier_type=t\noutlier_reason=r\noutlier_summary={aggregator} from {term}, {source.geo.city_name}\nrun_model=1\n";

pub(crate) fn with_databases(folder: &Path) {
    fs::write(folder.join("cities.mmdb"), cities().bytes()).expect("written");
    fs::write(folder.join("networks.mmdb"), networks().bytes()).expect("written");
    fs::write(folder.join("main.conf"), GEOIP).expect("written");
}

fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

fn summaries(use_cases: &str, events: &[Value], more: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    with_databases(folder.path());
    run(folder.path(), use_cases, &lines(events), &[&["--config", "main.conf"], more].concat()).all("summary")
}

#[test]
fn databases_know_cities_and_networks() {
    let found = summaries(SHOWN, &[json!({"source": {"ip": "192.0.2.7"}})], &[]);
    assert_eq!(
        found,
        ["Amsterdam|NL|Land|EU|Europe|NL-NH|inner|1012|Europe/Amsterdam|52.3676,4.9041|52.3676|64496|Home"]
    );
}

#[test]
fn fields_of_events_win() {
    let summary = "outlier_summary={source.geo.country_iso_code} {source.geo.city_name} {destination.geo.city_name}";
    let use_case =
        format!("[simplequery_a]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\n{summary}\nrun_model=1\n");
    let found = summaries(
        &use_case,
        &[
            json!({"source": {"ip": "192.0.2.7", "geo": {"country_iso_code": "XX"}}, "destination": {"ip": "2001:db8::5"}}),
            json!({"source.ip": ["203.0.113.5", "192.0.2.7", "192.0.2.8"], "destination.ip": "::ffff:198.51.100.1"}),
        ],
        &[],
    );
    assert_eq!(found, ["NG, NL Lagos, Amsterdam Dublin", "XX Amsterdam Berlin"]);
}

/// Names of other logs are resolved before places are looked up, and whatever the form of the
/// events, each counts the same.
#[test]
fn addresses_have_other_names_and_events_other_forms() {
    let mut events = Vec::new();
    for idx in 0..10 {
        events.push(json!({"user": "a", "id.orig_h": format!("192.0.2.{idx}")}));
        events.push(json!({"user": "a", "IpAddress": format!("192.0.2.{idx}:55{idx}")}));
    }
    events.push(json!({"user": "a", "id.orig_h": "203.0.113.9"}));
    events.push(json!({"user": "a", "id.orig_h": "203.0.113.200"}));
    events.push(json!({"user": "a", "id.orig_h": "10.0.0.1"}));
    events.push(json!({"user": "a", "id.orig_h": "nonsense"}));
    let expected = ["a from BE, {field source.geo.city_name not found in event}", "a from NG, Lagos"];
    assert_eq!(summaries(COUNTED, &events, &["--fields", "auto"]), expected);
    let folder = tempfile::tempdir().expect("a scratch folder");
    with_databases(folder.path());
    let table = events.iter().fold("user,id.orig_h\n".to_owned(), |mut table, event| {
        let address = event.get("id.orig_h").or(event.get("IpAddress")).and_then(Value::as_str).expect("a text");
        table.push_str(&format!("a,{address}\n"));
        table
    });
    let found = run(folder.path(), COUNTED, &table, &["--config", "main.conf", "--fields", "auto"]);
    assert_eq!(found.all("summary"), expected);
}

const TRAVEL: &str = "[travel_users]\nes_query_filter=*\naggregator=user.name\nprevalence_field=source.as.number\n\
    outlier_type=t\noutlier_reason=r\n\
    outlier_summary={previous_country} to {country}, AS {previous_network} to {network}\nrun_model=1\n";

#[test]
fn trips_are_found_from_addresses_alone() {
    let logon = |time: &str, ip: &str| json!({"@timestamp": time, "user": {"name": "a"}, "source": {"ip": ip}});
    let events = [logon("2024-03-01T10:00:00Z", "192.0.2.1"), logon("2024-03-01T10:30:00Z", "203.0.113.1")];
    assert_eq!(summaries(TRAVEL, &events, &[]), ["NL to NG, AS 64496 to 4200000000"]);
}

/// Events for the queries below: with a country of their own, with an address alone, and with one
/// that nobody knows.
pub(crate) fn queried() -> Vec<Value> {
    vec![
        json!({"id": "own", "source": {"ip": "192.0.2.7", "geo": {"country_iso_code": "XX"}}}),
        json!({"id": "home", "source": {"ip": "192.0.2.7"}}),
        json!({"id": "lagos", "source": {"ip": "203.0.113.5"}}),
        json!({"id": "two", "source": {"ip": ["203.0.113.5", "192.0.2.8"]}}),
        json!({"id": "unknown", "source": {"ip": "10.0.0.1"}}),
        json!({"id": "none"}),
    ]
}

/// Queries of what databases know, with the events that they find.
pub(crate) fn fact_queries() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (json!("source.geo.country_iso_code:NL"), &["home", "two"]),
        (json!("source.geo.country_iso_code:XX"), &["own"]),
        (json!("NOT source.geo.country_iso_code:NL"), &["lagos", "none", "own", "unknown"]),
        (json!("_exists_:source.geo.country_iso_code"), &["home", "lagos", "own", "two"]),
        (json!("source.geo.country_iso_code:(NG OR XX) AND NOT id:two"), &["lagos", "own"]),
        (json!("source.geo.country_iso_code.keyword:N*"), &["home", "lagos", "two"]),
        (json!("source.as.number:[64000 TO 65000]"), &["home", "own", "two"]),
        (json!("source.geo.city_name:Amsterdam AND source.geo.country_iso_code:XX"), &["own"]),
        (json!({"term": {"source.geo.country_iso_code": "NG"}}), &["lagos", "two"]),
        (json!({"bool": {"must_not": {"exists": {"field": "source.geo.country_iso_code"}}}}), &["none", "unknown"]),
    ]
}

/// A use case `[simplequery_qN]` for each of them.
pub(crate) fn fact_use_cases() -> String {
    let use_case = |(idx, (query, _)): (usize, (Value, &[&str]))| {
        let query = match query {
            Value::String(lucene) => format!("es_query_filter={lucene}"),
            dsl => format!("es_dsl_filter={}", json!({"query": dsl})),
        };
        let texts = format!("outlier_type=t\noutlier_reason=r\noutlier_summary=q{idx} {{id}}\nrun_model=1\n");
        format!("[simplequery_q{idx}]\n{query}\n{texts}")
    };
    fact_queries().into_iter().enumerate().map(use_case).collect()
}

/// Checks that `summaries` are those of the events that the queries find.
pub(crate) fn assert_found(summaries: &[String], what: &str) {
    for (idx, (query, expected)) in fact_queries().into_iter().enumerate() {
        let prefix = format!("q{idx} ");
        let found: Vec<&str> = summaries.iter().filter_map(|summary| summary.strip_prefix(&prefix)).collect();
        assert_eq!(found, expected, "{query} {what}");
    }
}

/// A database supplies what queries look for, whatever the form of the events.
#[test]
fn queries_see_what_databases_know() {
    assert_found(&summaries(&fact_use_cases(), &queried(), &[]), "on files");
    // fields of a mapping have types
    let folder = tempfile::tempdir().expect("a scratch folder");
    with_databases(folder.path());
    let mapping = json!({"i": {"mappings": {"properties": {
        "id": {"type": "keyword"},
        "source": {"properties": {
            "ip": {"type": "ip"},
            "geo": {"properties": {
                "country_iso_code": {"type": "keyword", "fields": {"keyword": {"type": "keyword"}}},
                "city_name": {"type": "keyword"}}},
            "as": {"properties": {"number": {"type": "long"}}}}}}}}});
    fs::write(folder.path().join("mapping.json"), mapping.to_string()).expect("written");
    let more = ["--config", "main.conf", "--mapping", "mapping.json"];
    let found = run(folder.path(), &fact_use_cases(), &lines(&queried()), &more).all("summary");
    assert_found(&found, "with a mapping");
}

/// The address may have another name, and the field itself as well.
#[test]
fn queries_see_what_databases_know_of_other_names() {
    let events = [
        json!({"id": 1, "addr": "192.0.2.7"}),
        json!({"id": 2, "addr": "192.0.2.7", "country": "XX"}),
        json!({"id": 3, "addr": "203.0.113.5"}),
    ];
    let folder = tempfile::tempdir().expect("a scratch folder");
    with_databases(folder.path());
    let aliases = "[field_aliases]\nsource.ip=addr\nsource.geo.country_iso_code=country\n";
    fs::write(folder.path().join("names.conf"), aliases).expect("written");
    let use_case = "[simplequery_a]\nes_query_filter=source.geo.country_iso_code:(NL OR XX)\noutlier_type=t\n\
        outlier_reason=r\noutlier_summary={id} {source.geo.country_iso_code}\nrun_model=1\n";
    let found = run(folder.path(), use_case, &lines(&events), &["--config", "main.conf", "--config", "names.conf"]);
    assert_eq!(found.all("summary"), ["1 NL", "2 XX"]);
    assert_eq!(found.report.numbers("simplequery_a").events, 2);
}

/// Fields that neither events nor databases have are told as ever.
#[test]
fn a_field_that_no_database_supplies_is_told() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    with_databases(folder.path());
    let checked = |ip: &str| {
        let use_case = SHOWN.replace("es_query_filter=*", "es_query_filter=source.geo.country_iso_code:NL");
        fs::write(folder.path().join("u.conf"), use_case).expect("written");
        fs::write(folder.path().join("e.ndjson"), lines(&[json!({"source": {"ip": ip}})])).expect("written");
        let args = ["check", "--config", "main.conf", "--use-cases", "u.conf", "--events", "e.ndjson"];
        let finished = program::run(folder.path(), &args);
        format!("{}{}", finished.stdout, finished.stderr)
    };
    let told = "the query names `source.geo.country_iso_code`, which occurs in no event";
    assert!(!checked("192.0.2.7").contains(told), "{}", checked("192.0.2.7"));
    assert!(checked("10.0.0.1").contains(told), "{}", checked("10.0.0.1"));
}

/// Returns what `check` says of a configuration whose database has these contents.
fn checked(contents: Option<&[u8]>, section: &str) -> String {
    let folder = tempfile::tempdir().expect("a scratch folder");
    if let Some(contents) = contents {
        fs::write(folder.path().join("x.mmdb"), contents).expect("written");
    }
    fs::write(folder.path().join("main.conf"), section).expect("written");
    fs::write(folder.path().join("u.conf"), SHOWN).expect("written");
    let finished = program::run(folder.path(), &["check", "--config", "main.conf", "--use-cases", "u.conf"]);
    format!("{}\n{}{}", finished.code, finished.stdout, finished.stderr)
}

#[test]
fn errors_name_file_place_and_cure() {
    let check = |contents: Option<&[u8]>, key: &str, expected: &[&str]| {
        let text = checked(contents, &format!("[geoip]\n{key}=x.mmdb\n"));
        for expected in expected {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    };
    let whole = cities().bytes();
    let cut = &whole[..whole.len() - 200];
    check(None, "database", &["78\n", "main.conf:2:", "x.mmdb: cannot be read: No such file", "correct the path"]);
    let text = checked(None, "[geoip]\ndatabase=/dev/zero\n");
    assert!(text.contains("/dev/zero: cannot be read: not a file"), "{text}");
    check(Some(b""), "database", &["78\n", "main.conf:2:", "not a database in the format of MaxMind"]);
    check(Some(b"GIF89a"), "asn_database", &["78\n", "not a database", "name an unpacked file"]);
    check(Some(cut), "database", &["78\n", "not a database"]);
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[..middle].fill(0xff);
    check(Some(&damaged), "database", &["78\n", "damaged: ", "download it again"]);
    check(Some(&networks().bytes()), "database", &["0\n", "does not know where addresses are", "asn_database"]);
    check(Some(&whole), "asn_database", &["0\n", "not a database of networks"]);
    let text = checked(Some(&whole), "[geoip]\ndatabse=x.mmdb\n");
    assert!(text.contains("did you mean `database`?"), "{text}");
}

/// Whatever is wrong with a database, it is refused or gives some values, and nothing fails.
#[test]
fn damaged_databases_are_harmless() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("x.mmdb");
    let whole = cities().bytes();
    let mut random = Random(3);
    let (mut n_refused, mut n_usable) = (0, 0);
    for _ in 0..3_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(4) {
            let place = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[place] ^= 1 << random.below(8),
                1 => bytes[place] = 0xff,
                _ => bytes.truncate(place.max(1)),
            }
        }
        fs::write(&path, &bytes).expect("written");
        let mut databases = AddressDatabases::default();
        if databases.open_places(&path).is_err() {
            n_refused += 1;
            continue;
        }
        n_usable += 1;
        let databases = Arc::new(databases);
        for field in ["source.geo.location", "source.geo.city_name", "source.geo.region_iso_code", "source.as.number"] {
            let (_, fact) = AddressDatabases::fact(&databases, field).expect("a fact");
            for address in ["192.0.2.1", "203.0.113.129", "2001:db8::1", "ffff::", "0.0.0.0"] {
                fact.of(address);
            }
        }
    }
    assert!(n_refused > 1_000 && n_usable > 50, "{n_refused} refused, {n_usable} usable");
}

/// Values of other types than a database should hold are not there; coordinates beyond the earth
/// are no place.
#[test]
fn records_of_other_shapes_give_nothing() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("x.mmdb");
    let database = Database::new("City")
        .with("192.0.2.0/28", &json!({"country": "NL", "city": {"names": ["x"]}, "location": {"latitude": "north"}}))
        .with("192.0.2.16/28", &city("NL", "x", 91.0, 4.0))
        .with("192.0.2.32/28", &city("NL", "x", f64::MAX, 4.0))
        .with("192.0.2.48/28", &json!([1, 2]))
        .with("192.0.2.64/28", &json!({"country": {"iso_code": "\u{1b}[31m<script>"}}));
    fs::write(&path, database.bytes()).expect("written");
    let mut databases = AddressDatabases::default();
    databases.open_places(&path).expect("a database");
    let databases = Arc::new(databases);
    let fact = |field: &str, address: &str| AddressDatabases::fact(&databases, field).expect("a fact").1.of(address);
    for address in ["192.0.2.1", "192.0.2.17", "192.0.2.33", "192.0.2.49", "192.0.2.200", "2001:db8::1"] {
        assert_eq!(fact("source.geo.location", address), None, "{address}");
    }
    assert_eq!(fact("source.geo.country_iso_code", "192.0.2.1"), None);
    assert_eq!(fact("source.geo.country_iso_code", "192.0.2.65").as_deref(), Some("\u{1b}[31m<script>"));
}

/// The events of a table of columns count like those of lines: as places, and with addresses alone.
#[test]
fn columns_have_places_and_addresses() {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let object = |name: &str, fields: Vec<Field>| Field::new(name, DataType::Struct(Fields::from(fields)), true);
    let degrees = |name: &str| Field::new(name, DataType::Float64, true);
    let location = object("location", vec![degrees("lat"), degrees("lon")]);
    let schema = Arc::new(Schema::new(vec![
        text("@timestamp"),
        object("user", vec![text("name")]),
        object("source", vec![text("ip"), object("geo", vec![location])]),
    ]));
    let event = |hour: u32, user: &str, ip: &str, location: Value| {
        let source = json!({"ip": ip, "geo": {"location": location}});
        json!({"@timestamp": format!("2024-03-01T{hour:02}:00:00Z"), "user": {"name": user}, "source": source})
    };
    let lagos = json!({"lat": 6.5244, "lon": 3.3792});
    let events = [
        event(8, "a", "192.0.2.1", json!(null)),
        event(9, "a", "198.51.100.1", lagos),
        event(8, "b", "192.0.2.1", json!(null)),
        event(9, "b", "203.0.113.1", json!(null)),
        event(8, "c", "192.0.2.1", json!(null)),
        event(9, "c", "192.0.2.2", json!(null)),
    ];
    let use_case = TRAVEL.replace("outlier_summary={previous_country} to {country}", "outlier_summary={places}");
    // null is a value, which an event without a location does not have
    let without_nulls = |text: String| text.replace(r#","geo":{"location":null}"#, "");
    let of_lines = summaries_of(&use_case, |path| fs::write(path, without_nulls(lines(&events))).expect("written"));
    assert_eq!(of_lines.len(), 2, "{of_lines:?}");
    let of_columns = summaries_of(&use_case, |path| {
        let mut decoder = ReaderBuilder::new(Arc::clone(&schema)).build_decoder().expect("a decoder");
        decoder.decode(lines(&events).as_bytes()).expect("the schema fits");
        let batch = decoder.flush().expect("the schema fits").expect("some events");
        let file = fs::File::create(path).expect("a file");
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), None).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("written");
    });
    assert_eq!(of_columns, of_lines);
}

fn summaries_of(use_case: &str, write: impl FnOnce(&Path)) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    with_databases(folder.path());
    write(&folder.path().join("events"));
    run_on(folder.path(), use_case, "events", &["--config", "main.conf"]).all("summary")
}

/// The bundled use cases about countries find the same with a database as with the fields of a
/// pipeline.
#[test]
fn bundled_use_cases_run_on_addresses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut events = Vec::new();
    let logon = |minutes: u32, user: &str, ip: String, country: &str, outcome: &str| {
        let (day, hour, minute) = (1 + minutes / 1440, minutes / 60 % 24, minutes % 60);
        let time = format!("2024-03-{day:02}T{hour:02}:{minute:02}:00Z");
        let event = json!({"category": ["authentication"], "type": ["start"], "outcome": outcome});
        let geo = json!({"country_iso_code": country});
        json!({"@timestamp": time, "event": event, "user": {"name": user}, "source": {"ip": ip, "geo": geo}})
    };
    for user in 0..30_u32 {
        let (net, country) = [("192.0.2", "NL"), ("2001:db8:", "DE")][user as usize % 2];
        let ip = if country == "NL" { format!("{net}.{user}") } else { format!("{net}:{user}") };
        events.extend((0..60).map(|n| logon(n * 70 + user, &format!("user{user}"), ip.clone(), country, "success")));
    }
    events.push(logon(4_000, "user5", "203.0.113.1".to_owned(), "NG", "success"));
    events.push(logon(4_010, "user5", "198.51.100.1".to_owned(), "IE", "success"));
    let mut found = Vec::new();
    for from_database in [false, true] {
        let folder = tempfile::tempdir().expect("a scratch folder");
        with_databases(folder.path());
        let events: Vec<Value> = events
            .iter()
            .cloned()
            .map(|mut event| {
                if from_database {
                    event["source"].as_object_mut().expect("an object").remove("geo");
                }
                event
            })
            .collect();
        let use_cases = fs::read_to_string(root.join("use_cases/cloud/geography.conf")).expect("a file");
        let config: &[&str] = if from_database { &["--config", "main.conf"] } else { &[] };
        let run = run(folder.path(), &use_cases, &lines(&events), &[config, &["--fields", "auto"]].concat());
        found.push((run.all("model_name"), run.all("summary")));
    }
    for name in ["countries_of_user_per_day", "countries_of_user_per_hour"] {
        assert!(found[0].0.iter().any(|found| found == name), "{name}: {found:?}");
    }
    assert_eq!(found[1], found[0]);
}
