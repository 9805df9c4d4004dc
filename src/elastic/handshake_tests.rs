//! Real TLS handshakes, with valid certificates and with every kind of invalid ones.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::script::HELLO;
use super::*;
use crate::config::{Authentication, ClientCertificate, ElasticSettings, Secret};
use crate::runtime::Interrupt;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

struct Shown {
    cert: CertificateDer<'static>,
    cert_pem: String,
    key: KeyPair,
}

fn params(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_owned()]).unwrap()
}

fn signed(params: CertificateParams, issuer: &Issuer) -> Shown {
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, issuer).unwrap();
    Shown { cert: cert.der().clone(), cert_pem: cert.pem(), key }
}

fn self_signed(params: CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    Shown { cert: cert.der().clone(), cert_pem: cert.pem(), key }
}

/// Starts a server that presents a certificate, and requires one issued by `clients` if given;
/// returns its address.
fn serve(shown: &Shown, clients: Option<&Issuer>) -> String {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(issuer) => {
            let mut roots = RootCertStore::empty();
            roots.add(issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = Arc::new(builder.with_single_cert(vec![shown.cert.clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            // a failed handshake is reported by the client
            if matches!(tls.read(&mut request), Ok(1..)) {
                let length = HELLO.len();
                let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{HELLO}");
                drop(tls.write_all(answer.as_bytes()).and_then(|()| tls.flush()));
            }
        }
    });
    url
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

async fn connect(url: &str, change: impl FnOnce(&mut ElasticSettings)) -> Result<Client, String> {
    let mut settings = ElasticSettings {
        es_urls: vec![url.to_owned()],
        es_retry_deadline: Duration::ZERO,
        authentication: Authentication::Bearer(Secret::new("t")),
        ..ElasticSettings::default()
    };
    change(&mut settings);
    Client::connect(&settings, &Interrupt::default()).await.map_err(|error| error.to_string())
}

fn assert_refused(result: Result<Client, String>, expected: &[&str]) {
    let error = result.expect_err("it must be refused");
    assert!(expected.iter().all(|text| error.contains(text)), "{error}");
}

#[tokio::test]
async fn invalid_certificates_are_refused_and_the_message_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let ca = issuer("our CA");
    let ca_path = file(&folder, "ca.pem", &ca.pem());
    let trusting = |settings: &mut ElasticSettings| settings.ca_certs = Some(ca_path.clone());
    let good = serve(&signed(params("localhost"), &ca), None);
    connect(&good, trusting).await.unwrap();
    // unknown CA: neither the system's CAs nor another one will do
    assert_refused(connect(&good, |_| {}).await, &["not trusted", "es_ca_certs"]);
    let other = file(&folder, "other.pem", &issuer("another CA").pem());
    assert_refused(connect(&good, |settings| settings.ca_certs = Some(other)).await, &["not trusted", "es_ca_certs"]);
    let wrong_host = serve(&signed(params("elsewhere.example"), &ca), None);
    assert_refused(connect(&wrong_host, trusting).await, &["another host", "elsewhere.example", "es_url"]);
    let mut expired = params("localhost");
    (expired.not_before, expired.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let expired = serve(&signed(expired, &ca), None);
    assert_refused(connect(&expired, trusting).await, &["has expired", "renew"]);
    let mut future = params("localhost");
    (future.not_before, future.not_after) = (date_time_ymd(2901, 1, 1), date_time_ymd(2902, 1, 1));
    let future = serve(&signed(future, &ca), None);
    assert_refused(connect(&future, trusting).await, &["not valid yet", "clock"]);
    let own = self_signed(params("localhost"));
    let own_path = file(&folder, "own.pem", &own.cert_pem);
    let own = serve(&own, None);
    assert_refused(connect(&own, trusting).await, &["self-signed", "es_ca_certs"]);
    connect(&own, |settings| settings.ca_certs = Some(own_path)).await.unwrap();
    for url in [&good, &wrong_host, &expired, &own] {
        connect(url, |settings| settings.verify_certs = false).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_certificate_can_be_combined_with_other_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, clients) = (issuer("our CA"), issuer("CA of clients"));
    let ca_path = file(&folder, "ca.pem", &ca.pem());
    let server = serve(&signed(params("localhost"), &ca), Some(&clients));
    let with = |client: Option<ClientCertificate>| {
        let ca_path = ca_path.clone();
        move |settings: &mut ElasticSettings| {
            settings.ca_certs = Some(ca_path);
            settings.client_certificate = client;
        }
    };
    let wanted = ["client certificate", "es_client_cert", "es_client_key"];
    // however soon the server closes the connection
    for _ in 0..30 {
        assert_refused(connect(&server, with(None)).await, &wanted);
    }
    let write = |name: &str, shown: &Shown| {
        let cert = file(&folder, &format!("{name}.pem"), &shown.cert_pem);
        let key = file(&folder, &format!("{name}.key"), &shown.key.serialize_pem());
        ClientCertificate { cert, key: Some(key) }
    };
    let stranger = write("stranger", &signed(params("x"), &issuer("a stranger")));
    assert_refused(connect(&server, with(Some(stranger))).await, &wanted);
    let known = signed(params("x"), &clients);
    let both = file(&folder, "both.pem", &format!("{}{}", known.cert_pem, known.key.serialize_pem()));
    connect(&server, with(Some(write("known", &known)))).await.unwrap();
    connect(&server, with(Some(ClientCertificate { cert: both, key: None }))).await.unwrap();
}

#[tokio::test]
async fn http_and_https_are_not_mistaken_for_each_other() {
    let plain = script::Script::start(|_| script::Reply::Json(200, HELLO.to_owned()));
    let error = connect(&plain.url.replace("http:", "https:"), |_| {}).await;
    assert_refused(error, &["http"]);
    let tls = serve(&self_signed(params("localhost")), None);
    assert_refused(connect(&tls.replace("https:", "http:"), |_| {}).await, &["https://"]);
}
