//! Certificates of the servers of channels.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, SignatureScheme, WantsVerifier};

use super::OpenError;
use crate::elastic::tls_error;

/// Upper limit on the bytes of a file of certificates; the system's own has less than a megabyte.
const MOST_BYTES: u64 = 16 << 20;

/// Reads a file of certificates.
///
/// # Errors
/// A file that cannot be read, or that has none.
pub(super) fn read_certificates(channel: &str, path: &Path) -> Result<Vec<u8>, OpenError> {
    use std::io::Read;
    let mut pem = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut pem));
    read.map_err(|error| {
        OpenError::new(channel, format!("ca_certs: cannot read {}: {error}; check the path", path.display()))
    })?;
    let begins = memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_some();
    if begins { Ok(pem) } else { Err(no_certificates(channel, path)) }
}

/// The error for a file without certificates.
pub(super) fn no_certificates(channel: &str, path: &Path) -> OpenError {
    let reason = format!("ca_certs: {} does not hold a certificate as PEM", path.display());
    OpenError::new(channel, reason)
}

/// The reason in an error from TLS, with its cure; `None` if the error is another one.
pub(super) fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    Some(match tls_error(error)? {
        rustls::Error::InvalidCertificate(wrong) => {
            format!("the server's certificate is not valid ({wrong}): name the PEM file of its CA in ca_certs")
        }
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS: check the address and the port".to_owned(),
        other => format!("TLS failed ({other}): check the server's TLS settings"),
    })
}

/// The innermost message of an error, which is the most specific.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    crate::elastic::innermost(error).unwrap_or_else(|| error.to_string())
}

/// Settings that accept any certificate, for `verify_certs = 0`.
pub(super) fn trusting_anyone(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    provider: Arc<CryptoProvider>,
) -> ClientConfig {
    builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))).with_no_client_auth()
}

/// Accepts any certificate, but still proves that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
