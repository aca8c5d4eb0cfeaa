//! Servers that do not speak HTTP/2, or break off or break its rules.

use std::time::Duration;

use h2::Reason;
use tokio::io::AsyncWriteExt as _;

use super::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, OK, Raw, SETTINGS, answer, frame, go_away, reset,
};
use super::{Limits, Session, asking, run};
use crate::load::Failed;
use crate::metrics::FailureClass;

/// The failure to open a session with a server that begins with these bytes, and leaves.
async fn refused(greeting: &[u8]) -> Failed {
    let (mut raw, client) = Raw::pair().await;
    raw.send(greeting).await;
    raw.stream.shutdown().await.expect("open until now");
    Session::open(client, Limits::default())
        .await
        .expect_err("no session")
}

/// The failure of a request that is answered with these bytes on its stream, 1.
async fn failed(bytes: &[u8]) -> (Failed, bool, Session) {
    let (mut raw, session) = Raw::session().await;
    let asked = asking(&session);
    raw.wait_for(HEADERS).await;
    raw.send(bytes).await;
    let broken = asked.await.expect("no panic").expect_err("no answer");
    (broken.failed, broken.unsent, session)
}

#[test]
fn a_server_of_another_protocol_is_named_as_such() {
    run(async {
        for greeting in [
            &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
            b"nope",
            &frame(HEADERS, END_HEADERS, 1, OK),
            &go_away(0, 1),
        ] {
            let failed = refused(greeting).await;
            assert_eq!(failed.class, FailureClass::Protocol);
            assert_eq!(failed.example, "the server does not speak HTTP/2");
        }
    });
}

#[test]
fn a_server_that_leaves_when_it_is_greeted_is_no_server_of_http_2() {
    run(async {
        let failed = refused(b"").await;
        assert_eq!(failed.class, FailureClass::Reset);
        assert_eq!(
            failed.example,
            "the server closed the connection when it was spoken to in HTTP/2"
        );
    });
}

#[test]
fn a_server_that_goes_away_at_once_is_closing_the_connection() {
    run(async {
        let mut greeting = frame(SETTINGS, 0, 0, &[]);
        greeting.extend(go_away(0, 0));
        let failed = refused(&greeting).await;
        assert_eq!(failed.class, FailureClass::Reset);
        assert_eq!(failed.example, "the server is closing the connection");
    });
}

#[test]
fn a_server_that_never_sends_its_settings_is_given_up() {
    run(async {
        let limits = Limits {
            settings_within: Duration::from_millis(50),
            ..Limits::default()
        };
        let whole = super::raw::setting(3, 100);
        for part in [0, 9, whole.len() - 1] {
            let (mut raw, client) = Raw::pair().await;
            raw.send(&whole[..part]).await;
            let failed = Session::open(client, limits).await.expect_err("no session");
            assert_eq!(failed.class, FailureClass::Protocol);
            assert_eq!(failed.example, "the server sent no HTTP/2 settings within 0.05 s");
        }
    });
}

#[test]
fn every_code_of_a_reset_is_named_and_only_a_refused_stream_is_unsent() {
    run(async {
        for code in 0..=14 {
            let (failed, unsent, session) = failed(&reset(1, code)).await;
            assert_eq!(failed.class, FailureClass::Reset);
            let name = if code <= 13 {
                format!("{:?}", Reason::from(code))
            } else {
                "error code 0xe".to_owned()
            };
            let expected = format!("the server reset the stream: {name}");
            assert!(failed.example.starts_with(&expected), "{}", failed.example);
            assert_eq!(unsent, code == u32::from(Reason::REFUSED_STREAM));
            assert!(session.is_usable());
        }
    });
}

#[test]
fn a_reset_after_the_head_of_an_answer_is_a_failure_that_is_not_sent_again() {
    run(async {
        let mut bytes = frame(HEADERS, END_HEADERS, 1, OK);
        bytes.extend(frame(DATA, 0, 1, b"half"));
        bytes.extend(reset(1, Reason::REFUSED_STREAM.into()));
        let (failed, unsent, _) = failed(&bytes).await;
        assert_eq!(failed.class, FailureClass::Reset);
        assert!(!unsent, "it was processed, whatever the server says");
    });
}

/// The head of an answer with five fields of 14,176 bytes each: 70 KiB.
fn too_large() -> Vec<u8> {
    let mut block = OK.to_vec();
    for _ in 0..5 {
        block.extend(b"\x00\x01a\x7f\xe1\x6d");
        block.extend([b'x'; 14_176]);
    }
    let parts: Vec<_> = block.chunks(16_000).collect();
    let last = parts.len() - 1;
    let frames = parts.iter().enumerate().map(|(index, part)| {
        let kind = if index == 0 { HEADERS } else { CONTINUATION };
        frame(kind, if index == last { END_HEADERS } else { 0 }, 1, part)
    });
    frames.collect::<Vec<_>>().concat()
}

#[test]
fn an_answer_that_contradicts_itself_is_malformed_and_harms_no_other() {
    run(async {
        // `:status: 200`, `content-length: 5`.
        let long = frame(HEADERS, END_HEADERS, 1, b"\x88\x0f\x0d\x015");
        let mut short = long.clone();
        short.extend(frame(DATA, END_STREAM, 1, b"abc"));
        let mut longer = long;
        longer.extend(frame(DATA, END_STREAM, 1, b"abcdefg"));
        let of_the_connection = b"\x88\x00\x0aconnection\x01x";
        let of_the_connection = frame(HEADERS, END_HEADERS | END_STREAM, 1, of_the_connection);
        let without_status = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01a\x01b");
        let upper_case = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88\x00\x01A\x01b");
        for bytes in [
            short,
            longer,
            of_the_connection,
            without_status,
            upper_case,
            too_large(),
        ] {
            let (failed, unsent, session) = failed(&bytes).await;
            assert_eq!(failed.class, FailureClass::Protocol, "{failed:?}");
            let expected = "not a valid HTTP/2 answer: PROTOCOL_ERROR (";
            assert!(failed.example.starts_with(expected), "{}", failed.example);
            assert!(!unsent);
            assert!(session.is_usable());
        }
    });
}

#[test]
fn a_violation_of_the_protocol_ends_the_connection() {
    run(async {
        for bytes in [
            // A frame on a stream that nobody opened.
            reset(99, 0),
            // PUSH_PROMISE, though push is disabled.
            frame(5, END_HEADERS, 1, b"\x00\x00\x00\x02\x82"),
            // DATA on the connection itself.
            frame(DATA, 0, 0, b"x"),
            // WINDOW_UPDATE of nothing.
            frame(8, 0, 0, &[0; 4]),
        ] {
            let (failed, unsent, session) = failed(&bytes).await;
            assert_eq!(failed.class, FailureClass::Protocol);
            assert_eq!(
                failed.example,
                "the server breaks the rules of HTTP/2: PROTOCOL_ERROR"
            );
            assert!(!unsent);
            assert!(!session.is_usable());
        }
    });
}

#[test]
fn bytes_that_are_no_frames_end_the_connection() {
    run(async {
        let (failed, _, session) = failed(b"HTTP/1.1 200 OK\r\n\r\n").await;
        assert_eq!(failed.class, FailureClass::Protocol);
        assert_eq!(
            failed.example,
            "the server breaks the rules of HTTP/2: FRAME_SIZE_ERROR"
        );
        assert!(!session.is_usable());
    });
}

#[test]
fn unknown_frames_are_passed_over() {
    run(async {
        let (mut raw, session) = Raw::session().await;
        let asked = asking(&session);
        let request = raw.wait_for(HEADERS).await;
        raw.send(&frame(0xee, 0xff, request.stream, b"what")).await;
        raw.send(&answer(request.stream, b"ok")).await;
        assert_eq!(asked.await.expect("no panic").expect("an answer").bytes, 2);
    });
}
