//! [`Greeted`]: a stream that tells what the server's first bytes are, for a server of HTTP/2 begins with its settings
//! (RFC 9113, section 3.4), and what begins otherwise can be named.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::connect::Duplex;
use super::route::Purpose;
use super::tls::describe_handshake_error;

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
            _ if self.secure => self.say(Err("the server closed the connection before a word".to_owned())),
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
