//! The page of a run, as people get it: in a real browser, from a file, without a network.

mod made;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::program;
use crate::site::Site;
use made::{HOSTILE, MAIN, N_FINDINGS, USE_CASES, events, many_events};

/// Environment variable that writes the picture of the documentation.
const UPDATE: &str = "UPDATE_PICTURES";

/// Expression for the findings that the list shows, as their headlines.
const SHOWN: &str = "Array.from(document.querySelectorAll('.finding')).filter(row => row.checkVisibility())\
    .map(row => row.querySelector('strong').textContent)";

/// Runs over the made events. Returns the folder, with `report.html` and `report.json` in it.
fn run_over(events: &str, more: &[&str]) -> Site {
    let site = Site::new(MAIN, USE_CASES);
    site.write("events.ndjson", events);
    site.run_with(&[&["--html", "report.html"], more].concat()).expect_code(0);
    site
}

fn page(site: &Site) -> String {
    fs::read_to_string(site.path().join("report.html")).expect("a page")
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

/// Sets a control of the list, as typing or choosing does.
fn set(browser: &mut Browser, name: &str, value: &str) {
    let control = format!("document.querySelector('.controls').elements[{name:?}]");
    let event = "dispatchEvent(new Event('input', {bubbles: true}))";
    browser.evaluate(&format!("{control}.value = {}; {control}.{event}", json!(value)));
}

#[track_caller]
fn check_accessible(browser: &mut Browser) {
    for colours in ["light", "dark"] {
        browser.emulate("screen", colours);
        let problems = browser.evaluate(include_str!("accessible.js"));
        assert_eq!(problems, json!([]), "{colours}");
    }
}

#[test]
fn pages_are_filtered_sorted_and_searched_in_a_browser() {
    let site = run_over(&events(), &[]);
    let path = site.path().join("report.html");
    let mut browser = Browser::start(site.path());
    browser.open_file(&path);
    assert_eq!(browser.console, [""; 0], "nothing is said or refused");
    assert_eq!(browser.requests.len(), 1, "only the page itself: {:?}", browser.requests);
    let all = browser.evaluate(SHOWN);
    assert_eq!(texts(&all).len(), N_FINDINGS, "{all}");
    assert_eq!(browser.evaluate("document.getElementById('shown').textContent"), format!("{N_FINDINGS} findings"));

    // text of events is text
    assert!(texts(&all).iter().any(|text| text.contains("<script>")), "{all}");
    let title = browser.evaluate("document.title");
    assert!(title.as_str().is_some_and(|title| title.starts_with("Run of ")), "{title}");
    let strangers = "document.querySelectorAll('img, iframe, object, link, script, style').length";
    assert_eq!(browser.evaluate(strangers), 2, "the style and the script are ours");
    let text = "document.body.textContent";
    assert_eq!(browser.evaluate(&format!("{text}.includes(' 49 ') || {text}.includes('\\u202e')")), false);
    let inline = "document.querySelector('h1').setAttribute('onclick', 'document.title = 1'); \
        document.querySelector('h1').click(); document.title";
    assert_eq!(browser.evaluate(inline), title, "handlers in attributes do not run");

    browser.open_file(&path);
    set(&mut browser, "q", "mimikatz WS1");
    assert_eq!(texts(&browser.evaluate(SHOWN)), ["mimikatz.exe on ws1"]);
    assert_eq!(browser.evaluate("document.getElementById('shown').textContent"), format!("1 of {N_FINDINGS} findings"));
    set(&mut browser, "q", "");
    set(&mut browser, "severity", "critical");
    assert_eq!(texts(&browser.evaluate(SHOWN)), ["shell: bash"]);
    set(&mut browser, "severity", "");
    set(&mut browser, "technique", "T1204");
    let filtered = browser.evaluate(SHOWN);
    assert!(texts(&filtered).iter().all(|text| text.contains(" on ws")), "{filtered}");
    assert_eq!(browser.evaluate("location.hash"), "#technique=T1204");
    set(&mut browser, "technique", "");
    set(&mut browser, "sort", "documents");
    let documents = "Array.from(document.querySelectorAll('.finding'), row => Number(row.dataset.documents))";
    let sorted = browser.evaluate(documents);
    let numbers: Vec<u64> = sorted.as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    assert!(numbers.is_sorted_by(|a, b| a >= b) && numbers[0] > 1, "{numbers:?}");

    // a link says what to show, also when the page is opened by it
    browser.open(&format!("file://{}#q=mimikatz&sort=first", path.display()));
    assert_eq!(texts(&browser.evaluate(SHOWN)), ["mimikatz.exe on ws1"]);
    browser.evaluate("document.querySelector('#attack a').click(); new Promise(done => setTimeout(done, 50))");
    let led_to = "document.querySelector('.controls').elements.technique.value";
    assert_eq!(browser.evaluate(led_to), "T1059.004", "the matrix leads to the findings of a technique");
    assert_eq!(texts(&browser.evaluate(SHOWN)), ["shell: bash"]);
    assert_eq!(browser.console, [""; 0]);
}

#[test]
fn pages_serve_keyboards_screen_readers_paper_and_the_dark() {
    let site = run_over(&events(), &[]);
    let mut browser = Browser::start(site.path());
    browser.open_file(&site.path().join("report.html"));
    check_accessible(&mut browser);
    browser.evaluate("document.querySelector('#findings summary').focus()");
    browser.press("Enter", 13, "\r");
    let opened = "document.querySelector('#findings details').open";
    assert_eq!(browser.evaluate(opened), true, "Enter opens a finding");
    let plot = "document.querySelector('#findings details[open] svg.plot').getBoundingClientRect().width > 300";
    browser.evaluate("document.querySelectorAll('#findings details').forEach(row => { row.open = true })");
    assert_eq!(browser.evaluate(plot), true, "a plot explains it");
    // with all plots open
    check_accessible(&mut browser);
    let colour = "getComputedStyle(document.body).backgroundColor";
    browser.emulate("screen", "light");
    let light = browser.evaluate(colour);
    browser.emulate("screen", "dark");
    assert_ne!(browser.evaluate(colour), light);
    browser.emulate("print", "light");
    assert_eq!(browser.evaluate("document.querySelector('.controls').checkVisibility()"), false);
    assert_eq!(texts(&browser.evaluate(SHOWN)).len(), N_FINDINGS);
    if std::env::var_os(UPDATE).is_some() {
        browser.emulate("screen", "light");
        browser.open_file(&site.path().join("report.html"));
        let open = "const row = [...document.querySelectorAll('#findings details')]\
            .find(row => row.textContent.includes('mimikatz')); row.open = true; \
            row.scrollIntoView(); scrollBy(0, -330)";
        browser.evaluate(open);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/report_page.png");
        browser.picture((1100, 900), &path);
    }
}

#[test]
fn ten_thousand_findings_stay_usable() {
    let site = run_over(&many_events(10_500), &["--only", "simplequery_numbered"]);
    let text = page(&site);
    assert!(text.len() < 20 << 20, "{} bytes", text.len());
    let mut browser = Browser::start(site.path());
    browser.open_file(&site.path().join("report.html"));
    assert_eq!(texts(&browser.evaluate(SHOWN)).len(), 50, "a page of the list");
    assert_eq!(browser.evaluate("document.getElementById('shown').textContent"), "10,000 findings");
    let note = browser.evaluate("document.querySelector('#findings p').textContent");
    let expected = "The 10,000 findings with the highest scores are listed. 500 findings with lower scores are not.";
    assert_eq!(note, expected);
    browser.evaluate("document.querySelector('[name=next]').click()");
    assert_eq!(browser.evaluate("document.getElementById('place').textContent"), "Page 2 of 200");
    let took = browser.evaluate(
        "(() => { const start = performance.now(); const field = document.querySelector('[name=q]'); \
         field.value = 'number777'; field.dispatchEvent(new Event('input', {bubbles: true})); \
         return performance.now() - start; })()",
    );
    assert!(took.as_f64().is_some_and(|millis| millis < 3000.0), "a search took {took} ms");
    assert_eq!(texts(&browser.evaluate(SHOWN)).len(), 11, "777, and 7770 to 7779");
    assert_eq!(browser.console, [""; 0]);
}

#[test]
fn reports_and_runs_of_the_history_become_pages() {
    let site = Site::new(&format!("{MAIN}[general]\nstate_dir=state\n"), USE_CASES);
    site.write("events.ndjson", &events());
    site.run_with(&["--html", "report.html"]).expect_code(0);
    let make = |args: &[&str]| program::run(site.path(), &[&["report"], args].concat());
    make(&["report.json", "--html", "again.html"]).expect_code(0);
    let again = fs::read_to_string(site.path().join("again.html")).expect("a page");
    let rows = |page: &str| {
        let (_, list) = page.split_once("<ol class=\"findings\"").expect("a list");
        list.split_once("</ol>").expect("an end").0.to_owned()
    };
    assert_eq!(rows(&again), rows(&page(&site)), "the report holds what the list shows");
    let history = make(&["1", "--state-dir", "state"]).expect_code(0).stdout;
    assert_eq!(rows(&history), rows(&again), "the history, too");
    assert!(history.contains("script-src &#x27;sha256-") && history.contains("<svg"), "{history}");

    for (text, expected) in [
        ("events", "report.json: not JSON"),
        ("{}", "report.json: not a report of a run: it has no `schema`"),
        ("{\"schema\": 99}", "schema 99, which this version cannot read"),
    ] {
        site.write("report.json", text);
        let told = make(&["report.json"]).expect_code(2).stderr;
        assert!(told.contains(expected), "{told}");
    }
    let told = make(&["nowhere.json"]).expect_code(2).stderr;
    assert!(told.contains("nowhere.json: there is no such file") && told.contains("--state-dir"), "{told}");
    let told = make(&["7", "--state-dir", "state"]).expect_code(2).stderr;
    assert!(told.contains("neither a file nor a run of the history"), "{told}");
    let told = site.run_with(&["--html", "report.json"]).expect_code(2).stderr;
    assert!(told.contains("--html report.json: the report is written there"), "{told}");
}

#[test]
fn pages_say_what_happened_and_do_not_depend_on_threads() {
    let site = run_over(&events(), &["--threads", "1"]);
    let one = page(&site);
    let site = run_over(&events(), &["--threads", "4", "--memory-limit", "64MiB"]);
    let four = page(&site);
    let list =
        |page: &str| page.split_once("id=\"findings\"").expect("findings").1.split_once("</ol>").unwrap().0.to_owned();
    assert_eq!(list(&one), list(&four));
    for expected in [
        "The run is complete:",
        "2 use cases whose query matches no event",
        "Whitelisted outliers by use case",
        "<h3>Execution</h3>",
        "First events of findings",
        "host: ws1",
    ] {
        assert!(four.contains(expected), "{expected} in {four}");
    }
    // what is missing comes first
    site.write("events.ndjson", &(events() + "not an event\n"));
    site.run_with(&["--html", "report.html"]).expect_code(3);
    let partial = page(&site);
    assert!(partial.contains("The run is partial:") && partial.contains("1 line skipped"), "{partial}");
    // a run that fails leaves a page, too
    site.write("events.ndjson", "not an event\n");
    site.run_with(&["--html", "report.html"]).expect_code(4);
    assert!(page(&site).contains("The run failed:"), "{}", page(&site));
    assert!(!one.contains(HOSTILE) && one.contains("\\u{202e}"));
}
