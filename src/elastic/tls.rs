//! Certificates: the trusted ones, our own, and the setting to change when they do not fit.

use std::error::Error;
use std::io;
use std::path::Path;

use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::{AlertDescription, CertificateError};

use super::error::ElasticError;
use crate::config::ElasticSettings;

const OTHER_HOST: &str = "use the host that it was issued for in es_url";
const RENEW: &str = "renew it on the server";
const UNVERIFIED: &str = "es_verify_certs = 0 (or verify_certs=false in the environment) connects without any check";

/// Applies the certificate settings.
///
/// # Errors
/// Files that cannot be read or do not contain a certificate or key.
pub(super) fn configure(builder: ClientBuilder, settings: &ElasticSettings) -> Result<ClientBuilder, ElasticError> {
    let mut builder = builder.danger_accept_invalid_certs(!settings.verify_certs);
    if let Some(path) = &settings.ca_certs {
        let certificates = Certificate::from_pem_bundle(&read("es_ca_certs", path)?).unwrap_or_default();
        if certificates.is_empty() {
            return Err(no_pem("es_ca_certs", path, "a certificate"));
        }
        builder = builder.tls_built_in_root_certs(false);
        builder = certificates.into_iter().fold(builder, ClientBuilder::add_root_certificate);
    }
    if let Some(client) = &settings.client_certificate {
        let mut pem = read("es_client_cert", &client.cert)?;
        if let Some(key) = &client.key {
            pem.push(b'\n');
            pem.extend(read("es_client_key", key)?);
        }
        let identity = Identity::from_pem(&pem)
            .map_err(|_| no_pem("es_client_cert", &client.cert, "a certificate and its unencrypted key"))?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// Explains why the TLS library could not be set up; only certificates can cause this.
pub(super) fn refused_setup(settings: &ElasticSettings, error: &reqwest::Error) -> ElasticError {
    let key = if settings.client_certificate.is_some() { "es_client_cert" } else { "es_ca_certs" };
    let reason = innermost(error).unwrap_or_default();
    ElasticError::Setting { key, reason, cure: "check that the files hold certificates and keys that fit, as PEM" }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, ElasticError> {
    std::fs::read(path).map_err(|error| ElasticError::Setting {
        key,
        reason: format!("cannot read {}: {error}", path.display()),
        cure: "check the path and its permissions",
    })
}

fn no_pem(key: &'static str, path: &Path, what: &str) -> ElasticError {
    let reason = format!("{} does not hold {what} as PEM", path.display());
    ElasticError::Setting { key, reason, cure: "convert it with `openssl`" }
}

/// Explains a failed TLS connection: reason and cure; `None` if the error is not from TLS.
pub(super) fn explain(error: &(dyn Error + 'static)) -> Option<(String, String)> {
    Some(match tls_error(error)? {
        rustls::Error::InvalidCertificate(wrong) => explain_certificate(wrong),
        rustls::Error::AlertReceived(alert) => explain_alert(*alert),
        rustls::Error::InvalidMessage(_) => {
            ("the server does not speak TLS".to_owned(), "write http:// in es_url".to_owned())
        }
        other => (format!("TLS failed: {other}"), "check the server's TLS settings".to_owned()),
    })
}

fn explain_certificate(wrong: &CertificateError) -> (String, String) {
    let (reason, cure) = match wrong {
        CertificateError::NotValidForName => ("is for another host".to_owned(), OTHER_HOST),
        CertificateError::NotValidForNameContext { presented, .. } => {
            (format!("is for another host: it is for {}", presented.join(", ")), OTHER_HOST)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("has expired".to_owned(), "renew it on the server and check this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("is not valid yet".to_owned(), "check this machine's clock")
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "is self-signed or signed by a CA that is not trusted".to_owned(),
            "name the PEM file of the CA's certificate in es_ca_certs (or ca_certs in the environment)",
        ),
        CertificateError::Revoked => ("is revoked".to_owned(), RENEW),
        // rustls has no case of its own for a server that presents a CA's certificate as its own
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            "is self-signed and is the certificate of a CA".to_owned(),
            "give the server a certificate of its own, signed by the CA that es_ca_certs names",
        ),
        other => (format!("is not valid: {other}"), RENEW),
    };
    (format!("the server's certificate {reason}"), format!("{cure}; {UNVERIFIED}"))
}

fn explain_alert(alert: AlertDescription) -> (String, String) {
    let (reason, cure) = match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::HandshakeFailure => {
            ("the server requires a client certificate that it trusts", "set es_client_cert and es_client_key")
        }
        _ => ("the server ended the TLS handshake", "check the server's TLS settings and its log"),
    };
    (format!("{reason} ({alert:?})"), cure.to_owned())
}

/// Returns the TLS error inside an error; I/O errors hide theirs from `source`.
pub(crate) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match carried {
            Some(carried) => Some(carried),
            None => error.source(),
        };
    }
    None
}

/// Returns the innermost message of an error, which is the most specific.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> Option<String> {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn every_tls_error_names_a_setting_or_a_check() {
        let certificate = rustls::Error::InvalidCertificate;
        for (error, reason, cure) in [
            (certificate(CertificateError::NotValidForName), "another host", "es_url"),
            (certificate(CertificateError::Expired), "expired", "clock"),
            (certificate(CertificateError::NotValidYet), "not valid yet", "clock"),
            (certificate(CertificateError::UnknownIssuer), "not trusted", "es_ca_certs"),
            (certificate(CertificateError::BadEncoding), "not valid", "es_verify_certs"),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                "client certificate",
                "es_client_cert",
            ),
            (rustls::Error::AlertReceived(AlertDescription::ProtocolVersion), "handshake", "TLS settings"),
            (
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "does not speak TLS",
                "http://",
            ),
        ] {
            // as hyper wraps it
            let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error.clone()));
            let (shown, cured) = explain(&wrapped).unwrap();
            assert!(shown.contains(reason) && cured.contains(cure), "{error}: {shown}; {cured}");
        }
        assert_eq!(explain(&io::Error::other("plain")), None);
    }

    #[test]
    fn files_without_certificates_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pem");
        std::fs::write(&path, "hello").unwrap();
        let with_ca = |path: PathBuf| ElasticSettings { ca_certs: Some(path), ..ElasticSettings::default() };
        let with_client = |cert: PathBuf, key: Option<PathBuf>| {
            let client_certificate = Some(crate::config::ClientCertificate { cert, key });
            ElasticSettings { client_certificate, ..ElasticSettings::default() }
        };
        let gone = folder.path().join("gone");
        for (settings, expected) in [
            (with_ca(path.clone()), "es_ca_certs: "),
            (with_ca(gone.clone()), "es_ca_certs: cannot read"),
            (with_client(path.clone(), None), "es_client_cert: "),
            (with_client(path.clone(), Some(gone)), "es_client_key: cannot read"),
        ] {
            let error = configure(ClientBuilder::new(), &settings).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
