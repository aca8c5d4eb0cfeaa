//! [`Certificate`]: a server's certificate and the authority that signed it, made for one test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing, for a client that knows the authority.
    None,
    /// It is for another name.
    OtherName,
    /// It ended years ago.
    Expired,
}

/// A certificate for 127.0.0.1 and localhost.
pub(crate) struct Certificate {
    /// The authority's certificate, as `caCert` wants it.
    pub(crate) authority: String,
    /// The certificate in PEM.
    pub(crate) chain: String,
    /// Its key in PEM.
    pub(crate) key: String,
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// Makes one.
    pub(crate) fn new(flaw: Flaw) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(rcgen::DnType::CommonName, "a test's authority");
        let signed = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = Issuer::new(authority, authority_key);
        let names = match flaw {
            Flaw::OtherName => vec!["other.example".to_owned()],
            Flaw::None | Flaw::Expired => vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        };
        let mut params = CertificateParams::new(names).expect("names");
        if flaw == Flaw::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        Self::of(&signed, &certificate, &key)
    }

    /// Makes one that is its own authority, as `openssl req -x509` does.
    pub(crate) fn self_signed() -> Self {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self::of(&certificate, &certificate, &key)
    }

    fn of(authority: &rcgen::Certificate, certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a configuration");
        Self {
            authority: authority.pem(),
            chain: certificate.pem(),
            key: key.serialize_pem(),
            config: Arc::new(config),
        }
    }

    /// Of a server that agrees on these protocols alone.
    pub(crate) fn speaking(mut self, protocols: &[&str]) -> Self {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        Arc::make_mut(&mut self.config).alpn_protocols = protocols.collect();
        self
    }

    /// Of a server that lets in those clients alone that have a certificate of the same authority.
    pub(crate) fn for_clients(mut self) -> Self {
        let authority = CertificateDer::from_pem_slice(self.authority.as_bytes()).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(authority).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let chain = CertificateDer::from_pem_slice(self.chain.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(clients.build().expect("a verifier"))
            .with_single_cert(vec![chain], key);
        self.config = Arc::new(config.expect("a configuration"));
        self
    }

    /// What a server does TLS with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}
