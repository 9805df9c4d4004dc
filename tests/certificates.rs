//! Certificates: valid ones, and every kind of invalid ones.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Authority that signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Returns a certificate for this host that is valid now.
    pub(crate) fn sign(&self, host: &str) -> Certificate {
        self.sign_params(&params(host))
    }

    /// Returns a certificate for this host that was valid in the year 2001.
    pub(crate) fn sign_expired(&self, host: &str) -> Certificate {
        let mut params = params(host);
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
        self.sign_params(&params)
    }

    fn sign_params(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let signed = params.clone().signed_by(&key, &self.0).expect("a certificate");
        Certificate { der: signed.der().clone(), pem: signed.pem(), key }
    }
}

impl Certificate {
    /// Returns a certificate for this host that nobody else vouches for.
    pub(crate) fn self_signed(host: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let signed = params(host).self_signed(&key).expect("a certificate");
        Self { der: signed.der().clone(), pem: signed.pem(), key }
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub(crate) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }
}

fn params(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_owned()]).expect("a host name")
}
