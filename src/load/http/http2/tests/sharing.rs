//! Many lanes on one connection.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::{io, time::Duration};

use futures_util::future::join_all;
use h2::server::Builder;
use http::Method;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Memory;
use super::raw::{HEADERS, RST_STREAM, Raw, answer, setting};
use super::{Limits, Server, Session, ask, asking, connect, exchange, get, prepared, run, say};
use crate::load::Way;

/// SETTINGS_MAX_CONCURRENT_STREAMS.
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// A connection whose writes are counted.
struct Counted(TcpStream, Rc<Cell<u64>>);

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
        self.1.set(self.1.get() + 1);
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.set(self.1.get() + 1);
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}

/// A session whose handshake is over, and the number of its writes.
async fn counted(server: &Server) -> (Session, Rc<Cell<u64>>) {
    let writes = Rc::new(Cell::new(0));
    let io = Counted(connect(server.address).await, Rc::clone(&writes));
    let session = Session::open(io, Limits::default()).await.expect("a session");
    ask(&session).await.expect("an answer");
    // Acknowledgements of settings may still be under way.
    sleep(Duration::from_millis(50)).await;
    writes.set(0);
    (session, writes)
}

#[test]
fn fifty_streams_share_one_connection_and_every_request_is_answered_once() {
    run(async {
        let server = Server::hello().await;
        let session = server.session().await;
        let lane = async || {
            let mut bytes = 0;
            for _ in 0..40 {
                bytes += ask(&session).await.expect("an answer").bytes;
            }
            bytes
        };
        let bytes: u64 = join_all((0..50).map(|_| lane())).await.into_iter().sum();
        assert_eq!(bytes, 50 * 40 * 2);
        assert_eq!(server.seen.requests.get(), 50 * 40);
        assert_eq!(server.seen.connections.get(), 1);
        assert!(server.seen.most.get() > 1, "one after the other");
        assert_eq!(session.waited_for_stream(), 0);
        assert!(session.is_usable());
    });
}

#[test]
fn head_and_body_of_a_request_leave_in_one_write() {
    run(async {
        let server = Server::hello().await;
        let (session, writes) = counted(&server).await;
        for size in [1, 200, 1000, 10_000] {
            let request = prepared(Method::POST, vec![b'x'; size]);
            writes.set(0);
            let incoming = exchange(&session, &request).await.expect("an answer");
            assert_eq!(incoming.bytes, 2);
            assert_eq!(writes.get(), 1, "{size} bytes");
        }
    });
}

#[test]
fn requests_of_many_lanes_leave_in_one_write() {
    run(async {
        let server = Server::hello().await;
        let (session, writes) = counted(&server).await;
        let answers = join_all((0..50).map(|_| ask(&session))).await;
        assert!(answers.iter().all(Result::is_ok));
        // Acknowledged data costs none: the windows are far from used up.
        assert_eq!(writes.get(), 1);
    });
}

#[test]
fn requests_wait_in_turn_for_the_streams_that_the_server_allows() {
    run(async {
        let mut builder = Builder::new();
        builder.max_concurrent_streams(3);
        let server = Server::start(builder, |_, mut respond| async move {
            sleep(Duration::from_millis(2)).await;
            say(&mut respond, "hi");
        })
        .await;
        let session = server.session().await;
        assert_eq!(session.streams(), 3);
        let answers = join_all((0..10).map(|_| ask(&session))).await;
        assert!(answers.iter().all(Result::is_ok), "none is refused");
        assert_eq!(server.seen.requests.get(), 10);
        assert_eq!(server.seen.most.get(), 3);
        assert_eq!(session.waited_for_stream(), 7);
    });
}

#[test]
fn requests_that_wait_are_sent_when_the_server_allows_more_streams() {
    run(async {
        let (mut raw, session) =
            Raw::session_with(&setting(MAX_CONCURRENT_STREAMS, 0), Limits::default()).await;
        let waiting = [asking(&session), asking(&session)];
        sleep(Duration::from_millis(20)).await;
        assert_eq!(session.waited_for_stream(), 2);
        raw.send(&setting(MAX_CONCURRENT_STREAMS, 1)).await;
        for asked in waiting {
            let request = raw.wait_for(HEADERS).await;
            raw.send(&answer(request.stream, b"x")).await;
            asked.await.expect("no panic").expect("an answer");
        }
    });
}

#[test]
fn who_gave_up_waiting_for_a_stream_has_waited() {
    run(async {
        let (_raw, session) = Raw::session_with(&setting(MAX_CONCURRENT_STREAMS, 0), Limits::default()).await;
        let (request, mut way) = (get(), Way::default());
        let memory = &Memory::default();
        let asked = session.exchange(&request, None, memory, &mut way);
        assert!(timeout(Duration::from_millis(20), asked).await.is_err());
        assert!(way.waited);
    });
}

#[test]
fn a_request_that_is_given_up_resets_its_stream_alone() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let (given_up, kept) = (asking(&session), asking(&session));
        let first = raw.wait_for(HEADERS).await;
        let second = raw.wait_for(HEADERS).await;
        given_up.abort();
        let reset = raw.wait_for(RST_STREAM).await;
        assert_eq!(
            (reset.stream, reset.code()),
            (first.stream, u32::from(h2::Reason::CANCEL))
        );
        // What the server had already sent for it does no harm.
        raw.send(&answer(first.stream, b"late")).await;
        raw.send(&answer(second.stream, b"here")).await;
        let incoming = kept.await.expect("no panic").expect("an answer");
        assert_eq!(incoming.bytes, 4);
        assert!(session.is_usable());
        let third = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        raw.send(&answer(request.stream, b"")).await;
        third.await.expect("no panic").expect("an answer");
    });
}

#[test]
fn a_request_that_is_given_up_at_the_limit_of_streams_makes_room() {
    run(async {
        let (mut raw, session) =
            Raw::session_with(&setting(MAX_CONCURRENT_STREAMS, 1), Limits::default()).await;
        let (given_up, next) = (asking(&session), asking(&session));
        raw.wait_for(HEADERS).await;
        given_up.abort();
        raw.wait_for(RST_STREAM).await;
        let request = raw.wait_for(HEADERS).await;
        raw.send(&answer(request.stream, b"")).await;
        next.await.expect("no panic").expect("an answer");
    });
}

#[test]
fn late_answers_to_thousands_of_requests_that_were_given_up_do_not_end_the_session() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        for _ in 0..3000 {
            let asked = asking(&session);
            let request = raw.wait_for(HEADERS).await;
            asked.abort();
            raw.wait_for(RST_STREAM).await;
            raw.send(&answer(request.stream, b"late")).await;
        }
        let asked = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        raw.send(&answer(request.stream, b"x")).await;
        asked.await.expect("no panic").expect("an answer");
        assert!(session.is_usable());
    });
}

#[test]
fn the_connection_is_closed_with_its_last_handle() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let other = session.clone();
        drop(session);
        let asked = asking(&other);
        let request = raw.wait_for(HEADERS).await;
        raw.send(&answer(request.stream, b"")).await;
        asked.await.expect("no panic").expect("an answer");
        drop(other);
        while raw.next().await.is_some() {}
    });
}

#[test]
fn the_time_of_an_answer_is_that_of_its_bytes() {
    run(async {
        let server = Server::hello().await;
        let session = server.session().await;
        let sent = tokio::time::Instant::now();
        let request = get();
        let asked = exchange(&session, &request);
        let incoming = asked.await.expect("an answer");
        assert!(incoming.first_byte > sent);
        assert!(incoming.end >= incoming.first_byte);
        assert!(incoming.end <= tokio::time::Instant::now());
    });
}
