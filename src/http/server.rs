//! The HTTP server of the daemon.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::access::{self, Refusal};
use super::connections;
use super::metrics::{ProcessNumbers, TEXT_FORMAT, metrics_text};
use super::pages;
use super::status::SharedStatus;
use crate::config::Secret;
use crate::html;
use crate::runtime::Clock;
use crate::state::{KeptFinding, RunRecord, StateError, StateStore};

/// Longest silence of the daemon's loop that is healthy.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);

/// Upper limit on the time that an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Time for answers in flight when the server stops.
const STOP_TIME: Duration = Duration::from_secs(2);

/// Upper limit on the bytes of a request's body; none is read.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Headers of all answers. Nothing runs, nothing comes from elsewhere, nothing is framed or kept.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// State that the server shows, and runs that it can ask for.
#[derive(Clone, Debug)]
pub struct HttpService {
    status: SharedStatus,
    run_requests: Arc<Notify>,
    clock: Arc<dyn Clock>,
    token: Option<Secret>,
    store: Option<StateStore>,
}

impl HttpService {
    /// Shows `status` and the runs in `store`, and starts runs by `run_requests`. With a token,
    /// only requests that carry it see more than health.
    pub fn new(
        status: SharedStatus,
        run_requests: Arc<Notify>,
        clock: Arc<dyn Clock>,
        token: Option<Secret>,
        store: Option<StateStore>,
    ) -> Self {
        HttpService { status, run_requests, clock, token, store }
    }

    fn router(self) -> Router {
        let inner = Router::new()
            .route("/metrics", get(metrics))
            .route("/api/runs", get(runs).post(request_run))
            .route("/api/runs/{id}", get(run))
            .route("/", get(runs_page))
            .route("/runs/{id}", get(run_page))
            .route("/runs/{id}/findings/{finding}", get(finding_page))
            .route("/style.css", get(style))
            .layer(from_fn_with_state(self.clone(), guard));
        Router::new()
            .route("/healthz", get(health))
            .route("/readyz", get(readiness))
            .merge(inner)
            .layer(from_fn(finish))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(self)
    }
}

/// The server while it runs.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Listens on `address` and answers.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub async fn start(address: SocketAddr, service: HttpService) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            // a sender that is dropped stops the server, too
            connections::serve(listener, service.router(), async { drop(stopped.await) }).await;
        });
        Ok(HttpServer { address, stop, task })
    }

    /// Address with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops; answers in flight have a moment.
    pub async fn stop(self) {
        drop(self.stop);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(STOP_TIME, self.task).await.is_err() {
            abort.abort();
        }
    }
}

/// Lets requests pass that may see findings.
async fn guard(State(service): State<HttpService>, request: Request, next: Next) -> Response {
    match access::check(request.method(), request.headers(), service.token.as_ref()) {
        Ok(()) => next.run(request).await,
        Err(Refusal::Token) => {
            let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"ee-outliers\", Bearer"));
            (StatusCode::UNAUTHORIZED, [challenge], "the token is missing or wrong\n").into_response()
        }
        Err(Refusal::Host) => {
            let why = "address this machine as localhost or by its IP address, or set a token in [http]\n";
            (StatusCode::MISDIRECTED_REQUEST, why).into_response()
        }
        Err(Refusal::Origin) => (StatusCode::FORBIDDEN, "sent by a page from elsewhere\n").into_response(),
    }
}

/// Limits the time of an answer, and adds the headers that all have.
async fn finish(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(ANSWER_TIME, next.run(request)).await;
    let mut answer = answer.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response());
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

async fn metrics(State(service): State<HttpService>) -> Response {
    let status = service.status.lock().clone();
    let text = metrics_text(&status, &ProcessNumbers::now(), service.clock.now());
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

async fn health(State(service): State<HttpService>) -> Response {
    let silence = service.clock.passed().saturating_sub(service.status.lock().alive);
    if silence < LONGEST_SILENCE {
        return "ok\n".into_response();
    }
    let why = format!("the daemon has been silent for {} s\n", silence.as_secs());
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn readiness(State(service): State<HttpService>) -> Response {
    if service.status.lock().is_stopping {
        return (StatusCode::SERVICE_UNAVAILABLE, "ending\n").into_response();
    }
    "ready\n".into_response()
}

/// Asks for a run of all use cases. One that is under way ends first.
async fn request_run(State(service): State<HttpService>, headers: HeaderMap) -> Response {
    info!("a run was asked for over HTTP");
    service.run_requests.notify_one();
    let accepts = access::text(&headers, ACCEPT).unwrap_or_default();
    if accepts.contains("text/html") {
        return (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response();
    }
    let is_running = service.status.lock().in_progress.is_some();
    let what = if is_running { "after the run under way" } else { "now" };
    json_answer(StatusCode::ACCEPTED, &json!({"accepted": true, "begins": what}))
}

/// Which part of a long list is wanted.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Part {
    /// Page, from 1.
    page: usize,
    /// Upper limit on the entries.
    limit: usize,
}

impl Default for Part {
    fn default() -> Self {
        Part { page: 1, limit: 100 }
    }
}

/// A run with its report and its findings.
struct StoredRun {
    run: RunRecord,
    report: Value,
    findings: Vec<KeptFinding>,
}

impl HttpService {
    /// Reads the store, which may take a moment; `None` without one.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&StateStore) -> Result<T, StateError> + Send + 'static,
    ) -> Result<Option<T>, Response> {
        let Some(store) = self.store.clone() else { return Ok(None) };
        let failed = |why: String| {
            error!("the history cannot be read: {why}");
            (StatusCode::INTERNAL_SERVER_ERROR, "the history cannot be read: see the log\n").into_response()
        };
        match tokio::task::spawn_blocking(move || read(&store)).await {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(state_error)) => Err(failed(state_error.to_string())),
            Err(join_error) => Err(failed(join_error.to_string())),
        }
    }

    /// Reads the run with this number or id.
    async fn stored_run(&self, id: String) -> Result<Option<StoredRun>, Response> {
        let found = self.read(move |store| {
            let Some(run) = store.find_run(&id)? else { return Ok(None) };
            let report = store.report(run.number)?;
            let report = report.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            let findings = store.findings(run.number)?;
            Ok(Some(StoredRun { run, report, findings }))
        });
        Ok(found.await?.flatten())
    }
}

async fn runs(State(service): State<HttpService>, Query(part): Query<Part>) -> Result<Response, Response> {
    let stored = service.read(StateStore::runs).await?;
    let newest = stored.map(|runs| runs.into_iter().rev().take(part.limit).collect::<Vec<RunRecord>>());
    let status = service.status.lock().clone();
    Ok(json_answer(StatusCode::OK, &json!({"daemon": status.json(service.clock.now()), "runs": newest})))
}

async fn run(
    State(service): State<HttpService>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, Response> {
    let Some(StoredRun { run, report, mut findings }) = service.stored_run(id).await? else {
        return Ok(json_answer(StatusCode::NOT_FOUND, &json!({"error": "there is no such run"})));
    };
    findings.truncate(part.limit);
    Ok(json_answer(StatusCode::OK, &json!({"run": run, "report": report, "findings": findings})))
}

async fn runs_page(State(service): State<HttpService>, Query(part): Query<Part>) -> Result<Response, Response> {
    let stored = service.read(StateStore::runs).await?;
    let status = service.status.lock().clone();
    Ok(page_answer(StatusCode::OK, pages::runs_page(&status, stored.as_deref(), part.page)))
}

async fn run_page(
    State(service): State<HttpService>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, Response> {
    let Some(StoredRun { run, report, findings }) = service.stored_run(id).await? else { return Ok(no_page()) };
    Ok(page_answer(StatusCode::OK, pages::run_page(&run, &report, &findings, part.page)))
}

async fn finding_page(
    State(service): State<HttpService>,
    Path((id, finding_id)): Path<(String, String)>,
) -> Result<Response, Response> {
    let Some(StoredRun { run, report, findings }) = service.stored_run(id).await? else { return Ok(no_page()) };
    let Some(finding) = findings.iter().find(|finding| finding.id == finding_id) else { return Ok(no_page()) };
    Ok(page_answer(StatusCode::OK, pages::finding_page(&run, &report, finding)))
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], html::style()).into_response()
}

fn no_page() -> Response {
    let why = "It never was, or it was forgotten because of history_days or history_size.";
    page_answer(StatusCode::NOT_FOUND, pages::problem_page("There is no such run or finding", why))
}

fn page_answer(status: StatusCode, page: Result<String, minijinja::Error>) -> Response {
    match page {
        Ok(page) => (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response(),
        Err(template_error) => {
            error!("page: {template_error:#}");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be shown: see the log\n").into_response()
        }
    }
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}
