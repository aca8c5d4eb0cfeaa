//! Opening a stream: TCP to an address that answers, a proxy's tunnel, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::route::{Purpose, Route};
use super::tls::{NO_HTTP2, describe_handshake_error};
use super::{cause, host_and_port};

/// How long an address may take before the next one is tried beside it (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Longest head of a proxy's answer to CONNECT.
const PROXY_HEAD: usize = 16 << 10;

/// Why a stream could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No address, or no proxy, took the connection.
    #[error("{0}")]
    Refused(String),
    /// This machine lacks ports, open files or memory.
    #[error("{0}")]
    Local(String),
    /// The TLS handshake failed.
    #[error("{0}")]
    Tls(String),
}

impl ConnectError {
    fn tcp(error: &io::Error) -> Self {
        if let Some(what) = ran_out_of(error) {
            return Self::Local(format!("this machine ran out of {what}: {}", cause::root(error)));
        }
        Self::Refused(if error.kind() == io::ErrorKind::ConnectionRefused {
            "connection refused".to_owned()
        } else {
            cause::root(error)
        })
    }
}

/// A TCP or TLS stream, or one inside another.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket below it.
    fn socket(&self) -> &TcpStream;
}

impl Duplex for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Duplex for TlsStream<Box<dyn Duplex>> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0.socket()
    }
}

/// How long it took to open a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectTimes {
    /// TCP, and the proxy's part if there is one.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// Whether the handshake resumed an earlier session.
    pub resumed: bool,
    /// Of the server, or of the proxy if there is one.
    pub address: Option<SocketAddr>,
    /// Whether HTTP/2 is spoken on it, and not HTTP/1.1.
    pub http2: bool,
}

impl ConnectTimes {
    /// What is spoken on it, for people.
    pub fn spoken(&self) -> &'static str {
        match (self.http2, self.tls.is_some()) {
            (false, false) => "HTTP/1.1",
            (false, true) => "HTTP/1.1 over TLS",
            (true, false) => "HTTP/2",
            (true, true) => "HTTP/2 over TLS",
        }
    }
}

/// An open stream, and how long it took.
pub struct Opened {
    /// The stream.
    pub stream: Box<dyn Duplex>,
    /// How long that took; HTTP/2 is spoken if the server chose it.
    pub times: ConnectTimes,
}

/// Opens a stream of a route: TCP, a proxy's part, TLS.
pub async fn open(route: &Route, tls: &Arc<ClientConfig>) -> Result<Opened, ConnectError> {
    let started = Instant::now();
    let (mut stream, address) = tcp(route).await.map_err(|error| ConnectError::tcp(&error))?;
    if let Some(proxy) = &route.proxy {
        if proxy.url().scheme() == "https" {
            let (host, _) = host_and_port(proxy.url()).unwrap_or_default();
            let secured = secure(stream, &host, &for_proxy(tls), Purpose::Http).await?;
            stream = secured.stream;
        }
        if !route.is_forwarded() {
            tunnel(&mut stream, route).await?;
        }
    }
    let connected = Instant::now();
    let (mut resumed, mut http2) = (false, false);
    if route.origin.https {
        let name = route.server_name.as_ref().unwrap_or(&route.origin.host);
        let secured = secure(stream, name, tls, route.purpose).await?;
        (stream, resumed, http2) = (secured.stream, secured.resumed, secured.http2);
        if !http2 && route.purpose == Purpose::Grpc {
            return Err(ConnectError::Tls(NO_HTTP2.to_owned()));
        }
    }
    let times = ConnectTimes {
        connect: connected - started,
        tls: route.origin.https.then(|| connected.elapsed()),
        resumed,
        address: Some(address),
        http2,
    };
    Ok(Opened { stream, times })
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
            (address, Err(cause)) if route.addresses.is_known(address) && ran_out_of(&cause).is_some() => {
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

async fn secure(
    stream: Box<dyn Duplex>,
    host: &str,
    tls: &Arc<ClientConfig>,
    purpose: Purpose,
) -> Result<Secured, ConnectError> {
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        let example = format!("`{host}` is not a name that a certificate can have");
        return Err(ConnectError::Tls(example));
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
        Err(error) => Err(ConnectError::Tls(describe_handshake_error(&error, purpose))),
    }
}

/// Asks the proxy for a tunnel (RFC 9110, section 9.3.6).
async fn tunnel(stream: &mut Box<dyn Duplex>, route: &Route) -> Result<(), ConnectError> {
    let origin = &route.origin;
    let host = if origin.host.contains(':') {
        format!("[{}]:{}", origin.host, origin.port)
    } else {
        format!("{}:{}", origin.host, origin.port)
    };
    let credentials = route
        .proxy
        .as_ref()
        .and_then(super::proxy::Proxy::authorization)
        .map(|value| format!("Proxy-Authorization: {}\r\n", value.expose()))
        .unwrap_or_default();
    let request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{credentials}\r\n");
    let refused = |what: &str| ConnectError::Refused(format!("the proxy {what}"));
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

/// What this machine lacks to open a connection, when that and not the target is the cause.
fn ran_out_of(error: &io::Error) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use rustix::io::Errno;

        match Errno::from_io_error(error)? {
            Errno::ADDRNOTAVAIL => Some("local ports"),
            Errno::MFILE | Errno::NFILE => Some("open files"),
            Errno::NOBUFS | Errno::NOMEM => Some("memory for connections"),
            _ => None,
        }
    }
    #[cfg(not(unix))]
    (error.raw_os_error().is_some() && error.kind() == io::ErrorKind::AddrNotAvailable)
        .then_some("local ports")
}

/// Whether the other side has closed the connection, as far as the system knows by now.
pub fn is_hung_up(socket: &TcpStream) -> bool {
    #[cfg(target_os = "linux")]
    let half = events::Flags::RDHUP;
    #[cfg(all(unix, not(target_os = "linux")))]
    let half = events::Flags::empty();
    #[cfg(unix)]
    return events::has(socket, half | events::Flags::HUP | events::Flags::ERR);
    #[cfg(not(unix))]
    {
        let _ = socket;
        false
    }
}

/// Whether the other side's system has refused what was sent, as far as ours knows by now.
pub fn is_reset(socket: &TcpStream) -> bool {
    #[cfg(unix)]
    return events::has(socket, events::Flags::ERR);
    #[cfg(not(unix))]
    {
        let _ = socket;
        false
    }
}

/// What the system knows of a socket.
#[cfg(unix)]
mod events {
    pub(super) use rustix::event::PollFlags as Flags;
    use rustix::event::{PollFd, Timespec, poll};
    use tokio::net::TcpStream;

    /// Whether one of the events has happened. When the system cannot tell, the next read or write will.
    pub(super) fn has(socket: &TcpStream, wanted: Flags) -> bool {
        let mut sockets = [PollFd::new(socket, wanted)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut sockets, Some(&at_once)).is_ok() && sockets[0].revents().intersects(wanted)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_this_machine_lacks_is_not_the_targets_failure() {
        let failed = |errno: Errno| ConnectError::tcp(&errno.into());
        for (errno, what) in [
            (Errno::ADDRNOTAVAIL, "local ports"),
            (Errno::MFILE, "open files"),
            (Errno::NFILE, "open files"),
            (Errno::NOBUFS, "memory"),
        ] {
            let failed = failed(errno);
            assert!(
                matches!(&failed, ConnectError::Local(why) if why.contains(what)),
                "{failed}"
            );
        }
        for errno in [Errno::CONNREFUSED, Errno::NETUNREACH, Errno::TIMEDOUT] {
            assert!(matches!(failed(errno), ConnectError::Refused(_)));
        }
    }
}
