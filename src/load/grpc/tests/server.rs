//! A server on loopback whose methods do what their names say, and what it saw of its clients.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::super::frame::framed;

/// What the server saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: AtomicU64,
    pub(super) calls: AtomicU64,
    /// Messages, without their prefixes.
    pub(super) messages: Mutex<Vec<Bytes>>,
    pub(super) head: Mutex<Option<(String, HeaderMap)>>,
    /// Streams that the client reset.
    pub(super) resets: AtomicU64,
}

impl Seen {
    pub(super) fn message(&self, index: usize) -> Bytes {
        self.messages.lock().expect("no panic")[index].clone()
    }

    pub(super) fn messages(&self) -> usize {
        self.messages.lock().expect("no panic").len()
    }

    pub(super) fn head(&self) -> (String, HeaderMap) {
        self.head.lock().expect("no panic").clone().expect("a call")
    }
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let server = Self {
            address,
            seen: Arc::clone(&seen),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.connections.fetch_add(1, Ordering::Relaxed);
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let Ok(mut connection) = h2::server::handshake(stream).await else {
                        return;
                    };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(request, respond, Arc::clone(&seen)));
                    }
                });
            }
        });
        server
    }
}

/// The messages of a request, as they come.
struct Incoming {
    body: RecvStream,
    buffer: BytesMut,
    seen: Arc<Seen>,
}

impl Incoming {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.buffer.len() >= 5 {
                let length = u32::from_be_bytes(self.buffer[1..5].try_into().expect("four bytes")) as usize;
                if self.buffer.len() >= 5 + length {
                    let message = self.buffer.split_to(5 + length).freeze().slice(5..);
                    self.seen.messages.lock().expect("no panic").push(message.clone());
                    return Some(message);
                }
            }
            match self.body.data().await? {
                Ok(chunk) => {
                    self.buffer.extend_from_slice(&chunk);
                    self.body
                        .flow_control()
                        .release_capacity(chunk.len())
                        .expect("what came");
                }
                Err(_reset) => {
                    self.seen.resets.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
            }
        }
    }

    async fn all(&mut self) {
        while self.next().await.is_some() {}
    }
}

async fn answer(request: Request<RecvStream>, respond: SendResponse<Bytes>, seen: Arc<Seen>) {
    seen.calls.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let authority = head.uri.authority().map(ToString::to_string).unwrap_or_default();
    *seen.head.lock().expect("no panic") = Some((authority, head.headers));
    let mut incoming = Incoming {
        body,
        buffer: BytesMut::new(),
        seen,
    };
    let mut reply = Reply { respond };
    let method = head.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    if !answer_stream(&method, &mut incoming, &mut reply).await {
        incoming.all().await;
        answer_unary(&method, reply).await;
    }
}

/// Methods that stream. Whether it is one of them.
async fn answer_stream(method: &str, incoming: &mut Incoming, reply: &mut Reply) -> bool {
    match method {
        "Each" => {
            let mut stream = reply.begin();
            while let Some(message) = incoming.next().await {
                say(&mut stream, &message);
            }
            end(&mut stream, "0", "");
        }
        "Hundred" => {
            incoming.all().await;
            let mut stream = reply.begin();
            (0..100).for_each(|_| say(&mut stream, b"one of many"));
            end(&mut stream, "0", "");
        }
        "Ticks" => {
            incoming.all().await;
            let mut stream = reply.begin();
            for _ in 0..4 {
                sleep(Duration::from_millis(30)).await;
                say(&mut stream, b"tick");
            }
            end(&mut stream, "0", "");
        }
        "Endless" => {
            let mut stream = reply.begin();
            while std::future::poll_fn(|cx| stream.poll_reset(cx))
                .now_or_later()
                .await
            {
                say(&mut stream, b"more");
                sleep(Duration::from_millis(2)).await;
            }
            incoming.seen.resets.fetch_add(1, Ordering::Relaxed);
        }
        "EndsEarly" => {
            incoming.next().await;
            let mut stream = reply.begin();
            end(&mut stream, "9", "no more, please");
            sleep(Duration::from_millis(50)).await;
        }
        "OneThenReset" => {
            let mut stream = reply.begin();
            say(&mut stream, b"one");
            sleep(Duration::from_millis(20)).await;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        _ => return false,
    }
    true
}

/// Whether the future is not ready yet.
trait NowOrLater: Future {
    async fn now_or_later(self) -> bool;
}

impl<F: Future> NowOrLater for F {
    async fn now_or_later(self) -> bool {
        let mut future = std::pin::pin!(self);
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }
}

async fn answer_unary(method: &str, mut reply: Reply) {
    match method {
        "Hello" => reply.ok(&[b"hello"]),
        "Slow" => {
            sleep(Duration::from_secs(3)).await;
            reply.ok(&[b"late"]);
        }
        "Busy" => reply.only(&[("grpc-status", "14"), ("grpc-message", "try%20later")]),
        "Denied" => {
            let mut stream = reply.begin();
            end(&mut stream, "7", "not%20you");
        }
        "NoStatus" => {
            let mut stream = reply.begin();
            say(&mut stream, b"hello");
            stream.send_trailers(HeaderMap::new()).expect("trailers");
        }
        "NoTrailers" => {
            let mut stream = reply.begin();
            let message = framed(b"hello", false, 100).expect("small");
            stream.send_data(message, true).expect("a message");
        }
        "Nothing" => reply.ok(&[]),
        "Twice" => reply.ok(&[b"a", b"b"]),
        "Half" => {
            let mut stream = reply.begin();
            let half = Bytes::from_static(&[0, 0, 0, 0, 9, 1, 2]);
            stream.send_data(half, false).expect("half a message");
            end(&mut stream, "0", "");
        }
        "Large" => reply.ok(&[&vec![7; 70_000]]),
        "Snappy" => reply.compressed(Some("snappy")),
        "Undeclared" => reply.compressed(None),
        "Zipped" => reply.compressed(Some("gzip")),
        "BadGateway" => reply.html(502),
        "Page" => reply.html(200),
        "Reset" => reply.respond.send_reset(Reason::PROTOCOL_ERROR),
        "Cancelled" => reply.respond.send_reset(Reason::CANCEL),
        "Refused" => reply.respond.send_reset(Reason::REFUSED_STREAM),
        other => match other.strip_prefix("Code") {
            Some(code) => {
                let code = code.to_owned();
                reply.only(&[("grpc-status", &code), ("grpc-message", "as you wish")]);
            }
            None => reply.only(&[("grpc-status", "12")]),
        },
    }
}

/// An answer that has not begun.
struct Reply {
    respond: SendResponse<Bytes>,
}

impl Reply {
    fn begin_with(&mut self, more: &[(&'static str, &str)], complete: bool) -> SendStream<Bytes> {
        let mut answer = Response::new(());
        let headers = answer.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        for (name, value) in more {
            headers.insert(*name, HeaderValue::from_str(value).expect("a value"));
        }
        self.respond.send_response(answer, complete).expect("a head")
    }

    fn begin(&mut self) -> SendStream<Bytes> {
        self.begin_with(&[], false)
    }

    fn only(&mut self, fields: &[(&'static str, &str)]) {
        self.begin_with(fields, true);
    }

    fn ok(&mut self, messages: &[&[u8]]) {
        let mut stream = self.begin();
        messages.iter().for_each(|message| say(&mut stream, message));
        end(&mut stream, "0", "");
    }

    fn compressed(&mut self, encoding: Option<&str>) {
        let fields: Vec<_> = encoding
            .map(|encoding| ("grpc-encoding", encoding))
            .into_iter()
            .collect();
        let mut stream = self.begin_with(&fields, false);
        let message = framed(b"hello", true, 100).expect("small");
        stream.send_data(message, false).expect("a message");
        end(&mut stream, "0", "");
    }

    fn html(&mut self, status: u16) {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
        let headers = answer.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("text/html"));
        let mut stream = self.respond.send_response(answer, false).expect("a head");
        let page = Bytes::from_static(b"<html><body>Bad Gateway</body></html>");
        stream.send_data(page, true).expect("a page");
    }
}

fn say(stream: &mut SendStream<Bytes>, message: &[u8]) {
    // The client may have gone.
    let _ = stream.send_data(framed(message, false, usize::MAX).expect("small"), false);
}

fn end(stream: &mut SendStream<Bytes>, status: &'static str, message: &'static str) {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    trailers.insert("grpc-message", HeaderValue::from_static(message));
    let _ = stream.send_trailers(trailers);
}
