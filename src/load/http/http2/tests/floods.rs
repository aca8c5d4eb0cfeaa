//! Servers that flood the connection: a clear failure, or a session that goes on.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::raw::{CONTINUATION, DATA, END_HEADERS, HEADERS, OK, PING, Raw, SETTINGS, answer, frame, reset};
use super::{asking, run};
use crate::load::h2::TURN;
use crate::load::http::exchange::{Broken, Incoming};
use crate::metrics::FailureClass;

/// Sends `before`, then many copies of `useless`, then an answer, to a request on stream 1. What the client sends
/// meanwhile is read.
async fn flooded(before: Vec<u8>, useless: Vec<u8>, times: usize) -> Result<Incoming, Broken> {
    let (mut raw, session) = Raw::session().await;
    let asked = asking(&session);
    raw.wait_for(HEADERS).await;
    let (mut from_client, mut to_client) = raw.stream.into_split();
    let server = async move {
        to_client.write_all(&before).await?;
        let batch = useless.repeat(100);
        for _ in 0..times / 100 {
            to_client.write_all(&batch).await?;
        }
        to_client.write_all(&answer(1, b"at last")).await?;
        Ok::<_, std::io::Error>(to_client)
    };
    let sink = tokio::task::spawn_local(async move {
        let mut space = vec![0; 64 << 10];
        while from_client.read(&mut space).await.is_ok_and(|read| read > 0) {}
    });
    let _server = tokio::task::spawn_local(server);
    let outcome = asked.await.expect("no panic");
    sink.abort();
    outcome
}

#[test]
fn a_session_goes_on_through_a_flood_of_frames_that_cost_nothing() {
    run(async {
        let floods = [
            frame(PING, 0, 0, &[7; 8]),
            frame(SETTINGS, 0, 0, &[]),
            frame(0xee, 0, 0, &[]),
        ];
        for useless in floods {
            let incoming = flooded(Vec::new(), useless, 20_000).await.expect("an answer");
            assert_eq!(incoming.bytes, 7);
        }
    });
}

#[test]
fn a_flood_that_means_work_or_memory_ends_the_connection() {
    run(async {
        let head = frame(HEADERS, END_HEADERS, 1, OK);
        let begun = frame(HEADERS, 0, 1, OK);
        for (before, useless) in [
            (head, frame(DATA, 0, 1, &[])),
            (begun.clone(), frame(CONTINUATION, 0, 1, &[])),
            (begun, frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b")),
        ] {
            let broken = flooded(before, useless, 100_000).await.expect_err("too much");
            assert_eq!(broken.failed.class, FailureClass::Protocol);
            assert_eq!(
                broken.failed.example,
                "the server sends too many useless frames or too large a header (ENHANCE_YOUR_CALM)"
            );
            assert!(!broken.unsent);
        }
    });
}

#[test]
fn a_flood_of_resets_of_streams_that_are_over_does_no_harm() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let first = asking(&session);
        let over = raw.wait_for(HEADERS).await;
        raw.send(&answer(over.stream, b"")).await;
        first.await.expect("no panic").expect("an answer");
        let second = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        raw.send(&reset(over.stream, 8).repeat(20_000)).await;
        raw.send(&answer(request.stream, b"ok")).await;
        assert_eq!(second.await.expect("no panic").expect("an answer").bytes, 2);
    });
}

#[test]
fn a_flood_on_one_connection_leaves_the_others_their_turns() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let first = asking(&session);
        let over = raw.wait_for(HEADERS).await;
        raw.send(&answer(over.stream, b"")).await;
        first.await.expect("no panic").expect("an answer");
        let flood = reset(over.stream, 8).repeat(100_000);
        let size = flood.len() as u64;
        let before = session.shared().meter.received();
        let server = tokio::task::spawn_local(async move { raw.stream.write_all(&flood).await });
        let (mut seen, mut most) = (before, 0);
        while seen < before + size {
            tokio::task::yield_now().await;
            let received = session.shared().meter.received();
            most = most.max(received - seen);
            seen = received;
        }
        // The last read of a turn may be as long as a buffer.
        assert!(most <= 2 * TURN as u64, "{most}");
        server.await.expect("no panic").expect("all is taken");
    });
}

#[test]
fn a_server_that_floods_and_does_not_read_cannot_make_the_client_buffer() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let asked = asking(&session);
        raw.wait_for(HEADERS).await;
        // Each PING wants an answer; when the answers are not taken, no more is read.
        let flood = async {
            let batch = frame(PING, 0, 0, &[7; 8]).repeat(1000);
            let mut sent = 0_usize;
            while let Ok(Ok(())) = timeout(Duration::from_millis(500), raw.stream.write_all(&batch)).await {
                sent += batch.len();
                assert!(sent < 64 << 20, "the client takes everything");
            }
        };
        flood.await;
        assert!(!asked.is_finished());
        asked.abort();
        assert!(session.is_usable());
    });
}
