//! Servers that go away, in order and out of order.

use std::time::Duration;

use h2::Reason;
use h2::server::Builder;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep, timeout};

use super::raw::{ACK, HEADERS, PING, Raw, SETTINGS, answer, frame, go_away, setting};
use super::{Limits, Session, ask, asking, run};
use crate::metrics::FailureClass;

fn quick() -> Limits {
    Limits {
        ping_after: Duration::from_millis(30),
        pong_within: Duration::from_millis(60),
        ..Limits::default()
    }
}

#[test]
fn after_a_goaway_its_streams_finish_and_the_others_are_unsent() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let (first, second) = (asking(&session), asking(&session));
        let taken = raw.wait_for(HEADERS).await;
        raw.wait_for(HEADERS).await;
        raw.send(&go_away(taken.stream, 0)).await;
        let broken = second.await.expect("no panic").expect_err("not processed");
        assert!(broken.unsent);
        assert_eq!(broken.failed.example, "the server is closing the connection");
        timeout(Duration::from_secs(5), session.broken())
            .await
            .expect("it takes no more");
        assert!(!session.is_usable());
        assert!(ask(&session).await.expect_err("another connection").unsent);
        raw.send(&answer(taken.stream, b"last")).await;
        let incoming = first.await.expect("no panic").expect("an answer");
        assert_eq!(incoming.bytes, 4);
    });
}

#[test]
fn nothing_is_lost_or_counted_twice_when_a_server_ends_each_connection_after_some_requests() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = std::rc::Rc::new(std::cell::Cell::new(0));
        let counter = std::rc::Rc::clone(&served);
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = std::rc::Rc::clone(&counter);
                tokio::task::spawn_local(async move {
                    let mut connection = Builder::new().handshake(stream).await.expect("HTTP/2");
                    let mut here = 0;
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        counter.set(counter.get() + 1);
                        here += 1;
                        if here == 7 {
                            connection.graceful_shutdown();
                        }
                        super::say(&mut respond, "hi");
                    }
                });
            }
        });
        let current = std::cell::RefCell::new(super::session(address).await.expect("a session"));
        let lane = async || {
            let mut answered = 0;
            while answered < 50 {
                let session = current.borrow().clone();
                match ask(&session).await {
                    Ok(_) => answered += 1,
                    Err(broken) => {
                        assert!(broken.unsent, "{:?}", broken.failed);
                        if !current.borrow().is_usable() {
                            let opened = super::session(address).await.expect("a session");
                            current.replace(opened);
                        }
                    }
                }
            }
        };
        futures_util::future::join_all((0..4).map(|_| lane())).await;
        assert_eq!(served.get(), 200);
    });
}

#[test]
fn a_goaway_with_an_error_is_named() {
    run(async {
        for (code, class, example) in [
            (
                Reason::PROTOCOL_ERROR,
                FailureClass::Protocol,
                "the server ended the connection: PROTOCOL_ERROR",
            ),
            (
                Reason::INTERNAL_ERROR,
                FailureClass::Reset,
                "the server ended the connection: INTERNAL_ERROR",
            ),
            (
                Reason::ENHANCE_YOUR_CALM,
                FailureClass::Reset,
                "the server ended the connection: ENHANCE_YOUR_CALM (it is sent more than it is willing to take)",
            ),
        ] {
            let (mut raw, session) = Raw::session().await;
            let (taken, refused) = (asking(&session), asking(&session));
            let first = raw.wait_for(HEADERS).await;
            raw.wait_for(HEADERS).await;
            raw.send(&go_away(first.stream, code.into())).await;
            drop(raw);
            let broken = refused.await.expect("no panic").expect_err("not processed");
            assert!(broken.unsent);
            assert_eq!((broken.failed.class, &*broken.failed.example), (class, example));
            // This one the server may have processed.
            let broken = taken.await.expect("no panic").expect_err("no answer");
            assert!(!broken.unsent);
            assert_eq!((broken.failed.class, &*broken.failed.example), (class, example));
        }
    });
}

#[test]
fn a_connection_that_ends_in_the_middle_fails_its_requests() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let asked = asking(&session);
        raw.wait_for(HEADERS).await;
        drop(raw);
        let broken = asked.await.expect("no panic").expect_err("no answer");
        assert!(!broken.unsent, "the server may have processed it");
        assert_eq!(broken.failed.class, FailureClass::Reset);
        assert_eq!(
            broken.failed.example,
            "the connection was closed before the answer was complete"
        );
        assert!(!session.is_usable());
    });
}

#[test]
fn a_request_that_waits_for_a_stream_of_a_connection_that_ends_is_unsent() {
    run(async {
        // SETTINGS_MAX_CONCURRENT_STREAMS.
        let (mut raw, session) = Raw::session_with(&setting(3, 1), Limits::default()).await;
        let (taken, waiting) = (asking(&session), asking(&session));
        raw.wait_for(HEADERS).await;
        drop(raw);
        assert!(!taken.await.expect("no panic").expect_err("no answer").unsent);
        assert!(waiting.await.expect("no panic").expect_err("no stream").unsent);
    });
}

#[test]
fn a_request_on_a_connection_that_has_ended_is_unsent() {
    run(async {
        let (raw, session) = Raw::session().await;
        drop(raw);
        timeout(Duration::from_secs(5), session.broken())
            .await
            .expect("it is over");
        // Whoever asks later learns it, too.
        session.broken().await;
        assert!(ask(&session).await.expect_err("no connection").unsent);
    });
}

#[test]
fn a_request_of_which_nothing_was_written_when_the_connection_ended_is_unsent() {
    run(async {
        let (client, mut server) = tokio::io::duplex(1 << 16);
        server
            .write_all(&frame(SETTINGS, 0, 0, &[]))
            .await
            .expect("room for it");
        let session = Session::open(client, Limits::default()).await.expect("a session");
        drop(server);
        assert!(session.is_usable(), "nobody has looked yet");
        let broken = ask(&session).await.expect_err("no connection");
        assert!(broken.unsent);
        assert_eq!(broken.failed.class, FailureClass::Reset);
    });
}

#[test]
fn a_server_that_does_not_answer_a_ping_is_given_up() {
    run(async {
        let (mut raw, session) = Raw::session_with(&frame(SETTINGS, 0, 0, &[]), quick()).await;
        let asked = asking(&session);
        raw.wait_for(HEADERS).await;
        raw.wait_for(PING).await;
        let broken = asked.await.expect("no panic").expect_err("no answer");
        assert!(!broken.unsent);
        assert_eq!(broken.failed.class, FailureClass::Reset);
        assert_eq!(broken.failed.example, "no answer to an HTTP/2 PING");
        assert!(!session.is_usable());
        while raw.next().await.is_some() {}
    });
}

#[test]
fn a_slow_server_that_answers_pings_is_waited_for() {
    run(async {
        let (mut raw, session) = Raw::session_with(&frame(SETTINGS, 0, 0, &[]), quick()).await;
        let asked = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        for _ in 0..3 {
            let ping = raw.wait_for(PING).await;
            raw.send(&frame(PING, ACK, 0, &ping.payload)).await;
        }
        raw.send(&answer(request.stream, b"slow")).await;
        assert_eq!(asked.await.expect("no panic").expect("an answer").bytes, 4);
        assert!(session.is_usable());
    });
}

#[test]
fn a_session_without_requests_is_left_alone() {
    run(async {
        let (mut raw, session) = Raw::session_with(&frame(SETTINGS, 0, 0, &[]), quick()).await;
        sleep(Duration::from_millis(200)).await;
        assert!(session.is_usable());
        drop::<Session>(session);
        while let Some(frame) = raw.next().await {
            assert_ne!(frame.kind, PING);
        }
    });
}
