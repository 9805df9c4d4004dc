//! Alerts in TheHive, against servers that check them as TheHive 5 and TheHive 4 do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::receiver::{Answer, Received, Receiver};
use super::{HOSTILE, accepted, channel, digest, finding, hostile, postponed, refused, tell, usual};
use ee_outliers::delivery::{FindingNotice, Notice};
use ee_outliers::notifiers::Told;

const API_KEY: &str = "api-key-of-the-hive";

/// Alerts and observables that a server holds.
#[derive(Default)]
struct Hive {
    alerts: Vec<Map<String, Value>>,
    observables: Vec<(String, Value)>,
}

/// Starts TheHive 5.
fn five() -> (Receiver, Arc<Mutex<Hive>>) {
    let hive: Arc<Mutex<Hive>> = Arc::default();
    let shared = Arc::clone(&hive);
    let receiver = Receiver::start(move |request| shared.lock().expect("no panic holds it").answer_five(request));
    (receiver, hive)
}

/// Starts TheHive 4.
fn four() -> (Receiver, Arc<Mutex<Hive>>) {
    let hive: Arc<Mutex<Hive>> = Arc::default();
    let shared = Arc::clone(&hive);
    let receiver = Receiver::start(move |request| shared.lock().expect("no panic holds it").answer_four(request));
    (receiver, hive)
}

fn error(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"type": kind, "message": message}))
}

impl Hive {
    fn answer_five(&mut self, request: &Received) -> Answer {
        if request.header("authorization") != format!("Bearer {API_KEY}") {
            return error(401, "AuthenticationError", "Authentication failure");
        }
        let body = request.json();
        match request.line.split('/').collect::<Vec<_>>().as_slice() {
            ["POST ", "api", "v1", "alert"] => match check_alert(&body, "observables") {
                Err(wrong) => error(400, "BadRequest", &wrong),
                Ok(()) => self.create(body, 201),
            },
            ["POST ", "api", "v1", "query"] => {
                let steps = body["query"].as_array().expect("a query");
                assert_eq!(steps[0], json!({"_name": "listAlert"}));
                assert_eq!(steps[2], json!({"_name": "page", "from": 0, "to": 1}));
                let wanted = steps[1]["_and"].as_array().expect("a filter").iter().map(|equal| &equal["_eq"]);
                self.find(wanted)
            }
            ["PATCH ", "api", "v1", "alert", id] => {
                let known = ["title", "description", "severity", "addTags", "customFields"];
                assert!(body.as_object().expect("fields").keys().all(|key| known.contains(&key.as_str())), "{body}");
                self.update(id, &body)
            }
            ["POST ", "api", "v1", "alert", id, "observable"] => self.observe(id, &body),
            other => error(404, "NotFound", &format!("{other:?}")),
        }
    }

    fn answer_four(&mut self, request: &Received) -> Answer {
        let body = request.json();
        match request.line.split('/').collect::<Vec<_>>().as_slice() {
            ["POST ", "api", "alert"] => match check_alert(&body, "artifacts") {
                Err(wrong) => error(400, "BadRequest", &wrong),
                Ok(()) => self.create(body, 201),
            },
            ["POST ", "api", "alert", "_search"] => {
                let wanted = body["query"]["_and"].as_array().expect("a query").clone();
                self.find(wanted.iter())
            }
            ["PATCH ", "api", "alert", id] => self.update(id, &body),
            ["POST ", "api", "alert", id, "artifact"] => self.observe(id, &body),
            other => error(404, "NotFound", &format!("{other:?}")),
        }
    }

    fn create(&mut self, body: Value, status: u16) -> Answer {
        let mut alert = body.as_object().expect("an alert").clone();
        let name = |alert: &Map<String, Value>| {
            ["type", "source", "sourceRef"].map(|key| alert[key].as_str().expect("a text").to_owned()).join(":")
        };
        if self.alerts.iter().any(|known| name(known) == name(&alert)) {
            let message = format!("Alert {} already exist in organisation SOC", name(&alert));
            return error(400, "CreateError", &message);
        }
        alert.insert("_id".to_owned(), json!(format!("~{}", 4096 + self.alerts.len())));
        self.alerts.push(alert.clone());
        Answer::json(status, &Value::Object(alert))
    }

    fn find<'a>(&self, wanted: impl Iterator<Item = &'a Value>) -> Answer {
        let wanted: Vec<(&str, &Value)> =
            wanted.map(|equal| (equal["_field"].as_str().expect("a field"), &equal["_value"])).collect();
        assert_eq!(wanted.iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["type", "source", "sourceRef"]);
        let found = self.alerts.iter().filter(|alert| wanted.iter().all(|(field, value)| alert[*field] == **value));
        Answer::json(200, &found.take(1).cloned().map(Value::Object).collect())
    }

    fn update(&mut self, id: &str, body: &Value) -> Answer {
        let Some(alert) = self.alerts.iter_mut().find(|alert| alert["_id"] == id) else {
            return error(404, "NotFoundError", "Alert not found");
        };
        alert.extend(body.as_object().expect("fields").clone());
        Answer::new(204, "")
    }

    fn observe(&mut self, id: &str, body: &Value) -> Answer {
        check_observable(body).expect("a valid observable");
        let in_alert = self.alerts.iter().filter(|alert| alert["_id"] == id).flat_map(|alert| {
            ["observables", "artifacts"].iter().filter_map(|key| alert.get(*key)?.as_array()).flatten()
        });
        let is_known =
            in_alert.chain(self.observables.iter().map(|(_, known)| known)).any(|known| known["data"] == body["data"]);
        if is_known {
            return error(400, "CreateError", "Observable already exists");
        }
        self.observables.push((id.to_owned(), body.clone()));
        Answer::json(201, &json!([body]))
    }
}

/// Checks an alert by the schema in the documentation of the API.
fn check_alert(alert: &Value, observables: &str) -> Result<(), String> {
    let alert = alert.as_object().ok_or("not an object")?;
    let known = [
        "type",
        "source",
        "sourceRef",
        "externalLink",
        "title",
        "description",
        "severity",
        "date",
        "tags",
        "flag",
        "tlp",
        "pap",
        "customFields",
        "summary",
        "status",
        "assignee",
        "caseTemplate",
        "procedures",
        observables,
    ];
    if let Some(key) = alert.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("unknown key {key}"));
    }
    for (key, most) in [("type", 32), ("source", 64), ("sourceRef", 128), ("title", 512), ("description", 1 << 20)] {
        let text = alert.get(key).and_then(Value::as_str).ok_or(format!("no text {key}"))?;
        if !(1..=most).contains(&text.chars().count()) {
            return Err(format!("{key} has {} characters", text.chars().count()));
        }
    }
    for (key, from, to) in [("severity", 1, 4), ("tlp", 0, 4), ("pap", 0, 3)] {
        let number = alert[key].as_i64().ok_or(format!("no number {key}"))?;
        if !(from..=to).contains(&number) {
            return Err(format!("{key} is {number}"));
        }
    }
    if !alert["tags"].as_array().ok_or("no tags")?.iter().all(|tag| tag.as_str().is_some_and(|tag| tag.len() <= 400)) {
        return Err("tags".to_owned());
    }
    let list = |key: &str| alert.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    list(observables).iter().try_for_each(check_observable)?;
    for procedure in list("procedures") {
        let id = procedure["patternId"].as_str().ok_or("no patternId")?;
        if !id.starts_with('T') || !procedure["occurDate"].is_i64() {
            return Err(format!("procedure {procedure}"));
        }
    }
    Ok(())
}

fn check_observable(observable: &Value) -> Result<(), String> {
    const TYPES: [&str; 16] = [
        "autonomous-system",
        "domain",
        "file",
        "filename",
        "fqdn",
        "hash",
        "hostname",
        "ip",
        "mail",
        "mail-subject",
        "other",
        "regexp",
        "registry",
        "uri_path",
        "url",
        "user-agent",
    ];
    let data_type = observable["dataType"].as_str().unwrap_or_default();
    let data = observable["data"].as_str().unwrap_or_default();
    let is_valid = TYPES.contains(&data_type) && (1..=4096).contains(&data.chars().count());
    if is_valid { Ok(()) } else { Err(format!("observable {observable}")) }
}

fn config(url: &str, more: &str) -> String {
    format!("[notifier_hive]\ntype=thehive\nurl={url}\napi_key={API_KEY}\n{more}")
}

/// The finding a night later, with other outliers.
fn next_night() -> Notice {
    Notice::Finding(Box::new(FindingNotice {
        key: "a1b2c3d4".to_owned(),
        summary: "rare process evil.exe on web-1, again".to_owned(),
        score: 80.0,
        assets: vec!["host: web-1".to_owned(), "user: bob".to_owned()],
        ..finding()
    }))
}

#[test]
fn a_finding_is_an_alert_and_is_updated() {
    let (receiver, hive) = five();
    let more = "tags=soc, night\ntlp=amber+strict\npap=red\norganisation=SOC\nobservables=user=other\n\
        custom_fields=risk:float = {{ score }}\n  use-case = {{ use_case }}\n  found:date = {{ found_at }}\n";
    let channel = channel(&config(&receiver.url, more));
    assert_eq!(accepted(&*channel, &usual()), "alert ~4096 is created");
    assert_eq!(receiver.only().header("x-organisation"), "SOC");
    let alert = hive.lock().expect("no panic holds it").alerts[0].clone();
    for (key, expected) in [
        ("type", json!("outlier")),
        ("source", json!("ee-outliers")),
        ("sourceRef", json!("ffeeddccbbaa99887766554433221100")),
        ("title", json!("rare process evil.exe on web-1")),
        ("severity", json!(2)),
        ("tlp", json!(3)),
        ("pap", json!(3)),
        ("date", json!(1_699_999_940_000i64)),
        (
            "tags",
            json!([
                "outlier",
                "soc",
                "night",
                "process execution",
                "T1059.001",
                "not a technique",
                "terms_rare_process"
            ]),
        ),
        ("procedures", json!([{"patternId": "T1059.001", "occurDate": 1_699_996_400_000i64}])),
    ] {
        assert_eq!(alert[key], expected, "{key}");
    }
    let fields = json!([
        {"name": "risk", "value": 61.25},
        {"name": "use-case", "value": "terms_rare_process"},
        {"name": "found", "value": 1_700_000_000_000i64}
    ]);
    assert_eq!(alert["customFields"], fields);
    let observables: Vec<(&str, &str)> = alert["observables"]
        .as_array()
        .expect("observables")
        .iter()
        .map(|observable| {
            (observable["dataType"].as_str().expect("a type"), observable["data"].as_str().expect("data"))
        })
        .collect();
    assert_eq!(observables, [("hostname", "web-1"), ("other", "ann"), ("ip", "192.0.2.7")]);
    // a repeat changes nothing
    assert_eq!(tell(&*channel, &usual()), Ok(Told::AlreadyKnown));
    assert_eq!(hive.lock().expect("no panic holds it").alerts, [alert]);
    // new outliers of the finding update it
    assert_eq!(accepted(&*channel, &next_night()), "alert ~4096 is updated");
    let hive = hive.lock().expect("no panic holds it");
    assert_eq!(hive.alerts.len(), 1);
    assert_eq!(hive.alerts[0]["title"], "rare process evil.exe on web-1, again");
    assert_eq!(hive.alerts[0]["severity"], 4);
    assert_eq!(hive.observables.len(), 1, "only the new one");
    assert_eq!((hive.observables[0].0.as_str(), &hive.observables[0].1["data"]), ("~4096", &json!("bob")));
    drop(hive);
    assert_eq!(tell(&*channel, &next_night()), Ok(Told::AlreadyKnown));
}

#[test]
fn an_update_that_breaks_off_is_made_again() {
    let hive: Mutex<Hive> = Mutex::default();
    let n_failures = Mutex::new(1);
    let receiver = Receiver::start(move |request| {
        let mut n_failures = n_failures.lock().expect("no panic holds it");
        if request.line.ends_with("/observable") && *n_failures > 0 {
            *n_failures -= 1;
            return error(500, "InternalError", "not now");
        }
        hive.lock().expect("no panic holds it").answer_five(request)
    });
    let channel = channel(&config(&receiver.url, "custom_fields=a.html = {{ title }} & <b>\n"));
    accepted(&*channel, &usual());
    assert_eq!(receiver.received()[0].json()["customFields"][0]["value"], "rare process evil.exe on web-1 & <b>");
    assert!(postponed(&*channel, &next_night()).0.contains("not now"));
    assert_eq!(accepted(&*channel, &next_night()), "alert ~4096 is updated");
    let observed = receiver.received().into_iter().filter(|request| request.line.ends_with("/observable"));
    assert_eq!(observed.filter(|request| request.json()["data"] == "bob").count(), 1);
    assert_eq!(tell(&*channel, &next_night()), Ok(Told::AlreadyKnown));
}

#[test]
fn the_fourth_version_has_other_names() {
    let (receiver, hive) = four();
    let more = "api=4\ntlp=red\ncustom_fields=risk:integer = 5\n";
    let channel = channel(&config(&format!("{}/prefix/", receiver.url), more).replace("/prefix/", "/"));
    assert_eq!(accepted(&*channel, &usual()), "alert ~4096 is created");
    let alert = hive.lock().expect("no panic holds it").alerts[0].clone();
    assert_eq!((&alert["tlp"], &alert["customFields"]), (&json!(3), &json!({"risk": {"integer": 5}})));
    assert_eq!(alert["artifacts"].as_array().map(Vec::len), Some(3));
    assert!(!alert.contains_key("procedures") && !alert.contains_key("observables"));
    assert_eq!(tell(&*channel, &usual()), Ok(Told::AlreadyKnown));
    assert_eq!(accepted(&*channel, &next_night()), "alert ~4096 is updated");
    assert_eq!(hive.lock().expect("no panic holds it").observables.len(), 1);
}

#[test]
fn texts_of_events_stay_texts() {
    let (receiver, hive) = five();
    let channel = channel(&config(&receiver.url, "custom_fields=summary = {{ summary }}\n"));
    accepted(&*channel, &hostile());
    let alert = hive.lock().expect("no panic holds it").alerts[0].clone();
    let description = alert["description"].as_str().expect("a text");
    super::assert_harmless(description);
    assert!(description.len() < 1 << 20, "{}", description.len());
    for line in description.lines().filter(|line| !line.starts_with("    ")) {
        assert!(!line.contains("<script>") && !line.contains("](http") && !line.contains("```"), "{line}");
        assert!(!line.contains("http:"), "a bare address is a link: {line}");
        // a text adds no cell to the table
        let n_cells = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert!([0, 3].contains(&n_cells), "{n_cells}: {line}");
    }
    assert!(HOSTILE.contains("<script>"));
    accepted(&*channel, &digest());
    let digest = hive.lock().expect("no panic holds it").alerts[1].clone();
    assert_eq!((&digest["sourceRef"], &digest["severity"]), (&json!("d1d1d1d1"), &json!(4)));
}

#[test]
fn errors_say_whether_to_try_again() {
    let (receiver, _) = five();
    let wrong_key = channel(&config(&receiver.url, "").replace(API_KEY, "another-api-key"));
    let (reason, _) = postponed(&*wrong_key, &usual());
    assert!(reason.contains("Authentication failure") && reason.contains("check the credentials"), "{reason}");
    let busy = Receiver::start(|_| Answer::new(429, "").with("retry-after", "9"));
    assert_eq!(postponed(&*channel(&config(&busy.url, "")), &usual()).1, Some(Duration::from_secs(9)));
    let broken = Receiver::start(|_| error(500, "InternalError", "no"));
    assert!(postponed(&*channel(&config(&broken.url, "")), &usual()).0.contains("status 500"));
    let strict = Receiver::start(|_| error(400, "BadRequest", "custom field risk doesn't exist"));
    assert!(refused(&*channel(&config(&strict.url, "")), &usual()).contains("custom field risk"));
    // it exists, but another organisation has it
    let hidden = Receiver::start(|request| match request.line.as_str() {
        "POST /api/v1/alert" => error(400, "CreateError", "Alert a:b:c already exist in organisation X"),
        _ => Answer::json(200, &json!([])),
    });
    assert!(postponed(&*channel(&config(&hidden.url, "")), &usual()).0.contains("cannot be found"));
    let (receiver, _) = five();
    let wrong_field = channel(&config(&receiver.url, "custom_fields=risk:integer = {{ score }}\n"));
    let (reason, _) = postponed(&*wrong_field, &usual());
    assert!(reason.contains("custom_fields: risk: not of the type integer: 61.25"), "{reason}");
}
