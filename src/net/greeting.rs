//! [`Greeted`]: a stream that tells what the server's first bytes are, for a server of HTTP/2 begins with its settings
//! (RFC 9113, section 3.4), and what begins otherwise can be named.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::Url;

use super::NetSettings;
use super::connect::{Duplex, open};
use super::route::{Purpose, Route};
use super::tls::{client_config, describe_handshake_error};

/// What a client of HTTP/2 begins with, before its settings (RFC 9113, section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The server was spoken to in HTTP/1.1.
pub const HTTP2_INSTEAD: &str = "the server speaks HTTP/2 without TLS, as gRPC servers do: call it with a `grpc` task \
                                 (`iter8 run --grpc HOST:PORT --call METHOD`), or set `httpVersion: h2c`";
/// What waits for a server spoke to it in HTTP/1.1, and cannot speak otherwise without TLS.
pub const HTTP2_AWAITED: &str = "the server speaks HTTP/2 without TLS, which `ready` does not: if it serves HTTP, give \
                                 `iter8 run` `--httpVersion h2c`, or a file's `http` task `httpVersion: h2c` and leave `ready` \
                                 out; if it serves gRPC, wait for it with `ready: {grpc: HOST:PORT}` and call it with a `grpc` \
                                 task (`iter8 run --grpc HOST:PORT --call METHOD`)";
/// Bytes of the head of a frame.
const HEAD: usize = 9;
/// Settings that set nothing.
const NO_SETTINGS: [u8; HEAD] = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];

/// So many bytes show the type of an HTTP/2 frame, and differ from those of HTTP/1 and TLS.
const ENOUGH: usize = 4;
/// Type of the frame SETTINGS.
const SETTINGS: u8 = 4;

/// What the first bytes say: HTTP/2, or in words what else.
pub type Greeting = oneshot::Receiver<Result<(), String>>;

/// A stream whose first bytes are looked at as they pass.
pub struct Greeted {
    stream: Box<dyn Duplex>,
    secure: bool,
    head: Vec<u8>,
    tell: Option<oneshot::Sender<Result<(), String>>>,
}

/// Looks at the first bytes that come on a stream; `secure` says whether it is inside TLS.
pub fn listen(stream: Box<dyn Duplex>, secure: bool) -> (Greeted, Greeting) {
    let (tell, greeting) = oneshot::channel();
    let greeted = Greeted {
        stream,
        secure,
        head: Vec::with_capacity(ENOUGH),
        tell: Some(tell),
    };
    (greeted, greeting)
}

impl Greeted {
    fn say(&mut self, what: Result<(), String>) {
        if let Some(tell) = self.tell.take() {
            // Nobody waits for it any more, which is their choice.
            let _ = tell.send(what);
        }
    }

    fn hear(&mut self, outcome: &io::Result<()>, bytes: &[u8]) {
        match outcome {
            Err(error) if self.secure => self.say(Err(describe_handshake_error(error, Purpose::Grpc))),
            Ok(()) if !bytes.is_empty() => {
                let wanted = ENOUGH - self.head.len();
                self.head.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
                if let &[first, second, _, kind] = &self.head[..] {
                    let known = judge(&self.head, (first, second), kind);
                    self.say(known);
                }
            }
            _ if self.secure => self.say(Err(
                "the server closed the connection before a word (it may want a client certificate and its key)"
                    .to_owned(),
            )),
            _ => self.say(Err(
                "the server closed the connection before a word (if it speaks TLS, set `insecure: false`)"
                    .to_owned(),
            )),
        }
    }
}

fn judge(head: &[u8], start: (u8, u8), kind: u8) -> Result<(), String> {
    let other = match start {
        // A TLS record that holds an alert.
        (0x15, 0x03) => "the server speaks TLS on this port (set `insecure: false`)",
        _ if head == b"HTTP" => {
            "the server answers with HTTP/1, not with HTTP/2 (is it gRPC's port? if it is one with TLS, set `insecure: false`)"
        }
        _ if kind == SETTINGS => return Ok(()),
        _ => "the server does not speak HTTP/2 on this port",
    };
    Err(other.to_owned())
}

/// Whether what came begins as a server of HTTP/2 does: with its settings.
pub fn begins_http2(bytes: &[u8]) -> bool {
    let head = bytes.first_chunk::<HEAD>();
    head.is_some_and(|[high, _, _, kind, flags, stream @ ..]| {
        (*high, *kind, *flags, *stream) == (0, SETTINGS, 0, [0; 4])
    })
}

/// Whether the server of an `http://` URL, of whose answer nothing can be made, speaks HTTP/2.
pub async fn speaks_http2(url: &Url, settings: &NetSettings, patience: Duration) -> bool {
    let greeted = timeout(patience, greet(url, settings)).await;
    greeted.ok().flatten().is_some_and(|head| begins_http2(&head))
}

async fn greet(url: &Url, settings: &NetSettings) -> Option<[u8; HEAD]> {
    let (route, _) = Route::find(url, settings).await.ok()?;
    if route.origin.https || route.is_forwarded() {
        return None;
    }
    let tls = Arc::new(client_config(&settings.tls).ok()?);
    let mut stream = open(&route, &tls).await.ok()?.stream;
    stream.write_all(PREFACE).await.ok()?;
    stream.write_all(&NO_SETTINGS).await.ok()?;
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await.ok()?;
    Some(head)
}

impl AsyncRead for Greeted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if self.tell.is_some() && buf.capacity() > before {
            self.hear(&outcome, &buf.filled()[before..]);
        }
        Poll::Ready(outcome)
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_from_other_beginnings() {
        assert!(begins_http2(&NO_SETTINGS));
        assert!(begins_http2(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"));
        for other in [
            &b"HTTP/1.1 200 OK\r\n"[..],
            b"\0\0\x08\x07\0\0\0\0\0",
            b"\0\0\0\x04\x01\0\0\0\0",
            b"\x15\x03\x01\0\x02\x02\x46\0\0",
            b"\0\0\0\x04",
        ] {
            assert!(!begins_http2(other), "{}", other.escape_ascii());
        }
    }
}
