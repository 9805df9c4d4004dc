//! Spans as traces for OpenTelemetry, sent by OTLP over HTTP.
//!
//! The variables of the OpenTelemetry specification say where they are sent (the address, headers,
//! time-out), and nothing is sent without an address. A collector that does not answer costs a run
//! nothing but a warning.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::SPANS;

/// Variables that turn traces on.
const ADDRESSES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Time for which the end of the program waits for a collector.
const END: Duration = Duration::from_secs(5);

/// Sender of spans.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts to send, if the environment names an address.
    ///
    /// # Errors
    /// The environment's settings are wrong, as the text says.
    pub(super) fn start() -> Result<Option<Self>, String> {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !ADDRESSES.into_iter().any(is_set) {
            return Ok(None);
        }
        let client = Client::new().map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build();
        let exporter = exporter.map_err(|error| error.to_string())?;
        let mut resource = Resource::builder();
        if !is_set("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name("ee-outliers");
        }
        let version = opentelemetry::KeyValue::new("service.version", crate::version::VERSION);
        let resource = resource.with_attribute(version).build();
        Ok(Some(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())))
    }

    /// The layer that hands spans on.
    pub(super) fn layer<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> impl Layer<S> {
        let spans = Targets::new().with_target(SPANS, tracing::Level::INFO);
        tracing_opentelemetry::layer().with_tracer(self.0.tracer("ee-outliers")).with_filter(spans)
    }

    /// Sends what is left.
    pub(super) fn end(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(END) {
            tracing::warn!("traces were not sent: {error}");
        }
    }
}

/// Client of the thread that sends batches of spans. It waits, so it has a runtime of its own.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn new() -> Result<Self, HttpError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { http, runtime })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        self.runtime.block_on(async {
            let answer = self.http.execute(request).await?.error_for_status()?;
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok(response)
        })
    }
}
