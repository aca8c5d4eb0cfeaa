//! [`Trusted`]: the usual verification, and a server whose own self-signed certificate is what the user trusts.
//!
//! # Why
//! `openssl req -x509` makes certificates that may sign others (RFC 5280, section 4.2.1.9). webpki takes no such
//! certificate for that of a server, even if the user names it as trusted; OpenSSL, curl and Go do.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};

/// Verifies the certificates of servers.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) usual: Arc<WebPkiServerVerifier>,
    /// What the user trusts beside the system's authorities.
    pub(super) own: Vec<CertificateDer<'static>>,
}

/// Whether all that is wrong with a certificate, up to where webpki looked, is that it may sign others. Webpki looks at
/// its dates before that.
pub(super) fn may_sign_others(error: &CertificateError) -> bool {
    let CertificateError::Other(other) = error else {
        return false;
    };
    matches!(
        other.0.downcast_ref::<webpki::Error>(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.usual.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(error))
                if may_sign_others(&error) && self.own.iter().any(|own| own == certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
    use rustls::RootCertStore;
    use rustls::crypto::ring;

    use super::*;

    /// As `openssl req -x509` makes one.
    fn self_signed(name: &str) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    fn verified(
        own: &CertificateDer<'static>,
        presented: &CertificateDer<'_>,
        name: &'static str,
        year: u64,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(own.clone()).expect("an authority");
        let provider = Arc::new(ring::default_provider());
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let trusted = Trusted {
            usual: usual.expect("a verifier"),
            own: vec![own.clone()],
        };
        let now = Duration::from_hours((year - 1970) * 8766);
        let name = ServerName::try_from(name).expect("a name");
        trusted.verify_server_cert(presented, &[], &name, &[], UnixTime::since_unix_epoch(now))
    }

    #[test]
    fn a_server_may_show_the_very_certificate_that_the_user_trusts() {
        let own = self_signed("app.example");
        verified(&own, &own, "app.example", 2025).expect("trusted");
        let error = |outcome: Result<_, rustls::Error>| outcome.expect_err("refused").to_string();
        assert!(error(verified(&own, &own, "other.example", 2025)).contains("not valid for name"));
        assert!(error(verified(&own, &own, "app.example", 2035)).contains("expired"));
        let other = self_signed("app.example");
        verified(&own, &other, "app.example", 2025).expect_err("another key");
    }
}
