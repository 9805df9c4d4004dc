//! Requests with time-outs, sent to a host that answers and retried where that is safe and useful.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client as HttpClient, Method, RequestBuilder, Response, Url, redirect};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::classify::Class;
use super::credentials::{authorization, hide, secrets};
use super::error::{ElasticError, Fault};
use super::flavour::Server;
use super::hosts::{Hosts, shown};
use super::request::{Body, Repeat, Request};
use super::retry::Attempts;
use super::tls;
use crate::config::ElasticSettings;
use crate::runtime::Interrupt;

/// Time-outs that are not configurable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// Limit on opening a connection.
    pub(super) connect: Duration,
    /// Limit on the pause between two parts of an answer.
    pub(super) idle: Duration,
}

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(10), idle: Duration::from_secs(60) };

/// Deadline for retrying the first request: someone may be waiting at a terminal, and the daemon
/// begins failed runs anew.
const FIRST_DEADLINE: Duration = Duration::from_secs(30);

/// Upper limit on the size of an answer.
const MAX_ANSWER_BYTES: usize = 512 << 20;

/// Connection to a cluster; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
    server: Arc<Server>,
}

struct Inner {
    http: HttpClient,
    hosts: Hosts,
    authorization: Option<HeaderValue>,
    /// Texts that must not be shown if servers answer with them.
    secrets: Vec<String>,
    timeout: Duration,
    timeouts: Timeouts,
    deadline: Duration,
    interrupt: Interrupt,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("hosts", &self.hosts).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects and asks the server for its flavour and version. `interrupt` ends every wait for
    /// the server.
    ///
    /// # Errors
    /// Unusable settings, no host that answers, rejected credentials.
    pub async fn connect(settings: &ElasticSettings, interrupt: &Interrupt) -> Result<Self, ElasticError> {
        Self::connect_within(settings, interrupt, TIMEOUTS).await
    }

    pub(super) async fn connect_within(
        settings: &ElasticSettings,
        interrupt: &Interrupt,
        timeouts: Timeouts,
    ) -> Result<Self, ElasticError> {
        let builder = HttpClient::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(timeouts.connect)
            .tcp_keepalive(Duration::from_secs(30))
            .gzip(settings.http_compress)
            .user_agent(concat!("ee-outliers/", env!("CARGO_PKG_VERSION")));
        let builder = tls::configure(builder, settings)?;
        let inner = Inner {
            http: builder.build().map_err(|error| tls::refused_setup(settings, &error))?,
            hosts: Hosts::new(&settings.es_urls)?,
            authorization: authorization(&settings.authentication)?,
            secrets: secrets(&settings.authentication),
            timeout: settings.es_timeout,
            timeouts,
            deadline: settings.es_retry_deadline,
            interrupt: interrupt.clone(),
        };
        if !settings.verify_certs && settings.es_urls.iter().any(|url| url.starts_with("https:")) {
            tracing::warn!(
                "certificates are not verified: anyone between here and the cluster can read and change everything"
            );
        }
        let hello = Request::new(Method::GET, "/", "connecting");
        let deadline = inner.deadline.min(FIRST_DEADLINE);
        let started = Instant::now();
        let answer = inner.send_until(&hello, deadline, |attempt| attempt).await.inspect_err(|_| {
            if started.elapsed() >= deadline && deadline < inner.deadline {
                let seconds = deadline.as_secs();
                tracing::warn!("gave up after {seconds} s: es_retry_deadline counts once the cluster has answered");
            }
        })?;
        let server = Server::read(&answer).map_err(|error| {
            hello.unreadable(format!("this is neither Elasticsearch nor OpenSearch ({error}); check es_url"))
        })?;
        if let Some(warning) = server.warning() {
            tracing::warn!("{warning}");
        }
        Ok(Self { inner: Arc::new(inner), server: Arc::new(server) })
    }

    /// Returns the server's flavour and version.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a request and retries it until it succeeds, must not be repeated, or the deadline
    /// passes. Returns the body of the answer.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn send(&self, request: &Request) -> Result<Vec<u8>, ElasticError> {
        self.send_until(request, |attempt| attempt).await
    }

    /// Sends a request and parses its answer. An answer that cannot be parsed is a failed attempt.
    ///
    /// # Errors
    /// As [`Self::send`], and answers of another form.
    pub async fn read<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ElasticError> {
        self.read_with(request, |body| serde_json::from_slice(body).map_err(|error| request.unreadable(error))).await
    }

    /// As [`Self::send`], until `read` accepts the body of an answer.
    ///
    /// # Errors
    /// As [`Self::send`], and those of `read`.
    pub(super) async fn read_with<T>(
        &self,
        request: &Request,
        mut read: impl FnMut(&[u8]) -> Result<T, ElasticError>,
    ) -> Result<T, ElasticError> {
        self.send_until(request, |attempt| read(&attempt?).map_err(Failed::from)).await
    }

    /// As [`Self::send`], until `judge` accepts the outcome of an attempt.
    ///
    /// # Errors
    /// As [`Self::send`], and those of `judge`.
    pub(super) async fn send_until<T>(
        &self,
        request: &Request,
        judge: impl FnMut(Result<Vec<u8>, Failed>) -> Result<T, Failed>,
    ) -> Result<T, ElasticError> {
        self.inner.send_until(request, self.inner.deadline, judge).await
    }

    /// Sends a request once. After a host fails, the next request goes to the next host. For
    /// callers that decide themselves what to send again, and when.
    ///
    /// # Errors
    /// The error of the attempt.
    pub async fn send_once(&self, request: &Request) -> Result<Vec<u8>, ElasticError> {
        let (host_idx, url) = self.inner.hosts.current();
        self.inner.send_to(request, url).await.map_err(|failed| {
            if !failed.is_final && failed.error.class() == Class::Retry {
                self.inner.hosts.failed(host_idx);
            }
            *failed.error
        })
    }

    /// Returns the interrupt that ends the run early.
    pub fn interrupt(&self) -> &Interrupt {
        &self.inner.interrupt
    }

    /// Returns how long a failing request is retried.
    pub fn deadline(&self) -> Duration {
        self.inner.deadline
    }
}

impl Inner {
    /// Retries until `judge` accepts an attempt: an answer may be useless, and one that broke off
    /// may still say something.
    async fn send_until<T>(
        &self,
        request: &Request,
        deadline: Duration,
        mut judge: impl FnMut(Result<Vec<u8>, Failed>) -> Result<T, Failed>,
    ) -> Result<T, ElasticError> {
        let mut attempts = Attempts::new(deadline);
        let mut hosts_left = self.hosts.len();
        loop {
            let (host_idx, url) = self.hosts.current();
            let error = match judge(self.send_to(request, url).await) {
                Ok(accepted) => return Ok(accepted),
                Err(Failed { error, is_final: true, .. }) => return Err(*error),
                Err(Failed { error, .. }) => *error,
            };
            let class = error.class();
            if request.repeat == Repeat::Never
                || !matches!(class, Class::Retry | Class::BackPressure | Class::Blocked(_))
            {
                return Err(error);
            }
            if class == Class::Retry {
                self.hosts.failed(host_idx);
                hosts_left -= 1;
                if hosts_left > 0 {
                    continue;
                }
                hosts_left = self.hosts.len();
            }
            attempts.wait_after(error, &self.interrupt).await?;
        }
    }

    /// Makes one attempt at one host; an error status is an error.
    async fn send_to(&self, request: &Request, host: &Url) -> Result<Vec<u8>, Failed> {
        let exchanged = self.interrupt.within(request.grace, self.exchange(request, host)).await;
        exchanged.map_err(|interrupted| Failed::finally(interrupted.into()))?
    }

    async fn exchange(&self, request: &Request, host: &Url) -> Result<Vec<u8>, Failed> {
        let url = host.join(request.path.trim_start_matches('/')).map_err(|error| {
            let (reason, cure) = (error.to_string(), "write http://host:9200");
            Failed::finally(ElasticError::Setting { key: "es_url", reason, cure })
        })?;
        let mut builder = self.http.request(request.method.clone(), url);
        builder = builder.timeout(self.timeout).header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        builder = match &request.body {
            Body::Empty => builder,
            Body::Json(body) => builder.header(CONTENT_TYPE, "application/json").body(body.clone()),
            Body::Lines(body) => builder.header(CONTENT_TYPE, "application/x-ndjson").body(body.clone()),
        };
        let mut response = send(builder).await.map_err(|error| self.unreachable(host, &error))?;
        if response.status().is_redirection() {
            return Err(self.redirected(request, host, &response));
        }
        let body = self.body(request, host, &mut response).await?;
        if response.status().is_success() {
            return Ok(body);
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
        let body = hide(&self.secrets, &String::from_utf8_lossy(&body));
        let fault = Fault { retry_after, ..Fault::read(response.status().as_u16(), body.as_bytes()) };
        Err(ElasticError::of(request.what.clone(), fault).into())
    }

    /// Reads the body of an answer, part after part.
    async fn body(&self, request: &Request, host: &Url, response: &mut Response) -> Result<Vec<u8>, Failed> {
        let mut body = Vec::with_capacity(response.content_length().map_or(0, |bytes| bytes.min(64 << 20) as usize));
        loop {
            let failed = match timeout(self.timeouts.idle, response.chunk()).await {
                Ok(Ok(None)) => return Ok(body),
                Ok(Ok(Some(chunk))) if body.len() + chunk.len() > MAX_ANSWER_BYTES => too_large(request),
                Ok(Ok(Some(chunk))) => {
                    body.extend_from_slice(&chunk);
                    continue;
                }
                Ok(Err(error)) => self.unreachable(host, &error),
                Err(_) => self.stalled(host),
            };
            return Err(Failed { begun: body, ..failed });
        }
    }

    fn redirected(&self, request: &Request, host: &Url, response: &Response) -> Failed {
        let target = response.headers().get(reqwest::header::LOCATION).and_then(|value| value.to_str().ok());
        let reason = format!("{} redirects to {}", shown(host), hide(&self.secrets, target.unwrap_or("nowhere")));
        let fault = Fault::new(response.status().as_u16(), "", &reason);
        let cure = "redirects are not followed: write the address of the cluster itself in es_url";
        Failed::finally(ElasticError::Refused { what: request.what.clone(), fault, cure })
    }

    fn stalled(&self, host: &Url) -> Failed {
        let reason = format!("the answer stalled for {} s", self.timeouts.idle.as_secs());
        let cure = "check the network and the load of the cluster".to_owned();
        ElasticError::Unreachable { host: shown(host), reason, cure, may_have_arrived: true }.into()
    }

    /// Explains a connection that could not be opened or broke. Certificate errors are final:
    /// waiting does not help.
    fn unreachable(&self, host: &Url, error: &reqwest::Error) -> Failed {
        let tls = tls::explain(error);
        let is_final = tls.is_some();
        let (reason, cure) = match tls {
            Some(explained) => explained,
            None if error.is_timeout() && error.is_connect() => (
                format!("no connection within {} s", self.timeouts.connect.as_secs()),
                "check es_url, the network and firewalls".to_owned(),
            ),
            None if error.is_timeout() => {
                (format!("no answer within {} s", self.timeout.as_secs()), "raise es_timeout".to_owned())
            }
            None => {
                let reason = tls::innermost(error).unwrap_or_else(|| error.to_string());
                let cure = if host.scheme() == "http" {
                    "check es_url and that the cluster runs; a server with TLS wants https://"
                } else {
                    "check es_url and that the cluster runs"
                };
                (reason, cure.to_owned())
            }
        };
        let may_have_arrived = !error.is_connect() && !was_never_sent(error);
        let error = ElasticError::Unreachable { host: shown(host), reason, cure, may_have_arrived };
        Failed { is_final, ..Failed::from(error) }
    }
}

/// Number of further connections on which a request is tried that was never sent.
const RECONNECTS: usize = 2;

/// Sends a request, again on another connection if it was never sent: servers that refuse a client
/// certificate may close the connection before they can be heard to say why.
async fn send(request: RequestBuilder) -> reqwest::Result<Response> {
    for _ in 0..RECONNECTS {
        let Some(copy) = request.try_clone() else { break };
        match copy.send().await {
            Err(error) if was_never_sent(&error) => {}
            answered => return answered,
        }
    }
    request.send().await
}

fn was_never_sent(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Failed attempt.
#[derive(Debug)]
pub(super) struct Failed {
    /// Boxed to keep results small.
    error: Box<ElasticError>,
    /// True if another attempt would fail as well.
    is_final: bool,
    /// Beginning of an answer that broke off.
    pub(super) begun: Vec<u8>,
}

impl From<ElasticError> for Failed {
    fn from(error: ElasticError) -> Self {
        Failed { error: Box::new(error), is_final: false, begun: Vec::new() }
    }
}

impl Failed {
    fn finally(error: ElasticError) -> Self {
        Failed { is_final: true, ..Failed::from(error) }
    }
}

fn too_large(request: &Request) -> Failed {
    let fault = Fault::new(413, "", &format!("the answer is larger than {MAX_ANSWER_BYTES} bytes: lower es_scan_size"));
    Failed::finally(ElasticError::Answered { what: request.what.clone(), fault })
}

/// Parses a `Retry-After` in seconds; these servers do not send dates.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
