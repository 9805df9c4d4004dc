//! TLS and credentials, from the program's command line to a real server behind a front.

use serde_json::json;

use super::bench::{Bench, Document};
use super::front::{Front, Judge, Refusal, Request, anybody};
use super::kind::Kind;
use crate::certificates::{Authority, Certificate};
use crate::program::Finished;

const USE_CASE: &str = "\
[simplequery_shell]
es_query_filter=process.name:powershell.exe
outlier_type=process
outlier_reason=shell
outlier_summary=shell run by {user.name}
run_model=1
";

const EVENTS: &str = r#"{"@timestamp":"2024-05-01T00:00:00Z","process":{"name":"powershell.exe"},"user":{"name":"ann"}}
{"@timestamp":"2024-05-01T00:00:00Z","process":{"name":"cmd.exe"},"user":{"name":"bob"}}
{"@timestamp":"2024-05-01T00:00:00Z","process":{"name":"powershell.exe"},"user":{"name":"cid"}}
"#;

/// Secrets, which must not occur in any text of the program.
const SECRETS: [&str; 4] = ["pa55-of-the-analyst", "k3y-of-the-analyst", "t0ken.of.the.analyst", "wr0ng-for-everybody"];

/// Server of a test, with three events in the index `tls-NAME`.
struct Guarded {
    bench: Bench,
    index: String,
}

impl Guarded {
    fn new(kind: Kind, name: &str) -> Self {
        let bench = Bench::new(kind);
        let index = format!("tls-{name}");
        let keywords = json!({"properties": {"process": {"properties": {"name": {"type": "keyword"}}}}});
        bench.index(&index, &keywords, &Document::of_lines(EVENTS));
        bench.write("use_case.conf", USE_CASE);
        Self { bench, index }
    }

    /// Runs the program against a front, with more lines of `[general]`.
    fn run(&self, front: &Front, more: &str) -> Finished {
        let (url, index) = (&front.url, &self.index);
        let general =
            format!("[general]\nes_url={url}\nes_index_pattern={index}\nes_retry_deadline=0\nes_save_results=0\n");
        self.bench.write("cluster.conf", &format!("{general}{more}"));
        drop(std::fs::remove_file(self.bench.path().join("out.ndjson")));
        let times = "--from 1970-01-01T00:00:00Z";
        let finished = self.bench.run(&format!(
            "run -v --config cluster.conf --use-cases use_case.conf {times} -o out.ndjson --report report.json"
        ));
        self.check_secrets(&finished);
        finished
    }

    /// Checks that no output of the program contains a secret, neither in plain text nor as it is
    /// sent.
    fn check_secrets(&self, finished: &Finished) {
        let report = self.bench.report("report.json").json().to_string();
        for text in [&finished.stdout, &finished.stderr, &report] {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{secret} in\n{text}");
            }
            for sent in [BASIC, API_KEY] {
                let encoded = sent.split_once(' ').expect("a scheme and a value").1;
                assert!(!text.contains(encoded), "{encoded} in\n{text}");
            }
        }
    }

    fn expect_refused(&self, front: &Front, more: &str, code: i32, expected: &[&str]) {
        let finished = self.run(front, more).expect_code(code);
        for text in expected {
            assert!(finished.stderr.contains(text), "no {text} in\n{}", finished.stderr);
        }
        assert!(!self.bench.path().join("out.ndjson").exists(), "something was written after\n{}", finished.stderr);
    }

    fn expect_outliers(&self, front: &Front, more: &str) {
        let finished = self.run(front, more).expect_code(0);
        let written = crate::outliers::read(&self.bench.path().join("out.ndjson")).expect("well-formed output");
        let ids: Vec<&str> = written.keys().map(|(_, id)| id.as_str()).collect();
        assert_eq!(ids, ["000000000000", "000000000002"], "{}", finished.stderr);
    }
}

// -- certificates

#[test]
fn invalid_certificates_are_refused_and_the_message_names_the_setting() {
    let guarded = Guarded::new(Kind::OpenSearch3, "certificates");
    let bench = &guarded.bench;
    let ca = Authority::new("our CA");
    bench.write("ca.pem", &ca.pem());
    bench.write("other.pem", &Authority::new("another CA").pem());
    let start = |certificate: &Certificate| Front::start(&bench.node.url(), certificate, None, anybody);
    let trusting = "es_ca_certs=ca.pem\n";

    let good = start(&ca.sign("localhost"));
    guarded.expect_outliers(&good, trusting);
    guarded.expect_refused(&good, "", 69, &["not trusted", "es_ca_certs"]);
    guarded.expect_refused(&good, "es_ca_certs=other.pem\n", 69, &["not trusted", "es_ca_certs"]);
    let elsewhere = start(&ca.sign("elsewhere.example"));
    guarded.expect_refused(&elsewhere, trusting, 69, &["another host", "elsewhere.example", "es_url"]);
    let expired = start(&ca.sign_expired("localhost"));
    guarded.expect_refused(&expired, trusting, 69, &["has expired", "renew", "es_verify_certs"]);
    let own = Certificate::self_signed("localhost");
    bench.write("own.pem", &own.pem);
    let own = start(&own);
    guarded.expect_refused(&own, trusting, 69, &["self-signed", "es_ca_certs"]);
    guarded.expect_outliers(&own, "es_ca_certs=own.pem\n");
    for front in [&good, &elsewhere, &expired, &own] {
        guarded.expect_outliers(front, "es_verify_certs=0\n");
    }
    // an unusable setting is found before anything is sent
    guarded.expect_refused(&good, "es_ca_certs=use_case.conf\n", 78, &["es_ca_certs", "use_case.conf"]);
}

#[test]
fn a_missing_client_certificate_is_reported_with_its_setting() {
    let guarded = Guarded::new(Kind::Elasticsearch8, "clients");
    let bench = &guarded.bench;
    let (ca, clients) = (Authority::new("our CA"), Authority::new("CA of clients"));
    bench.write("ca.pem", &ca.pem());
    for (name, authority) in [("known", &clients), ("stranger", &Authority::new("a stranger"))] {
        let certificate = authority.sign("analyst");
        bench.write(&format!("{name}.pem"), &certificate.pem);
        bench.write(&format!("{name}.key"), &certificate.key_pem());
    }
    let front = Front::start(&bench.node.url(), &ca.sign("localhost"), Some(&clients), known_password);
    let with = |name: &str| format!("es_ca_certs=ca.pem\nes_client_cert={name}.pem\nes_client_key={name}.key\n{LOGIN}");
    guarded.expect_refused(
        &front,
        "es_ca_certs=ca.pem\n",
        69,
        &["client certificate", "es_client_cert", "es_client_key"],
    );
    guarded.expect_refused(&front, &with("stranger"), 69, &["client certificate", "es_client_cert"]);
    guarded.expect_outliers(&front, &with("known"));
    assert_eq!(front.authorizations(), [BASIC]);
}

// -- credentials

const LOGIN: &str = "es_username=analyst\nes_password=pa55-of-the-analyst\n";
const BASIC: &str = "Basic YW5hbHlzdDpwYTU1LW9mLXRoZS1hbmFseXN0";
const API_KEY: &str = "ApiKey YW5hbHlzdDprM3ktb2YtdGhlLWFuYWx5c3Q=";
const BEARER: &str = "Bearer t0ken.of.the.analyst";

fn only(authorization: &str, request: &Request) -> Option<Refusal> {
    let reason = "unable to authenticate user for REST request".to_owned();
    (request.header("authorization") != authorization).then_some(Refusal { status: 401, reason })
}

fn known_password(request: &Request) -> Option<Refusal> {
    only(BASIC, request)
}

fn known_key(request: &Request) -> Option<Refusal> {
    only(API_KEY, request)
}

fn known_token(request: &Request) -> Option<Refusal> {
    only(BEARER, request)
}

/// Refuses everything but the introduction.
fn may_not_read(request: &Request) -> Option<Refusal> {
    let reason = "action [indices:data/read/search] is unauthorized for user [analyst]".to_owned();
    let is_hello = request.line.starts_with("GET / ");
    known_password(request).or_else(|| (!is_hello).then_some(Refusal { status: 403, reason }))
}

/// Refuses to read documents, but not to look at indices.
fn may_not_search(request: &Request) -> Option<Refusal> {
    let is_search = ["_search", "_msearch", "_pit", "_mget"].iter().any(|part| request.line.contains(part));
    if is_search { may_not_read(request) } else { known_password(request) }
}

#[test]
fn valid_credentials_of_every_kind_find_the_outliers() {
    let guarded = Guarded::new(Kind::Elasticsearch9, "credentials");
    let bench = &guarded.bench;
    let ca = Authority::new("our CA");
    bench.write("ca.pem", &ca.pem());
    bench.write("password", "pa55-of-the-analyst\n");
    bench.write("key", "analyst:k3y-of-the-analyst\n");
    bench.write("token", "t0ken.of.the.analyst\n");
    let certificate = ca.sign("localhost");
    let encoded = API_KEY.strip_prefix("ApiKey ").expect("its scheme");
    let cases: [(Judge, &str, Vec<String>); 3] = [
        (known_password, BASIC, vec![LOGIN.to_owned(), "es_username=analyst\nes_password_file=password\n".to_owned()]),
        (
            known_key,
            API_KEY,
            vec![
                "es_api_key=analyst:k3y-of-the-analyst\n".to_owned(),
                format!("es_api_key={encoded}\n"),
                "es_api_key_file=key\n".to_owned(),
            ],
        ),
        (
            known_token,
            BEARER,
            vec!["es_bearer_auth=t0ken.of.the.analyst\n".to_owned(), "es_bearer_auth_file=token\n".to_owned()],
        ),
    ];
    for (judge, sent, forms) in cases {
        let front = Front::start(&bench.node.url(), &certificate, None, judge);
        for form in forms {
            guarded.expect_outliers(&front, &format!("es_ca_certs=ca.pem\n{form}"));
        }
        assert_eq!(front.authorizations(), [sent]);
        for wrong in [
            "",
            "es_username=analyst\nes_password=wr0ng-for-everybody\n",
            "es_api_key=analyst:wr0ng-for-everybody\n",
            "es_bearer_auth=wr0ng-for-everybody\n",
        ] {
            guarded.expect_refused(&front, &format!("es_ca_certs=ca.pem\n{wrong}"), 77, &["401", "es_"]);
        }
    }
}

#[test]
fn missing_privileges_and_wrong_credentials_are_distinguished() {
    let guarded = Guarded::new(Kind::OpenSearch3, "rights");
    let bench = &guarded.bench;
    let ca = Authority::new("our CA");
    bench.write("ca.pem", &ca.pem());
    let certificate = ca.sign("localhost");
    for judge in [may_not_read as Judge, may_not_search] {
        let front = Front::start(&bench.node.url(), &certificate, None, judge);
        let more = format!("es_ca_certs=ca.pem\n{LOGIN}");
        guarded.expect_refused(&front, &more, 77, &["403", "is unauthorized for user [analyst]"]);
    }
}
