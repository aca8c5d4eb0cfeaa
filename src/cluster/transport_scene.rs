//! Servers of a kubeconfig on this machine, and who signs their certificates.

use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_rustls::TlsAcceptor;

use super::super::super::Access;
use super::super::super::client::{Asked, Cluster};
use super::super::*;

pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Signs the certificates of one test.
pub(super) struct Authority {
    pub(super) pem: String,
    pub(super) der: CertificateDer<'static>,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate and its key, both in PEM.
    pub(super) fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    pub(super) fn acceptor(&self, name: &str, asks_for_certificates: bool) -> TlsAcceptor {
        use rustls::pki_types::pem::PemObject as _;

        let (certificate, key) = self.sign(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a root");
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if asks_for_certificates {
            builder.with_client_cert_verifier(clients.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        TlsAcceptor::from(Arc::new(
            builder.with_single_cert(chain, key).expect("an identity"),
        ))
    }
}

/// An API server of a few lines, and the heads of the requests that it sees, each behind the number of its connection and the
/// name that TLS asked for.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) seen: Receiver<(usize, String, String)>,
}

impl Server {
    pub(super) async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, seen) = channel(99);
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (tls, sender) = (tls.clone(), sender.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return serve(stream, (number, String::new()), sender).await;
                    };
                    if let Ok(stream) = tls.accept(stream).await {
                        let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                        serve(stream, (number, name), sender).await;
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(super) async fn next(&mut self) -> (usize, String, String) {
        self.seen.recv().await.expect("a request")
    }

    pub(super) async fn head(&mut self) -> String {
        self.next().await.2
    }
}

pub(super) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).expect("text"))
}

pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    (number, name): (usize, String),
    seen: Sender<(usize, String, String)>,
) {
    while let Some(head) = head(&mut stream).await {
        let whole = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let ends = head.contains("/ends");
        let answer = match head.split(' ').nth(1).expect("a path") {
            path if path.ends_with("/silence") => String::new(),
            path if path.ends_with("/page") => whole("<html>"),
            path if path.ends_with("/odd") => "SSH-2.0-x\r\n\r\n".to_owned(),
            path if path.contains("/lines") => {
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\na\nb\n\r\n".to_owned()
            }
            _ => whole("{}"),
        };
        seen.send((number, name.clone(), head)).await.expect("a test");
        stream.write_all(answer.as_bytes()).await.expect("a client");
        stream.flush().await.expect("a client");
        if ends {
            let _ = stream.shutdown().await;
            return;
        }
    }
    seen.send((number, name, "the end".into()))
        .await
        .unwrap_or_default();
}

/// A folder with a kubeconfig of one context.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new(cluster: &Value, user: &Value) -> Self {
        let config = json!({
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
        });
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.file("config", &config.to_string());
        folder
    }

    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(super) fn access(&self) -> Access {
        Access {
            kubeconfig: Some(self.0.path().join("config")),
            ..Access::default()
        }
    }
}

pub(super) async fn cluster(cluster: &Value, user: &Value) -> Cluster {
    connected(&Folder::new(cluster, user).access()).await
}

pub(super) async fn connected(access: &Access) -> Cluster {
    access.connect().await.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) async fn get(cluster: &Cluster, path: &str) -> Result<Value, ClusterError> {
    cluster
        .get(path, Asked::DISCOVERY, Instant::now() + PATIENCE)
        .await
}

pub(super) async fn refused(cluster: &Cluster) -> String {
    get(cluster, "/version").await.expect_err("no answer").to_string()
}

pub(super) fn plain(server: &Server) -> Value {
    json!({"server": format!("http://{}", server.address)})
}

pub(super) fn trusted(server: &Server, authority: &Authority) -> Value {
    json!({
        "server": format!("https://{}", server.address),
        "certificate-authority-data": STANDARD.encode(&authority.pem),
    })
}
