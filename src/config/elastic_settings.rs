//! How Elasticsearch is reached and read, with the shipped values as defaults.

use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

/// How Elasticsearch is reached and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElasticSettings {
    /// `http://` or `https://` addresses without credentials, in the order in which they are tried; at least one. The port may be missing,
    /// a path prefix may follow.
    pub es_urls: Vec<String>,
    /// Indices to read, comma-separated, with wildcards.
    pub es_index_pattern: String,
    /// Most documents per page; at least 1.
    pub es_scan_size: usize,
    /// How long a scroll or point in time is kept between two pages, in the notation of Elasticsearch (`25m`).
    pub es_scroll_time: String,
    /// How long one request may take.
    pub es_timeout: Duration,
    /// How long a run goes on trying when the cluster does not answer or refuses work.
    pub es_retry_deadline: Duration,
    /// Whether answers are compressed on their way: worth it where the network is slower than about 3 Gbit/s.
    pub http_compress: bool,
    /// Who we are.
    pub authentication: Authentication,
    /// Whether the server's certificate is verified.
    pub verify_certs: bool,
    /// File with the certificates to trust instead of the system's.
    pub ca_certs: Option<PathBuf>,
    /// The certificate to show to the server.
    pub client_certificate: Option<ClientCertificate>,
}

/// How requests are authenticated; each secret comes from the configuration, a file or the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// An API key: as the server shows it (`encoded`), or its id and key with a colon between.
    ApiKey(Secret),
    /// A bearer token.
    Bearer(Secret),
}

/// A certificate of the client, with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file with the certificate, and those between it and the CA.
    pub cert: PathBuf,
    /// PEM file with the key; `None`: it is in the same file.
    pub key: Option<PathBuf>,
}

impl Default for ElasticSettings {
    fn default() -> Self {
        Self {
            es_urls: vec!["http://esnode1:9200".to_owned()],
            es_index_pattern: "logstash-eagleeye-*".to_owned(),
            es_scan_size: 10_000,
            es_scroll_time: "25m".to_owned(),
            es_timeout: Duration::from_secs(300),
            es_retry_deadline: Duration::from_secs(900),
            http_compress: false,
            authentication: Authentication::None,
            verify_certs: true,
            ca_certs: None,
            client_certificate: None,
        }
    }
}
