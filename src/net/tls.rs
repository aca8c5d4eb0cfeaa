//! TLS as the user configured it, [`client_config`], and its failures in the user's words, [`describe_tls_error`].

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::cause;
use super::route::Purpose;
use super::trusted::{Trusted, may_sign_others};

/// Text in PEM form; `Debug` does not show it, for it may be a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Vec<u8>);

impl Pem {
    /// Wraps the content of a PEM file.
    pub fn new(content: impl Into<Vec<u8>>) -> Self {
        Self(content.into())
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem(***)")
    }
}

/// What the user says about TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trusted in addition to the system's authorities,
    pub ca_cert: Option<Pem>,
    /// or in place of them.
    pub ca_cert_alone: bool,
    /// Our certificate, followed by its chain.
    pub client_cert: Option<Pem>,
    /// The key of our certificate.
    pub client_key: Option<Pem>,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The input is not in PEM form.
    #[error("`{input}` is not valid PEM")]
    Pem {
        /// Which input.
        input: &'static str,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// PEM, but without a section of the kind that is needed.
    #[error("`{input}` holds no {wanted} in PEM form")]
    Missing {
        /// Which input.
        input: &'static str,
        /// What it should hold.
        wanted: &'static str,
    },
    /// A certificate that nothing can be verified against.
    #[error("`caCert` holds a certificate that cannot be used")]
    Authority(#[source] rustls::Error),
    /// One without the other.
    #[error("`clientCert` and `clientKey` must be given together")]
    HalfAnIdentity,
    /// The key is of an unknown kind or belongs to another certificate.
    #[error("`clientKey` does not fit `clientCert`")]
    Identity(#[source] rustls::Error),
    /// No protocol version fits the cryptography provider.
    #[error("TLS cannot be set up")]
    Provider(#[source] rustls::Error),
}

/// The client side of TLS, without ALPN: the protocols are the caller's choice.
pub fn client_config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?;
    let builder = if settings.insecure_skip_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        match &settings.ca_cert {
            None => builder.with_root_certificates(system_roots()),
            Some(extra) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(trusting(
                    extra,
                    settings.ca_cert_alone,
                    provider,
                )?)),
        }
    };
    match (&settings.client_cert, &settings.client_key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => {
            let chain = certificates("clientCert", cert)?;
            let key = PrivateKeyDer::from_pem_slice(&key.0).map_err(key_error)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::Identity)
        }
        (Some(_), None) | (None, Some(_)) => Err(TlsError::HalfAnIdentity),
    }
}

fn key_error(source: pem::Error) -> TlsError {
    let input = "clientKey";
    if matches!(source, pem::Error::NoItemsFound) {
        let wanted = "private key";
        return TlsError::Missing { input, wanted };
    }
    TlsError::Pem { input, source }
}

/// Trusts what the user gave, beside the system's authorities unless it stands alone.
fn trusting(extra: &Pem, alone: bool, provider: Arc<CryptoProvider>) -> Result<Trusted, TlsError> {
    let own = certificates("caCert", extra)?;
    let mut roots = if alone {
        RootCertStore::empty()
    } else {
        RootCertStore::clone(&system_roots())
    };
    for certificate in &own {
        roots.add(certificate.clone()).map_err(TlsError::Authority)?;
    }
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .expect("there are roots and no revocation lists");
    Ok(Trusted { usual, own })
}

/// The system's authorities, read once; Mozilla's list where the system has none (an image from scratch).
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    });
    Arc::clone(roots)
}

fn certificates(input: &'static str, pem: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let list: Vec<_> = CertificateDer::pem_slice_iter(&pem.0)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { input, source })?;
    if list.is_empty() {
        return Err(TlsError::Missing {
            input,
            wanted: "certificate",
        });
    }
    Ok(list)
}

/// Accepts any certificate, but still requires that the server holds its key.
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
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What a TLS server says that does not choose HTTP/2 for gRPC.
pub(super) const NO_HTTP2: &str =
    "the server speaks TLS, but does not choose HTTP/2 (`h2` by ALPN), which gRPC needs";

/// What is said of a server that hangs up in the handshake: it may want a certificate, or be on its way out.
pub(crate) const HUNG_UP: &str = "the server closed the connection during the TLS handshake (it may want a client certificate: `clientCert` and `clientKey`)";

/// Advice that depends on what the connection is for.
struct Words {
    no_tls: &'static str,
    closed: &'static str,
    no_protocol: &'static str,
    client_certificate: &'static str,
    authority: &'static str,
}

const HTTP: Words = Words {
    no_tls: "the server does not speak TLS on this port (is the URL http:// rather than https://?)",
    closed: HUNG_UP,
    no_protocol: "the server speaks no version of HTTP that it was offered (`httpVersion` says which)",
    client_certificate: "give `clientCert` and `clientKey`",
    authority: "give `caCert`",
};

/// The keys for certificates are named differently where gRPC is used; `insecure` is the same everywhere.
const GRPC: Words = Words {
    no_tls: "the server does not speak TLS on this port (leave the certificates out or set `insecure: true`)",
    closed: "the server closed the connection during the TLS handshake (does it speak TLS? `insecure: true` is without; it may want a client certificate and its key)",
    no_protocol: NO_HTTP2,
    client_certificate: "give a client certificate and its key",
    authority: "give the certificate of its authority",
};

/// A failed handshake in words; `None` when `error` is not about TLS.
pub fn describe_tls_error(error: &(dyn Error + 'static)) -> Option<String> {
    cause::find::<rustls::Error>(error).map(|error| describe(error, &HTTP))
}

/// A failed handshake in words, whatever went wrong in it.
pub fn describe_handshake_error(error: &io::Error, purpose: Purpose) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};

    let words = match purpose {
        Purpose::Http => &HTTP,
        Purpose::Grpc => &GRPC,
    };
    if let Some(error) = cause::find::<rustls::Error>(error) {
        return describe(error, words);
    }
    if matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe) {
        return words.closed.to_owned();
    }
    format!("TLS handshake failed: {}", cause::root(error))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls adds errors; the rest speak for themselves"
)]
fn describe(error: &rustls::Error, words: &Words) -> String {
    match error {
        rustls::Error::InvalidCertificate(certificate) => describe_certificate(certificate, words),
        rustls::Error::InvalidMessage(_) => words.no_tls.to_owned(),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            format!(
                "the server wants a client certificate ({})",
                words.client_certificate
            )
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied,
        ) => "the server does not accept our client certificate".to_owned(),
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server knows no site of this name".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | rustls::Error::NoApplicationProtocol => words.no_protocol.to_owned(),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(_) => {
            "the server offers no version or cipher of TLS 1.2 or 1.3 that we support".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the server refused the TLS handshake (HandshakeFailure); it may want a client certificate"
                .to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            format!("the server refused the TLS handshake ({alert:?})")
        }
        other => format!("TLS handshake failed: {other}"),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls adds errors; the rest speak for themselves"
)]
fn describe_certificate(error: &CertificateError, words: &Words) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the server's certificate expired on {}", date(*not_after))
        }
        CertificateError::Expired => "the server's certificate has expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!(
                "the server's certificate is not valid before {}",
                date(*not_before)
            )
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
            let names = if names.is_empty() {
                "no name at all".to_owned()
            } else {
                names.join(", ")
            };
            format!(
                "the server's certificate is for {names}, not for {}",
                expected.to_str()
            )
        }
        CertificateError::NotValidForName => "the server's certificate is for another name".to_owned(),
        CertificateError::UnknownIssuer => unknown_issuer(words),
        // A self-signed certificate that may sign others: webpki's way of saying that nobody vouches for it.
        error if may_sign_others(error) => unknown_issuer(words),
        CertificateError::Revoked => "the server's certificate is revoked".to_owned(),
        other => format!("the server's certificate is not valid: {other}"),
    }
}

fn unknown_issuer(words: &Words) -> String {
    format!(
        "the server's certificate is from an unknown issuer (a private or self-signed one: {})",
        words.authority
    )
}

/// `DnsName("app.example")` → `app.example`.
fn bare_name(presented: &str) -> &str {
    presented.split('"').nth(1).unwrap_or(presented)
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || "an unknown date".to_owned(),
            |stamp| stamp.strftime("%Y-%m-%d").to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> (Pem, Pem) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["app.example".to_owned()]).expect("certificate");
        (Pem::new(cert.pem()), Pem::new(signing_key.serialize_pem()))
    }

    fn refused(settings: &TlsSettings) -> String {
        client_config(settings).expect_err("refused").to_string()
    }

    #[test]
    fn good_settings_are_taken() {
        let (cert, key) = identity();
        let settings = TlsSettings {
            ca_cert: Some(cert.clone()),
            client_cert: Some(cert),
            client_key: Some(key),
            ..TlsSettings::default()
        };
        client_config(&settings).expect("usable");
    }

    #[test]
    fn errors_name_the_input() {
        let (cert, key) = identity();
        let with = |ca_cert, client_cert, client_key| {
            refused(&TlsSettings {
                ca_cert,
                client_cert,
                client_key,
                ..TlsSettings::default()
            })
        };
        let text = || Some(Pem::new("no pem at all"));
        assert_eq!(
            with(text(), None, None),
            "`caCert` holds no certificate in PEM form"
        );
        assert_eq!(
            with(None, Some(cert.clone()), text()),
            "`clientKey` holds no private key in PEM form"
        );
        assert_eq!(
            with(None, Some(cert.clone()), None),
            "`clientCert` and `clientKey` must be given together"
        );
        let (_, other) = identity();
        assert_eq!(
            with(None, Some(cert), Some(other)),
            "`clientKey` does not fit `clientCert`"
        );
        let broken = Pem::new("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n");
        assert_eq!(
            with(None, Some(broken), Some(key)),
            "`clientCert` is not valid PEM"
        );
    }

    #[test]
    fn keys_are_not_shown() {
        let (_, key) = identity();
        assert_eq!(format!("{key:?}"), "Pem(***)");
    }

    #[test]
    fn a_server_that_hangs_up_may_want_a_certificate() {
        let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
        for (purpose, keys) in [(Purpose::Http, "`clientCert`"), (Purpose::Grpc, "and its key")] {
            let told = describe_handshake_error(&closed, purpose);
            assert!(told.contains("may want a client certificate"), "{told}");
            assert!(told.contains(keys), "{told}");
        }
    }

    #[test]
    fn certificates_fail_in_words() {
        let at = |secs| UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
        let expired = CertificateError::ExpiredContext {
            time: at(1_800_000_000),
            not_after: at(1_700_000_000),
        };
        let error = io::Error::other(rustls::Error::InvalidCertificate(expired));
        assert_eq!(
            describe_handshake_error(&error, Purpose::Http),
            "the server's certificate expired on 2023-11-14"
        );
        let name = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("app.example").expect("name"),
            presented: vec!["DnsName(\"a.example\")".into(), "DnsName(\"b.example\")".into()],
        };
        assert_eq!(
            describe(&rustls::Error::InvalidCertificate(name), &HTTP),
            "the server's certificate is for a.example, b.example, not for app.example"
        );
        assert_eq!(describe_tls_error(&io::Error::other("disk full")), None);
    }
}
