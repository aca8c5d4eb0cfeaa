//! A small HTTP/1.1 server that says exactly what a test wants, byte by byte.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a test wants to be sent.
pub(super) enum Reply {
    /// These bytes, and the connection stays.
    Say(String),
    /// These bytes, and the connection is closed.
    SayAndClose(String),
    /// These bytes, and a little later others.
    SayAndSay(String, String),
    /// These bytes, and the connection is closed a little later, without a word.
    SayAndLeave(String),
    /// Nothing: after so long, the connection is closed.
    Drop(Duration),
    /// Nothing, ever.
    Silence,
    /// An endless body, byte by byte.
    Drip,
    /// A tunnel to this address.
    Tunnel(SocketAddr),
}

/// A request as it came.
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: String,
    /// Its number on its connection, from 0.
    pub(super) index: u64,
}

impl Seen {
    pub(super) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type React = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

impl Server {
    pub(super) async fn start(react: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(react)).await
    }

    pub(super) async fn start_tls(
        tls: rustls::ServerConfig,
        react: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(tls))), Arc::new(react)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, react: React) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let server = Self {
            address: listener.local_addr().expect("address"),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                this.connections.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).expect("a socket");
                let (this, react, tls) = (this.clone(), Arc::clone(&react), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => this.talk(stream, &react).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                this.talk(stream, &react).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// What `pick` finds in each request so far.
    pub(super) fn seen<T>(&self, pick: impl Fn(&Seen) -> T) -> Vec<T> {
        self.seen.lock().expect("no panic").iter().map(pick).collect()
    }

    async fn talk(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, react: &React) {
        for index in 0.. {
            let Some(seen) = request(&mut stream, index).await else {
                return;
            };
            let reply = react(&seen);
            self.seen.lock().expect("no panic").push(seen);
            match reply {
                Reply::Say(text) => {
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
                Reply::SayAndClose(text) => {
                    // The client may have gone.
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    return;
                }
                Reply::SayAndSay(text, more) => {
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.flush().await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    let _ = stream.write_all(more.as_bytes()).await;
                    if stream.flush().await.is_err() {
                        return;
                    }
                }
                Reply::SayAndLeave(text) => {
                    let _ = stream.write_all(text.as_bytes()).await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    let _ = stream.shutdown().await;
                    return;
                }
                Reply::Drop(after) => {
                    tokio::time::sleep(after).await;
                    let _ = stream.shutdown().await;
                    return;
                }
                Reply::Silence => std::future::pending().await,
                Reply::Drip => {
                    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
                    let mut gone = stream.write_all(head).await.is_err();
                    while !gone {
                        gone = stream.write_all(b"x").await.is_err();
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    return;
                }
                Reply::Tunnel(to) => {
                    let mut other = TcpStream::connect(to).await.expect("the tunnel's end");
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
                        .await
                        .expect("a client");
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
                    return;
                }
            }
        }
    }
}

async fn request(stream: &mut (impl AsyncRead + Unpin), index: u64) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).to_string();
    let length = head
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8_lossy(&body).to_string();
    Some(Seen { head, body, index })
}

/// A plain answer.
pub(super) fn answer(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answers 200 with two bytes.
pub(super) fn ok(_: &Seen) -> Reply {
    Reply::Say(answer(200, "ok"))
}
