//! Pages with hostile text, in a real browser.

use serde_json::Value;

use super::process::{Process, request};
use super::world::{USE_CASES, World, event, events};
use crate::browser::Browser;

/// Text of an event that would run, load or restyle something if it were taken for markup.
const HOSTILE: &str = "<script>document.title='pwned'</script><img src=x onerror=document.title='pwned'>\
    <style>body{display:none}</style><a href=javascript:alert(1)>\" onmouseover=\"x {{ 7 * 7 }} \u{202e}gnp.exe";

/// Checks that a page has no element and no attribute that acts or loads.
#[track_caller]
fn check_harmless(document: &str) {
    for tag in document.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let name = tag.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
        assert!(!["script", "img", "style", "iframe", "object"].contains(&name), "<{tag}> in {document}");
        assert!(!tag.contains(" on") && !tag.contains("javascript:"), "<{tag}> in {document}");
    }
    assert!(!document.contains(" 49 ") && !document.contains('\u{202e}'), "{document}");
}

#[test]
fn hostile_events_are_text_on_pages() {
    let world = World::new("", "2024-05-08T12:00:00Z");
    let state = world.path("state").display().to_string();
    world.write(
        "main.conf",
        &format!("[general]\nstate_dir={state}\n[assets]\nuser=user\n[daemon]\nschedule=0 0 1 1 *\n[http]\nlisten=127.0.0.1:0\n"),
    );
    world.write("use_cases.conf", &USE_CASES.replace("should_notify=1", "comment={user}"));
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    world.write("events.ndjson", &(events() + &event("USER").replace("\"USER\"", &hostile)));
    let mut process = Process::start(&world, &[]);
    let address = process.wait_for("address=").trim().to_owned();
    process.wait_for("the run is complete");
    let json = |path: &str| -> Value {
        let (head, body) = request(&address, "GET", path, "");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        serde_json::from_str(&body).expect("JSON")
    };
    let run = json("/api/runs")["runs"][0]["id"].as_str().expect("a run").to_owned();
    let stored = json(&format!("/api/runs/{run}"));
    assert_eq!(stored["report"]["status"], "complete");
    let findings = stored["findings"].as_array().expect("findings");
    let is_hostile = |finding: &&Value| finding["target"].as_str().is_some_and(|target| target.contains("pwned"));
    let finding = findings.iter().find(is_hostile).expect("the hostile finding")["id"].as_str().expect("an id");
    let mut browser = Browser::start(world.folder());
    for (path, title) in [
        ("/".to_owned(), "Runs"),
        (format!("/runs/{run}"), "Run 2"),
        (format!("/runs/{run}/findings/{finding}"), "rare user &lt;script&gt;"),
        ("/runs/%3Cscript%3E".to_owned(), "There is no such run or finding"),
    ] {
        let (head, body) = request(&address, "GET", &path, "");
        assert!(head.contains("content-security-policy: default-src 'none'; style-src 'self'"), "{head}");
        check_harmless(&body);
        assert!(body.contains(&format!("<title>{title}")), "{body}");
        browser.open(&format!("http://{address}{path}"));
        let document = browser.evaluate("document.documentElement.outerHTML");
        let document = document.as_str().expect("a page");
        check_harmless(document);
        assert!(document.contains(&format!("<title>{title}")), "{document}");
    }
    // the button
    let (head, _) = request(&address, "POST", "/api/runs", "Accept: text/html\r\nContent-Length: 0\r\n");
    assert!(head.starts_with("HTTP/1.1 303 ") && head.contains("location: /"), "{head}");
    process.wait_for("the run is complete");
    let (head, _) = request(&address, "POST", "/api/runs", "Origin: http://evil.example\r\n");
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    process.end(0);
}
