//! Servers that choose HTTP/2 by ALPN, and what becomes of a request that they do not process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{NetSettings, burst, get, load_with};
use crate::net::tls::TlsSettings;

const HEADERS: u8 = 1;

fn acceptor(alpn: &[u8]) -> TlsAcceptor {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .expect("a server");
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

type Stream = TlsStream<TcpStream>;

/// The stream of the next request.
async fn next_request(stream: &mut Stream) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let [high, middle, low, kind, _, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        stream.read_exact(&mut payload).await.ok()?;
        if kind == HEADERS {
            return Some(u32::from_be_bytes(id));
        }
    }
}

/// Answers every request on HTTP/2 with `answer`, which has the request's number on its connection and its stream.
async fn talk(stream: &mut Stream, answer: fn(u32, u32) -> Vec<u8>) -> Option<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.ok()?;
    stream.write_all(&frame(4, 0, 0, &[])).await.ok()?;
    for number in 0.. {
        let id = next_request(stream).await?;
        stream.write_all(&answer(number, id)).await.ok()?;
    }
    Some(())
}

/// A server whose first connection speaks HTTP/2, and all later ones only HTTP/1.1.
async fn serve(answer: fn(u32, u32) -> Vec<u8>) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let connections = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let first = seen.fetch_add(1, Ordering::SeqCst) == 0;
            let acceptor = acceptor(if first { b"h2" } else { b"http/1.1" });
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                if first {
                    let _ = talk(&mut stream, answer).await;
                    return;
                }
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let _ = stream
                        .write_all(b"HTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n")
                        .await;
                }
            });
        }
    });
    (address, connections)
}

fn net() -> NetSettings {
    NetSettings {
        tls: TlsSettings {
            insecure_skip_verify: true,
            ..TlsSettings::default()
        },
        ..NetSettings::default()
    }
}

fn answered(id: u32) -> Vec<u8> {
    // `:status: 200`, the end of the headers and of the stream.
    frame(HEADERS, 5, id, &[0x88])
}

#[tokio::test]
async fn a_refused_stream_is_tried_again_on_the_session_that_is_still_good() {
    let (address, connections) = serve(|number, id| match number {
        1 => frame(3, 0, id, &[0, 0, 0, 7]),
        _ => answered(id),
    })
    .await;
    let load = load_with(&burst(5, 1), &get(&format!("https://{address}/")), &net()).await;
    assert_eq!((load.answered, load.errors), (5, 0), "{:?}", load.failures);
    assert_eq!(load.statuses[&200], 5);
    let opened = connections.load(Ordering::SeqCst);
    assert_eq!((opened, load.connections, load.reconnects), (1, 1, 0));
}

#[tokio::test]
async fn a_request_goes_to_another_connection_by_the_http_that_is_chosen_there() {
    let (address, connections) = serve(|number, id| match number {
        // Gone, and this stream is above the last one that counts.
        2 => frame(7, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]),
        _ => answered(id),
    })
    .await;
    let load = load_with(&burst(6, 1), &get(&format!("https://{address}/")), &net()).await;
    assert_eq!((load.answered, load.errors), (6, 0), "{:?}", load.failures);
    assert_eq!((load.statuses[&200], load.statuses[&204]), (2, 4));
    let opened = connections.load(Ordering::SeqCst);
    assert_eq!((opened, load.connections, load.reconnects), (2, 2, 1));
}
