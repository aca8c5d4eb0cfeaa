//! Connections: TLS, names, proxies, and what is no gRPC server.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::channel::{Channel, ChannelError, Server};
use super::super::health::{Health, check};
use super::server::{Running, Services, start};
use super::{PATIENCE, at};
use crate::net::NetSettings;
use crate::net::proxy::ProxySettings;
use crate::net::tls::{Pem, TlsSettings};

/// An authority and what it signed for `app.example`.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    der: rustls::pki_types::CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).expect("a certificate");
        Self {
            pem: own.pem(),
            der: own.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    /// A server for `app.example` that offers these protocols, and wants a certificate if it is mutual.
    fn config(&self, protocols: &[&str], mutual: bool) -> ServerConfig {
        let (certificate, key) = self.sign("app.example");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("an authority");
        let builder = if mutual {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let chain = vec![certificate.der().clone()];
        let mut config = builder.with_single_cert(chain, key).expect("a configuration");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    fn trusted(&self) -> TlsSettings {
        TlsSettings {
            ca_cert: Some(Pem::new(self.pem.as_str())),
            ..TlsSettings::default()
        }
    }
}

fn with_health() -> Services {
    Services::default().with(tonic_health::server::health_reporter().1)
}

fn tls(tls: TlsSettings) -> NetSettings {
    NetSettings {
        tls,
        ..NetSettings::default()
    }
}

/// By TLS, to the name that its certificate has.
fn secure(server: &Running) -> Server {
    Server {
        server_name: Some("app.example".to_owned()),
        ..at(&server.url("https"))
    }
}

async fn healthy(server: &Server, net: &NetSettings) {
    let channel = Channel::connect(server, net, PATIENCE).await.expect("a channel");
    let health = check(&channel, "", &HeaderMap::new(), PATIENCE).await;
    assert_eq!(health, Ok(Health::Serving));
}

async fn refused(server: &Server, net: &NetSettings) -> ChannelError {
    Channel::connect(server, net, PATIENCE)
        .await
        .expect_err("no channel")
}

/// A server that reads something, says this, and closes.
async fn saying(text: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.read_u8().await.expect("a greeting");
            stream.write_all(text).await.expect("an open connection");
            stream.shutdown().await.expect("an open connection");
            // Closed with bytes unread, the connection would be reset.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    url
}

#[tokio::test]
async fn calls_carry_authority_metadata_and_our_name() {
    let server = start(with_health(), None).await;
    let named = Server {
        authority: Some("shop.example:99".to_owned()),
        ..at(&server.url("http"))
    };
    let net = NetSettings::default();
    let channel = Channel::connect(&named, &net, PATIENCE).await.expect("a channel");
    let metadata = HeaderMap::from_iter([(
        http::HeaderName::from_static("token"),
        http::HeaderValue::from_static("abc"),
    )]);
    let health = check(&channel, "", &metadata, PATIENCE).await;
    assert_eq!(health, Ok(Health::Serving));
    let head = server.heads().pop().expect("a call");
    assert_eq!(head.uri, "http://shop.example:99/grpc.health.v1.Health/Check");
    assert_eq!(head.headers["token"], "abc");
    assert_eq!(head.headers["user-agent"], crate::net::USER_AGENT);
    healthy(&at(&server.url("http")), &net).await;
    let head = server.heads().pop().expect("a call");
    assert_eq!(
        head.uri.authority().expect("one").as_str(),
        server.address.to_string()
    );
}

#[tokio::test]
async fn a_certificate_is_checked_against_the_authority_and_the_name() {
    let authority = Authority::new();
    let server = start(with_health(), Some(authority.config(&["h2"], false))).await;
    healthy(&secure(&server), &tls(authority.trusted())).await;
    let head = server.heads().pop().expect("a call");
    assert_eq!(head.uri, "https://app.example/grpc.health.v1.Health/Check");

    let unknown = refused(&secure(&server), &NetSettings::default()).await;
    assert!(
        unknown
            .to_string()
            .contains("give the certificate of its authority"),
        "{unknown}"
    );
    let other = refused(&at(&server.url("https")), &tls(authority.trusted())).await;
    assert!(
        other
            .to_string()
            .contains("is for app.example, not for 127.0.0.1"),
        "{other}"
    );
    assert!(!other.is_unreachable() && !other.is_final());
    let any = TlsSettings {
        insecure_skip_verify: true,
        ..TlsSettings::default()
    };
    healthy(&at(&server.url("https")), &tls(any)).await;
}

#[tokio::test]
async fn a_server_may_want_a_certificate_of_ours() {
    let authority = Authority::new();
    let server = start(with_health(), Some(authority.config(&["h2"], true))).await;
    let (certificate, key) = authority.sign("me");
    let ours = TlsSettings {
        client_cert: Some(Pem::new(certificate.pem())),
        client_key: Some(Pem::new(key.serialize_pem())),
        ..authority.trusted()
    };
    healthy(&secure(&server), &tls(ours)).await;
    let without = refused(&secure(&server), &tls(authority.trusted())).await;
    let wanted = "the server wants a client certificate (give a client certificate and its key)";
    assert!(without.to_string().ends_with(wanted), "{without}");
}

#[tokio::test]
async fn a_tls_server_that_does_not_choose_http2_is_named() {
    let authority = Authority::new();
    for protocols in [&[][..], &["http/1.1"]] {
        let server = start(with_health(), Some(authority.config(protocols, false))).await;
        let error = refused(&secure(&server), &tls(authority.trusted())).await;
        assert!(
            error
                .to_string()
                .contains("does not choose HTTP/2 (`h2` by ALPN)"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn tls_on_one_side_only_is_named() {
    let net = NetSettings::default();
    let plain = start(with_health(), None).await;
    let error = refused(&at(&plain.url("https")), &net).await;
    assert!(error.to_string().contains("set `insecure: true`"), "{error}");
    let closing = saying(b"").await.replace("http:", "https:");
    let error = refused(&at(&closing), &net).await;
    assert!(
        error.to_string().contains("`insecure: true` is without"),
        "{error}"
    );

    let secure = start(with_health(), Some(Authority::new().config(&["h2"], false))).await;
    let error = refused(&at(&secure.url("http")), &net).await;
    let speaks = format!(
        "{}: the server speaks TLS on this port (set `insecure: false`)",
        secure.address
    );
    assert_eq!(error.to_string(), speaks);
}

#[tokio::test]
async fn what_is_no_http2_is_named() {
    let net = NetSettings::default();
    for (text, words) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "answers with HTTP/1, not with HTTP/2",
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP/2 on this port"),
        (b"", "closed the connection before a word (if it speaks TLS"),
        (b"\0", "closed the connection before a word"),
    ] {
        let error = refused(&at(&saying(text).await), &net).await;
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_told_apart() {
    let net = NetSettings::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = at(&format!("http://{address}"));
    let patience = Duration::from_millis(80);
    let silent = Channel::connect(&server, &net, patience)
        .await
        .expect_err("silence");
    assert_eq!(
        silent.to_string(),
        format!("no connection to {address} within 80ms")
    );
    drop(listener);
    let gone = refused(&server, &net).await;
    assert_eq!(gone.to_string(), format!("{address}: connection refused"));
    assert!(gone.is_unreachable() && !gone.is_final());
}

#[tokio::test]
async fn addresses_of_the_user_are_used() {
    let server = start(with_health(), None).await;
    let port = server.address.port();
    let net = NetSettings {
        resolve: vec![
            format!("app.example:{port}:127.0.0.1")
                .parse()
                .expect("an override"),
        ],
        ..NetSettings::default()
    };
    healthy(&at(&format!("http://app.example:{port}")), &net).await;
    let unknown = refused(&at("http://no-such-host.invalid:1"), &net).await;
    assert!(
        unknown
            .to_string()
            .starts_with("host not found: no-such-host.invalid"),
        "{unknown}"
    );
    assert!(!unknown.is_final());
}

#[tokio::test]
async fn plaintext_goes_through_a_tunnel_too() {
    let server = start(with_health(), None).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = format!("http://{}", listener.local_addr().expect("an address"));
    let origin = server.address;
    let proxied = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a client");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.expect("a head"));
        }
        let mut there = TcpStream::connect(origin).await.expect("the server");
        client
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
            .await
            .expect("a client");
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut there).await });
        String::from_utf8(head).expect("text")
    });
    let net = NetSettings {
        proxy: ProxySettings::Explicit(proxy.parse().expect("a proxy")),
        ..NetSettings::default()
    };
    healthy(&at("http://app.example:5000"), &net).await;
    let head = proxied.await.expect("a tunnel");
    assert!(
        head.starts_with("CONNECT app.example:5000 HTTP/1.1\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn an_authority_that_is_none_is_refused_at_once() {
    let server = Server {
        authority: Some("a b".to_owned()),
        ..at("http://127.0.0.1:1")
    };
    let error = refused(&server, &NetSettings::default()).await;
    assert!(error.is_final());
    assert_eq!(error.to_string(), "`a b` cannot be the authority of a call");
}
