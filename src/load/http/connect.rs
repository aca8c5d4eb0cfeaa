//! Opening a stream: TCP to an address that answers, a proxy's tunnel, TLS; and hyper on top for a [`Link`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::failure;
use super::route::Route;
use super::wire::{Duplex, Trace, Wire};
use crate::load::{ConnectTimes, Failed};
use crate::metrics::FailureClass;
use crate::net::host_and_port;

/// How long an address may take before the next one is tried beside it (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Longest head of a proxy's answer to CONNECT.
const PROXY_HEAD: usize = 16 << 10;

/// A connection that speaks HTTP/1.1.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) trace: Trace,
    /// Whether a request was answered on it.
    pub(super) used: bool,
    /// Whether it was closed after its last answer.
    pub(super) closed: bool,
    /// Moves the bytes; ends with the link.
    driver: AbortOnDropHandle<()>,
}

impl Link {
    /// After an answer: closes the connection unless it can take another request at once. It cannot when the server
    /// announced that it closes it, and when the body of the request is still on its way: the server may never read it.
    pub(super) async fn settle(&mut self) {
        self.used = true;
        if !self.is_ready() {
            // The driver may have something left to do that takes no waiting.
            yield_now().await;
        }
        if !self.is_ready() {
            self.closed = true;
            self.driver.abort();
        }
    }

    fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.trace.is_stuck()
    }
}

/// An open stream, and how long it took.
pub(super) struct Opened {
    pub(super) stream: Box<dyn Duplex>,
    /// Whether the server chose HTTP/2.
    pub(super) http2: bool,
    pub(super) times: ConnectTimes,
}

/// Opens a stream of a route: TCP, a proxy's part, TLS.
pub(super) async fn open(route: &Route, tls: &Arc<ClientConfig>) -> Result<Opened, Failed> {
    let started = Instant::now();
    let (mut stream, address) = tcp(route).await.map_err(|error| failure::connecting(&error))?;
    if let Some(proxy) = &route.proxy {
        if proxy.url().scheme() == "https" {
            let (host, _) = host_and_port(proxy.url()).unwrap_or_default();
            stream = secure(stream, &host, &for_proxy(tls)).await?.stream;
        }
        if route.origin.https {
            tunnel(&mut stream, route).await?;
        }
    }
    let connected = Instant::now();
    let (mut resumed, mut http2) = (false, false);
    if route.origin.https {
        let secured = secure(stream, &route.origin.host, tls).await?;
        (stream, resumed, http2) = (secured.stream, secured.resumed, secured.http2);
    }
    let times = ConnectTimes {
        connect: connected - started,
        tls: route.origin.https.then(|| connected.elapsed()),
        resumed,
        address: Some(address),
    };
    Ok(Opened { stream, http2, times })
}

/// Opens a connection for hyper.
pub(super) async fn link(route: &Route, tls: &Arc<ClientConfig>) -> Result<(Link, ConnectTimes), Failed> {
    let Opened { stream, times, .. } = open(route, tls).await?;
    let trace = Trace::default();
    let wire = Wire::new(stream, trace.clone());
    let (sender, connection) = http1::handshake(wire)
        .await
        .map_err(|error| failure::answering(&error))?;
    let driver = tokio::task::spawn_local(async move {
        // The request that is under way gets the error, too, and reports it.
        let _ = connection.await;
    });
    let link = Link {
        sender,
        trace,
        used: false,
        closed: false,
        driver: AbortOnDropHandle::new(driver),
    };
    Ok((link, times))
}

/// Tries the addresses one after the other, the next one beside a slow one, and takes the first that connects.
async fn tcp(route: &Route) -> io::Result<(Box<dyn Duplex>, SocketAddr)> {
    let mut waiting = route.addresses.in_turn().into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let (mut ours, mut told) = (None, false);
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(attempt(address));
        } else if attempts.is_empty() {
            return Err(ours.unwrap_or(error));
        }
        let more = waiting.len() > 0;
        let outcome = tokio::select! {
            Some(outcome) = attempts.next() => outcome,
            () = sleep(STAGGER), if more => continue,
        };
        match outcome {
            (address, Ok(stream)) => {
                route.addresses.worked(address);
                return Ok((Box::new(stream), address));
            }
            // An address that worked is still there, so that we lack what a connection to it takes.
            (address, Err(cause))
                if route.addresses.is_known(address) && failure::ran_out_of(&cause).is_some() =>
            {
                ours = Some(cause);
            }
            (address, Err(cause)) => {
                route.addresses.failed(address);
                // Where there is no IPv6, its addresses are not available; that must not hide what another one says.
                if !told || cause.kind() != io::ErrorKind::AddrNotAvailable {
                    error = cause;
                    told = true;
                }
            }
        }
    }
}

async fn attempt(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    let stream = TcpStream::connect(address).await;
    // Without Nagle's delay; where it cannot be had, requests are merely slower.
    let stream = stream.inspect(|stream| stream.set_nodelay(true).unwrap_or_default());
    (address, stream)
}

/// A stream with TLS on it.
struct Secured {
    stream: Box<dyn Duplex>,
    resumed: bool,
    http2: bool,
}

/// A proxy is asked for a tunnel by HTTP/1.1.
fn for_proxy(tls: &ClientConfig) -> Arc<ClientConfig> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(tls)
}

async fn secure(stream: Box<dyn Duplex>, host: &str, tls: &Arc<ClientConfig>) -> Result<Secured, Failed> {
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        let example = format!("`{host}` is not a name that a certificate can have");
        return Err(Failed::new(FailureClass::Tls, example));
    };
    let connector = TlsConnector::from(Arc::clone(tls));
    match connector.connect(name, stream).await {
        Ok(stream) => {
            let session = stream.get_ref().1;
            let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
            let http2 = session.alpn_protocol() == Some(b"h2");
            let stream = Box::new(stream);
            Ok(Secured {
                stream,
                resumed,
                http2,
            })
        }
        Err(error) => Err(failure::handshaking(&error)),
    }
}

/// Asks the proxy for a tunnel (RFC 9110, section 9.3.6).
async fn tunnel(stream: &mut Box<dyn Duplex>, route: &Route) -> Result<(), Failed> {
    let origin = &route.origin;
    let host = if origin.host.contains(':') {
        format!("[{}]:{}", origin.host, origin.port)
    } else {
        format!("{}:{}", origin.host, origin.port)
    };
    let credentials = route
        .proxy
        .as_ref()
        .and_then(crate::net::proxy::Proxy::authorization)
        .map(|value| format!("Proxy-Authorization: {}\r\n", value.expose()))
        .unwrap_or_default();
    let request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{credentials}\r\n");
    let refused = |what: &str| Failed::new(FailureClass::Connect, format!("the proxy {what}"));
    let broken = |_: io::Error| refused("closed the connection");
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte, for what follows the head belongs to the tunnel.
        head.push(stream.read_u8().await.map_err(broken)?);
        if head.len() > PROXY_HEAD {
            return Err(refused("does not answer CONNECT with HTTP"));
        }
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.lines().next().unwrap_or_default();
    let code = status.split(' ').nth(1).unwrap_or_default();
    if status.starts_with("HTTP/1.") && code.len() == 3 && code.starts_with('2') {
        return Ok(());
    }
    Err(refused(&format!("refused the tunnel: {status}")))
}
