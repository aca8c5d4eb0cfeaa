//! TLS: good and bad certificates, client certificates, tunnels.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use super::server::{Reply, Seen, Server, ok};
use super::{FailureClass, LoadError, NetSettings, Timing, burst, get, load_with, only_failure};
use crate::net::proxy::ProxySettings;
use crate::net::tls::{Pem, TlsSettings};

pub(super) struct Identity {
    cert: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    pub(super) fn new(name: &str, last_year: i32) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        Self { cert, key }
    }

    fn pem(&self) -> Pem {
        Pem::new(self.cert.pem())
    }

    pub(super) fn server(&self, clients: Option<&Self>) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(clients.cert.der().clone()).expect("a root");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let chain = vec![CertificateDer::from(self.cert.der().to_vec())];
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        builder.with_single_cert(chain, key).expect("a server")
    }
}

/// TLS settings that trust `identity`, for a server that is known as `localhost`.
pub(super) fn net(server: &Server, trusted: Option<&Identity>) -> NetSettings {
    let port = server.address.port();
    NetSettings {
        tls: TlsSettings {
            ca_cert: trusted.map(Identity::pem),
            ..TlsSettings::default()
        },
        resolve: vec![format!("localhost:{port}:127.0.0.1").parse().expect("override")],
        ..NetSettings::default()
    }
}

pub(super) fn url(server: &Server) -> String {
    format!("https://localhost:{}/", server.address.port())
}

/// The words of the failed handshake.
async fn refusal(server: &Server, net: &NetSettings) -> String {
    let load = load_with(&burst(2, 1), &get(&url(server)), net).await;
    let (class, count, example) = only_failure(&load);
    assert_eq!(
        (class, count, load.connections),
        (FailureClass::Tls, 2, 0),
        "{example}"
    );
    assert!(!load.timings.contains_key(&Timing::Latency));
    example.to_owned()
}

#[tokio::test]
async fn a_trusted_certificate_is_good() {
    let identity = Identity::new("localhost", 2200);
    let server = Server::start_tls(identity.server(None), ok).await;
    let load = load_with(&burst(20, 2), &get(&url(&server)), &net(&server, Some(&identity))).await;
    assert_eq!((load.answered, load.errors), (20, 0), "{:?}", load.failures);
    assert_eq!((server.connections(), load.timings[&Timing::Tls].count()), (2, 2));
}

#[tokio::test]
async fn a_bad_certificate_is_an_error_in_words() {
    let stranger = Identity::new("localhost", 2200);
    let server = Server::start_tls(stranger.server(None), ok).await;
    let unknown = refusal(&server, &net(&server, None)).await;
    assert!(unknown.contains("unknown issuer"), "{unknown}");

    let mut careless = net(&server, None);
    careless.tls.insecure_skip_verify = true;
    let load = load_with(&burst(2, 1), &get(&url(&server)), &careless).await;
    assert_eq!((load.answered, load.errors), (2, 0));

    let expired = Identity::new("localhost", 2020);
    let server = Server::start_tls(expired.server(None), ok).await;
    assert_eq!(
        refusal(&server, &net(&server, Some(&expired))).await,
        "the server's certificate expired on 2020-01-01"
    );

    let misnamed = Identity::new("other.example", 2200);
    let server = Server::start_tls(misnamed.server(None), ok).await;
    assert_eq!(
        refusal(&server, &net(&server, Some(&misnamed))).await,
        "the server's certificate is for other.example, not for localhost"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 2000];
            let _ = stream.read(&mut hello).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let url = format!("https://{address}/");
    let load = load_with(&burst(1, 1), &get(&url), &NetSettings::default()).await;
    let (class, _, example) = only_failure(&load);
    assert_eq!(class, FailureClass::Tls);
    assert!(example.contains("does not speak TLS"), "{example}");
}

#[tokio::test]
async fn a_client_certificate_opens_the_door() {
    let (identity, client) = (Identity::new("localhost", 2200), Identity::new("me", 2200));
    let server = Server::start_tls(identity.server(Some(&client)), ok).await;
    let mut net = net(&server, Some(&identity));
    let without = load_with(&burst(2, 1), &get(&url(&server)), &net).await;
    assert_eq!((without.answered, without.errors), (0, 2));

    net.tls.client_cert = Some(client.pem());
    net.tls.client_key = Some(Pem::new(client.key.serialize_pem()));
    let with = load_with(&burst(2, 1), &get(&url(&server)), &net).await;
    assert_eq!((with.answered, with.errors), (2, 0), "{:?}", with.failures);

    net.tls.client_key = None;
    let shutdown = super::CancellationToken::new();
    let half = super::run_one(&burst(1, 1), &get(&url(&server)), &net, &shutdown, |_| {}).await;
    assert!(matches!(half, Err(LoadError::Tls(_))), "{half:?}");
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let identity = Identity::new("app.invalid", 2200);
    let server = Server::start_tls(identity.server(None), ok).await;
    let end = server.address;
    let proxy = Server::start(move |seen: &Seen| {
        if seen.head.starts_with("CONNECT app.invalid:443 ")
            && seen.head.contains("Proxy-Authorization: Basic ")
        {
            Reply::Tunnel(end)
        } else {
            Reply::SayAndClose("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".into())
        }
    })
    .await;
    let through = |proxy: String| NetSettings {
        proxy: ProxySettings::Explicit(proxy.parse().expect("proxy")),
        ..net(&server, Some(&identity))
    };
    let spec = get("https://app.invalid/");
    let load = load_with(
        &burst(4, 1),
        &spec,
        &through(format!("http://me:pw@{}", proxy.address)),
    )
    .await;
    assert_eq!((load.answered, load.errors, proxy.connections()), (4, 0, 1));

    let load = load_with(&burst(1, 1), &spec, &through(format!("http://{}", proxy.address))).await;
    let (class, _, example) = only_failure(&load);
    assert_eq!(class, FailureClass::Connect);
    assert_eq!(
        example,
        "the proxy refused the tunnel: HTTP/1.1 407 Proxy Authentication Required"
    );
}
