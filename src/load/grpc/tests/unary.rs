//! Calls with one message and one answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::*;
use crate::load::h2::{Limits, Session};
use crate::load::{Target as _, Way};

#[tokio::test]
async fn calls_are_answered_on_as_many_connections_as_are_wanted() {
    let server = Server::start().await;
    let load = burst(&call(&server, "Hello"), 200, pool(2, 5, ms(10_000))).await;
    assert_eq!((load.requests, load.answered, load.errors), (200, 200, 0));
    assert_eq!(load.statuses, [(0, 200)].into());
    assert_eq!((load.messages_sent, load.messages_received), (200, 200));
    assert_eq!((load.connections, load.reconnects), (2, 0));
    assert_eq!(server.seen.connections.load(Ordering::Relaxed), 2);
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 200);
    assert_eq!(server.seen.message(199), "name");
    assert_eq!(load.timings[&Timing::Latency].count(), 200);
    assert!(!load.timings.contains_key(&Timing::FirstMessage));
}

#[tokio::test]
async fn the_server_sees_metadata_authority_and_timeout() {
    let server = Server::start().await;
    let mut spec = call(&server, "Hello");
    let mut metadata = HeaderMap::new();
    metadata.insert("x-key", HeaderValue::from_static("value"));
    metadata.insert("trace-bin", HeaderValue::from_static("AAEC"));
    spec.calls = Calls::Fixed {
        metadata,
        messages: Messages::Same(vec![Bytes::new()]),
    };
    spec.authority = Some("shop.example".to_owned());
    let load = burst(&spec, 1, pool(1, 1, ms(1500))).await;
    assert_eq!(load.errors, 0, "{:?}", load.failures);
    let (authority, headers) = server.seen.head();
    assert_eq!(authority, "shop.example");
    let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(field("x-key"), Some("value"));
    assert_eq!(field("trace-bin"), Some("AAEC"));
    assert_eq!(field("grpc-timeout"), Some("1500000u"));
    assert_eq!(field("te"), Some("trailers"));
    assert_eq!(field("content-type"), Some("application/grpc"));
    assert_eq!(field("grpc-encoding"), None);
    assert_eq!(server.seen.message(0), "");
}

#[tokio::test]
async fn messages_are_compressed_when_that_is_wanted() {
    let server = Server::start().await;
    let mut spec = call(&server, "Zipped");
    spec.compression = true;
    let load = once(&spec).await;
    assert_eq!(load.errors, 0, "{:?}", load.failures);
    let (_, headers) = server.seen.head();
    assert_eq!(
        headers.get("grpc-encoding"),
        Some(&HeaderValue::from_static("gzip"))
    );
    let mut text = String::new();
    let message = server.seen.message(0);
    io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*message), &mut text).expect("gzip");
    assert_eq!(text, "name");
}

/// Calls that have their number in them; the one of this number cannot be made.
#[derive(Debug)]
struct Numbers(u64);

/// One of them.
#[derive(Debug)]
struct Number(u64, HeaderMap);

impl Render for Numbers {
    fn begin(&self, call: CallNumber) -> Result<Box<dyn RenderedCall + '_>, String> {
        if call.n == self.0 {
            return Err("`{{.Nothing}}` cannot be rendered".to_owned());
        }
        let value = HeaderValue::from(call.n);
        let metadata = [(http::HeaderName::from_static("x-number"), value)];
        Ok(Box::new(Number(call.n, metadata.into_iter().collect())))
    }
}

impl RenderedCall for Number {
    fn metadata(&self) -> &HeaderMap {
        &self.1
    }

    fn message(&mut self, index: usize) -> Result<Option<Bytes>, String> {
        let text = format!("{}.{index}", self.0);
        Ok((index < 3).then(|| text.into()))
    }
}

#[tokio::test]
async fn calls_are_rendered_one_by_one() {
    let server = Server::start().await;
    let mut spec = call(&server, "Hello");
    spec.calls = Calls::Rendered(Arc::new(Numbers(9)));
    let load = burst(&spec, 2, pool(1, 1, ms(10_000))).await;
    assert_eq!((load.requests, load.errors), (2, 0));
    assert_eq!(server.seen.message(1), "1.0");
    let (_, headers) = server.seen.head();
    assert_eq!(headers.get("x-number"), Some(&HeaderValue::from(1)));
}

#[tokio::test]
async fn a_call_that_cannot_be_made_ends_the_load_and_is_no_failure_of_the_server() {
    let server = Server::start().await;
    let mut spec = call(&server, "Hello");
    spec.calls = Calls::Rendered(Arc::new(Numbers(2)));
    let ran = run_burst(&spec, 1000, pool(1, 8, ms(10_000)))
        .await
        .expect("a load");
    assert_eq!(
        ran.unmade.as_deref(),
        Some("test.Service/Hello: call 2 (counted from 0) cannot be made: `{{.Nothing}}` cannot be rendered")
    );
    let made = server.seen.messages() as u64;
    assert!((2..1000).contains(&made), "{made}");
    let load = &ran.parts[0];
    assert_eq!((load.requests, load.errors, load.messages_sent), (made, 0, made));
}

/// A connection whose writes are counted.
struct Counted(TcpStream, Arc<std::sync::atomic::AtomicU64>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}

#[test]
fn head_and_message_leave_in_one_write() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let server = Server::start().await;
        let spec = call(&server, "Hello");
        let prepared = Prepared::new(&spec, &NetSettings::default(), ms(5000)).await;
        let (prepared, _) = prepared.expect("a target");
        let target = GrpcTarget::new(&Arc::new(prepared), Halt::new(&CancellationToken::new()));
        let writes = Arc::default();
        let stream = TcpStream::connect(server.address).await.expect("a connection");
        let io = Counted(stream, Arc::clone(&writes));
        let session = Session::open(io, Limits::default()).await.expect("a session");
        let mut conn = target::GrpcConn::new(
            crate::load::Seat {
                lane: 0,
                connection: 0,
            },
            session,
        );
        let now = tokio::time::Instant::now();
        for n in 0..3 {
            assert!(
                target
                    .send(&mut conn, n, now, &mut Way::default())
                    .await
                    .result
                    .is_ok()
            );
        }
        let before = writes.load(Ordering::Relaxed);
        for n in 3..13 {
            assert!(
                target
                    .send(&mut conn, n, now, &mut Way::default())
                    .await
                    .result
                    .is_ok()
            );
        }
        assert_eq!(writes.load(Ordering::Relaxed) - before, 10);
    });
}
